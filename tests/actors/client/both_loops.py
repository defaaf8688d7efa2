"""One coroutine as a test on asyncio and on trio."""

import asyncio
import functools
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
import trio

from actors.client.hosts import Host, current_host

LIBRARIES: Final = ("asyncio", "trio")

LIMIT_S: Final = 60.0
"""For one test; none needs more than a few seconds on a machine that does nothing else."""

LOOK_S: Final = 0.005

Main = Callable[[], Awaitable[Any]]


def on_both(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make two tests of a coroutine function: one in each kind of loop."""

    def run(library: str, **fixtures: Any) -> None:
        run_in(library, functools.partial(test, **fixtures))

    functools.update_wrapper(run, test)
    own = inspect.Parameter("library", inspect.Parameter.KEYWORD_ONLY)
    known = [
        value.replace(kind=inspect.Parameter.KEYWORD_ONLY) for value in inspect.signature(test).parameters.values()
    ]
    run.__signature__ = inspect.Signature([own, *known])  # type: ignore[attr-defined]  # read by pytest
    return pytest.mark.parametrize("library", LIBRARIES)(run)


def run_in(library: str, main: Main) -> Any:
    """Run a coroutine function in a new loop, within a limit; nothing that the loop would only log is forgiven."""
    return _run_in_asyncio(main) if library == "asyncio" else _run_in_trio(main)


def _run_in_asyncio(main: Main) -> Any:
    logged: list[dict[str, Any]] = []

    async def whole() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: logged.append(context))
        async with asyncio.timeout(LIMIT_S):
            return await main()

    result = asyncio.run(whole())
    assert not logged, logged
    return result


def _run_in_trio(main: Main) -> Any:
    async def whole() -> Any:
        with trio.fail_after(LIMIT_S):
            return await main()

    return trio.run(whole)


async def until(condition: Callable[[], object], *, limit_s: float = 30.0) -> None:
    """Wait until something holds that nobody tells of."""
    until_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until_s, f"not so within {limit_s} s: {inspect.getsource(condition).strip()}"
        await current_host().sleep(LOOK_S)


async def turns(count: int = 5) -> None:
    """Let everything that is ready run, several times over."""
    for _ in range(count):
        await current_host().sleep(0)


async def together(*mains: Main) -> list[Any]:
    """Begin several coroutine functions one behind the other, and let them run at once.

    Returns for each its result, or the exception that it ended with.
    """
    host = current_host()
    results: list[Any] = [None] * len(mains)
    begun: list[Main] = []

    async def run(at: int, main: Main) -> None:
        while len(begun) < at:  # trio starts its tasks in any order.
            await host.sleep(0)
        begun.append(main)
        try:
            results[at] = await main()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[at] = error

    tasks = [host.spawn(functools.partial(run, at, main)) for at, main in enumerate(mains)]
    for task in tasks:
        await task.wait()
    return results


async def cancelled_after(main: Main, *, seconds: float) -> bool:
    """Run something for a while and cancel it then, as its own library does; return whether it had to be."""
    if current_host().library == "trio":
        with trio.move_on_after(seconds) as scope:
            await main()
        return scope.cancelled_caught
    try:
        async with asyncio.timeout(seconds):
            await main()
    except TimeoutError:
        return True
    return False


def host() -> Host:
    """The host of the loop that this runs in."""
    return current_host()
