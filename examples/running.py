"""What every example has around its practice: options, signals, errors in one line, a simulated exchange on request.

    python examples/l1_2_basic.py --seconds 10          # the real exchange; needs no keys for market data
    python examples/l1_2_basic.py --sim --seconds 10    # a simulated one, started for this run

Without `--sim` the environment decides: `UPBITD_RUN_DIR` names a running tree, and where none runs
`UPBITD_EXCHANGE__WEBSOCKET_URL` says which exchange the one that is started then connects to.
"""

import argparse
import asyncio
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

import trio

from actors.runtime.groups import leaves
from protocols.errors import UpbitdError

ENDING = (signal.SIGINT, signal.SIGTERM)
SIMULATOR = (sys.executable, "-m", "upbitd", "simulate", "--until-eof", "--port", "0", "--rate", "300")
KEYS = ("--access-key", "simulated", "--secret-key", "simulated")

Practice = Callable[[float], Awaitable[object]]
Work = Callable[[], Awaitable[object]]


def run(practice: Practice, *, seconds: float, loop: str = "asyncio") -> None:
    """Run a practice as a program: for its seconds, or until ^C or SIGTERM.

    Exit codes: 0 it ended, by itself or by a signal; 1 it failed, with one line on stderr; 2 bad options.

    Args:
        practice: called with the seconds; cleans up in a `finally` of its own.
        seconds: how long, when the command line does not say.
        loop: `asyncio` or `trio`.
    """
    options = _read_options(practice.__doc__ or "", seconds)
    # Into a pipe Python would keep lines back until there are 8 KiB of them.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text file, as the examples use it
    if options.sim:
        _start_simulated_exchange()
    work = partial(practice, options.seconds)
    failures: list[BaseException] = []
    try:
        if loop == "trio":
            trio.run(_until_signal_on_trio, work)
        else:
            asyncio.run(_until_signal_on_asyncio(work))
    except* UpbitdError as group:
        failures.extend(leaves(group))
    for error in failures:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
    sys.exit(1 if failures else 0)


async def _until_signal_on_asyncio(work: Work) -> None:
    """Run `work`, or cancel it at a signal: its `finally` runs, and an `except KeyboardInterrupt` would not."""
    task, loop = asyncio.ensure_future(work()), asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def _until_signal_on_trio(work: Work) -> None:
    """Run `work`, or cancel it at a signal."""
    with trio.open_signal_receiver(*ENDING) as signals:
        async with trio.open_nursery() as nursery:

            async def cancel_on_signal() -> None:
                async for _number in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(cancel_on_signal)
            await work()
            nursery.cancel_scope.cancel()


def _read_options(text: str, seconds: float) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=text.partition("\n")[0])
    parser.add_argument("--seconds", type=_seconds, default=seconds, help=f"how long it runs; default {seconds:g}")
    parser.add_argument("--sim", action="store_true", help="start a simulated exchange, with keys, and use that")
    return parser.parse_args()


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return found


def _start_simulated_exchange() -> None:
    """Start a simulated exchange with an account, and let this program's own tree use it."""
    used = ExitStack()
    # Registered before the client library's own: so it runs after that one has ended the tree, which uses both.
    atexit.register(used.close)
    folder = used.enter_context(tempfile.TemporaryDirectory(prefix="upbitd-example-"))
    # A session of its own: ^C at the terminal is for the example alone, which ends this one after itself.
    # Its stdin is held by the example, so it ends with it however that ends.
    pipe = subprocess.PIPE
    process = subprocess.Popen([*SIMULATOR, *KEYS], stdin=pipe, stdout=pipe, start_new_session=True)  # noqa: S603 - ours
    exchange = used.enter_context(process)
    used.callback(exchange.terminate)
    assert exchange.stdout is not None  # noqa: S101 - it is a pipe
    os.environ.update(
        UPBITD_EXCHANGE__WEBSOCKET_URL=json.loads(exchange.stdout.readline())["ws"],
        UPBITD_RUN_DIR=f"{folder}/run",
        UPBITD_ACCESS_KEY="simulated",
        UPBITD_SECRET_KEY="simulated",  # noqa: S106 - of the simulated exchange
        XDG_STATE_HOME=folder,
    )
