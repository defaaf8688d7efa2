from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.exchange.sources.replay import Replay, load_recording
from protocols.errors import SettingsError
from protocols.upbit.requests import Subscription, parse_request
from tests.actors.exchange.sources.hub_stage import ListSink

CAPTURE = Path("tests/data/upbit-capture-2021-04-17.jsonl")


def recorded() -> tuple[list[bytes], tuple[Subscription, ...]]:
    """The payloads of the capture in order, and what the client had asked for."""
    lines = [msgspec.json.decode(line) for line in CAPTURE.read_bytes().splitlines()]
    request = parse_request(lines[0]["text"].encode())
    return [line["text"].encode() for line in lines if line["from"] == "exchange"], request.subscriptions


@asynccontextmanager
async def playing(speed: float, path: Path = CAPTURE) -> AsyncIterator[Replay]:
    replay = Replay(load_recording(path), speed=speed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(replay.run)
        await wait_all_tasks_blocked()
        yield replay
        nursery.cancel_scope.cancel()


async def test_every_frame_arrives_byte_for_byte_in_order_for_each_subscriber() -> None:
    payloads, subscriptions = recorded()
    assert len(payloads) == 449
    async with playing(speed=0.0) as replay:
        first, late = ListSink(), ListSink()
        replay.subscribe(first, subscriptions)
        await wait_all_tasks_blocked()
        replay.subscribe(late, subscriptions)
        await wait_all_tasks_blocked()
    assert first.frames == late.frames == payloads


@pytest.mark.parametrize("speed", [1.0, 10.0])
async def test_frames_come_at_the_recorded_distances_divided_by_the_speed(
    speed: float, autojump_clock: MockClock
) -> None:
    frames = load_recording(CAPTURE)
    _, subscriptions = recorded()
    async with playing(speed) as replay:
        sink = ListSink()
        began_s = trio.current_time()
        replay.subscribe(sink, subscriptions)
        for checked in (1, 100, 300, 449):
            with trio.fail_after(60):
                await trio.sleep_until(began_s + frames[checked - 1].offset_s / speed)
            await wait_all_tasks_blocked()
            assert len(sink.frames) >= checked
            later = [frame for frame in frames if frame.offset_s > frames[checked - 1].offset_s]
            assert len(sink.frames) <= len(frames) - len(later)


async def test_only_what_was_subscribed_is_played() -> None:
    payloads, _ = recorded()
    async with playing(speed=0.0) as replay:
        sink = ListSink()
        replay.subscribe(sink, [Subscription("trade", ("KRW-LAMB",))])
        await wait_all_tasks_blocked()
    assert sink.frames == [payload for payload in payloads if payload.startswith(b'{"ty":"trade","cd":"KRW-LAMB"')]


async def test_a_stream_that_stays_subscribed_is_not_played_twice_and_a_new_one_starts_from_its_beginning() -> None:
    payloads, _ = recorded()
    trades, books = Subscription("trade", ("KRW-LAMB",)), Subscription("orderbook", ("KRW-LAMB.15",))
    async with playing(speed=0.0) as replay:
        sink = ListSink()
        replay.subscribe(sink, [trades])
        await wait_all_tasks_blocked()
        replay.subscribe(sink, [trades, books])
        await wait_all_tasks_blocked()
    wanted = [payload for payload in payloads if b'"cd":"KRW-LAMB"' in payload]
    assert sorted(sink.frames) == sorted(wanted)


async def test_a_stream_that_was_dropped_ends_at_once(autojump_clock: MockClock) -> None:
    async with playing(speed=1.0) as replay:
        sink = ListSink()
        replay.subscribe(sink, [Subscription("trade", ("KRW-LAMB",))])
        await trio.sleep(5.0)
        replay.subscribe(sink, [Subscription("trade", ("KRW-WAVES",))])
        played = len(sink.frames)
        await trio.sleep(60.0)
        assert not [frame for frame in sink.frames[played:] if b"KRW-LAMB" in frame]


def test_its_markets_are_those_of_the_recording() -> None:
    markets = Replay(load_recording(CAPTURE), speed=0.0).markets()
    assert {code for code, _, _ in markets} >= {"KRW-LAMB", "KRW-WAVES"}
    assert len(markets) <= 10


def write_lines(path: Path, *said: tuple[str, str]) -> Path:
    lines = (msgspec.json.encode({"received_s": 1.0, "from": sender, "text": text}) for sender, text in said)
    path.write_bytes(b"\n".join(lines))
    return path


def test_what_a_client_said_need_be_no_json(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "capture.jsonl", ("client", "PING"), ("exchange", '{"status":"UP"}'))
    assert [frame.payload for frame in load_recording(path)] == [b'{"status":"UP"}']


async def test_orders_of_all_markets_are_played_to_who_names_none(tmp_path: Path) -> None:
    orders = [f'{{"type":"myOrder","code":"{code}"}}' for code in ("KRW-BTC", "KRW-ETH")]
    path = write_lines(tmp_path / "capture.jsonl", *(("exchange", order) for order in orders), ("exchange", "{}"))
    every, one = ListSink(), ListSink()
    async with playing(speed=0.0, path=path) as replay:
        replay.subscribe(every, [Subscription("myOrder")])
        replay.subscribe(one, [Subscription("myOrder", ("KRW-ETH",))])
        await wait_all_tasks_blocked()
    assert every.frames == [order.encode() for order in orders]
    assert one.frames == [orders[1].encode()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no frame"),
        (b'{"received_s": 1, "from": "client", "text": "[]"}\n', "no frame"),
        (b"nonsense\n", "line 1"),
        (b'{"received_s": 1, "from": "exchange", "text": "no json"}\n', "line 1"),
        (b'{"received_s": 1, "from": "exchange", "text": "\xff"}\n', "line 1"),
        (b'{"received_s": 1, "from": "exchange", "text": "[]", "more": ' + b"[" * 60_000, "line 1"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_by_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        load_recording(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_recording(tmp_path / "none.jsonl")
