import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.pieces.top_volume import TopVolume
from tests.actors.client.pieces.events import ticker


def test_the_ranking_has_the_highest_turnover_first() -> None:
    ranking = TopVolume(count=2)
    for code, turnover in (("KRW-A", 1.0), ("KRW-B", 3.0), ("KRW-C", 2.0)):
        ranking(ticker(code, turnover=turnover))
    assert [found.symbol for found in ranking.top()] == ["KRW-B", "KRW-C"]


def test_markets_of_another_quote_are_ignored_and_counted() -> None:
    ranking = TopVolume(quote="BTC")
    ranking.take(ticker("KRW-A", turnover=1e12))
    ranking.take(ticker("BTC-A", turnover=2.0))
    assert ([found.code for found in ranking.top()], ranking.other_quotes) == (["BTC-A"], 1)


def test_an_older_ticker_changes_no_place() -> None:
    ranking = TopVolume()
    ranking.take(ticker(turnover=5.0, at_ms=2))
    ranking.take(ticker(turnover=9.0, at_ms=1))
    assert ranking.top()[0].acc_trade_price_24h == 5.0


def test_forgotten_markets_leave_whether_one_or_several() -> None:
    ranking = TopVolume()
    for code in ("KRW-A", "KRW-B", "KRW-C", "KRW-D"):
        ranking.take(ticker(code))
    ranking.forget("KRW-A")
    ranking.forget(["KRW-B", "KRW-C", "KRW-X"])
    assert [found.code for found in ranking.top()] == ["KRW-D"]


@pytest.mark.parametrize(
    ("count", "quote", "message"),
    [
        (0, "KRW", "count must be a whole number of at least 1, not 0"),
        (10, "krw", "quote must be a currency such as KRW, upper case, not 'krw'"),
        (10, "KRW-BTC", "quote must be a currency such as KRW, upper case, not 'KRW-BTC'"),
        (3000, "KRW", "max_markets must be a whole number of at least 3000, not 2000"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(count: int, quote: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        TopVolume(count, quote)


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 5)), st.integers(1, 9))
def test_the_ranking_does_not_depend_on_the_order_of_the_tickers(turnovers: dict[str, int], count: int) -> None:
    tickers = [ticker(f"KRW-{letter}", turnover=value) for letter, value in turnovers.items()]
    ranking, other = TopVolume(count), TopVolume(count)
    for event in tickers:
        ranking.take(event)
    for event in reversed(tickers):
        other.take(event)
    assert ranking.top() == other.top()
    assert ranking.top() == sorted(tickers, key=lambda t: (-t.acc_trade_price_24h, t.code))[:count]
