"""An actor that leaves a process behind which is not of the tree: nothing in it says whose it is."""

from pathlib import Path
from typing import Any

import msgspec
import trio


class OrphaningSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fifo` ends the process that is left behind, as soon as somebody writes to it."""

    fifo: str


async def run(actor: Any, settings: OrphaningSettings) -> None:
    program = f"( read line < '{settings.fifo}' ) & exit 0"
    await trio.run_process(["/bin/sh", "-c", program], env={}, cwd=Path(settings.fifo).parent)
    actor.ready()
    await trio.sleep_forever()
