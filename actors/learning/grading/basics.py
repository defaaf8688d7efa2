"""Rules of chapter 1.2: one client, one subscription, a callback."""

from typing import Final

from actors.learning.grading.endings import judge_running, nothing_asked
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, listed, not_judged

MONITORED_PRICES: Final = 3
"""Different prices that a price monitor shows at least."""


def judge_client(evidence: Evidence) -> Finding:
    """A client was made, and what it wanted reached the exchange."""
    if not evidence.source.clients:
        return failed("no_client")
    return PASSED if evidence.record.is_asked else nothing_asked(evidence)


def judge_ticker(evidence: Evidence) -> Finding:
    """Tickers were asked for, and there are some of each market."""
    record = evidence.record
    if not record.is_asked:
        return nothing_asked(evidence)
    sets = record.code_sets("ticker")
    if not sets:
        types = {topic.type for step in record.steps for topic in step.topics}
        return failed("no_ticker", types=listed(types))
    silent = [code for _, codes in sets for code in codes if not record.sent("ticker", code).messages]
    return failed("silent_markets", codes=listed(set(silent))) if silent else PASSED


def judge_program(evidence: Evidence) -> Finding:
    """The whole program works: it asks for tickers and ends in order."""
    asked = judge_ticker(evidence)
    return judge_running(evidence) if asked is PASSED else asked


def judge_callback_called(evidence: Evidence) -> Finding:
    """Something was printed after the first ticker came."""
    first_ns = evidence.record.first_ns("ticker")
    if first_ns is None:
        return judge_ticker(evidence)
    if any(t_ns >= first_ns for t_ns in evidence.run.output.times_ns):
        return PASSED
    return failed("nothing_printed", tickers=evidence.record.messages("ticker"))


def judge_price_printed(evidence: Evidence) -> Finding:
    """A price that the exchange sent is in the output."""
    called = judge_callback_called(evidence)
    if called is not PASSED:
        return called
    return PASSED if _printed_prices(evidence) else _no_price(evidence)


def judge_monitor(evidence: Evidence) -> Finding:
    """The output follows the price: several different ones that the exchange sent are in it."""
    called = judge_callback_called(evidence)
    if called is not PASSED:
        return called
    sent = len(evidence.record.ticker_prices)
    if sent < MONITORED_PRICES:
        return not_judged("quiet_market", prices=sent, needed=MONITORED_PRICES)
    printed = len(_printed_prices(evidence))
    if printed >= MONITORED_PRICES:
        return PASSED
    return failed("few_prices", printed=printed, sent=sent, needed=MONITORED_PRICES) if printed else _no_price(evidence)


def _no_price(evidence: Evidence) -> Finding:
    prices = [f"{price:g}" if price < 1e6 else f"{price:.0f}" for price in sorted(evidence.record.ticker_prices)]
    return failed("no_price_printed", lines=evidence.run.output.lines, prices=listed(prices[:3]))


def _printed_prices(evidence: Evidence) -> set[float]:
    """Prices that were sent and are in the output, written in full or without their decimals."""
    printed = evidence.run.output.numbers
    return {price for price in evidence.record.ticker_prices if price in printed or float(round(price)) in printed}
