"""asyncio on a clock that jumps: a sleep takes no time, and ten seconds are over at once."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: the clock is put forward by what it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now_s += timeout
        return ready


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine function on such a loop."""
    selector = JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now_s  # type: ignore[method-assign]  # what asyncio's own documentation allows
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
