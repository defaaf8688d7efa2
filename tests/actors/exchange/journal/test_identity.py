"""What names a message, and how two with the same name differ."""

from msgspec.structs import replace

from actors.exchange.journal.identity import IDENTITY_FIELDS, differences, digest_of, identity_of
from protocols.upbit.messages import DataMessage, OrderbookUnit
from tests.actors.exchange.journal.files import announcement, book, candle, my_asset, my_order, ticker, trade

ALL = (trade(1), ticker(1), book(1), candle(1), my_order(1), my_asset(1), announcement(1))


def test_every_type_of_message_has_an_identity_that_differs_from_the_next_one_s() -> None:
    assert set(IDENTITY_FIELDS) == set(DataMessage.__args__)  # type: ignore[attr-defined]  # a union's members
    following = (trade(2), ticker(2), book(2), candle(2), my_order(2), my_asset(2), announcement(2))
    for one, other in zip(ALL, following, strict=True):
        assert identity_of(one) != identity_of(other)


def test_equal_messages_have_no_differences() -> None:
    for message in ALL:
        assert differences(message, replace(message)) == []


def test_a_difference_names_the_field_and_both_values() -> None:
    (found,) = differences(trade(1), trade(1, price=2.0))
    assert found == ("trade_price", 109868000.0, 2.0)


def test_the_digest_tells_a_fall_by_one_from_a_fall_by_two() -> None:
    one, two = (replace(ticker(1), signed_change_price=change) for change in (-1.0, -2.0))
    assert digest_of(one) != digest_of(two)
    assert digest_of(one) == digest_of(replace(one))


def test_a_difference_within_a_book_names_the_level() -> None:
    one = book(1, depth=2)
    other = replace(one, orderbook_units=(one.orderbook_units[0], OrderbookUnit(100.0, 99.0, 0.25, 0.25)))
    assert differences(one, other) == [("orderbook_units[1].ask_price", 102.0, 100.0),
                                       ("orderbook_units[1].ask_size", 0.5, 0.25)]  # fmt: skip


def test_a_book_with_fewer_levels_differs_as_a_whole() -> None:
    (found,) = differences(book(1, depth=2), book(1, depth=1))
    assert found.field == "orderbook_units"
