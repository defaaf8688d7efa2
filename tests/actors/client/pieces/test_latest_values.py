import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.pieces.latest_values import LatestValues
from protocols.upbit.messages import Ticker
from tests.actors.client.pieces.events import ticker


def test_the_newest_event_of_each_market_is_there() -> None:
    prices: LatestValues[Ticker] = LatestValues()
    for event in (ticker("KRW-BTC", price=1, at_ms=1), ticker("KRW-ETH", price=2), ticker("KRW-BTC", price=3, at_ms=2)):
        prices.take(event)
    assert prices["KRW-BTC"].trade_price == 3
    assert prices.get("KRW-XRP") is None
    assert (sorted(prices), len(prices), "KRW-ETH" in prices) == (["KRW-BTC", "KRW-ETH"], 2, True)
    with pytest.raises(KeyError):
        prices["KRW-XRP"]


def test_an_older_event_changes_nothing_and_is_counted() -> None:
    prices: LatestValues[Ticker] = LatestValues()
    assert [prices.take(ticker(at_ms=t, price=t)) for t in (5, 4, 5, 6)] == [True, False, True, True]
    assert (prices["KRW-BTC"].trade_price, prices.outdated) == (6, 1)


def test_the_key_longest_without_an_update_leaves_first() -> None:
    left: list[str] = []
    prices: LatestValues[Ticker] = LatestValues(max_keys=2, on_leave=left.append)
    for code in ("KRW-A", "KRW-B", "KRW-A", "KRW-C"):
        prices.take(ticker(code))
    assert (list(prices), prices.evicted, left) == (["KRW-A", "KRW-C"], 1, ["KRW-B"])


def test_age_is_that_of_the_exchange_and_without_a_value_without_end() -> None:
    prices: LatestValues[Ticker] = LatestValues()
    prices.take(ticker(at_ms=10_000))
    assert prices.age_s("KRW-BTC", 12.5) == 2.5
    assert prices.age_s("KRW-BTC", 9.0) == 0.0
    assert prices.age_s("KRW-ETH", 12.5) == math.inf


def test_another_key_keeps_events_apart_that_share_a_market() -> None:
    values: LatestValues[Ticker] = LatestValues(key=lambda event: f"{event.code}/{event.ask_bid}")
    values.take(ticker())
    assert list(values) == ["KRW-BTC/BID"]


def test_the_object_itself_is_a_callback_and_like_a_function_equal_only_to_itself() -> None:
    one: LatestValues[Ticker] = LatestValues()
    other: LatestValues[Ticker] = LatestValues()
    one(ticker())
    other(ticker())
    assert (one == other, len({one, other}), one["KRW-BTC"] == other["KRW-BTC"]) == (False, 2, True)


def test_events_may_come_in_while_a_caller_goes_through_the_keys() -> None:
    prices: LatestValues[Ticker] = LatestValues()
    prices.take(ticker("KRW-A"))
    prices.take(ticker("KRW-B"))
    for _code in prices:
        prices.take(ticker("KRW-A"))
        prices.take(ticker("KRW-C"))
    prices.forget("KRW-A")
    prices.forget("KRW-A")
    assert list(prices) == ["KRW-B", "KRW-C"]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, None, True])
def test_a_bound_that_is_none_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"^max_keys must be a whole number of at least 1, not"):
        LatestValues(max_keys=wrong)


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 9)), max_size=60), st.integers(1, 5))
def test_values_never_go_back_in_time_and_never_need_more_room(events: list[tuple[str, int]], max_keys: int) -> None:
    values: LatestValues[Ticker] = LatestValues(max_keys=max_keys)
    taken = 0
    for letter, at_ms in events:
        code = f"KRW-{letter}"
        before = values.get(code)
        taken += values.take(ticker(code, at_ms=at_ms))
        assert values[code].timestamp == max(at_ms, before.timestamp if before else 0)
        assert len(values) <= max_keys
    assert taken + values.outdated == len(events)


@pytest.mark.parametrize("name", ["key", "on_leave"])
def test_an_async_function_is_refused_since_nobody_would_await_it(name: str) -> None:
    async def later(_value: object) -> str:
        raise AssertionError

    with pytest.raises(ValueError, match=f"^{name} must be a plain function, not the async .*: nobody would await it$"):
        LatestValues(**{name: later})  # type: ignore[arg-type]
