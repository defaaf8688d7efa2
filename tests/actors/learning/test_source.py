"""What is read from a learner's source, and which files are refused before anything runs."""

from pathlib import Path

import pytest

from actors.learning.grading.source import QueueMade, SubscribeCall, facts_of, read_source
from protocols.errors import SettingsError


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"print('a)\n", "line 1: no Python: unterminated string literal"),
        (b"def f(:\n", "line 1: no Python: "),
        (b"\x00\x01", "no Python: "),
        (b"# \xff\xfe\n", "no Python: "),
        (b"(" * 3000, "no Python: "),
        (b"#" * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_what_is_no_python_is_refused_in_one_line(content: bytes, told: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        read_source(program)
    assert str(refused.value).startswith(str(program))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_source(tmp_path / "none.py")
    with pytest.raises(SettingsError, match="is a directory"):
        read_source(tmp_path)


def test_subscriptions_are_read_with_lists_callbacks_and_lines() -> None:
    facts = facts_of(
        "CODES = ('KRW-BTC', 'KRW-ETH')\n"
        "client.subscribe_ticker(CODES, self.on_ticker, 'both')\n"
        "client.subscribe_candle(['KRW-BTC'], '5m', on_candle)\n"
        "client.subscribe_my_order(callback=lambda e: print(e))\n"
        "client.subscribe_orderbook(symbols=make(), callback=draw)\n"
        "client.subscribe_trade([code], 'snapshot_only')\n"
    )
    assert facts.subscriptions == (
        SubscribeCall("ticker", ("KRW-BTC", "KRW-ETH"), "self.on_ticker", 2),
        SubscribeCall("candle", ("KRW-BTC",), "on_candle", 3),
        SubscribeCall("myOrder", None, "lambda e: print(e)", 4),
        SubscribeCall("orderbook", None, "draw", 5),
        SubscribeCall("trade", None, "", 6),
    )


def test_a_name_that_is_given_two_lists_is_not_known() -> None:
    facts = facts_of("codes = ['KRW-BTC']\ncodes = ['KRW-ETH']\nclient.subscribe_ticker(codes)\n")
    assert facts.subscriptions[0].symbols is None


def test_clients_are_counted_with_their_names() -> None:
    source = "a = WebSocketClient('a')\nb = client.WebSocketClient(name='b')\nc = WebSocketClient(f'c{1}')\n"
    assert facts_of(source).clients == ("a", "b", "")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("client.cleanup()", (True, False)),
        ("try:\n    pass\nfinally:\n    app.cleanup_all()", (True, True)),
        ("def stop():\n    client.cleanup()\ntry:\n    pass\nfinally:\n    book.stop()", (True, True)),
        ("try:\n    client.cleanup()\nfinally:\n    pass", (True, False)),
        ("async def f():\n    async with WebSocketClient('a') as c:\n        pass", (True, True)),
        ("c = WebSocketClient('a')\nasync def f():\n    async with c:\n        pass", (True, True)),
        ("async def f():\n    async with asyncio.timeout(1):\n        pass", (False, False)),
        ("stack.enter_async_context(WebSocketClient('a'))", (True, True)),
        ("pass", (False, False)),
    ],
)
def test_tidying_up_is_seen_and_whether_an_error_skips_it(source: str, expected: tuple[bool, bool]) -> None:
    facts = facts_of(source)
    assert (facts.cleans_up, facts.is_guarded) == expected


@pytest.mark.parametrize(
    ("made", "is_bounded"),
    [
        ("asyncio.Queue(10)", True),
        ("asyncio.Queue(maxsize=LIMIT)", True),
        ("asyncio.Queue(maxsize=0)", False),
        ("deque([], 10)", True),
        ("deque(maxlen=None)", False),
        ("trio.open_memory_channel(5)", True),
        ("trio.open_memory_channel(max_buffer_size=math.inf)", False),
    ],
)
def test_queues_are_read_with_their_limits(made: str, is_bounded: bool) -> None:
    assert facts_of(made).queues == (QueueMade(made, 1, is_bounded),)
