"""The feed on an exchange in memory, under a clock that jumps: connect, subscribe, lose, reconnect, park."""

import itertools

import pytest
import trio
from trio.testing import MockClock

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.routing import refusal_of
from protocols.channel.messages import Want, Wants
from protocols.errors import AuthenticationError, ConnectionLost, HandshakeRefused
from protocols.upbit.messages import ErrorFrame, Status, SubscriptionEntry, SubscriptionList
from protocols.upbit.requests import Format, SubscriptionRequest
from protocols.upbit.topics import Topic
from tests.actors.connections.fake_exchange import FakeConnection, Rig, quiet, send_snapshots
from tests.actors.runtime.channel.channel_pair import trade

BTC, ETH = "trade/KRW-BTC", "trade/KRW-ETH"


async def test_the_union_is_subscribed_and_its_events_are_published(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC, ETH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        (connection,) = rig.exchange.connections
        (_at_s, request) = connection.requests[0]
        connection.say(trade(7), trade(8, "KRW-ETH"), trade(9, "KRW-XRP"))
        await quiet()
        nursery.cancel_scope.cancel()
    assert request.format is Format.SIMPLE
    assert [(item.type, item.codes, item.is_only_realtime) for item in request.subscriptions] == [
        ("trade", ("KRW-BTC", "KRW-ETH"), False)
    ]
    items = rig.received()
    assert [item[0] for item in items] == ["welcome", "accepted", "up", *["event"] * 4]
    assert [(item[1], item[3]) for item in items[3:]] == [(BTC, 1), (ETH, 1), (BTC, 2), (ETH, 2)]
    assert rig.counters.snapshot()["unrouted"] == 1


async def test_one_outage_is_one_down_and_one_up_with_the_next_epoch(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(30)
        before = rig.received()
        lost_s = trio.current_time()
        rig.exchange.connections[0].lose()
        await rig.exchange.wait_request()
        await quiet()
        nursery.cancel_scope.cancel()
    after = rig.received()
    assert [item[0] for item in after] == ["down", "up", "event"]
    assert rig.exchange.attempts[1] == pytest.approx(lost_s), "the first attempt is made at once"
    first_epoch = next(item[1] for item in before if item[0] == "up")
    assert after[1][1] == first_epoch + 1
    assert (after[2][2], after[2][3]) == (first_epoch + 1, 1), "a new epoch counts from 1"
    (_at_s, request) = rig.exchange.connections[1].requests[0]
    assert not request.subscriptions[0].is_only_realtime, "a new connection gets a new snapshot"


async def test_reconnecting_goes_on_for_ever_within_the_limits(autojump_clock: MockClock) -> None:
    rig = Rig(ExchangeSettings(audit_interval_s=0, backoff_first_s=0.25, backoff_cap_s=30))
    rig.want(BTC)
    rig.exchange.refusals = [ConnectionLost("connection refused")] * 500
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        while not rig.exchange.connections:
            await rig.exchange.wait_request()
        await quiet()
        nursery.cancel_scope.cancel()
    attempts = rig.exchange.attempts
    assert len(attempts) == 501
    assert max(later - earlier for earlier, later in itertools.pairwise(attempts)) <= 30
    assert all(later - earlier > 1 for earlier, later in zip(attempts, attempts[5:], strict=False)), "5 in a second"
    assert rig.markers() == ["down", "up", "event"], "one outage, told once, also when it was there from the start"


@pytest.mark.parametrize(
    ("refusal", "least_s"),
    [
        (HandshakeRefused(429), 1.0),
        (HandshakeRefused(418), 10.0),
        (HandshakeRefused(503, retry_after_s=7), 7.0),
        (HandshakeRefused(429, retry_after_s=40), 40.0),
    ],
)
async def test_a_refused_handshake_is_retried_no_sooner_than_told(
    autojump_clock: MockClock, refusal: HandshakeRefused, least_s: float
) -> None:
    rig = Rig()
    rig.want(BTC)
    rig.exchange.refusals = [refusal]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        nursery.cancel_scope.cancel()
    first_s, second_s = rig.exchange.attempts
    assert second_s - first_s >= least_s
    assert second_s - first_s <= least_s + 0.3


async def test_a_link_that_goes_silent_without_pongs_is_dropped(autojump_clock: MockClock) -> None:
    settings = ExchangeSettings(audit_interval_s=0, quiet_after_s=5, ping_timeout_s=5)
    rig = Rig(settings)
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        connection = rig.exchange.connections[0]
        connection.is_mute = True
        silent_s = trio.current_time()
        await rig.exchange.wait_request()
        noticed_s = rig.exchange.attempts[1] - silent_s
        nursery.cancel_scope.cancel()
    assert connection.is_closed
    assert noticed_s <= settings.quiet_after_s + settings.ping_timeout_s + 0.1
    assert "nothing received for" in str(rig.received()[-1]) or rig.counters.snapshot()["connections_lost"] == 1


async def test_a_quiet_market_is_pinged_and_not_dropped(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(600)
        nursery.cancel_scope.cancel()
    (connection,) = rig.exchange.connections
    gaps = [later - earlier for earlier, later in itertools.pairwise(connection.pings)]
    assert max(gaps) <= 20, "the exchange closes idle sockets after 60 s"
    assert rig.markers() == ["up", "event"]


async def test_data_without_pongs_counts_as_alive(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)

    async def stream(connection: FakeConnection) -> None:
        number = 0
        while True:
            await trio.sleep(1)
            number += 1
            connection.say(trade(number))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        rig.exchange.connections[0].is_mute = True
        nursery.start_soon(stream, rig.exchange.connections[0])
        await trio.sleep(300)
        nursery.cancel_scope.cancel()
    assert len(rig.exchange.connections) == 1


async def test_a_topic_that_stays_gets_no_second_snapshot(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(1)
        rig.want(BTC, ETH)
        await rig.exchange.wait_request()
        await quiet()
        nursery.cancel_scope.cancel()
    events = [(item[1], item[3]) for item in rig.received() if item[0] == "event"]
    assert events == [(BTC, 1), (ETH, 1)]


async def ask_twice(rig: Rig, nursery: trio.Nursery) -> tuple[FakeConnection, list[SubscriptionRequest]]:
    """As on a link of 600 ms: the second request goes out before the first one's snapshot is here."""
    requests: list[SubscriptionRequest] = []
    rig.exchange.on_request = lambda _connection, request: requests.append(request)
    rig.want(BTC)
    nursery.start_soon(rig.feed.run)
    await rig.exchange.wait_request()
    rig.want(BTC, ETH)
    await rig.exchange.wait_request()
    (connection,) = rig.exchange.connections
    return connection, requests


@pytest.mark.parametrize("heeds_first", [True, False], ids=["heeds_both_requests", "heeds_the_last_request"])
async def test_a_topic_that_was_asked_for_twice_before_it_answered_gets_one_snapshot(
    heeds_first: bool, autojump_clock: MockClock
) -> None:
    rig = Rig()
    async with trio.open_nursery() as nursery:
        connection, requests = await ask_twice(rig, nursery)
        for request in requests if heeds_first else requests[1:]:
            send_snapshots(connection, request)
            connection.say(trade(len(connection.requests)))
        await quiet()
        rig.want(ETH)
        await rig.exchange.wait_request()
        rig.want(BTC, ETH)
        await rig.exchange.wait_request()
        send_snapshots(connection, requests[-1])
        await quiet()
        nursery.cancel_scope.cancel()
    assert [item.codes for request in requests[:2] for item in request.subscriptions if not item.is_only_realtime] == [
        ("KRW-BTC",),
        ("KRW-BTC", "KRW-ETH"),
    ]
    events = [(item[1], item[3]) for item in rig.received() if item[0] == "event"]
    trades = 2 if heeds_first else 1
    assert [number for topic, number in events if topic == BTC] == list(range(1, 3 + trades)), "one before, one anew"
    assert [number for topic, number in events if topic == ETH] == [1]
    assert rig.counters.snapshot()["snapshots_repeated"] == int(heeds_first)


async def test_the_snapshot_after_a_hole_is_published_whatever_was_asked_for_twice_before(
    autojump_clock: MockClock,
) -> None:
    rig = Rig()
    async with trio.open_nursery() as nursery:
        connection, requests = await ask_twice(rig, nursery)
        send_snapshots(connection, requests[1])  # The first request was not heeded, so one more never comes.
        await trio.sleep(1)
        nursery.start_soon(rig.feed.lists.ask)
        await rig.exchange.wait_request()
        entries = (SubscriptionEntry("trade", ("KRW-ETH",)),)
        connection.say(SubscriptionList(requests[-1].ticket, entries))
        await rig.exchange.wait_request()
        assert [item.codes for item in requests[-1].subscriptions if not item.is_only_realtime] == [("KRW-BTC",)]
        send_snapshots(connection, requests[-1])
        await quiet()
        nursery.cancel_scope.cancel()
    events = [(item[1], item[3]) for item in rig.received() if item[0] == "event"]
    assert sorted(events) == [(BTC, 1), (BTC, 2), (ETH, 1)]
    assert rig.counters.snapshot()["snapshots_repeated"] == 0


async def test_a_snapshot_that_comes_after_other_data_is_published(autojump_clock: MockClock) -> None:
    rig = Rig()
    async with trio.open_nursery() as nursery:
        connection, _requests = await ask_twice(rig, nursery)
        connection.say(trade(1), trade(1, stream_type="SNAPSHOT"), trade(2))
        await quiet()
        nursery.cancel_scope.cancel()
    events = [(item[1], item[3]) for item in rig.received() if item[0] == "event"]
    assert events == [(BTC, 1), (BTC, 2), (BTC, 3)]


async def test_a_want_without_a_snapshot_is_told_to_its_owner(autojump_clock: MockClock) -> None:
    rig = Rig(ExchangeSettings(audit_interval_s=0, snapshot_timeout_s=5))
    rig.exchange.on_request = lambda connection, _request: connection.say(trade(0, "KRW-BTC", "SNAPSHOT"))
    rig.want(BTC, "trade/KRW-NOSUCH")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    problems = [item for item in rig.received() if item[0] == "problem"]
    assert [item[1] for item in problems] == ["trade/KRW-NOSUCH"], "once, and nobody else's"
    assert "no data within 5 s" in str(problems[0][2])


async def test_an_error_frame_gives_up_the_new_topic_and_keeps_the_rest(autojump_clock: MockClock) -> None:
    rig = Rig()
    bad = "orderbook@7/KRW-BTC"

    def answer(connection: FakeConnection, request: object) -> None:
        if any(item.type == "orderbook" for item in request.subscriptions):  # type: ignore[attr-defined]
            connection.say(ErrorFrame("INVALID_PARAM", "no such level"))
            connection.lose("server closed the connection with 1000")
        else:
            connection.say(trade(0, "KRW-BTC", "SNAPSHOT"))

    rig.exchange.on_request = answer
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(5)
        rig.want(BTC, bad)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    items = rig.received()
    assert [item[1] for item in items if item[0] == "problem"] == [bad]
    assert rig.exchange.connections[-1].requests[-1][1].subscriptions[0].type == "trade"
    assert rig.counters.snapshot()["error_frames"] == 1


async def test_frames_that_cannot_be_read_are_counted_and_the_rest_goes_on(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        connection = rig.exchange.connections[0]
        for _ in range(150):
            connection.say_bytes(b'{"ty":"trade","cd":', b"\x00\xff garbage")
        connection.say(trade(1))
        connection.say_bytes(b"[]")
        await quiet()
        nursery.cancel_scope.cancel()
    counted = rig.counters.snapshot()
    assert counted["frames_unreadable"] >= 300
    assert [item[3] for item in rig.received() if item[0] == "event"] == [1, 2]
    samples = [entry for entry in rig.logged.entries if entry["event"] == "feed.unreadable"]
    assert 1 <= len(samples) <= 4, "a flood of garbage is no flood of log lines"
    assert "garbage" in str(samples) or '"ty":"trade"' in str(samples)


async def test_new_fields_of_the_exchange_are_counted_and_harmless(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        rig.exchange.connections[0].say_bytes(
            b'{"ty":"trade","cd":"KRW-BTC","tms":1,"td":"d","ttm":"t","ttms":1,"tp":1.0,"tv":1.0,"ab":"BID","pcp":1.0,'
            b'"c":"RISE","cp":1.0,"sid":17877285547970000,"st":"REALTIME","brand_new":{"x":1}}'
        )
        await quiet()
        nursery.cancel_scope.cancel()
    assert rig.counters.snapshot()["unknown_fields"] == 1
    assert [item[3] for item in rig.received() if item[0] == "event"] == [1, 2]


async def test_a_difference_found_by_an_audit_is_sent_again(autojump_clock: MockClock) -> None:
    rig = Rig(ExchangeSettings(audit_interval_s=60))
    rig.want(BTC, ETH)

    def answer(connection: FakeConnection, request: object) -> None:
        if request.method:  # type: ignore[attr-defined]
            entry = SubscriptionEntry("trade", ("KRW-BTC",))
            connection.say(SubscriptionList(request.ticket, (entry,)))  # type: ignore[attr-defined]
        else:
            connection.say(trade(0), trade(0, "KRW-ETH"))

    rig.exchange.on_request = answer
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(70)
        nursery.cancel_scope.cancel()
    requests = [request for _at_s, request in rig.exchange.connections[0].requests]
    assert [request.method for request in requests] == [None, "LIST_SUBSCRIPTIONS", None]
    assert rig.counters.snapshot()["audit_differences"] == 1


async def test_the_status_of_the_exchange_is_no_data(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        rig.exchange.connections[0].say(Status("UP"))
        await quiet()
        nursery.cancel_scope.cancel()
    assert rig.markers() == ["up", "event"]
    assert rig.counters.snapshot()["unrouted"] == 0


async def test_changes_that_come_close_together_are_one_request(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(2)
        for number in range(50):
            rig.want(BTC, *(f"trade/KRW-X{other}" for other in range(number + 1)))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    requests = rig.exchange.connections[0].requests
    assert len(requests) == 2
    codes = {code for subscription in requests[1][1].subscriptions for code in subscription.codes}
    assert len(codes) == 51


async def test_bad_keys_reach_the_caller_and_a_later_run_starts_again(autojump_clock: MockClock) -> None:
    rig = Rig(needs_keys=True, always=frozenset((Topic("myOrder"), Topic("myAsset"))))
    rig.exchange.refusals = [AuthenticationError("no keys")]
    with pytest.raises(AuthenticationError, match="no keys"):
        await rig.feed.run()
    rig.exchange.on_request = lambda connection, _request: connection.say(ErrorFrame("INVALID_AUTH", "bad"))
    with pytest.raises(AuthenticationError, match="INVALID_AUTH"):
        await rig.feed.run()
    (connection,) = rig.exchange.connections
    assert [item.type for item in connection.requests[0][1].subscriptions] == ["myAsset", "myOrder"]


async def test_a_request_that_cannot_be_sent_ends_the_connection(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    stuck: list[FakeConnection] = []

    class Stuck(FakeConnection):
        async def send(self, message: bytes) -> None:
            stuck.append(self)
            await trio.sleep_forever()

    original = rig.exchange.dial

    async def dial(nursery: trio.Nursery) -> FakeConnection:
        connection = await original(nursery)
        if not stuck:
            connection.__class__ = Stuck
        return connection

    rig.feed._dial = dial
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        nursery.cancel_scope.cancel()
    assert stuck[0].is_closed
    assert rig.exchange.attempts[1] - rig.exchange.attempts[0] == pytest.approx(5, abs=0.5)


async def test_an_idle_feed_sends_nothing_and_stays(autojump_clock: MockClock) -> None:
    rig = Rig()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()
    (connection,) = rig.exchange.connections
    assert connection.requests == []
    assert rig.feed.describe()["link"] == "up"


async def test_a_topic_that_is_dropped_and_wanted_again_at_once_is_not_called_silent(
    autojump_clock: MockClock,
) -> None:
    rig = Rig()
    rig.want(BTC, ETH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(2)
        rig.want(BTC)
        await rig.exchange.wait_request()
        rig.want(BTC, ETH)
        rig.exchange.connections[0].say(trade(1, "KRW-ETH"))  # Late data of the subscription before.
        await rig.exchange.wait_request()
        await trio.sleep(30)
        nursery.cancel_scope.cancel()
    items = rig.received()
    assert [item for item in items if item[0] == "problem"] == []
    numbers = [item[3] for item in items if item[0] == "event" and item[1] == ETH]
    assert numbers == sorted(set(numbers)), "no number is used twice within an epoch"


async def test_a_one_shot_want_that_is_served_by_late_data_does_no_harm(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        rig.publisher.set_wants(rig.subscriber, Wants(9, (Want(BTC), Want(ETH, preference="snapshot_only"))))
        rig.exchange.connections[0].say(trade(0, "KRW-ETH", "SNAPSHOT"), trade(1))
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert [item[1] for item in rig.received() if item[0] == "event"] == [BTC, ETH, BTC]


async def test_a_topic_has_one_spelling() -> None:
    for key in ("orderbook.30/KRW-BTC", "orderbook@0/KRW-BTC", "orderbook@1e4/KRW-BTC", "orderbook@10000.0/KRW-BTC"):
        assert "one spelling" in refusal_of(key, ("orderbook",), other="private")
    assert refusal_of("orderbook.5@10000/KRW-BTC", ("orderbook",), other="private") == ""
    assert "served by the actor `private`" in refusal_of("myOrder", ("orderbook",), other="private")
    assert "not a price step" in refusal_of("orderbook@-1/KRW-BTC", ("orderbook",), other="private")


async def test_too_many_requests_holds_for_the_next_connection_as_well(autojump_clock: MockClock) -> None:
    rig = Rig()

    def answer(connection: FakeConnection, _request: object) -> None:
        connection.say(ErrorFrame("TOO_MANY_REQUEST", "slow down"))
        connection.lose("server closed the connection with 1000")

    rig.exchange.on_request = answer
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    requests = [at_s for connection in rig.exchange.connections for at_s, _ in connection.requests]
    assert min(later - earlier for earlier, later in itertools.pairwise(requests)) >= 5


async def test_an_exchange_that_refuses_from_the_start_is_told_with_the_reason(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    rig.exchange.refusals = [HandshakeRefused(503)] * 3
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await quiet()
        nursery.cancel_scope.cancel()
    items = [item for item in rig.received() if item[0] in {"down", "up"}]
    assert [item[0] for item in items] == ["down", "up"]
    assert "503" in str(items[0][2])


async def test_a_connection_whose_topics_nobody_wants_any_more_is_given_up_and_nobody_is_told(
    autojump_clock: MockClock,
) -> None:
    """The exchange goes on sending what was asked for last, and takes no request for nothing."""
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(5)
        rig.received()
        rig.want()
        await trio.sleep(0.4)
        assert len(rig.exchange.connections) == 1, "who changes from one want to another is quicker"
        await trio.sleep(5)
        assert rig.exchange.connections[0].is_closed
        assert [item[0] for item in rig.received()] == ["accepted", "up"], "no outage, but a new epoch"
        rig.want(BTC)
        await rig.exchange.wait_request()
        await quiet()
        nursery.cancel_scope.cancel()
    _first, second = rig.exchange.connections
    assert [item[0] for item in rig.received()] == ["accepted", "event"], "and no value of the connection before"
    assert not second.requests[0][1].subscriptions[0].is_only_realtime
    assert rig.counters.snapshot()["connections_unwanted"] == 1
    assert "connections_lost" not in rig.counters.snapshot()


async def test_a_want_that_comes_in_time_keeps_the_connection(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        for _ in range(20):
            await trio.sleep(2)
            rig.want()
            await trio.sleep(0.3)
            rig.want(ETH)
            await trio.sleep(2)
            rig.want(BTC)
        nursery.cancel_scope.cancel()
    assert len(rig.exchange.connections) == 1


def answer_lists(connection: FakeConnection, request: SubscriptionRequest) -> None:
    """An exchange that knows what it was asked for last."""
    if request.method:
        asked = [r for _at_s, r in connection.requests if not r.method][-1]
        entries = tuple(SubscriptionEntry(part.type, part.codes) for part in asked.subscriptions)
        connection.say(SubscriptionList(request.ticket, entries))
    else:
        send_snapshots(connection, request)


async def test_the_exchanges_own_list_is_asked_for_once_for_all_who_ask(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.exchange.on_request = answer_lists  # type: ignore[assignment]
    answers: list[dict[str, object]] = []

    async def ask() -> None:
        answers.append(await rig.feed.lists.ask())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await quiet()
        rig.exchange.connections[0].say(Status("UP"))
        await quiet()
        assert await rig.feed.lists.ask() == {"entries": ()}, "nothing was asked for: no question is needed"
        rig.want(BTC, ETH)
        async with trio.open_nursery() as asking:
            for _ in range(30):
                asking.start_soon(ask)
        nursery.cancel_scope.cancel()
    entry = SubscriptionEntry("trade", ("KRW-BTC", "KRW-ETH"))
    assert answers == [{"entries": (entry,)}] * 30
    methods = [request.method for _at_s, request in rig.exchange.connections[0].requests]
    assert methods == [None, "LIST_SUBSCRIPTIONS"], "the change of the wants goes first"


async def test_a_list_that_cannot_be_had_is_an_error_with_its_reason(autojump_clock: MockClock) -> None:
    rig = Rig()
    with pytest.raises(ConnectionLost, match="no connection to the exchange now"):
        await rig.feed.lists.ask()
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(5)
        began_s = trio.current_time()
        with pytest.raises(ConnectionLost, match="did not answer LIST_SUBSCRIPTIONS within 10 s"):
            await rig.feed.lists.ask()
        assert trio.current_time() - began_s == pytest.approx(10)
        nursery.cancel_scope.cancel()


async def test_a_list_is_asked_for_no_faster_than_the_limits_allow(autojump_clock: MockClock) -> None:
    rig = Rig()
    rig.exchange.on_request = answer_lists  # type: ignore[assignment]
    rig.want(BTC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.feed.run)
        await rig.exchange.wait_request()
        await trio.sleep(5)
        for _ in range(150):
            await rig.feed.lists.ask()
        nursery.cancel_scope.cancel()
    times_s = [at_s for at_s, _request in rig.exchange.connections[0].requests]
    assert len(times_s) == 151
    assert all(later - earlier > 1 for earlier, later in zip(times_s, times_s[5:], strict=False)), "5 in a second"
    assert all(later - earlier > 60 for earlier, later in zip(times_s, times_s[100:], strict=False)), "100 in a minute"
