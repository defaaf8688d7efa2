"""Rules of chapters 3.1, 3.2 and 4.1: each with a run that passes, and runs that fail for their own reason."""

import pytest

from actors.exchange.market.universe import build_universe
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, Verdict, failed
from actors.learning.grading.rules import RULES
from tests.actors.learning.stories import BTC, ETH, TIDY, XRP, Story

ALL_KRW = [spec.code for spec in build_universe(8, seed=1) if spec.code.startswith("KRW-")]

APPLICATION = """
class App:
    def __init__(self):
        self.price_monitor = WebSocketClient("price_monitor")
        self.order_tracker = WebSocketClient("order_tracker")
        self.market_scanner = WebSocketClient("market_scanner")
        self.order_tracker.subscribe_my_order(self._on_order)
        self.queue = asyncio.Queue(maxsize=1000)

async def main():
    app = App()
    try:
        await app.start()
    finally:
        await app.cleanup_all()
"""


def judge(chapter: str, item: str, evidence: Evidence) -> Finding:
    return RULES[chapter][item](evidence)


def application(*, codes: list[str] = ALL_KRW, events: int = 1, printed: str = "order bid KRW-BTC trade") -> Story:
    story = Story().open(1).ask(1, ticker=codes).open(1, 2, "private").ask(1, 2, myOrder=[], myAsset=[])
    for second in range(events):
        story.frame(3 + second, "myOrder", BTC, '{"ty":"myOrder","cd":"KRW-BTC","s":"trade"}')
    return story.print(6, printed).close(9).close(9, 2)


def changing(*asked: list[str], events: int = 100, lines: int = 10) -> Story:
    """One list a second after the other; events and batches come with the first."""
    story = Story().open(1)
    for number in range(events):
        story.send(1.2, price=1000.0 + number)
    for number in range(lines):
        story.print(1.3, f"batch {number}")
    for second, codes in enumerate(asked, start=1):
        story.ask(second, ticker=codes)
    return story.close(9)


def books(*asked: list[str], undrawn: str = "") -> Story:
    story = Story().open(1)
    for second, codes in enumerate(asked, start=1):
        story.ask(second, orderbook=codes)
        for code in codes:
            story.send(second + 0.2, "orderbook", code)
            if code != undrawn:
                story.print(second + 0.3, code)
    return story.close(9)


@pytest.mark.parametrize("item", RULES["3.1"])
def test_each_item_of_3_1_passes_for_the_courses_application(item: str) -> None:
    assert judge("3.1", item, application().evidence(APPLICATION)) is PASSED


@pytest.mark.parametrize("item", ["clients", "architecture"])
def test_3_1_wants_three_clients_by_different_names(item: str) -> None:
    assert judge("3.1", item, application().evidence(TIDY)) == failed("few_clients", clients=1, needed=3)
    same = APPLICATION.replace("order_tracker", "price_monitor")
    expected = failed("same_names", names="market_scanner, price_monitor, price_monitor")
    assert judge("3.1", item, application().evidence(same)) == expected


@pytest.mark.parametrize("item", ["clients", "private", "private_works"])
def test_3_1_a_tree_that_asks_for_orders_by_itself_proves_nothing_of_the_program(item: str) -> None:
    source = APPLICATION.replace("self.order_tracker.subscribe_my_order(self._on_order)", "pass")
    assert judge("3.1", item, application().evidence(source)) == failed("no_order_call")


def test_3_1_private_wants_a_connection_and_tells_the_error_that_prevented_it() -> None:
    story = Story().open(1).ask(1, ticker=ALL_KRW).close(9)
    assert judge("3.1", "private", story.evidence(APPLICATION)) == failed("no_private_connection")
    error = "actors.client.errors.AuthenticationError: no keys"
    told = judge("3.1", "private", story.complain(error).evidence(APPLICATION))
    assert told == failed("no_private_connection_error", error=error)


def test_3_1_private_works_wants_a_line_with_market_and_state_of_an_event() -> None:
    quiet = judge("3.1", "private_works", application(events=0).evidence(APPLICATION))
    assert (quiet.verdict, quiet.reason) == (Verdict.NOT_JUDGED, "no_order_events")
    for printed in ("high turnover KRW-BTC", "trade of something", "order KRW-ETH trade", "KRW-BTC traded"):
        evidence = application(events=5, printed=printed).evidence(APPLICATION)
        assert judge("3.1", "private_works", evidence) == failed("orders_unprinted", events=5, sample="KRW-BTC trade")


def test_3_1_architecture_wants_the_whole_krw_market() -> None:
    narrow = application(codes=[BTC, ETH]).evidence(APPLICATION)
    assert judge("3.1", "architecture", narrow) == failed("narrow_scan", asked=2, markets=len(ALL_KRW))


def test_3_1_tidy_wants_the_markets_of_all_clients_given_up() -> None:
    story = Story().open(1).ask(1, ticker=[BTC, ETH]).ask(9, ticker=[ETH])
    assert judge("3.1", "tidy", story.evidence(APPLICATION)) == failed("still_held", topics="[ticker/KRW-ETH]")


@pytest.mark.parametrize("item", [item for item in RULES["3.2"] if item != "long_run"])
def test_each_item_of_3_2_passes_for_a_manager_that_keeps_a_part(item: str) -> None:
    assert judge("3.2", item, changing([BTC, ETH], [BTC, XRP]).evidence(APPLICATION)) is PASSED


def test_3_2_optimise_counts_requests_for_what_was_there() -> None:
    finding = judge("3.2", "optimise", changing([BTC], [BTC], [ETH], [ETH]).evidence())
    assert finding == failed("repeated_requests", requests=4, repeated=2)
    assert judge("3.2", "optimise", changing([BTC]).evidence()) == failed("one_set", codes="[KRW-BTC]")


def test_3_2_optimised_finds_what_was_dropped_to_be_asked_for_again() -> None:
    finding = judge("3.2", "optimised", changing([BTC, ETH], [ETH], [BTC, ETH]).evidence())
    assert finding == failed("flicker", code="KRW-BTC", gap_s=1.0)
    finding = judge("3.2", "optimised", changing([BTC], [ETH]).evidence())
    assert finding == failed("nothing_kept", before="[KRW-BTC]", after="[KRW-ETH]")


def test_3_2_batch_compares_lines_with_events() -> None:
    one_by_one = changing([BTC], events=100, lines=90).evidence()
    assert judge("3.2", "batch", one_by_one) == failed("no_batches", events=100, lines=90)
    assert judge("3.2", "batch", changing([BTC], lines=0).evidence()) == failed("nothing_printed", tickers=100)
    few = judge("3.2", "batch", changing([BTC], events=5).evidence())
    assert (few.verdict, few.facts) == (Verdict.NOT_JUDGED, {"events": 5, "needed": 40})


@pytest.mark.parametrize("made", ["asyncio.Queue()", "Queue(0)", "trio.open_memory_channel[int](math.inf)", "deque()"])
def test_3_2_memory_finds_a_queue_without_limit(made: str) -> None:
    finding = judge("3.2", "memory", changing([BTC]).evidence(f"\nqueue = {made}\n"))
    assert finding == failed("endless_queue", text=made, line=2)


def test_3_2_memory_is_not_judged_without_a_queue() -> None:
    assert judge("3.2", "memory", changing([BTC]).evidence("pass")).reason == "no_queue"


@pytest.mark.parametrize("item", RULES["4.1"])
def test_each_item_of_4_1_passes_for_a_book_that_changes(item: str) -> None:
    assert judge("4.1", item, books([BTC], [ETH], [BTC]).evidence()) is PASSED


def test_4_1_complete_tells_each_way_of_failing() -> None:
    def complete(story: Story) -> Finding:
        return judge("4.1", "complete", story.evidence())

    assert complete(changing([BTC])) == failed("no_orderbook")
    assert complete(books([BTC], [BTC, ETH])) == failed("several_books", codes="[KRW-BTC, KRW-ETH]")
    assert complete(books([BTC])) == failed("book_unchanged", codes="[KRW-BTC]")
    assert complete(books([BTC], [ETH], [XRP], undrawn=ETH)) == failed("unwatched", codes="[KRW-ETH]", seconds=1.0)
    silent = books([BTC]).ask(2, orderbook=["KRW-NONE"])
    assert complete(silent).reason == "silent_markets"
    held = Story().open(1).ask(1, orderbook=[BTC]).send(1, "orderbook").print(1, "a").ask(2, orderbook=[ETH])
    assert complete(held.send(2, "orderbook", ETH).print(2, "b")) == failed("still_held", topics="[orderbook/KRW-ETH]")
