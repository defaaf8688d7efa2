import pytest

from tests.actors.exchange.rest.orders.private_side import PrivateSide


@pytest.fixture
def side() -> PrivateSide:
    return PrivateSide()


@pytest.fixture
def wide_side() -> PrivateSide:
    """With a BTC and a USDT market."""
    return PrivateSide(markets=12)


@pytest.fixture(scope="module")
def untouched() -> PrivateSide:
    """One for all requests of a table that change nothing: to make one takes longer than to ask."""
    return PrivateSide()
