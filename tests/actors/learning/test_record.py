"""A journal in short: what was asked for when, and what was sent."""

from pathlib import Path

import pytest

from actors.exchange.journal.journal import Journal
from actors.exchange.settings import SimulatorSettings
from actors.learning.grading import record as record_module
from actors.learning.grading.record import read_record, record_of
from actors.learning.grading.run import Output
from protocols.upbit.topics import Topic
from tests.actors.exchange.journal.files import Sender, ticker, trade
from tests.actors.learning.stories import BTC, ETH, SECOND, Story


def test_sets_of_markets_follow_the_requests_and_a_request_for_the_list_changes_nothing() -> None:
    story = Story().open(1).ask(1, ticker=[BTC]).say(2, '[{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}]')
    story.say(2, "no request").ask(3, ticker=[BTC], trade=[BTC]).ask(4, ticker=[ETH], trade=[BTC]).close(5)
    record = record_of(story.lines)
    assert [(t_ns // SECOND, set(codes)) for t_ns, codes in record.code_sets("ticker")] == [(1, {BTC}), (4, {ETH})]
    assert len(record.requests("public")) == 3
    assert record.released_ns == 5 * SECOND


def test_two_connections_of_a_kind_count_together_and_each_end_takes_its_own_away() -> None:
    story = Story().open(1).open(1, 2).ask(1, ticker=[BTC]).ask(2, 2, ticker=[ETH]).close(3)
    record = record_of(story.lines)
    assert [set(codes) for _, codes in record.code_sets("ticker")] == [{BTC}, {BTC, ETH}, {ETH}]
    assert record.held_at_end == {Topic("ticker", ETH)}
    assert record.released_ns is None


def test_what_is_private_counts_neither_as_held_nor_as_released() -> None:
    story = Story().open(1).open(1, 2, "private").ask(1, ticker=[BTC]).ask(1, 2, myOrder=[]).close(4, 2)
    assert record_of(story.lines).held_at_end == {Topic("ticker", BTC)}
    story = Story().open(1).open(1, 2, "private").ask(1, ticker=[BTC]).ask(1, 2, myOrder=[]).close(6).close(9, 2)
    assert record_of(story.lines).released_ns == 6 * SECOND
    assert record_of(story.lines).held_at_end == frozenset()


def test_a_connection_without_any_request_that_follows_is_no_new_hold() -> None:
    story = Story().open(1).ask(1, ticker=[BTC]).close(3).open(4, 2)
    assert record_of(story.lines).released_ns == 3 * SECOND


def test_what_a_tree_with_keys_asks_for_by_itself_is_no_request_of_the_program() -> None:
    story = Story().open(1).open(1, 2, "private").ask(1, 2, myOrder=[], myAsset=[]).close(4, 2)
    assert not record_of(story.lines).is_asked
    assert record_of(story.open(5, 3).ask(5, 3, ticker=[BTC]).lines).is_asked


def test_states_of_orders_are_read_in_both_spellings() -> None:
    story = Story().frame(1, "myOrder", BTC, '{"type":"myOrder","state":"wait"}')
    record = record_of(story.frame(2, "myOrder", ETH, '{"ty":"myOrder","s":"done"}').lines)
    assert record.order_states == {(BTC, "wait"), (ETH, "done")}


def test_prices_are_read_in_both_spellings_and_snapshots_counted() -> None:
    story = Story().frame(1, "ticker", BTC, '{"type":"ticker","trade_price":1.5E+3,"stream_type":"SNAPSHOT"}')
    record = record_of(story.send(2, price=0.01712).lines)
    assert record.ticker_prices == {1500.0, 0.01712}
    assert (record.sent("ticker", BTC).messages, record.sent("ticker", BTC).snapshots) == (2, 1)


def test_what_comes_after_a_limit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "MAX_STEPS", 2)
    monkeypatch.setattr(record_module, "MAX_PRICES", 1)
    story = Story().open(1).ask(1, ticker=[BTC]).ask(2, ticker=[ETH]).ask(3, trade=[BTC])
    record = record_of(story.send(4).send(5, price=2.0).lines)
    assert record.left_out == 2
    assert record.held_at_end == {Topic("trade", BTC)}


def test_a_real_journal_is_read_up_to_the_time_given(tmp_path: Path) -> None:
    sender = Sender(tmp_path / "journal")
    sender.journal.request(1, b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]')
    sender.send(ticker(1), ticker(2), trade(3))
    sender.journal.closed(1, "the exchange ended")
    sender.journal.close()
    whole = read_record(tmp_path / "journal", until_ns=1 << 62)
    assert (whole.messages("ticker"), whole.messages("trade"), whole.opened["public"]) == (2, 1, 1)
    assert whole.released_ns is not None
    assert {"KRW-BTC", "KRW-ETH"} < whole.krw_markets
    before = read_record(tmp_path / "journal", until_ns=whole.released_ns - 1)
    assert before.held_at_end == {Topic("ticker", BTC)}


def test_lines_that_the_exchange_could_not_write_are_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", buffer_bytes=2_000)
    journal.started(SimulatorSettings())
    for _ in range(20):
        journal.request(1, b"x" * 200)
    journal.close()
    assert read_record(tmp_path / "journal", until_ns=1 << 62).lost_lines > 0


def test_output_is_folded_into_numbers_markets_and_complaints() -> None:
    output = Output()
    output.add_line("KRW-BTC: 109,868,000 (+1.25 %)", 5)
    output.add_line("  ", 6)
    for line in ("Traceback (most recent call last):", "KeyError: 'a'", "x.py:1: coroutine 'f' was never awaited"):
        output.add_error_line(line)
    assert (output.lines, output.times_ns, output.codes) == (1, [5], {BTC})
    assert output.numbers == {109_868_000.0, 1.25}
    assert output.last_error == "KeyError: 'a'"
    assert output.async_faults == ["x.py:1: coroutine 'f' was never awaited"]
