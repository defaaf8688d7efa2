"""The sign that an actor's loop turns, and how much input it has consumed."""

from collections.abc import Callable

import trio

from actors.runtime.process.counters import Counters
from protocols.control.messages import Heartbeat


class Progress:
    """How much input this actor has consumed since it began; it only grows."""

    def __init__(self) -> None:
        self.consumed = 0


async def run_heartbeat(
    tell: Callable[[Heartbeat], None], *, every_s: float, progress: Progress, counters: Counters
) -> None:
    """Tell the supervisor at once and then every `every_s` seconds, until cancelled.

    It runs in the actor's own loop on purpose: a loop that does not turn must not look alive.
    """
    while True:
        tell(Heartbeat(progress=progress.consumed, counters=counters.snapshot()))
        await trio.sleep(every_s)
