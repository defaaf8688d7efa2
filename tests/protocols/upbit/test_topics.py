import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import UsageError
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import DataMessage, Orderbook, OrderbookUnit
from protocols.upbit.requests import Format
from protocols.upbit.topics import Topic, is_market_code, parse_topic, topic_of
from tests.protocols.upbit.strategies import data_messages, topics


@given(topics)
def test_a_topic_survives_being_written_as_a_key(topic: Topic) -> None:
    assert parse_topic(topic.key) == topic


@pytest.mark.parametrize(
    ("key", "topic"),
    [
        ("ticker/KRW-BTC", Topic("ticker", "KRW-BTC")),
        ("candle.1m/KRW-BTC", Topic("candle.1m", "KRW-BTC")),
        ("candle.240m/KRW-1INCH", Topic("candle.240m", "KRW-1INCH")),
        ("orderbook/KRW-BTC", Topic("orderbook", "KRW-BTC", 30, 0.0)),
        ("orderbook.30/KRW-BTC", Topic("orderbook", "KRW-BTC", 30, 0.0)),
        ("orderbook.5/KRW-BTC", Topic("orderbook", "KRW-BTC", 5)),
        ("orderbook@10000/KRW-BTC", Topic("orderbook", "KRW-BTC", 30, 10000.0)),
        ("orderbook.15@1e-05/KRW-BTC", Topic("orderbook", "KRW-BTC", 15, 0.00001)),
        ("myOrder", Topic("myOrder")),
        ("announcement", Topic("announcement")),
    ],
)
def test_a_key_is_read(key: str, topic: Topic) -> None:
    assert parse_topic(key) == topic


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "unknown topic"),
        ("tick/KRW-BTC", "unknown topic 'tick/KRW-BTC'; known types: ticker"),
        ("candle.7m/KRW-BTC", "unknown topic"),
        ("candle.1m.5/KRW-BTC", "only an orderbook has a depth"),
        ("ticker", "'' is not a market"),
        ("ticker/krw-btc", "upper case"),
        ("ticker/BTC", "is not a market"),
        ("ticker/KRW-BTC ", "is not a market"),
        ("ticker/KRW-BTC\n", "unknown topic"),
        ("ticker.5/KRW-BTC", "only an orderbook has a depth"),
        ("trade@5/KRW-BTC", "only an orderbook has a depth"),
        ("orderbook.7/KRW-BTC", "depth 7 is none of"),
        ("orderbook.99999999999/KRW-BTC", "unknown topic"),
        ("orderbook@1.2.3/KRW-BTC", "level '1.2.3' is not a price step"),
        ("orderbook@1e999/KRW-BTC", "level '1e999' is not a price step"),
        ("myOrder/KRW-BTC", "takes no market"),
        ("myAsset.5", "takes no market"),
    ],
)
def test_a_key_that_names_nothing_is_refused(key: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_topic(key)
    assert reason in str(caught.value)


@given(st.text(max_size=30) | st.builds("orderbook{}/KRW-BTC".format, st.text("0123456789.@e+-", max_size=20)))
def test_any_text_is_a_topic_or_refused_and_what_is_a_topic_can_be_written_again(text: str) -> None:
    try:
        topic = parse_topic(text)
    except UsageError:
        return
    assert parse_topic(topic.key) == topic


@pytest.mark.parametrize("code", ["KRW-BTC", "USDT-1INCH", "BTC-FCT2", "KRW-A"])
def test_market_codes_have_the_quote_first(code: str) -> None:
    assert is_market_code(code)


@pytest.mark.parametrize("code", ["", "KRW", "KRW-", "-BTC", "krw-btc", "KRW-BTC-X", "KRW/BTC", "K" * 11 + "-BTC"])
def test_other_texts_are_no_market_codes(code: str) -> None:
    assert not is_market_code(code)


@given(data_messages, st.sampled_from(Format))
def test_a_message_has_the_same_topic_before_and_after_the_wire(message: DataMessage, format_: Format) -> None:
    (again,) = FrameDecoder().decode(encode_message(message, format_))
    assert topic_of(again) == topic_of(message)  # type: ignore[arg-type]
    assert topic_of(message).type == message.type


def test_the_topic_of_a_book_has_its_depth_and_level() -> None:
    units = (OrderbookUnit(2.0, 1.0, 1.0, 1.0),) * 15
    assert topic_of(Orderbook("KRW-BTC", 1, 1.0, 1.0, units, "REALTIME", 10000.0)).key == "orderbook.15@10000/KRW-BTC"
