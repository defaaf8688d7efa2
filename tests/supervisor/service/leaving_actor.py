"""An actor that leaves a process of another user behind, as a program does that was started by `sudo`."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import trio


class LeavingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`user` is whose process it is; `file` gets its pid."""

    user: int
    file: str


async def run(actor: Any, settings: LeavingSettings) -> None:
    """Begin the process and end without it in the first life; stay in the second."""
    if actor.incarnation == 1:
        leave(settings)
        os.kill(os.getpid(), signal.SIGKILL)
    actor.ready()
    await trio.sleep_forever()


def leave(settings: LeavingSettings) -> None:
    process = subprocess.Popen(["sleep", "600"], user=settings.user)
    Path(settings.file).write_text(str(process.pid))
