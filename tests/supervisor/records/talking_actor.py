"""An actor that prints in every way before it fails."""

import os
import sys
from typing import Any

from actors.runtime.process.logs import get_logger


async def talks_and_fails(actor: Any) -> None:
    print("printed")
    print("wrong", file=sys.stderr)
    os.write(1, b"bytes \xff that are no text\n")
    get_logger(actor="talker").info("logged", number=5)
    print("no newline at the end", end="", flush=True)
    actor.ready()
    raise ExceptionGroup("several", [ValueError("first"), KeyError("second")])
