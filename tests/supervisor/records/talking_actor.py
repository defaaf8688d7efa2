"""Actors that print in every way before they fail."""

import json
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


async def quotes_its_secret(actor: Any) -> None:
    secret = actor.secrets["UPBITD_SECRET_KEY"]
    print(json.dumps({"printed": secret}))
    print(repr(secret), file=sys.stderr)
    actor.log.warning("logged", shown=repr(secret), client={"apiKey": "k3y-of-the-client"})
    actor.ready()
    raise KeyError(secret)
