"""Rules of chapters 1.2, 2.1 and 2.2: each with a run that passes, and runs that fail for their own reason."""

import pytest

from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, Verdict, failed
from actors.learning.grading.rules import RULES
from tests.actors.learning.stories import BTC, ETH, TIDY, XRP, Story, nothing_asked, one_ticker

THREE_TYPES = """
async def main():
    async with WebSocketClient("one") as client:
        await client.subscribe_ticker(["KRW-BTC"], on_ticker)
        await client.subscribe_orderbook(["KRW-BTC"], on_orderbook)
        await client.subscribe_trade(["KRW-BTC"], callback=self.on_trade)
"""

THREE_LISTS = """
ALL = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
async def main():
    async with WebSocketClient("one") as client:
        await client.subscribe_ticker(["KRW-BTC"], show)
        await client.subscribe_ticker(("KRW-ETH",), show)
        await client.subscribe_ticker(ALL, show)
"""


def judge(chapter: str, item: str, evidence: Evidence) -> Finding:
    return RULES[chapter][item](evidence)


def three_types(**codes: list[str]) -> Story:
    story = Story().open(1).ask(1, **(codes or {"ticker": [BTC], "orderbook": [BTC], "trade": [BTC]}))
    for kind in codes or ("ticker", "orderbook", "trade"):
        story.send(2, kind)
    return story.close(9)


def lists(*asked: list[str], printed: bool = True) -> Story:
    """One list a second after the other, each with data that are printed, and nothing at the end."""
    story = Story().open(1)
    for second, codes in enumerate(asked, start=1):
        story.ask(second, ticker=codes)
        for code in codes:
            story.send(second + 0.2, code=code)
            if printed:
                story.print(second + 0.3, f"{code} = 1000.0")
    return story.close(9)


@pytest.mark.parametrize("item", RULES["1.2"])
def test_each_item_of_1_2_passes_for_a_tidy_price_monitor(item: str) -> None:
    assert judge("1.2", item, one_ticker().evidence()) is PASSED


@pytest.mark.parametrize("chapter", RULES)
def test_no_item_passes_for_a_program_that_asks_for_nothing(chapter: str) -> None:
    evidence = nothing_asked().evidence()
    assert {judge(chapter, item, evidence).verdict for item in RULES[chapter]} == {Verdict.FAIL}


def test_1_2_client_fails_without_one_in_the_source() -> None:
    assert judge("1.2", "client", one_ticker().evidence("cleanup()")) == failed("no_client")


@pytest.mark.parametrize("item", ["subscribe", "write_basic", "callback", "monitor"])
def test_1_2_says_what_was_asked_for_instead_of_tickers(item: str) -> None:
    evidence = Story().open(1).ask(1, trade=[BTC]).close(9).evidence()
    assert judge("1.2", item, evidence) == failed("no_ticker", types="[trade]")


def test_1_2_subscribe_names_markets_of_which_nothing_came() -> None:
    evidence = Story().open(1).ask(1, ticker=[BTC, "KRW-NONE"]).send(2).close(9).evidence()
    assert judge("1.2", "subscribe", evidence) == failed("silent_markets", codes="[KRW-NONE]")


def test_1_2_callback_fails_when_nothing_is_printed_after_the_first_ticker() -> None:
    evidence = Story().open(1).ask(1, ticker=[BTC]).print(1, "subscribed").send(2).send(3).close(9).evidence()
    assert judge("1.2", "callback", evidence) == failed("nothing_printed", tickers=2)


def test_1_2_use_callback_wants_a_price_that_was_sent() -> None:
    story = Story().open(1).ask(1, ticker=[BTC]).send(2, price=109_868_000.0).print(3, "got an event").close(9)
    expected = failed("no_price_printed", lines=1, prices="[109868000]")
    assert judge("1.2", "use_callback", story.evidence()) == expected
    assert judge("1.2", "use_callback", story.print(4, "BTC 109,868,000 KRW").evidence()) is PASSED


def test_1_2_monitor_wants_several_prices_and_does_not_judge_a_quiet_market() -> None:
    story = Story().open(1).ask(1, ticker=[BTC])
    for price in (1000.0, 1001.0):
        story.send(2, price=price)
    quiet = judge("1.2", "monitor", story.print(3, "1000").evidence())
    assert (quiet.verdict, quiet.reason) == (Verdict.NOT_JUDGED, "quiet_market")
    finding = judge("1.2", "monitor", story.send(4, price=1002.0).evidence())
    assert finding == failed("few_prices", printed=1, sent=3, needed=3)


@pytest.mark.parametrize("item", RULES["2.1"])
def test_each_item_of_2_1_passes_for_three_types_of_one_client(item: str) -> None:
    assert judge("2.1", item, three_types().evidence(THREE_TYPES)) is PASSED


@pytest.mark.parametrize("item", RULES["2.1"])
def test_2_1_names_the_type_that_is_missing(item: str) -> None:
    evidence = three_types(ticker=[BTC], trade=[BTC]).evidence(THREE_TYPES)
    assert judge("2.1", item, evidence) == failed("types_missing", held="[ticker, trade]", missing="[orderbook]")


def test_2_1_types_one_after_another_are_not_together() -> None:
    story = Story().open(1).ask(1, ticker=[BTC]).ask(2, orderbook=[BTC]).ask(3, trade=[BTC]).close(9)
    assert judge("2.1", "one_client", story.evidence(THREE_TYPES)).reason == "types_missing"


def test_2_1_several_clients_are_not_one() -> None:
    source = THREE_TYPES + '\nsecond = WebSocketClient("two")\n'
    assert judge("2.1", "one_client", three_types().evidence(source)) == failed("several_clients", clients=2)


def test_2_1_a_shared_callback_is_named_with_its_types() -> None:
    source = THREE_TYPES.replace("on_orderbook)", "on_ticker)")
    finding = judge("2.1", "callbacks", three_types().evidence(source))
    assert finding == failed("shared_callback", callback="on_ticker", types="[orderbook, ticker]")


def test_2_1_loops_instead_of_callbacks_are_not_judged() -> None:
    source = THREE_TYPES.replace(", callback=self.on_trade", "")
    finding = judge("2.1", "callbacks", three_types().evidence(source))
    assert (finding.verdict, finding.facts) == (Verdict.NOT_JUDGED, {"types": "[trade]"})


def test_2_1_compose_wants_data_of_each_type_and_nothing_left() -> None:
    silent = Story().open(1).ask(1, ticker=[BTC], orderbook=[BTC], trade=[BTC]).send(2).send(2, "trade").close(9)
    assert judge("2.1", "compose", silent.evidence(THREE_TYPES)) == failed("silent_types", types="[orderbook]")
    held = Story().open(1).ask(1, ticker=[BTC], orderbook=[BTC], trade=[BTC])
    for kind in ("ticker", "orderbook", "trade"):
        held.send(2, kind)
    assert judge("2.1", "compose", held.evidence(THREE_TYPES)).reason == "still_held"


@pytest.mark.parametrize("item", RULES["2.2"])
def test_each_item_of_2_2_passes_for_the_courses_three_lists(item: str) -> None:
    assert judge("2.2", item, lists([BTC], [ETH], [BTC, ETH, XRP]).evidence(THREE_LISTS)) is PASSED


def test_2_2_a_list_that_only_grew_is_told_with_what_was_expected() -> None:
    evidence = lists([BTC], [BTC, ETH], [BTC, ETH, XRP]).evidence(THREE_LISTS)
    expected = failed("accumulated", before="[KRW-BTC]", kept="[KRW-BTC]", expected="[KRW-ETH]")
    assert judge("2.2", "replace", evidence) == expected
    assert judge("2.2", "distinguish", evidence) == failed("still_in", kept="[KRW-BTC]", expected="[KRW-ETH]")


@pytest.mark.parametrize("item", ["replace", "watch"])
def test_2_2_one_list_changes_nothing(item: str) -> None:
    assert judge("2.2", item, lists([BTC]).evidence(TIDY)) == failed("one_set", codes="[KRW-BTC]")


def test_2_2_a_list_that_only_shrank_replaced_nothing() -> None:
    finding = judge("2.2", "replace", lists([BTC, ETH], [ETH]).evidence())
    assert finding == failed("never_replaced", sets="[KRW-BTC, KRW-ETH] -> [KRW-ETH]")


def test_2_2_distinguish_names_a_market_that_is_not_in_the_request() -> None:
    finding = judge("2.2", "distinguish", lists([BTC], [ETH], [BTC, ETH]).evidence(THREE_LISTS))
    assert finding == failed("not_in", missing="[KRW-XRP]", expected="[KRW-BTC, KRW-ETH, KRW-XRP]")


def test_2_2_distinguish_counts_lists_that_are_not_in_the_source() -> None:
    finding = judge("2.2", "distinguish", lists([BTC], [ETH], [BTC, ETH, XRP], [BTC]).evidence(THREE_LISTS))
    assert finding == failed("more_sets", asked=4, lists=3)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (THREE_LISTS.replace("ALL, show", "make_list(), show"), "lists_unseen"),
        (THREE_LISTS + "\nawait_later = subscription.add_symbols(['KRW-XRP'])\n", "partial_changes"),
    ],
)
def test_2_2_distinguish_is_not_judged_where_the_source_does_not_say_what_is_due(source: str, reason: str) -> None:
    finding = judge("2.2", "distinguish", lists([BTC], [ETH]).evidence(source))
    assert (finding.verdict, finding.reason) == (Verdict.NOT_JUDGED, reason)


def test_2_2_distinguish_is_not_judged_before_the_last_list() -> None:
    evidence = lists([BTC], [ETH]).evidence(THREE_LISTS, seconds=20, ending="interrupted", exit_code=-2)
    finding = judge("2.2", "distinguish", evidence)
    assert (finding.verdict, finding.facts) == (Verdict.NOT_JUDGED, {"reached": 2, "lists": 3, "seconds": 20})


def test_2_2_several_wants_three_markets_in_one_request() -> None:
    finding = judge("2.2", "several", lists([BTC], [ETH, XRP]).evidence())
    assert finding == failed("short_list", codes="[KRW-ETH, KRW-XRP]", needed=3)


def test_2_2_watch_names_the_list_during_which_nothing_was_printed() -> None:
    story = lists([BTC], [ETH], [BTC, ETH, XRP], printed=False).print(1.5, "BTC").print(4, "all")
    assert judge("2.2", "watch", story.evidence()) == failed("unwatched", codes="[KRW-ETH]", seconds=1.0)


def test_2_2_handle_several_names_markets_that_the_output_does_not() -> None:
    story = lists([BTC], [BTC, ETH, XRP], printed=False).print(3, "KRW-BTC and KRW-ETH")
    assert judge("2.2", "handle_several", story.evidence()) == failed("unnamed_markets", codes="[KRW-XRP]")
    silent = Story().open(1).ask(1, ticker=[BTC, ETH, "KRW-NONE"]).send(2).send(2, code=ETH).close(9)
    assert judge("2.2", "handle_several", silent.evidence()) == failed("silent_markets", codes="[KRW-NONE]")


def test_2_2_errors_wants_cleanup_in_a_finally() -> None:
    source = THREE_LISTS.replace("async with WebSocketClient('one') as client", "if True").replace(
        'async with WebSocketClient("one") as client', 'if client := WebSocketClient("one")'
    )
    assert judge("2.2", "errors", lists([BTC], [ETH]).evidence(source)) == failed("not_guarded")
