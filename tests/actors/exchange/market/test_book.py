import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.market.book import Book
from protocols.errors import UsageError


def totals(book: Book) -> int:
    return sum(size for side in (book.asks, book.bids) for _, size in side.best_first())


def test_the_oldest_order_at_the_best_price_is_taken_first() -> None:
    book = Book()
    book.place(1, is_ask=True, price_e8=101, size_e8=5)
    book.place(2, is_ask=True, price_e8=100, size_e8=5)
    book.place(3, is_ask=True, price_e8=100, size_e8=5)
    fills = [book.take(is_buy=True, size_e8=4) for _ in range(4)]
    assert fills == [(2, 100, 4), (2, 100, 1), (3, 100, 4), (3, 100, 1)]
    assert book.asks.best() == (101, 5)


def test_a_limit_stops_a_taker_before_a_worse_price() -> None:
    book = Book()
    book.place(1, is_ask=False, price_e8=99, size_e8=5)
    assert book.take(is_buy=False, size_e8=5, limit_e8=100) is None
    assert book.take(is_buy=False, size_e8=5, limit_e8=99) == (1, 99, 5)
    assert book.take(is_buy=False, size_e8=5) is None


@pytest.mark.parametrize(("is_ask", "price"), [(True, 100), (True, 99), (False, 102), (False, 101)])
def test_an_order_that_would_cross_is_not_allowed_to_rest(is_ask: bool, price: int) -> None:
    book = Book()
    book.place(1, is_ask=True, price_e8=101, size_e8=5)
    book.place(2, is_ask=False, price_e8=100, size_e8=5)
    with pytest.raises(UsageError, match="cannot rest"):
        book.place(3, is_ask=is_ask, price_e8=price, size_e8=5)
    assert totals(book) == 10


def test_cancelling_an_unknown_order_changes_nothing() -> None:
    assert Book().cancel(12) == 0


steps = st.lists(
    st.tuples(st.sampled_from(["place", "take", "cancel"]), st.booleans(), st.integers(1, 20), st.integers(1, 50)),
    max_size=60,
)


@given(steps)
def test_a_book_never_crosses_and_loses_nothing(actions: list[tuple[str, bool, int, int]]) -> None:
    book, expected, next_id = Book(), 0, 1
    for action, flag, price, size in actions:
        if action == "place":
            try:
                book.place(next_id, is_ask=flag, price_e8=price, size_e8=size)
            except UsageError:
                continue
            expected += size
            next_id += 1
        elif action == "take":
            fill = book.take(is_buy=flag, size_e8=size, limit_e8=price)
            expected -= fill.size_e8 if fill else 0
        else:
            expected -= book.cancel(size % next_id)
        assert totals(book) == expected
        ask, bid = book.asks.best()[0], book.bids.best()[0]
        assert not ask or not bid or bid < ask
        assert book.asks.prices == sorted(book.asks.levels)
