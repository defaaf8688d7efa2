import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import (
    Asset,
    ErrorFrame,
    Message,
    MyAsset,
    MyOrder,
    Status,
    SubscriptionEntry,
    SubscriptionList,
)
from protocols.upbit.requests import Format

RECORDING = Path(__file__).parents[2] / "data" / "upbit-capture-2021-04-17.jsonl"


def test_recorded_frames_are_written_again_with_the_same_keys_in_the_same_order() -> None:
    lines = [json.loads(line) for line in RECORDING.read_text("utf-8").splitlines()]
    for line in lines[1:60]:
        (message,) = FrameDecoder().decode(line["text"].encode())
        again = json.loads(encode_message(message, Format.SIMPLE))
        again.pop("lv", None)  # Came after 2021.
        assert list(again) == list(json.loads(line["text"]))
        assert again == json.loads(line["text"])


def test_null_stands_where_the_exchange_writes_it() -> None:
    nulls = [name for name, kind in MyOrder.__annotations__.items() if "None" in str(kind)]
    order = MyOrder(
        code="KRW-BTC",
        **dict.fromkeys(("uuid", "ask_bid", "order_type", "state", "stream_type"), "x"),
        **dict.fromkeys(("trades_count", "order_timestamp", "timestamp"), 1),
        **dict.fromkeys(nulls),
    )
    document = json.loads(encode_message(order, Format.DEFAULT))
    assert len(nulls) == 19
    assert all(document[name] is None for name in nulls)


def test_amounts_are_numbers_with_all_their_digits() -> None:
    asset = MyAsset("u", (Asset("KRW", Decimal("1386929.37231066771348207123"), Decimal("6E-8")),), 1, 2, "REALTIME")
    frame = encode_message(asset, Format.SIMPLE_LIST)
    assert frame == (
        b'[{"ty":"myAsset","astuid":"u","ast":[{"cu":"KRW","b":1386929.37231066771348207123,"l":6E-8}],'
        b'"asttms":1,"tms":2,"st":"REALTIME"}]'
    )


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (Status("UP"), b'{"status":"UP"}'),
        (ErrorFrame("NO_TYPE", "text"), b'{"error":{"name":"NO_TYPE","message":"text"}}'),
    ],
)
def test_errors_and_signs_of_life_look_alike_in_all_formats(message: Message, frame: bytes, format_: Format) -> None:
    assert encode_message(message, format_) == frame


def test_the_list_of_subscriptions_is_shortened_but_not_wrapped() -> None:
    answer = SubscriptionList("x", (SubscriptionEntry("myAsset"), SubscriptionEntry("orderbook", ("KRW-BTC",), 0.0)))
    assert encode_message(answer, Format.DEFAULT) == (
        b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myAsset"},'
        b'{"type":"orderbook","codes":["KRW-BTC"],"level":0.0}],"ticket":"x"}'
    )
    assert msgspec.json.decode(encode_message(answer, Format.SIMPLE_LIST)) == {
        "mthd": "LIST_SUBSCRIPTIONS",
        "rslt": [{"ty": "myAsset"}, {"ty": "orderbook", "cds": ["KRW-BTC"], "lv": 0.0}],
        "tckt": "x",
    }
