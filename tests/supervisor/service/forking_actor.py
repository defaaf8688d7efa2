"""An actor that leaves a fork of itself behind, with no program of its own."""

import os
import signal
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import trio


class ForkingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fifo` gets the fork's pid, and is held open by the fork alone."""

    fifo: str


async def run(actor: Any, settings: ForkingSettings) -> None:
    """Fork and end by a signal in the first life; stay in the second."""
    if actor.incarnation == 1:
        ready, told = os.pipe()
        if os.fork() == 0:
            stay(settings.fifo, told)
        os.read(ready, 1)
        os.kill(os.getpid(), signal.SIGKILL)
    actor.ready()
    await trio.sleep_forever()


def stay(fifo: str, told: int) -> NoReturn:
    with Path(fifo).open("wb", buffering=0) as held:
        held.write(b"%d\n" % os.getpid())
        os.write(told, b".")
        while True:
            signal.pause()
