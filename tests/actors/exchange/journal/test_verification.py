"""Whole journals against whole traces."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.commands.event_lines import json_line
from actors.exchange.journal.findings import FINDINGS
from actors.exchange.journal.streams import Selection
from actors.exchange.journal.verification import Verification, Verifier
from protocols.channel.messages import CACHED, LIVE, RECOVERED, Down, Gap, Up
from protocols.errors import SettingsError
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import SNAPSHOT, DataMessage
from protocols.upbit.requests import Format
from tests.actors.exchange.journal.files import (
    KEY,
    Sender,
    announcement,
    book,
    candle,
    event_line,
    journal_of,
    my_asset,
    my_order,
    ticker,
    trade,
    write_trace,
)


def verify(journal: Path, trace: Path, **options: Any) -> Verification:
    defaults: dict[str, Any] = {
        "selection": Selection(), "is_merging_right": False, "shown": 5, "progress": lambda _size: None,
    }  # fmt: skip
    return Verifier(journal, trace, **(defaults | options)).verify()


def counts(result: Verification) -> dict[str, int]:
    """Findings by kind, without the kinds that did not occur."""
    return {name: count for name in FINDINGS if (count := getattr(result.totals, name))}


def compare(
    tmp_path: Path, sent: Sequence[DataMessage], came: Sequence[str | DataMessage], **options: Any
) -> Verification:
    return verify(journal_of(tmp_path / "journal", sent), write_trace(tmp_path / "trace", came), **options)


TRADES = [trade(number) for number in range(1, 6)]

STREAMS = [
    [make(number) for number in range(1, 6)]
    for make in (trade, ticker, book, candle, my_order, my_asset, announcement)
]  # fmt: skip


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: type(stream[0]).__name__)
def test_of_every_type_what_was_lost_doubled_and_reordered_is_found(tmp_path: Path, stream: list[DataMessage]) -> None:
    one, two, three, four, five = stream
    assert verify_clean(tmp_path / "a", stream, stream)
    (tmp_path / "b").mkdir()
    result = compare(tmp_path / "b", stream, [one, one, four, three, five])
    assert counts(result) == {"lost": 1, "doubled": 1, "reordered": 1}
    assert result.totals.sent == 5
    (lost,) = result.findings["lost"]
    assert (lost["type"], lost["frame"], lost["connection"]) == (two.type, 2, 1)
    assert result.findings["doubled"][0]["trace_line"] == 2


def verify_clean(folder: Path, sent: Sequence[DataMessage], came: Sequence[str | DataMessage]) -> bool:
    folder.mkdir()
    return compare(folder, sent, came).is_clean


def test_an_altered_message_is_told_with_the_field_and_both_values(tmp_path: Path) -> None:
    result = compare(tmp_path, TRADES, [*TRADES[:2], trade(3, price=5.0), *TRADES[3:]])
    assert counts(result) == {"altered": 1}
    (found,) = result.findings["altered"]
    assert found["fields"] == {"trade_price": {"sent": 109868000.0, "received": 5.0}}
    assert (found["sequential_id"], found["trace_line"], found["journal_line"]) == (TRADES[2].sequential_id, 3, 5)


def test_a_message_that_was_never_sent_is_unknown(tmp_path: Path) -> None:
    result = compare(tmp_path, TRADES, [*TRADES, trade(99), trade(1, code="KRW-ETH")])
    assert counts(result) == {"unknown": 2}
    assert [found["code"] for found in result.findings["unknown"]] == ["KRW-BTC", "KRW-ETH"]


@pytest.mark.parametrize("format_", Format)
def test_frames_in_any_format_are_compared(tmp_path: Path, format_: Format) -> None:
    sender = Sender(tmp_path / "journal")
    for stream in STREAMS:
        sender.send(*stream, format_=format_)
    sender.journal.close()
    came = [message for stream in STREAMS for message in stream]
    result = verify(tmp_path / "journal", write_trace(tmp_path / "trace", came))
    assert result.is_clean
    assert (result.totals.streams, result.totals.sent, result.totals.received) == (7, 35, 35)


def test_books_of_two_depths_are_two_streams(tmp_path: Path) -> None:
    sent = [book(number, depth=depth) for number in range(1, 4) for depth in (30, 5)]
    result = compare(tmp_path, sent, [*sent[:3], *sent[4:]])
    assert result.totals.streams == 2
    assert [found["stream"] for found in result.findings["lost"]] == ["orderbook.5/KRW-BTC"]


@pytest.mark.parametrize(
    "markers",
    [[Down(5, "1006", 1), Up(6, 1.0, 1)], [Gap("trade/KRW-BTC", 5, 2, 4, "too slow")]],
)
def test_what_a_marker_told_is_announced(tmp_path: Path, markers: list[Down | Up | Gap]) -> None:
    result = compare(tmp_path, TRADES, [TRADES[0], *map(json_line, markers), TRADES[4]])
    assert result.is_clean
    assert result.totals.announced == 3


def test_a_gap_of_another_stream_excuses_nothing(tmp_path: Path) -> None:
    gap = json_line(Gap("trade/KRW-ETH", 5, 2, 4, "too slow"))
    assert counts(compare(tmp_path, TRADES, [TRADES[0], gap, TRADES[4]])) == {"lost": 3}


def test_a_snapshot_after_a_reconnect_is_no_double_and_makes_good_what_it_repeats(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.send(*TRADES[:3])
    sender.journal.closed(1, "reset")
    sender.open(2)
    again = replace(TRADES[2], stream_type=SNAPSHOT)
    sender.send(again, *TRADES[3:], connection=2)
    sender.journal.close()
    seen = write_trace(tmp_path / "seen", [*TRADES[:3], again, *TRADES[3:]])
    assert verify(tmp_path / "journal", seen).is_clean
    lost = write_trace(tmp_path / "lost", [*TRADES[:2], again, *TRADES[3:]])
    assert verify(tmp_path / "journal", lost).is_clean
    left_out = write_trace(tmp_path / "left-out", TRADES)
    assert verify(tmp_path / "journal", left_out).is_clean


def test_the_last_known_value_for_a_late_comer_is_no_double(tmp_path: Path) -> None:
    late = event_line(TRADES[1], origin=CACHED)
    result = compare(tmp_path, TRADES, [*TRADES[:2], late, *TRADES[2:]])
    assert result.is_clean
    assert result.totals.repeated == 1


def test_what_was_recovered_by_rest_is_not_compared(tmp_path: Path) -> None:
    result = compare(tmp_path, TRADES, [*TRADES, event_line(trade(50), origin=RECOVERED)])
    assert result.is_clean
    assert result.totals.recovered == 1


def test_sampled_traces_may_leave_out_what_they_like_but_nothing_else(tmp_path: Path) -> None:
    result = compare(tmp_path, TRADES, [TRADES[0], TRADES[4]], is_merging_right=True)
    assert result.is_clean
    assert result.totals.merged == 3
    (tmp_path / "more").mkdir()
    result = compare(tmp_path / "more", TRADES, [TRADES[0], TRADES[0], TRADES[4]], is_merging_right=True)
    assert counts(result) == {"doubled": 1}


def test_a_choice_of_types_markets_and_connections_leaves_the_rest_out(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.open(2)
    for code in ("KRW-BTC", "KRW-ETH"):
        sender.send(*(trade(n, code) for n in range(1, 6)), *(ticker(n, code) for n in range(1, 6)))
    sender.send(*(trade(n) for n in range(50, 55)), connection=2)
    sender.journal.close()
    came = [trade(1), trade(5), ticker(1), ticker(4), trade(1, "KRW-ETH"), trade(4, "KRW-ETH")]
    trace = write_trace(tmp_path / "trace", came)

    def lost(**choice: frozenset[Any]) -> int:
        return verify(tmp_path / "journal", trace, selection=Selection(**choice)).totals.lost

    assert lost() == 3 + 2 + 2
    assert lost(types=frozenset({"ticker"})) == 2
    assert lost(codes=frozenset({"KRW-ETH"})) == 2
    assert lost(connections=frozenset({1})) == 7
    result = verify(tmp_path / "journal", trace, selection=Selection(connections=frozenset({2})))
    assert counts(result) == {"unknown": 6}


def test_orders_of_one_market_can_be_chosen(tmp_path: Path) -> None:
    sent = [my_order(number, code=code) for number in range(1, 4) for code in ("KRW-BTC", "KRW-ETH")]
    result = compare(tmp_path, sent, [*sent[:3], *sent[4:]], selection=Selection(codes=frozenset({"KRW-BTC"})))
    assert result.is_clean
    assert result.totals.sent == 3


def test_events_of_other_accounts_are_not_missed(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.open(2, access_key=KEY)
    sender.open(3, access_key="another")
    for number in range(1, 6):
        sender.send(my_order(number), my_asset(number), connection=2)
        sender.send(my_order(number + 100), my_asset(number + 100), connection=3)
    sender.journal.close()
    mine = [message for number in (1, 2, 4, 5) for message in (my_order(number), my_asset(number))]
    result = verify(tmp_path / "journal", write_trace(tmp_path / "trace", mine))
    assert counts(result) == {"lost": 2}


def test_what_came_after_the_end_of_a_running_journal_is_not_judged(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.send(*TRADES)
    batch = sender.journal._take_batch()
    sender.journal._write(batch)
    far_ns = 1 << 62
    late = [event_line(trade(number), received_ns=far_ns) for number in (6, 7)]
    trace = write_trace(tmp_path / "trace", [*TRADES, *late])
    running = verify(tmp_path / "journal", trace)
    assert running.is_clean
    assert running.totals.unjudged == 2
    assert "the journal has no end" in running.notes[0]
    sender.journal.close()
    assert counts(verify(tmp_path / "journal", trace)) == {"unknown": 2}


def test_frames_without_a_time_that_a_killed_exchange_had_no_time_to_note_are_not_judged(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.send(*TRADES)
    sender.journal._write(sender.journal._take_batch())
    frames = [encode_message(message, Format.DEFAULT).decode() for message in (*TRADES, trade(6), trade(7))]
    trace = write_trace(tmp_path / "trace", frames)
    result = verify(tmp_path / "journal", trace)
    assert (result.is_clean, result.totals.unjudged) == (True, 2)
    sender.journal.close()
    assert counts(verify(tmp_path / "journal", trace)) == {"unknown": 2}


def test_two_connections_at_one_time_are_named_when_something_is_lost(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.send(*TRADES[:2])
    sender.open(2)
    sender.send(*TRADES[2:], connection=2)
    sender.journal.close()
    trace = write_trace(tmp_path / "trace", [TRADES[0], TRADES[4]])
    assert any("connections 1, 2" in note for note in verify(tmp_path / "journal", trace).notes)


def test_notes_say_what_was_left_out(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.send(*TRADES, ticker(1))
    sender.journal.frame(1, 7, ("trade", "KRW-BTC"), b'{"type":"trade","code"')
    sender.journal.close()
    unreadable = event_line(trade(3)).replace('"ask_bid":"BID"', '"ask_bid":null')
    result = verify(tmp_path / "journal", write_trace(tmp_path / "trace", [*TRADES, "[]", unreadable]))
    assert not result.is_clean
    why = "line 7: $.ask_bid: Expected `str`, got `null`"
    assert result.notes == [
        "lines of the trace that are no messages of the exchange: 1",
        f"lines of the trace that are not what they claim to be: 1, the first is {why}",
        "frames of the journal that are no messages (faults on demand): 1",
        "streams that were sent and of which the trace has nothing, not compared: 1",
    ]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({}, "no message of the exchange: nothing to compare"),
        ({"connections": frozenset({9})}, "no connection 9; there are 1"),
    ],
)
def test_where_nothing_can_be_compared_that_is_said(tmp_path: Path, choice: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        compare(tmp_path, TRADES, [], selection=Selection(**choice))


def test_a_journal_in_which_nothing_was_sent_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing was sent in it: nothing to compare"):
        compare(tmp_path, [], TRADES)


def test_findings_are_shown_in_the_order_of_the_file_up_to_a_number(tmp_path: Path) -> None:
    codes = ("KRW-BTC", "KRW-ETH")
    sent = [trade(number, code) for number in range(1, 8) for code in codes]
    result = compare(tmp_path, sent, [*sent[:2], *sent[-2:]], shown=3)
    assert counts(result) == {"lost": 10}
    assert [(found["code"], found["frame"]) for found in result.findings["lost"]] == [
        ("KRW-BTC", 3), ("KRW-ETH", 4), ("KRW-BTC", 5),
    ]  # fmt: skip


@given(st.integers(1, 40))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_how_many_messages_are_in_memory_at_once_changes_nothing(tmp_path: Path, at_once: int) -> None:
    sent = [
        make(number, code) for number in range(1, 5) for make in (trade, ticker, book) for code in ("KRW-A", "KRW-B")
    ]
    folder = tmp_path / str(at_once)
    folder.mkdir(exist_ok=True)
    (folder / "journal").unlink(missing_ok=True)
    came = [message for at, message in enumerate(sent) if at % 7 != 6]
    whole = compare(folder, sent, [*came, came[0]])
    assert whole == verify(folder / "journal", folder / "trace", messages_at_once=at_once)
    assert not whole.is_clean


def test_an_event_of_a_live_stream_has_its_place_whatever_its_epoch(tmp_path: Path) -> None:
    lines = [event_line(message, origin=LIVE, sequence=9 - at) for at, message in enumerate(TRADES)]
    assert compare(tmp_path, TRADES, lines).is_clean
