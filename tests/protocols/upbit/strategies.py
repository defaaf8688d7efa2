"""Hypothesis strategies for everything that the exchange can send and a consumer can want."""

import inspect
from decimal import Decimal

from hypothesis import strategies as st

from protocols.upbit.messages import (
    CANDLE_TYPES,
    MARKET_TYPES,
    PRIVATE_TYPES,
    Announcement,
    Asset,
    Candle,
    ErrorFrame,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
    Status,
    SubscriptionEntry,
    SubscriptionList,
    Ticker,
    Trade,
)
from protocols.upbit.topics import ORDERBOOK_UNITS, Topic

numbers = st.floats(allow_nan=False, allow_infinity=False)
int64s = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
codes = st.sampled_from(["KRW-BTC", "KRW-ETH", "BTC-XRP", "USDT-ADA", "KRW-1INCH"]) | texts


@st.composite
def amounts(draw: st.DrawFn) -> Decimal:
    """An account's amount: up to 40 digits, as the exchange sends more than a double holds."""
    digits = draw(st.integers(0, 10**40))
    return Decimal((draw(st.integers(0, 1)), tuple(map(int, str(digits))), -draw(st.integers(0, 30))))


def _built(struct: type, **known: st.SearchStrategy) -> st.SearchStrategy:
    by_type = {
        float: numbers,
        int: int64s,
        str: texts,
        bool: st.booleans(),
        Decimal: amounts(),
        Decimal | None: st.none() | amounts(),
        float | None: st.none() | numbers,
        int | None: st.none() | int64s,
        str | None: st.none() | texts,
        bool | None: st.none() | st.booleans(),
    }
    chosen = {name: known.get(name, by_type.get(kind)) for name, kind in _annotations(struct).items()}
    return st.builds(struct, **chosen)


def _annotations(struct: type) -> dict[str, object]:
    return {name: kind for base in reversed(struct.__mro__) for name, kind in inspect.get_annotations(base).items()}


tickers = _built(Ticker, code=codes)
trades = _built(Trade, code=codes)
units = _built(OrderbookUnit)
orderbooks = _built(Orderbook, code=codes, orderbook_units=st.lists(units, max_size=4).map(tuple))
candles = _built(Candle, code=codes, type=st.sampled_from(CANDLE_TYPES))
my_orders = _built(MyOrder, code=codes)
my_assets = _built(MyAsset, assets=st.lists(_built(Asset), max_size=3).map(tuple))
announcements = _built(Announcement)
entries = st.builds(SubscriptionEntry, texts, st.lists(codes, max_size=3).map(tuple), st.none() | numbers)
subscription_lists = st.builds(SubscriptionList, texts, st.lists(entries, max_size=3).map(tuple))

data_messages = tickers | trades | orderbooks | candles | my_orders | my_assets | announcements
messages = data_messages | st.builds(Status, texts) | st.builds(ErrorFrame, texts, texts) | subscription_lists

market_codes = st.sampled_from(["KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-XRP", "USDT-ADA"])
books = st.builds(
    Topic,
    st.just("orderbook"),
    market_codes,
    st.sampled_from(ORDERBOOK_UNITS),
    st.sampled_from([0.0, 0.001, 10_000.0, 1e8, 1e16]),
)
market_topics = st.tuples(st.sampled_from(MARKET_TYPES), market_codes).map(lambda pair: Topic(*pair)) | books
topics = market_topics | st.sampled_from(PRIVATE_TYPES).map(lambda kind: Topic(kind))  # noqa: PLW0108  # builds() would fill in the rest
topic_sets = st.frozensets(topics, max_size=12)
