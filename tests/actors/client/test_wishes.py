"""What subscribe calls may ask for, and what each wrong word is answered with."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.errors import SubscriptionError
from actors.client.wishes import MAX_SYMBOLS, Key, check_symbols, wish_of_account, wish_of_market
from protocols.channel.messages import Want
from protocols.errors import UpbitdError
from protocols.upbit.messages import CANDLE_UNITS
from protocols.upbit.topics import parse_topic


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        ("KRW-BTC", "write a list, such as ['KRW-BTC']"),
        (b"KRW-BTC", "write a list, such as ['KRW-BTC']"),
        (5, "symbols is 5; write a list"),
        (None, "symbols is None; write a list"),
        (["krw-btc"], "did you mean 'KRW-BTC'?"),
        ([" KRW-BTC"], "did you mean 'KRW-BTC'?"),
        (["KRW-BTC", 7], "7 is no market; write it as text"),
        ([None], "None is no market; write it as text"),
        ([["KRW-BTC"]], "is no market; write it as text"),
        (["BTC"], "write the quote currency first, such as 'KRW-BTC'"),
        (["KRW/BTC"], "write the quote currency first, such as 'KRW-BTC'"),
        ([""], "'' is no market"),
        (["KRW-BTC\n"], "did you mean 'KRW-BTC'?"),
    ],
)
def test_symbols_that_are_no_list_of_markets_are_refused_in_one_line_that_says_what_to_write(
    symbols: object, said: str
) -> None:
    with pytest.raises(SubscriptionError) as refusal:
        wish_of_market("ticker", symbols)
    assert said in str(refusal.value)
    assert str(refusal.value).startswith("ticker: ")
    assert "\n" not in str(refusal.value)


def test_a_refusal_is_a_value_error_and_one_of_the_projects_own() -> None:
    with pytest.raises(ValueError, match="write a list") as refusal:
        wish_of_market("ticker", "KRW-BTC")
    assert isinstance(refusal.value, UpbitdError)


def test_more_symbols_than_the_exchange_has_markets_are_refused() -> None:
    many = [f"KRW-C{number}" for number in range(MAX_SYMBOLS + 1)]
    assert len(wish_of_market("ticker", many[:-1]).symbols) == MAX_SYMBOLS
    with pytest.raises(SubscriptionError, match=f"{MAX_SYMBOLS + 1} symbols \\(limit {MAX_SYMBOLS}\\)"):
        wish_of_market("ticker", many)


def test_an_empty_list_is_a_wish_for_nothing_where_it_may_end_a_subscription_and_refused_elsewhere() -> None:
    assert wish_of_market("ticker", []).topics == {}
    with pytest.raises(SubscriptionError, match="no symbols; name at least one"):
        check_symbols("add_symbols", [])


@pytest.mark.parametrize("given", [tuple, set, frozenset, iter, dict.fromkeys])
def test_any_iterable_of_codes_is_taken(given: Any) -> None:
    assert set(wish_of_market("trade", given(["KRW-BTC", "KRW-ETH"])).symbols) == {"KRW-BTC", "KRW-ETH"}


CODES = st.sampled_from(["KRW-BTC", "KRW-ETH", "BTC-XRP", "USDT-BTC", "KRW-A1", "KRW-0G"])


@given(st.lists(CODES, min_size=1, max_size=20))
def test_doubles_are_removed_and_the_order_is_kept(symbols: list[str]) -> None:
    found = wish_of_market("ticker", symbols).symbols
    assert list(found) == [symbol for at, symbol in enumerate(symbols) if symbol not in symbols[:at]]


@given(st.lists(CODES, min_size=1, max_size=20))
def test_every_topic_of_a_wish_is_one_that_the_exchange_serves_for_its_symbol(symbols: list[str]) -> None:
    for kind, more in (("ticker", {}), ("candle", {"unit": "1m"}), ("orderbook", {"units": 5, "level": 100})):
        wish = wish_of_market(kind, symbols, **more)
        assert {parse_topic(topic).code for topic in wish.topics} == set(wish.topics.values()) == set(symbols)


@pytest.mark.parametrize("unit", CANDLE_UNITS)
def test_every_unit_of_the_exchange_is_known(unit: str) -> None:
    assert wish_of_market("candle", ["KRW-BTC"], unit=unit).key == Key("candle", unit)


@pytest.mark.parametrize(("alias", "unit"), [("1h", "60m"), ("4h", "240m"), ("60s", "1m")])
def test_what_programs_write_for_an_hour_is_the_exchanges_unit(alias: str, unit: str) -> None:
    wish = wish_of_market("candle", ["KRW-BTC"], unit=alias)
    assert (wish.key.name, list(wish.topics)) == (f"candle.{unit}", [f"candle.{unit}/KRW-BTC"])


@pytest.mark.parametrize("unit", ["1d", "2m", "", "1M", " 1m", 1, None, 60.0, ["1m"], {"unit": "1m"}])
def test_a_unit_that_the_exchange_has_not_is_refused_with_those_that_it_has(unit: object) -> None:
    with pytest.raises(SubscriptionError, match=r"unknown unit .*1s, 1m, 3m, 5m, 10m, 15m, 30m, 60m, 240m"):
        wish_of_market("candle", ["KRW-BTC"], unit=unit)


@pytest.mark.parametrize("units", [0, 2, 31, -1, "5", None, True, False, 5.5, [5], {}])
def test_a_depth_that_the_exchange_has_not_is_refused_with_those_that_it_has(units: object) -> None:
    with pytest.raises(SubscriptionError, match=r"units is .*1, 5, 15, 30"):
        wish_of_market("orderbook", ["KRW-BTC"], units=units)


@pytest.mark.parametrize("level", [-1, float("nan"), float("inf"), "1000", None, True, [0]])
def test_a_level_that_is_no_price_step_is_refused(level: object) -> None:
    with pytest.raises(SubscriptionError, match=r"level is .*write a price step in KRW"):
        wish_of_market("orderbook", ["KRW-BTC"], level=level)


@pytest.mark.parametrize("preference", ["", "BOTH", "snapshot", None, 1, ["both"], {}])
def test_an_unknown_preference_is_refused_with_the_known_ones(preference: object) -> None:
    known = "'both', 'snapshot_only', 'realtime_only'"
    for make in (
        lambda: wish_of_market("ticker", ["KRW-BTC"], preference=preference),
        lambda: wish_of_account("myOrder", preference=preference),
    ):
        with pytest.raises(SubscriptionError, match=known):
            make()


@pytest.mark.parametrize("delivery", ["", "all", "LATEST", 0, 1, ["every"], {}])
def test_an_unknown_delivery_is_refused_with_the_known_ones(delivery: object) -> None:
    with pytest.raises(SubscriptionError, match="'every', 'latest', 'sampled'"):
        wish_of_market("ticker", ["KRW-BTC"], delivery=delivery)


@pytest.mark.parametrize("sample_ms", [-1, 1.5, "100", None, True, 3_600_001])
def test_an_interval_that_is_no_whole_number_of_milliseconds_is_refused(sample_ms: object) -> None:
    with pytest.raises(SubscriptionError, match="write whole milliseconds from 1 to 3600000"):
        wish_of_market("ticker", ["KRW-BTC"], delivery="sampled", sample_ms=sample_ms)


@pytest.mark.parametrize(("delivery", "sample_ms"), [("sampled", 0), ("latest", 100), ("every", 100), (None, 100)])
def test_an_interval_and_sampling_go_together(delivery: str | None, sample_ms: int) -> None:
    with pytest.raises(SubscriptionError, match="'sampled' and an interval go together"):
        wish_of_market("ticker", ["KRW-BTC"], delivery=delivery, sample_ms=sample_ms)


def test_the_account_has_no_snapshot_to_ask_for() -> None:
    with pytest.raises(SubscriptionError, match="the exchange sends no snapshot of it"):
        wish_of_account("myAsset", preference="snapshot_only")


def test_a_key_is_the_type_and_for_candles_the_unit_too() -> None:
    assert wish_of_market("ticker", ["KRW-BTC"]).key == wish_of_market("ticker", ["KRW-ETH"]).key
    assert wish_of_market("orderbook", ["KRW-BTC"], units=5).key == wish_of_market("orderbook", ["KRW-BTC"]).key
    assert wish_of_market("candle", ["KRW-BTC"], unit="1m").key != wish_of_market("candle", ["KRW-BTC"], unit="3m").key
    assert wish_of_market("candle", ["KRW-BTC"], unit="1h").key == wish_of_market("candle", ["KRW-BTC"], unit="60m").key


def test_the_account_is_served_by_private_and_all_else_by_public() -> None:
    assert wish_of_account("myOrder").server == wish_of_account("myAsset").server == "private"
    assert wish_of_account("myOrder").topics == {"myOrder": ""}
    for kind in ("ticker", "trade", "orderbook"):
        assert wish_of_market(kind, ["KRW-BTC"]).server == "public"


def test_what_is_declared_says_how_each_topic_is_wanted() -> None:
    wish = wish_of_market("ticker", ["KRW-BTC"], delivery="sampled", sample_ms=200, preference="realtime_only")
    assert wish.wants(wish.topics) == [Want("ticker/KRW-BTC", "sampled", 200, "realtime_only")]
    assert wish_of_market("trade", ["KRW-BTC"]).wants(["trade/KRW-BTC"]) == [Want("trade/KRW-BTC")]


def test_the_same_wish_for_other_markets_differs_in_nothing_else() -> None:
    wish = wish_of_market("orderbook", ["KRW-BTC"], units=15, level=1000, delivery="latest")
    other = wish.with_symbols(["KRW-ETH", "KRW-XRP", "KRW-ETH"])
    assert other.symbols == ("KRW-ETH", "KRW-XRP")
    assert other.with_symbols(wish.symbols) == wish
