import contextlib
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.upbit.messages import MARKET_TYPES, PRIVATE_TYPES
from protocols.upbit.requests import (
    ANNOUNCEMENT_CATEGORIES,
    Format,
    RequestRefused,
    RequestRules,
    Subscription,
    SubscriptionRequest,
    build_request,
    parse_request,
    split_depth,
    subscriptions_for,
)
from protocols.upbit.topics import Topic, parse_topic
from tests.protocols.upbit.strategies import market_codes, topic_sets

TICKET = b'{"ticket":"x"}'
TICKER = b'{"type":"ticker","codes":["KRW-BTC"]}'

some_codes = st.lists(market_codes, min_size=1, max_size=4).map(tuple)
one_flag = st.sampled_from([{}, {"is_only_snapshot": True}, {"is_only_realtime": True}])
market_subscriptions = st.builds(
    lambda kind, codes, flag, level: Subscription(kind, codes, **flag, level=level if kind == "orderbook" else None),
    st.sampled_from(MARKET_TYPES),
    some_codes,
    one_flag,
    st.sampled_from([None, 0.1, 10000.0, 1e8]),
)
announcements = st.builds(
    Subscription,
    st.just("announcement"),
    categories=st.lists(st.sampled_from(sorted(ANNOUNCEMENT_CATEGORIES)), max_size=3).map(tuple),
    include_body=st.booleans(),
)
private_subscriptions = st.builds(Subscription, st.just("myOrder"), st.just(()) | some_codes) | st.just(
    Subscription("myAsset")
)
requests = st.builds(
    SubscriptionRequest,
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=10),
    st.lists(market_subscriptions | announcements | private_subscriptions, min_size=1, max_size=5).map(tuple),
    st.sampled_from(Format),
    st.sampled_from([None, "LIST_SUBSCRIPTIONS"]),
)


@given(requests)
def test_a_request_survives_writing_and_reading(request: SubscriptionRequest) -> None:
    assert parse_request(build_request(request)) == request


@given(requests, st.randoms(use_true_random=False))
def test_the_order_of_elements_does_not_matter(request: SubscriptionRequest, rng: random.Random) -> None:
    elements = msgspec.json.decode(build_request(request))
    rng.shuffle(elements)
    again = parse_request(msgspec.json.encode(elements))
    assert (again.ticket, again.format, again.method) == (request.ticket, request.format, request.method)
    assert sorted(map(repr, again.subscriptions)) == sorted(map(repr, request.subscriptions))


def test_a_request_is_written_as_the_documentation_has_it() -> None:
    request = SubscriptionRequest(
        "x",
        (
            Subscription("ticker", ("KRW-BTC", "KRW-ETH"), is_only_realtime=True),
            Subscription("orderbook", ("KRW-BTC.15",), level=10000.0),
            Subscription("myAsset"),
        ),
        Format.SIMPLE,
    )
    assert build_request(request) == (
        b'[{"ticket":"x"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH"],"is_only_realtime":true},'
        b'{"type":"orderbook","codes":["KRW-BTC.15"],"level":10000.0},{"type":"myAsset"},{"format":"SIMPLE"}]'
    )


def test_flags_in_camel_case_are_read() -> None:
    # The first line of the capture of 2021: format second, camelCase.
    frame = b'[{"ticket":"x"},{"format":"SIMPLE"},{"type":"trade","codes":["BTC-ARK"],"isOnlyRealtime":true}]'
    assert parse_request(frame) == SubscriptionRequest(
        "x", (Subscription("trade", ("BTC-ARK",), is_only_realtime=True),), Format.SIMPLE
    )
    snapshot = frame.replace(b"isOnlyRealtime", b"isOnlySnapshot")
    assert parse_request(snapshot).subscriptions[0].is_only_snapshot


def test_a_missing_format_means_default_and_the_last_of_several_counts() -> None:
    assert parse_request(b"[" + TICKET + b"," + TICKER + b"]").format is Format.DEFAULT
    formats = b'{"format":"SIMPLE"},{"format":"JSON_LIST"}'
    assert parse_request(b"[" + TICKET + b"," + TICKER + b"," + formats + b"]").format is Format.JSON_LIST


def test_the_method_may_stand_before_the_ticket() -> None:
    assert parse_request(b'[{"method":"LIST_SUBSCRIPTIONS"},{"ticket":"x"}]') == SubscriptionRequest(
        "x", method="LIST_SUBSCRIPTIONS"
    )


def test_orders_of_all_markets_may_be_asked_for_with_an_empty_list() -> None:
    request = parse_request(b'[{"ticket":"x"},{"type":"myOrder","codes":[]}]')
    assert request.subscriptions == (Subscription("myOrder"),)
    assert request.subscriptions[0].topics == (Topic("myOrder"),)


def test_a_level_may_be_a_number_or_text() -> None:
    frame = b'[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC"],"level":%s}]'
    for wire, level in ((b"10000", 10000.0), (b'"10000"', 10000.0), (b"0", 0.0), (b"null", None)):
        assert parse_request(frame % wire).subscriptions[0].level == level


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (b"hello", "WRONG_FORMAT"),
        (b"", "WRONG_FORMAT"),
        (b"\xff", "WRONG_FORMAT"),
        (b"[" * 100_000, "WRONG_FORMAT"),
        (b'{"ticket":"x"}', "WRONG_FORMAT"),
        (b"[1]", "WRONG_FORMAT"),
        (b"[" + TICKER + b"]", "NO_TICKET"),
        (b"[]", "NO_TICKET"),
        (b'[{"ticket":""},' + TICKER + b"]", "NO_TICKET"),
        (b'[{"ticket":7},' + TICKER + b"]", "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"format":"DEFAULT"}]', "NO_TYPE"),
        (b'[{"ticket":"x"},{"type":"ticker"}]', "NO_CODES"),
        (b'[{"ticket":"x"},{"type":"candle.1s","codes":[]}]', "NO_CODES"),
        (b'[{"ticket":"x"},{"type":"ticker","codes":"KRW-BTC"}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"type":"ticker","codes":[1]}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"type":"ticker","codes":""}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"type":"myOrder","codes":{}}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"type":"foo","codes":["KRW-BTC"]}]', "INVALID_PARAM"),
        (b'[{"ticket":"x"},{"type":7}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"type":"myAsset","codes":["KRW-BTC"]}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"type":"announcement","categories":["gossip"]}]', "INVALID_PARAM"),
        (b'[{"ticket":"x"},{"type":"announcement","categories":"trade"}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},' + TICKER + b',{"format":"XML"}]', "INVALID_PARAM"),
        (b'[{"ticket":"x"},' + TICKER + b',{"format":null}]', "WRONG_FORMAT"),
        (b'[{"ticket":"x"},{"method":"UNSUBSCRIBE"}]', "INVALID_PARAM"),
        (b'[{"ticket":"x"},{"type":"ticker","codes":["KRW-BTC"],"is_only_realtime":"yes"}]', "WRONG_FORMAT"),
        (
            b'[{"ticket":"x"},{"type":"ticker","codes":["A-B"],"is_only_realtime":true,"isOnlySnapshot":true}]',
            "WRONG_FORMAT",
        ),
        (b'[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC"],"level":"much"}]', "WRONG_FORMAT"),
    ],
)
def test_a_bad_request_is_refused_by_the_exchanges_name(frame: bytes, name: str) -> None:
    with pytest.raises(RequestRefused, match=f"^{name}: .") as caught:
        parse_request(frame)
    assert caught.value.name == name
    assert caught.value.message


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reading_of_a_request(frame: bytes) -> None:
    with contextlib.suppress(RequestRefused):
        parse_request(frame)


@pytest.mark.parametrize(
    ("code", "market", "units"),
    [
        ("KRW-BTC", "KRW-BTC", 30),
        ("KRW-BTC.15", "KRW-BTC", 15),
        ("KRW-BTC.1", "KRW-BTC", 1),
        ("KRW-BTC.20", "KRW-BTC", 30),
        ("KRW-BTC.x", "KRW-BTC.x", 30),
        ("KRW-A.B.5", "KRW-A.B", 5),
    ],
)
def test_a_depth_that_is_not_served_falls_back_to_30(code: str, market: str, units: int) -> None:
    assert split_depth(code) == (market, units)


@given(topic_sets, topic_sets)
def test_the_union_asks_for_each_topic_just_once(topics: frozenset[Topic], others: frozenset[Topic]) -> None:
    union = subscriptions_for([*topics, *others], realtime_only=others)
    asked = [topic for subscription in union for topic in subscription.topics]
    assert sorted(asked) == sorted(topics | others)


@given(topic_sets, topic_sets)
def test_only_market_topics_that_stay_are_asked_for_without_snapshot(
    topics: frozenset[Topic], kept: frozenset[Topic]
) -> None:
    for subscription in subscriptions_for(topics, realtime_only=kept):
        for topic in subscription.topics:
            assert subscription.is_only_realtime == (topic in kept and topic.type in MARKET_TYPES)
        assert not subscription.is_only_snapshot


@given(topic_sets, st.randoms(use_true_random=False))
def test_the_union_does_not_depend_on_the_order_of_wants(topics: frozenset[Topic], rng: random.Random) -> None:
    shuffled = rng.sample(sorted(topics), len(topics))
    assert subscriptions_for(shuffled, realtime_only=shuffled[::2]) == subscriptions_for(
        topics, realtime_only=frozenset(shuffled[::2])
    )


@given(topic_sets.filter(bool))
def test_the_union_is_a_request_that_the_exchange_takes(topics: frozenset[Topic]) -> None:
    request = SubscriptionRequest("x", subscriptions_for(topics), Format.SIMPLE)
    assert parse_request(build_request(request)) == request


def test_books_have_depths_as_suffix_and_levels_in_objects_of_their_own() -> None:
    keys = ["orderbook/KRW-BTC", "orderbook.5/KRW-ETH", "orderbook@10000/KRW-BTC", "myOrder", "ticker/KRW-BTC"]
    kept = parse_topic("ticker/KRW-BTC")
    assert subscriptions_for(map(parse_topic, keys), realtime_only=[kept, Topic("myOrder")]) == (
        Subscription("myOrder"),
        Subscription("orderbook", ("KRW-BTC", "KRW-ETH.5")),
        Subscription("orderbook", ("KRW-BTC",), level=10000.0),
        Subscription("ticker", ("KRW-BTC",), is_only_realtime=True),
    )


@pytest.mark.parametrize("kind", PRIVATE_TYPES)
def test_what_belongs_to_the_account_is_asked_for_without_codes(kind: str) -> None:
    assert subscriptions_for([Topic(kind)]) == (Subscription(kind),)
    assert Subscription(kind).topics == (Topic(kind),)


def test_formats_know_whether_they_are_short_and_whether_they_are_lists() -> None:
    assert [(form.is_short, form.is_list) for form in Format] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]


BOTH_FLAGS = b'[{"ticket":"x"},{"type":"trade","codes":["KRW-BTC"],"is_only_snapshot":true,"isOnlyRealtime":true}]'
LOWER_CASE = b'[{"ticket":"x"},{"type":"trade","codes":["KRW-BTC","krw-eth"]}]'
EMPTY = b'[{"ticket":"x"},{"format":"SIMPLE"}]'


@pytest.mark.parametrize(
    ("frame", "rules", "name"),
    [
        (BOTH_FLAGS, RequestRules(), "WRONG_FORMAT"),
        (LOWER_CASE, RequestRules(takes_lower_case=False), "WRONG_FORMAT"),
        (EMPTY, RequestRules(), "NO_TYPE"),
        (b'[{"format":"SIMPLE"}]', RequestRules(takes_empty=True), "NO_TICKET"),
    ],
)
def test_what_the_rules_do_not_take_is_refused(frame: bytes, rules: RequestRules, name: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        parse_request(frame, rules)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("frame", "rules", "subscriptions"),
    [
        (BOTH_FLAGS, RequestRules(takes_both_flags=True), (Subscription("trade", ("KRW-BTC",)),)),
        (LOWER_CASE, RequestRules(), (Subscription("trade", ("KRW-BTC", "krw-eth")),)),
        (EMPTY, RequestRules(takes_empty=True), ()),
    ],
)
def test_what_the_rules_take_is_read(
    frame: bytes, rules: RequestRules, subscriptions: tuple[Subscription, ...]
) -> None:
    assert parse_request(frame, rules).subscriptions == subscriptions
