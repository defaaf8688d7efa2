from decimal import Decimal

import msgpack
import msgspec
import pytest
from hypothesis import given

from protocols.upbit.messages import (
    Asset,
    Candle,
    DataMessage,
    MyAsset,
    MyOrder,
    Orderbook,
    Ticker,
    Trade,
)
from tests.protocols.upbit.strategies import (
    announcements,
    candles,
    data_messages,
    my_orders,
    orderbooks,
    tickers,
    trades,
)


@given(data_messages)
def test_every_message_survives_the_channel_and_plain_msgpack_reads_it(message: DataMessage) -> None:
    body = msgspec.msgpack.encode(message)
    assert msgspec.msgpack.decode(body, type=DataMessage) == message
    plain = msgpack.unpackb(body)
    assert plain[0] == message.__struct_config__.tag


@given(tickers | trades | orderbooks | candles | my_orders)
def test_symbol_and_market_are_other_names_of_the_code(message: Ticker | Trade | Orderbook | Candle | MyOrder) -> None:
    assert message.symbol == message.market == message.code


@given(my_orders)
def test_an_order_has_the_names_of_the_rest_interface_too(order: MyOrder) -> None:
    assert order.side == order.ask_bid.lower()
    assert order.ord_type == order.order_type


@given(candles)
def test_a_candle_knows_its_unit(candle: Candle) -> None:
    assert f"candle.{candle.unit}" == candle.type


@given(announcements)
def test_messages_are_frozen(message: DataMessage) -> None:
    with pytest.raises(AttributeError):
        message.stream_type = "x"  # type: ignore[misc]


def test_the_total_of_an_asset_is_exact() -> None:
    asset = Asset("KRW", Decimal("1386929.37231066771348"), Decimal("0.00000000000001"))
    assert asset.total == Decimal("1386929.37231066771349")
    assert MyAsset("u", (asset,), 1, 2, "REALTIME").type == "myAsset"
