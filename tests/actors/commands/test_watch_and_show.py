"""The two commands as an owner calls them, in processes of their own, against a publisher in this one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from msgspec import Struct

from actors.runtime.channel.serving import serve_channel
from protocols.channel.messages import Request
from protocols.reports import PriceAlert
from protocols.upbit.markets import MarketInfo
from tests.actors.consumers.harness import Source, listen, quiet_log, ticker, until


class Signal(Struct, array_like=True):
    """A report that only its own actor knows."""

    what: str
    strength: float


UPBITD = (sys.executable, "-m", "supervisor.main")


@asynccontextmanager
async def serving(run_dir: Path, name: str = "public") -> AsyncIterator[Source]:
    source = Source(name)
    source.go_up()
    with listen(run_dir / f"{name}.sock") as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_channel, listener, source.publisher, quiet_log())
            yield source
            nursery.cancel_scope.cancel()


async def upbitd(
    run_dir: Path, *arguments: str, during: Callable[[trio.Process], Awaitable[None]] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; `during` runs beside it."""
    outcome: list[subprocess.CompletedProcess[bytes]] = []

    async def run(*, task_status: trio.TaskStatus[trio.Process] = trio.TASK_STATUS_IGNORED) -> None:
        out, error = bytearray(), bytearray()

        async def read(stream: trio.abc.ReceiveStream | None, into: bytearray) -> None:
            assert stream is not None
            async for chunk in stream:
                into += chunk

        process = await trio.lowlevel.open_process(
            [*UPBITD, *arguments, "--run-dir", os.fspath(run_dir)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        task_status.started(process)
        async with trio.open_nursery() as readers:
            readers.start_soon(read, process.stdout, out)
            readers.start_soon(read, process.stderr, error)
        outcome.append(subprocess.CompletedProcess(arguments, await process.wait(), bytes(out), bytes(error)))

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            process = await nursery.start(run)
            if during is not None:
                await during(process)
    return outcome[0]


async def test_watch_prints_as_many_events_as_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as source:

        async def publish(_process: trio.Process) -> None:
            await source.wanted("ticker/KRW-BTC")
            source.publish(*(ticker(price=100.0 + n, rate=0.01) for n in range(5)))

        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--count", "3", during=publish)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert [line.split()[2:5] for line in lines] == [["KRW-BTC", f"{100 + n}", "+1.00%"] for n in range(3)]
    assert b"up: epoch 1000001" in done.stderr


async def test_watch_json_is_one_object_a_line_with_markers_among_the_events(tmp_path: Path) -> None:
    async with serving(tmp_path) as source:

        async def publish(_process: trio.Process) -> None:
            await source.wanted("ticker/KRW-BTC")
            source.publish(ticker(price=100.0))
            source.publisher.report_problem("ticker/KRW-BTC", "no data")
            source.go_down("1006")
            source.go_up()
            source.publish(ticker(price=101.0))

        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--json", "--count", "2", during=publish)
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [item.get("marker", "event") for item in found] == ["up", "event", "problem", "down", "up", "event"]
    assert [item["epoch"] for item in found if "marker" not in item] == [1_000_001, 1_000_002]
    assert done.stderr == b""


async def test_watch_ends_in_order_on_interrupt(tmp_path: Path) -> None:
    async with serving(tmp_path) as source:

        async def interrupt(process: trio.Process) -> None:
            await source.wanted("ticker/KRW-BTC")
            process.send_signal(signal.SIGINT)

        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", during=interrupt)
        await until(lambda: not source.publisher.wanted)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"Traceback" not in done.stderr


async def test_watch_ends_after_its_seconds(tmp_path: Path) -> None:
    async with serving(tmp_path):
        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--seconds", "0.1")
    assert done.returncode == 0


async def test_watch_is_quiet_when_its_reader_goes_away(tmp_path: Path) -> None:
    async with serving(tmp_path) as source:

        async def close_pipe(process: trio.Process) -> None:
            await source.wanted("ticker/KRW-BTC")
            assert process.stdout is not None
            await process.stdout.aclose()
            source.publish(ticker())

        with trio.fail_after(30):
            process = await trio.lowlevel.open_process(
                [*UPBITD, "watch", "ticker", "KRW-BTC", "--run-dir", os.fspath(tmp_path)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            await close_pipe(process)
            assert process.stderr is not None
            told = b"".join([chunk async for chunk in process.stderr])
            assert await process.wait() == 0
    assert told == b"upbitd watch: up: epoch 1000001\n"


async def test_watch_shows_reports_of_a_consumer(tmp_path: Path) -> None:
    async with serving(tmp_path, "price_monitor") as source:
        source.publisher.offer(["alert"])
        source.publisher.announce("alert", PriceAlert("KRW-XRP", "fall", -0.07, 0.05, 930.0, 1))
        done = await upbitd(tmp_path, "watch", "alert", "--count", "1")
    assert b"KRW-XRP" in done.stdout
    assert b"-7.00%" in done.stdout
    assert b"(last known)" in done.stdout


async def test_watch_shows_topics_of_an_owners_own_actor(tmp_path: Path) -> None:
    async with serving(tmp_path, "mine") as source:
        source.publisher.offer(["signal"])
        source.publisher.announce("signal", Signal("buy", 0.5))
        done = await upbitd(tmp_path, "watch", "signal", "--from", "mine", "--json", "--count", "1")
    assert json.loads(done.stdout.splitlines()[-1])["body"] == ["buy", 0.5]


async def test_watch_samples_by_interval(tmp_path: Path) -> None:
    async with serving(tmp_path) as source:

        async def look(_process: trio.Process) -> None:
            await source.wanted("ticker/KRW-BTC")
            # A second link is that of the question for the list of markets.
            (want,) = [want for client in source.publisher._subscribers for want in client.wants.values()]
            assert (want.delivery, want.sample_ms) == ("sampled", 250)
            source.publish(ticker())

        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--sample-ms", "250", "--count", "1", during=look)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("watch", "tick", "KRW-BTC"), "unknown type 'tick'"),
        (("watch", "ticker", "krw-btc"), "upper case"),
        (("watch", "ticker", "KRW-BTC", "--delivery", "every", "--sample-ms", "5"), "goes with --delivery sampled"),
        (("watch", "ticker", "KRW-BTC", "--count", "0"), "--count"),
        (("watch", "ticker", "KRW-BTC"), "no tree runs in"),
        (("show", "public"), "no tree runs in"),
    ],
)
async def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = await upbitd(tmp_path, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr.decode()


async def test_show_prints_tables_for_people_and_one_object_for_programs(tmp_path: Path) -> None:
    async def state(_request: Request) -> object:
        await trio.lowlevel.checkpoint()
        return {"answer": 42, "pi": 3.5}

    async with serving(tmp_path, "mine") as source:
        source.publisher.on_request("state", state)
        table = await upbitd(tmp_path, "show", "mine")
        document = await upbitd(tmp_path, "show", "mine", "--json")
        unknown = await upbitd(tmp_path, "show", "nobody")
    assert "answer" in table.stdout.decode()
    assert json.loads(document.stdout) == {"answer": 42, "pi": 3.5}
    assert (unknown.returncode, b"there are: mine" in unknown.stderr) == (2, True)


async def test_show_of_an_actor_without_a_state_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, "mine"):
        done = await upbitd(tmp_path, "show", "mine")
    assert done.returncode == 1
    assert (
        b"mine does not answer 'state'; it answers none (code of your own adds one by `actor.on_request`)"
        in done.stderr
    )


async def test_watch_of_what_the_actor_does_not_serve_ends_with_code_2(tmp_path: Path) -> None:
    async with serving(tmp_path, "price_monitor") as source:
        source.publisher.refuse = lambda topic: f"price_monitor serves no {topic!r}"
        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--from", "price_monitor")
    assert done.returncode == 2
    assert b"price_monitor serves no 'ticker/KRW-BTC'" in done.stderr


async def test_watch_that_falls_short_of_its_count_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path):
        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--count", "3", "--seconds", "0.2")
    assert done.returncode == 1
    assert b"watch: 0 of 3 events within 0.2 s" in done.stderr


def serve_markets(source: Source, *codes: str) -> list[object]:
    """Answer the exchange's list; returns the ages that were asked for."""
    ages_s: list[object] = []

    async def answer(request: Request) -> object:
        await trio.lowlevel.checkpoint()
        ages_s.append(request.arguments["max_age_s"])
        return [MarketInfo(code, "이름", "Name") for code in codes]

    source.publisher.on_request("markets", answer)
    return ages_s


@pytest.mark.parametrize("options", [(), ("--count", "1"), ("--seconds", "60"), ("--json",)])
async def test_watch_of_markets_that_the_exchange_does_not_list_ends_with_code_2(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with serving(tmp_path) as source:
        ages_s = serve_markets(source, "KRW-BTC", "KRW-ETH")
        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTCC", "KRW-ETHX", *options)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == (
        "upbitd: watch: the exchange has no market 'KRW-BTCC' (nor 1 more); did you mean 'KRW-BTC'?"
    )
    # It may have been listed since: a new list was asked for, too.
    assert ages_s == [60.0, 2.0]


@pytest.mark.parametrize("kind", ["ticker", "orderbook", "candle.1m"])
async def test_watch_goes_on_with_the_markets_that_there_are(tmp_path: Path, kind: str) -> None:
    async with serving(tmp_path) as source:
        ages_s = serve_markets(source, "KRW-BTC")

        async def interrupt(process: trio.Process) -> None:
            await source.wanted(f"{kind}/KRW-BTC", f"{kind}/KRW-BTCC")
            await until(lambda: bool(ages_s))
            process.send_signal(signal.SIGINT)

        done = await upbitd(tmp_path, "watch", kind, "KRW-BTC", "KRW-BTCC", during=interrupt)
    assert done.returncode == 0
    assert b"no market" not in done.stderr


@pytest.mark.parametrize("options", [("--count", "1"), ("--seconds", "4"), ("--count", "1", "--seconds", "4")])
async def test_watch_of_topics_of_which_none_is_served_says_what_to_do(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with serving(tmp_path) as source:

        async def report(_process: trio.Process) -> None:
            await source.wanted("ticker/KRW-A", "ticker/KRW-B")
            source.publisher.report_problem("ticker/KRW-A", "no data within 5 s")
            source.publisher.report_problem("ticker/KRW-B", "no data within 5 s")

        done = await upbitd(tmp_path, "watch", "ticker", "KRW-A", "KRW-B", *options, during=report)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines()[-1] == (
        "upbitd: watch: ticker/KRW-A is not served (nor 1 more): no data within 5 s; check its name, or give it "
        "more time by --seconds"
    )


async def test_watch_waits_on_for_its_count_while_one_topic_may_be_served(tmp_path: Path) -> None:
    async with serving(tmp_path) as source:

        async def report(_process: trio.Process) -> None:
            await source.wanted("ticker/KRW-BTC", "ticker/KRW-ETH")
            source.publisher.report_problem("ticker/KRW-ETH", "no data within 5 s")
            source.publish(ticker())

        done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "KRW-ETH", "--count", "1", during=report)
    assert done.returncode == 0


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "soon"])
async def test_watch_takes_only_a_real_time_span(tmp_path: Path, seconds: str) -> None:
    done = await upbitd(tmp_path, "watch", "ticker", "KRW-BTC", "--seconds", seconds)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
