"""Journals and traces as they are read."""

from pathlib import Path

import pytest

from actors.commands.event_lines import json_line
from actors.exchange.journal.comparison import Missed, Outage
from actors.exchange.journal.journal_file import JournalFile
from actors.exchange.journal.trace_file import TraceFile, TraceLine, TraceMark
from protocols.channel.messages import CACHED, Down, Gap, Up, WantProblem
from protocols.errors import SettingsError
from protocols.upbit.encoding import encode_message
from protocols.upbit.requests import Format
from protocols.upbit.topics import Topic
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

ALL = (trade(1), ticker(1), book(1), book(1, depth=5), candle(1), my_order(1), my_asset(1), announcement(1))
EVERYTHING = frozenset(
    {("trade", "KRW-BTC"), ("ticker", "KRW-BTC"), ("orderbook", "KRW-BTC"), ("candle.1s", "KRW-BTC"),
     ("myOrder", ""), ("myAsset", ""), ("announcement", "")}
)  # fmt: skip


def journal_file(path: Path) -> JournalFile:
    return JournalFile(path, lambda _size: None)


def trace_file(path: Path) -> TraceFile:
    return TraceFile(path, lambda _size: None)


def test_a_survey_of_a_journal_counts_frames_by_stream_and_knows_who_was_sent_them(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.open(2, access_key=KEY)
    sender.send(trade(1), trade(2), ticker(1))
    sender.send(my_order(1), my_order(2, code="KRW-ETH"), connection=2)
    sender.journal.frame(2, 3, ("", ""), b'{"status":"UP"}')
    sender.journal.closed(2, "idle")
    sender.journal.close()
    survey = journal_file(tmp_path / "journal").survey()
    assert survey.frames == {("trade", "KRW-BTC"): 2, ("ticker", "KRW-BTC"): 1, ("myOrder", ""): 2}
    assert survey.senders == {("trade", "KRW-BTC"): {1}, ("ticker", "KRW-BTC"): {1}, ("myOrder", ""): {2}}
    assert [facts.closed_ns is None for facts in survey.connections.values()] == [True, False]
    assert (survey.is_ended, survey.is_torn, survey.lost_lines) == (True, False, 0)


def test_connections_of_a_second_run_are_others_than_those_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal_of(path, [trade(1)])
    journal_of(path, [trade(2)])
    survey = journal_file(path).survey()
    assert [(facts.run, facts.number) for facts in survey.connections.values()] == [(1, 1), (2, 1)]
    assert survey.senders == {("trade", "KRW-BTC"): {1, 2}}


def test_the_torn_last_line_of_a_running_journal_is_passed_over(tmp_path: Path) -> None:
    path = journal_of(tmp_path / "journal", [trade(1)])
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:-1]) + whole[-1][:10])
    survey = journal_file(path).survey()
    assert (survey.is_torn, survey.is_ended) == (True, False)
    assert survey.frames == {("trade", "KRW-BTC"): 1}


def test_a_line_that_was_torn_by_a_kill_is_passed_over_when_a_new_start_follows(tmp_path: Path) -> None:
    path = journal_of(tmp_path / "journal", [trade(1)])
    path.write_bytes(path.read_bytes()[:-10])
    journal_of(path, [trade(2)])
    survey = journal_file(path).survey()
    assert survey.frames == {("trade", "KRW-BTC"): 2}
    assert (survey.is_torn, survey.is_ended) == (False, True)


@pytest.mark.parametrize("wrong", [b"{", b"[]", b'{"event":"frame"}', b'{"event":"party","t_ns":1}', b"\xff"])
def test_any_other_line_that_is_none_of_a_journal_is_named_with_file_and_number(tmp_path: Path, wrong: bytes) -> None:
    path = journal_of(tmp_path / "journal", [trade(1)])
    lines = path.read_bytes().splitlines()
    for place, number in ((1, 2), (len(lines), len(lines) + 1)):
        path.write_bytes(b"\n".join([*lines[:place], wrong, *lines[place:]]) + b"\n")
        with pytest.raises(SettingsError, match=f"{path}, line {number}: no line of a journal"):
            journal_file(path).survey()


def test_messages_of_every_type_come_back_from_a_trace_as_they_were(tmp_path: Path) -> None:
    trace = trace_file(write_trace(tmp_path / "trace", ALL))
    assert set(trace.survey().messages) == EVERYTHING
    lines = [line for line in trace.lines(EVERYTHING) if isinstance(line, TraceLine)]
    assert tuple(message for line in lines for message in line.messages) == ALL


@pytest.mark.parametrize("format_", Format)
def test_frames_of_the_exchange_are_a_trace_too_in_any_format(tmp_path: Path, format_: Format) -> None:
    frames = [encode_message(message, format_).decode() for message in ALL]
    trace = trace_file(write_trace(tmp_path / "trace", frames))
    assert set(trace.survey().messages) == EVERYTHING
    messages = [line.messages[0] for line in trace.lines(EVERYTHING) if isinstance(line, TraceLine)]
    assert tuple(messages) == ALL


def test_fields_of_a_consumer_s_own_beside_a_message_do_no_harm(tmp_path: Path) -> None:
    line = event_line(trade(1)).replace('"origin":"live"', '"origin":0,"note":[1]')
    trace = trace_file(write_trace(tmp_path / "trace", [line]))
    (found,) = trace.lines(EVERYTHING)
    assert isinstance(found, TraceLine)
    assert found.messages == (trade(1),)


def test_markers_of_a_trace_say_what_the_consumer_was_told(tmp_path: Path) -> None:
    markers = [
        Up(5, 0.0, 1),
        Gap("orderbook.5/KRW-BTC", 5, 3, 7, "too slow"),
        Gap("alert", 5, 3, 7, "too slow"),
        Down(5, "1006", 1),
        WantProblem("ticker/KRW-NOPE", "no data"),
    ]
    trace = trace_file(write_trace(tmp_path / "trace", [json_line(marker) for marker in markers]))
    assert list(trace.lines(EVERYTHING)) == [
        TraceMark(None, Outage()),
        TraceMark(Topic("orderbook", "KRW-BTC", 5), Missed(5)),
        TraceMark(None, Outage()),
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"marker":"down"}',
        '{"marker":"down","code":1006,"reason":"abnormal closure"}',
        '{"marker":"down","topic":null,"received_ns":1.5}',
    ],
)
def test_a_marker_counts_whatever_a_client_writes_beside_it(tmp_path: Path, line: str) -> None:
    trace = trace_file(write_trace(tmp_path / "trace", [line]))
    assert trace.survey().others == 0
    assert list(trace.lines(EVERYTHING)) == [TraceMark(None, Outage())]


def test_the_origin_of_a_message_counts_whatever_a_client_writes_beside_it(tmp_path: Path) -> None:
    line = event_line(trade(1), origin=CACHED).replace('"received_ns":1', '"received_ns":1.5')
    (found,) = trace_file(write_trace(tmp_path / "trace", [line])).lines(EVERYTHING)
    assert isinstance(found, TraceLine)
    assert (found.head.origin, found.messages) == ("cached", (trade(1),))


def test_the_head_of_an_event_tells_its_origin_and_when_it_came(tmp_path: Path) -> None:
    trace = trace_file(write_trace(tmp_path / "trace", [event_line(trade(1), origin=CACHED, received_ns=77)]))
    (found,) = trace.lines(EVERYTHING)
    assert isinstance(found, TraceLine)
    assert (found.head.origin, found.head.received_ns) == ("cached", 77)


def test_other_json_in_a_trace_is_counted_and_passed_over(tmp_path: Path) -> None:
    others = ['{"status":"UP"}', '{"type":"alert","price":1}', "[]", "3", '"text"', '{"type":5}']
    survey = trace_file(write_trace(tmp_path / "trace", [*others, trade(1)])).survey()
    assert (survey.others, survey.messages) == (6, {("trade", "KRW-BTC"): 1})


def test_a_line_that_is_not_the_message_it_claims_to_be_is_counted_with_its_place(tmp_path: Path) -> None:
    wrong = event_line(trade(1)).replace('"trade_volume":0.0007772', '"trade_volume":"much"')
    trace = trace_file(write_trace(tmp_path / "trace", [trade(0), wrong]))
    assert len(list(trace.lines(EVERYTHING))) == 2
    assert trace.unreadable == 1
    assert trace.first_unreadable.startswith("line 2: $.trade_volume: ")


def test_the_torn_last_line_of_a_trace_is_passed_over_and_any_other_is_named(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "trace", [trade(1), trade(2)])
    path.write_bytes(path.read_bytes()[:-10])
    survey = trace_file(path).survey()
    assert (survey.is_torn, survey.messages) == (True, {("trade", "KRW-BTC"): 1})
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(SettingsError, match=f"{path}, line 2: no JSON: "):
        trace_file(path).survey()
