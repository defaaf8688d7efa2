"""What a spare does before it waits: it plays an actor's beginning and end once, for nobody.

A process that has only imported its modules still has most of its work before it: the first run of every function
touches pages that it shares with its parent, each of which is copied then. A spare has time for that before it counts.
"""

import os
import socket
from pathlib import Path
from typing import Any

import msgspec

from actors.runtime.process.process import run_process
from protocols.channel.framing import pack_frame
from protocols.control.black_box import BOX_BYTES, BoxWriter
from protocols.control.messages import Start


async def stand_in(actor: Any) -> None:  # noqa: ANN401 - the type would be imported for this alone
    """Say that it is ready, and end."""
    actor.ready()


def rehearse() -> None:
    """Hear of an actor that ends at once, and run it, on a control link of its own."""
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
    with ours, theirs, listener, Path(os.devnull).open("wb") as nowhere:
        socket.send_fds(ours, [pack_frame(msgspec.msgpack.encode(start))], [listener.fileno()])
        box = BoxWriter(bytearray(BOX_BYTES))
        run_process(theirs, box=box, dump=nowhere.fileno(), set_title=lambda _name: None)
