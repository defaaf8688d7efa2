import msgspec
import pytest

from actors.exchange.quirks import Quirks
from actors.exchange.wire.subscribing import MAX_ACCUMULATED, check_path, follow, list_of
from protocols.upbit.encoding import encode_message
from protocols.upbit.requests import Format, RequestRefused, Subscription, SubscriptionRequest

TICKER = Subscription("ticker", ("KRW-BTC",))
TRADE = Subscription("trade", ("KRW-ETH",))
ONCE = Subscription("candle.1m", ("KRW-BTC",), is_only_snapshot=True)
ADDING = Quirks(requests="accumulate")


def test_a_request_replaces_everything_before_it() -> None:
    change = follow((TICKER,), SubscriptionRequest("t", (TRADE,)), Quirks())
    assert change == ((TRADE,), (TRADE,))


def test_asking_for_the_list_leaves_the_subscriptions_alone() -> None:
    assert follow((TICKER,), SubscriptionRequest("t", method="LIST_SUBSCRIPTIONS"), Quirks()) is None


def test_a_request_for_nothing_clears_them() -> None:
    assert follow((TICKER,), SubscriptionRequest("t"), ADDING) == ((), ())


def test_accumulated_requests_go_on_without_a_second_snapshot() -> None:
    change = follow((TICKER, ONCE), SubscriptionRequest("t", (TRADE,)), ADDING)
    assert change is not None
    assert change.listed == (TICKER, ONCE, TRADE)
    assert change.wanted == (msgspec.structs.replace(TICKER, is_only_realtime=True), TRADE)


def test_accumulated_requests_are_bounded_and_the_oldest_is_forgotten() -> None:
    listed: tuple[Subscription, ...] = (TICKER,)
    for number in range(30):
        codes = tuple(f"KRW-{number}{i}" for i in range(1_500))
        change = follow(listed, SubscriptionRequest("t", (Subscription("trade", codes),)), ADDING)
        assert change is not None
        listed = change.listed
    assert listed[0] != TICKER
    assert listed[-1].codes == codes
    assert sum(len(subscription.codes) for subscription in listed) <= MAX_ACCUMULATED


@pytest.mark.parametrize(
    ("type_", "kind", "name"),
    [("myOrder", "public", "INVALID_AUTH"), ("ticker", "private", "WRONG_FORMAT")],
)
def test_each_path_serves_its_own_types(type_: str, kind: str, name: str) -> None:
    request = SubscriptionRequest("t", (Subscription(type_, ("KRW-BTC",)),))
    with pytest.raises(RequestRefused, match=name):
        check_path(request, kind)


def test_the_list_has_codes_and_levels_as_they_were_sent() -> None:
    listed = (
        Subscription("orderbook", ("KRW-BTC.15", "krw-eth"), level=10_000.0),
        Subscription("orderbook", ("BTC-ETH",), level=0.5),
        Subscription("orderbook", ("KRW-XRP",)),
        Subscription("myAsset"),
    )
    assert encode_message(list_of("x", listed), Format.DEFAULT) == (
        b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"orderbook","codes":["KRW-BTC.15","krw-eth"],"level":10000},'
        b'{"type":"orderbook","codes":["BTC-ETH"],"level":0.5},{"type":"orderbook","codes":["KRW-XRP"],"level":0},'
        b'{"type":"myAsset"}],"ticket":"x"}'
    )
