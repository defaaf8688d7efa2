"""What a spare does before it waits: it plays an actor's beginning and end once, for nobody.

A process that has only imported its modules still has most of its work before it: the first run of every function
touches pages that it shares with its parent, each of which is copied then. A spare has time for that before it counts.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.runtime.process.counters import Counters
from actors.runtime.process.process import run_process
from protocols.channel.framing import pack_frame
from protocols.control.black_box import BOX_BYTES, BoxWriter
from protocols.control.messages import Start


async def stand_in(actor: Any) -> None:  # noqa: ANN401 - the type would be imported for this alone
    """Say that it is ready, and end."""
    actor.ready()


def rehearse(write: Callable[[bytes], None]) -> None:
    """Hear of an actor that ends at once, and run it, on a control link of its own.

    Args:
        write: takes the lines of the log, here and in the life that follows.
    """
    ours, theirs = socket.socketpair()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")  # The kernel chooses a name that is no file, unix(7).
    listener.listen()
    start = Start(
        name="rehearsal",
        entry=f"{__name__}:stand_in",
        settings=msgspec.Raw(msgspec.msgpack.encode({})),
        secrets={},
        run_dir="/",
        incarnation=0,
        heartbeat_s=1.0,
        log_level="error",
    )
    with ours, theirs, listener, Path(os.devnull).open("wb") as nowhere, _kept_sigterm():
        socket.send_fds(ours, [pack_frame(msgspec.msgpack.encode(start))], [listener.fileno()])
        box = BoxWriter(bytearray(BOX_BYTES))
        run_process(
            theirs, box=box, dump=nowhere.fileno(), counters=Counters(), write=write, set_title=lambda _name: None
        )


@contextmanager
def _kept_sigterm() -> Iterator[None]:
    """Leave what SIGTERM does as it was: one that comes within waits, and ends the spare as one that comes later."""
    handler = signal.getsignal(signal.SIGTERM)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
