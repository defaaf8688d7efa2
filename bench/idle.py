"""Actors that do nothing, for what supervision itself costs; given by import path."""

import ctypes

import trio

from actors.runtime.actor import Actor

UNTIL_TOLD_S = 0.05


async def idle(actor: Actor) -> None:
    """Wait."""
    actor.ready()
    await trio.sleep_forever()


async def blocked(actor: Actor) -> None:
    """Say that it is ready, then keep the interpreter's lock while C code sleeps: nothing in Python runs any more."""
    actor.ready()
    await trio.sleep(UNTIL_TOLD_S)
    libc = ctypes.PyDLL(None)
    while True:
        libc.sleep(60)
