"""Publishing, serving and dialling together, over real sockets in one process."""

from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from actors.runtime.channel.asking import ask
from actors.runtime.channel.dialling import Dial
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.serving import MAX_OPEN_REQUESTS
from actors.runtime.process.counters import Counters
from protocols.channel.framing import HEADER, pack_frame
from protocols.channel.messages import CACHED, LIVE, Down, Event, Gap, Hello, Request, Up, Want, WantProblem, Wants
from protocols.errors import UpbitdError, UsageError
from tests.actors.runtime.channel.channel_pair import Served, listening_socket, next_items, served_channel, trade

TOPIC = "trade/KRW-BTC"


def ids(items: list[object]) -> list[int]:
    return [item.body.sequential_id for item in items if isinstance(item, Event)]


async def wait_until_wanted(served: Served, *topics: str) -> None:
    """Wait for the publisher's own signal, not for time to pass."""
    changed = trio.Event()

    def look() -> None:
        if set(topics) == served.publisher.wanted:
            changed.set()

    served.publisher.on_wanted = look
    look()
    await changed.wait()


async def test_a_client_gets_what_it_wants_in_order(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        await feed.want_topics(TOPIC)
        served.publisher.link = "up"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_and_publish, served, list(range(1, 1001)))
            items = await next_items(feed, 1001)
    assert isinstance(items[0], Up)
    assert ids(items) == list(range(1, 1001))
    assert feed.continuity.unannounced == 0


async def wait_and_publish(served: Served, sequential_ids: list[int]) -> None:
    await wait_until_wanted(served, TOPIC)
    for number in sequential_ids:
        served.publish(TOPIC, number)


async def test_one_clients_coming_and_going_does_not_touch_another(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial("stays") as stays:
        served.publisher.link = "up"
        await stays.want_topics(TOPIC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(next_items, stays, 1)
            await wait_until_wanted(served, TOPIC)
        served.publish(TOPIC, 1)
        async with served.dial("goes") as goes:
            await goes.want_topics(TOPIC, "trade/KRW-ETH")
            (up, cached) = await next_items(goes, 2)
            await wait_until_wanted(served, TOPIC, "trade/KRW-ETH")
        await wait_until_wanted(served, TOPIC)
        served.publish(TOPIC, 2)
        items = await next_items(stays, 2)
    assert isinstance(up, Up)
    assert isinstance(cached, Event)
    assert (cached.origin, cached.sequence, cached.body.sequential_id) == (CACHED, 1, 1)
    assert [(item.sequence, item.origin) for item in items if isinstance(item, Event)] == [(1, LIVE), (2, LIVE)]


async def test_a_late_comer_gets_the_last_value_with_its_age(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as first, served.dial() as late:
        await first.want_topics(TOPIC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.receive)
            await wait_until_wanted(served, TOPIC)
            served.publish(TOPIC, 1, 2)
        await late.want_topics(TOPIC)
        _up, cached = await next_items(late, 2)
        served.publish(TOPIC, 3)
        (live,) = await next_items(late, 1)
    assert isinstance(cached, Event)
    assert isinstance(live, Event)
    assert (cached.origin, cached.body.sequential_id, cached.received_ns, cached.wall_ns) == (CACHED, 2, 5, 6)
    assert (live.origin, live.sequence) == (LIVE, cached.sequence + 1)


async def test_preferences_choose_the_snapshot_or_what_follows(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as once, served.dial() as follow:
        await once.want_topics(TOPIC, preference="snapshot_only")
        await follow.want_topics("trade/KRW-ETH", preference="realtime_only")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(once.receive)
            nursery.start_soon(follow.receive)
            await wait_until_wanted(served, TOPIC, "trade/KRW-ETH")
        for topic in (TOPIC, "trade/KRW-ETH"):
            served.publish(topic, 1, stream_type="SNAPSHOT")
        assert served.publisher.wanted == {"trade/KRW-ETH"}, "a one-shot want is over once it is served"
        served.publish("trade/KRW-ETH", 2, 3)
        snapshots = await next_items(once, 1)
        realtime = await next_items(follow, 2)
    assert ids(snapshots) == [1]
    assert ids(realtime) == [2, 3]
    assert follow.continuity.unannounced == 0


async def test_latest_and_sampled_clients_get_the_newest(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        await feed.want([Want("trade/KRW-BTC", "latest"), Want("trade/KRW-ETH", "sampled", 20)])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.receive)
            await wait_until_wanted(served, "trade/KRW-BTC", "trade/KRW-ETH")
        for topic in ("trade/KRW-BTC", "trade/KRW-ETH"):
            served.publish(topic, *range(1, 51))
        served.publish("trade/KRW-ETH", *range(51, 101))
        last = {}
        async for item in feed:
            if isinstance(item, Event):
                last[item.topic] = item.body.sequential_id
                if last == {"trade/KRW-BTC": 50, "trade/KRW-ETH": 100}:
                    break
    assert feed.continuity.unannounced == 0
    assert feed.continuity.merged > 0


async def test_a_bad_want_is_told_to_its_owner_alone(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as good, served.dial() as bad:
        await good.want_topics(TOPIC)
        await bad.want_topics("nonsense", TOPIC)
        problem = (await next_items(bad, 2))[0]
        served.publish(TOPIC, 1)
        assert ids(await next_items(bad, 1)) == [1]
        assert ids(await next_items(good, 2)) == [1]
        served.publisher.report_problem(TOPIC, "no data")
        assert await next_items(good, 1) == [WantProblem(TOPIC, "no data")]
    assert WantProblem("nonsense", "not a topic", is_held=False) == problem or isinstance(problem, Up)


async def test_an_outage_of_the_source_is_told_once(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        served.publisher.link = "connecting"
        await feed.want_topics(TOPIC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.receive)
            await wait_until_wanted(served, TOPIC)
            served.publisher.go_up(now_ns=0)
        served.publish(TOPIC, 1)
        served.publisher.go_down("closed", now_ns=1)
        served.publisher.go_down("refused", now_ns=2)
        served.publisher.go_up(now_ns=3)
        served.publish(TOPIC, 2)
        items = await next_items(feed, 4)
    kinds = [type(item).__name__ for item in items]
    assert kinds == ["Event", "Down", "Up", "Event"]
    first, second = (item for item in items if isinstance(item, Event))
    assert (second.epoch, second.sequence) == (first.epoch + 1, 1)


async def test_the_same_client_survives_its_servers_restart(tmp_path: Path) -> None:
    path = tmp_path / "public.sock"
    with listening_socket(path) as listener, trio.fail_after(10):
        served = Served(path, listener)
        async with served.dial() as feed, trio.open_nursery() as nursery:
            items: list[object] = []
            await feed.want_topics(TOPIC)

            async def read() -> None:
                async for item in feed:
                    items.append(item)
                    if isinstance(item, Event) and item.body.sequential_id == 2:
                        return

            served.publisher.link = "up"
            life = await nursery.start(served.serve)
            async with trio.open_nursery() as reading:
                reading.start_soon(read)
                await wait_until_wanted(served, TOPIC)
                served.publish(TOPIC, 1)
                await trio.testing.wait_all_tasks_blocked(0.01)
                life.cancel()
                served.new_publisher(2)
                served.publisher.link = "up"
                life = await nursery.start(served.serve)
                await wait_until_wanted(served, TOPIC)
                served.publish(TOPIC, 2)
            life.cancel()
    kinds = [type(item).__name__ for item in items]
    assert kinds == ["Up", "Event", "Down", "Up", "Event"]
    assert feed.server is not None
    assert feed.server.incarnation == 2


async def test_what_happened_while_detached_is_told_as_a_gap(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial("other") as other, served.dial() as feed:
        served.publisher.link = "up"
        for client in (other, feed):
            await client.want_topics(TOPIC)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(next_items, client, 1)
                await wait_until_wanted(served, TOPIC)
        served.publish(TOPIC, 1)
        assert ids(await next_items(feed, 1)) == [1]
        feed._lose("cut by the test")
        served.publish(TOPIC, 2, 3)
        items = await next_items(feed, 4)
    assert [type(item).__name__ for item in items] == ["Down", "Up", "Gap", "Event"]
    gap, event = items[2], items[3]
    assert isinstance(gap, Gap)
    assert isinstance(event, Event)
    assert (gap.first, gap.last, gap.reason) == (2, 2, "not attached")
    assert (event.origin, event.sequence) == (CACHED, 3)


async def test_a_topic_that_remembers_gives_a_late_comer_all_of_it(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as late:
        served.publisher.remember(TOPIC, 3)
        served.publish(TOPIC, 1, 2)
        served.publisher.go_up(now_ns=0)
        served.publish(TOPIC, 3, 4)
        await late.want_topics(TOPIC)
        _up, *items = await next_items(late, 4)
        served.publish(TOPIC, 5)
        items += await next_items(late, 1)
    assert ids(items) == [2, 3, 4, 5]
    assert [item.origin for item in items if isinstance(item, Event)] == [CACHED, CACHED, CACHED, LIVE]
    assert late.continuity.unannounced == 0


async def test_who_was_detached_gets_what_it_missed_once_and_without_a_gap(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        served.publisher.remember(TOPIC, 100)
        served.publisher.link = "up"
        await feed.want_topics(TOPIC)
        await next_items(feed, 1)
        await wait_until_wanted(served, TOPIC)
        served.publish(TOPIC, 1, 2)
        assert ids(await next_items(feed, 2)) == [1, 2]
        feed._lose("cut by the test")
        served.publish(TOPIC, 3, 4, 5)
        items = await next_items(feed, 5)
    assert [type(item).__name__ for item in items] == ["Down", "Up", "Event", "Event", "Event"]
    assert ids(items) == [3, 4, 5]
    assert served.client_counters.snapshot()["events_known"] == 2


async def test_requests_are_answered_or_refused_by_name(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:

        async def echo(question: Request) -> object:
            return {"got": question.arguments}

        async def fail(_question: Request) -> object:
            raise UpbitdError("the exchange is away")

        served.publisher.on_request("echo", echo)
        served.publisher.on_request("fail", fail)
        assert await ask(served.path, "me", "echo", {"a": ["x"]}) == {"got": {"a": ["x"]}}
        with pytest.raises(UpbitdError, match="the exchange is away"):
            await ask(served.path, "me", "fail")
        with pytest.raises(UpbitdError, match="it answers echo, fail"):
            await ask(served.path, "me", "unknown")


async def test_a_request_that_its_handler_fails_over_is_answered_and_costs_nobody_else(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:

        async def market(question: Request) -> object:
            return {"market": question.arguments["market"]}

        served.publisher.on_request("market", market)
        with pytest.raises(UpbitdError, match=r"failed over 'market': KeyError\('market'\); its log has the traceback"):
            await ask(served.path, "me", "market")
        assert await ask(served.path, "me", "market", {"market": "KRW-BTC"}) == {"market": "KRW-BTC"}
        assert served.publisher.counters.snapshot()["requests_failed"] == 1
        (failed,) = (entry for entry in served.logged.entries if entry["event"] == "channel.request_failed")
        assert isinstance(failed["exc_info"], KeyError)


async def test_a_request_has_a_deadline(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    async with served_channel(tmp_path) as served:

        async def hang(_question: Request) -> object:
            await trio.sleep_forever()

        served.publisher.on_request("hang", hang)
        with pytest.raises(UpbitdError, match=r"did not answer 'hang' within 1 s"):
            await ask(served.path, "me", "hang", timeout_s=1)


async def test_too_many_open_requests_are_refused_and_the_link_lives(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:

        async def hang(_question: Request) -> object:
            await trio.sleep_forever()

        served.publisher.on_request("hang", hang)
        stream = await trio.open_unix_socket(str(served.path))
        async with stream:
            encode = msgspec.msgpack.encode
            requests = [pack_frame(encode(Request(number, "hang"))) for number in range(MAX_OPEN_REQUESTS + 1)]
            await stream.send_all(pack_frame(encode(Hello("me", 1))) + b"".join(requests))
            answer = b""
            while b"wait for answers" not in answer:
                answer += await stream.receive_some()


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "frame of"),
        (pack_frame(b"\xc1\xc1"), "unreadable message"),
        (pack_frame(msgspec.msgpack.encode(Request(1, "state"))), "must be hello"),
        (pack_frame(msgspec.msgpack.encode(Hello("me", 1, 99))), "version 99"),
        (pack_frame(msgspec.msgpack.encode(Hello("me", 1))) * 2, "second hello"),
        (HEADER.pack(2**31, 0), "frame of 2147483648 B"),
    ],
)
async def test_garbage_drops_that_one_peer(tmp_path: Path, garbage: bytes, reason: str) -> None:
    async with served_channel(tmp_path) as served, served.dial() as good:
        await good.want_topics(TOPIC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(next_items, good, 1)
            await wait_until_wanted(served, TOPIC)
        stream = await trio.open_unix_socket(str(served.path))
        async with stream:
            await stream.send_all(garbage)
            while await stream.receive_some():
                pass  # A greeting may come first; then the server ends the link.
        served.publish(TOPIC, 1)
        assert ids(await next_items(good, 1)) == [1]
    assert served.counters.snapshot()["channel_errors"] == 1
    dropped = [entry for entry in served.logged.entries if entry["event"] == "channel.peer_dropped"]
    assert reason in dropped[0]["reason"]


async def test_a_server_that_sends_garbage_is_dialled_again(tmp_path: Path) -> None:
    path = tmp_path / "public.sock"
    with listening_socket(path) as listener, trio.fail_after(10):
        served = Served(path, listener)
        async with served.dial() as feed:
            await feed.want_topics(TOPIC)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(next_items, feed, 1)
                with trio.socket.from_stdlib_socket(listener.dup()) as accepting:
                    rude, _ = await accepting.accept()
                with rude:
                    await rude.send(pack_frame(b"\xc1"))
                    served.publisher.link = "up"
                    await nursery.start(served.serve)
                    await wait_until_wanted(served, TOPIC)
                nursery.cancel_scope.cancel()
    assert served.client_counters.snapshot()["channel_errors"] == 1


async def test_a_silent_peer_is_dropped_at_its_deadline(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    async with served_channel(tmp_path) as served:
        stream = await trio.open_unix_socket(str(served.path))
        async with stream:
            assert await stream.receive_some() == b""
    assert served.counters.snapshot()["channel_errors"] == 1


async def test_a_client_that_reads_nothing_slows_nobody(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial("fast") as fast, served.dial("frozen") as frozen:
        served.publisher.link = "up"
        for client in (fast, frozen):
            await client.want_topics(TOPIC)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(next_items, client, 1)
                await wait_until_wanted(served, TOPIC)
        got: list[int] = []
        while len(got) < 50_000:
            served.publish(TOPIC, *range(len(got) + 1, len(got) + 501))
            got += ids(list(await fast.receive()))
        assert got == list(range(1, len(got) + 1))
        # The frozen one's events wait in its own outbox and arrive when it reads again, whole and in order.
        late: list[int] = []
        while len(late) < len(got):
            late += ids(list(await frozen.receive()))
    assert late == got
    assert frozen.continuity.missed == 0


async def test_a_closed_link_refuses_new_wants(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:
        feed = served.dial()
        await feed.aclose()
        with pytest.raises(UsageError, match="dial a new one"):
            await feed.want_topics(TOPIC)


async def test_dialling_waits_for_a_server_that_is_not_there_yet(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    served = Served(tmp_path / "public.sock", None)  # type: ignore[arg-type]  # nobody listens
    async with served.dial() as feed:
        assert isinstance(feed, Dial)
        with trio.move_on_after(60) as scope:
            await feed.receive()
    assert scope.cancelled_caught
    told = [entry for entry in served.logged.entries if entry["event"] == "channel.no_answer"]
    assert told[0]["retry_s"] < told[-1]["retry_s"] == 1.0
    # It tries at least once a second; what it says about that becomes rarer.
    assert [entry["times"] for entry in told] == [1, 2, 4, 8, 16, 32, 64]


async def test_down_is_told_to_who_dials_while_the_source_is_away(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        served.publisher.go_up(now_ns=0)
        served.publisher.go_down("no keys", now_ns=1, parked=True)
        (down,) = await next_items(feed, 1)
    assert isinstance(down, Down)
    assert (down.reason, down.parked) == ("no keys", True)


DEEP = b"\x91" * 100_000


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x94\xa5hello\xa2\xff\xfe\x01\x01",  # a name that is not UTF-8
        b"\x95\xa5hello\xa2me\x01\x01" + DEEP,  # a further field, nested too deep
        DEEP,
        b"\xa5hello",
        b"",
    ],
)
async def test_no_bytes_of_a_peer_end_the_serving_actor(tmp_path: Path, greeting: bytes) -> None:
    async with served_channel(tmp_path) as served:
        stream = await trio.open_unix_socket(str(served.path))
        async with stream:
            await stream.send_all(pack_frame(greeting))
            assert await stream.receive_some() == b""
        assert served.counters.snapshot()["channel_errors"] == 1


async def test_an_answer_that_cannot_be_sent_is_an_error_of_the_reply(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:

        async def answer(_question: Request) -> object:
            return {"a": object()}

        served.publisher.on_request("state", answer)
        with pytest.raises(UpbitdError, match="cannot be sent"):
            await ask(served.path, "me", "state")


@pytest.mark.parametrize("answer", [pack_frame(b"\xc1"), pack_frame(DEEP), pack_frame(b"\x92\xa8accepted\xa1\xff")])
async def test_an_unreadable_answer_is_told(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "public.sock"
    with listening_socket(path) as listener, trio.fail_after(10):

        async def serve() -> None:
            with trio.socket.from_stdlib_socket(listener.dup()) as accepting:
                client, _ = await accepting.accept()
            with client:
                await client.recv(65536)
                await client.send(answer)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with pytest.raises(UpbitdError, match="unreadable"):
                await ask(path, "me", "state")


async def test_a_flood_of_refused_wants_is_named_up_to_a_limit(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        served.publisher.link = "up"
        await feed.want([Want(f"bad-{number}") for number in range(25_000)])
        problems = [item for item in await next_items(feed, 1002) if isinstance(item, WantProblem)]
    assert len(problems) == 1001
    assert "20001 in all" in problems[-1].reason


async def ask_for_ever(stream: trio.SocketStream) -> None:
    while True:
        await stream.send_all(pack_frame(msgspec.msgpack.encode(Request(1, "state"))))


async def test_a_client_that_asks_and_never_reads_is_cut(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:

        async def answer(_question: Request) -> object:
            return b"x" * 1_000_000

        served.publisher.on_request("state", answer)
        stream = await trio.open_unix_socket(str(served.path))
        async with stream:
            await stream.send_all(pack_frame(msgspec.msgpack.encode(Hello("greedy", 1))))
            with pytest.raises(trio.BrokenResourceError):
                await ask_for_ever(stream)
        cut = [entry for entry in served.logged.entries if entry["event"] == "channel.client_cut"]
    assert cut[0]["client"] == "greedy"


async def test_wants_declared_while_dialling_are_not_lost(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed, trio.open_nursery() as nursery:
        nursery.start_soon(feed.receive)
        for number in range(50):
            await feed.want_topics(TOPIC, f"trade/KRW-X{number}")
            await trio.lowlevel.checkpoint()
        await wait_until_wanted(served, TOPIC, "trade/KRW-X49")
        nursery.cancel_scope.cancel()


async def test_a_want_at_the_moment_of_a_loss_raises_nothing_and_is_declared_later(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        served.publisher.link = "up"
        await feed.want_topics(TOPIC)
        await next_items(feed, 1)
        assert feed._stream is not None
        feed._stream.socket.shutdown(2)
        await feed.want_topics("trade/KRW-ETH")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(next_items, feed, 10)
            await wait_until_wanted(served, "trade/KRW-ETH")
            nursery.cancel_scope.cancel()


async def test_a_server_that_is_never_readable_is_dialled_slower_and_slower(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    path = tmp_path / "public.sock"
    dials = 0
    with listening_socket(path) as listener:
        served = Served(path, listener)

        async def serve() -> None:
            nonlocal dials
            with trio.socket.from_stdlib_socket(listener.dup()) as accepting:
                while True:
                    client, _ = await accepting.accept()
                    dials += 1
                    await client.send(pack_frame(b"\xc1"))
                    client.close()

        async with served.dial() as feed, trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with trio.move_on_after(30):
                while True:
                    await feed.receive()
            nursery.cancel_scope.cancel()
    assert 30 <= dials <= 40


async def test_a_link_closed_while_it_dials_stays_closed(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served:
        feed = served.dial()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.receive)
            await trio.lowlevel.checkpoint()
            await feed.aclose()
        assert await feed.receive() == []


async def test_parked_and_no_longer_parked_are_both_told(tmp_path: Path) -> None:
    async with served_channel(tmp_path) as served, served.dial() as feed:
        served.publisher.link = "connecting"
        await feed.want_topics(TOPIC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.receive)
            await wait_until_wanted(served, TOPIC)
            served.publisher.go_down("refused", now_ns=1)
        served.publisher.go_down("no keys", now_ns=2, parked=True)
        served.publisher.go_down("no keys", now_ns=3, parked=True)
        served.publisher.go_down("refused", now_ns=4)
        served.publisher.go_up(now_ns=5)
        items = await next_items(feed, 4 - 1)
    told = [(item.parked, item.reason) for item in items if isinstance(item, Down)]
    assert told == [(True, "no keys"), (False, "refused")]


def test_epochs_grow_over_restarts_of_the_whole_tree() -> None:
    counters = Counters()
    first = Publisher("public", 1, counters)
    first.go_up(now_ns=0)
    second = Publisher("public", 1, counters)
    assert second.epoch >= first.epoch - 1
    assert second.epoch > 1_700_000_000_000


def test_a_topic_that_comes_back_within_an_epoch_uses_no_number_twice() -> None:
    publisher = Publisher("public", 1, Counters())
    publisher.refuse = lambda _topic: ""
    subscriber = publisher.attach("one", lambda: None)
    numbers = []
    for version in range(3):
        publisher.set_wants(subscriber, Wants(2 * version, (Want(TOPIC),)))
        for _ in range(3):
            publisher.publish(publisher.streams[TOPIC], trade(1), 1, 1)
            numbers.append(publisher.streams[TOPIC].sequence)
        publisher.set_wants(subscriber, Wants(2 * version + 1, ()))
    assert numbers == list(range(1, 10))


async def test_a_topic_that_left_and_came_again_begins_anew_whatever_was_under_way(tmp_path: Path) -> None:
    """Events of the first want, still unread when the second one is declared, belong to neither."""
    async with served_channel(tmp_path) as served, served.dial("other") as other, served.dial() as feed:
        served.publisher.link = "up"
        await other.want_topics(TOPIC)
        await feed.want_topics(TOPIC)
        await next_items(other, 1)
        await next_items(feed, 1)
        await wait_until_wanted(served, TOPIC)
        served.publish(TOPIC, 1, 2)
        await trio.testing.wait_all_tasks_blocked()
        await feed.want_topics()
        await feed.want_topics(TOPIC)
        await trio.testing.wait_all_tasks_blocked(0.05)
        served.publish(TOPIC, 3)
        items = await next_items(feed, 2)
    events = [item for item in items if isinstance(item, Event)]
    assert [(event.sequence, event.origin) for event in events] == [(2, CACHED), (3, LIVE)]
    assert served.client_counters.snapshot()["events_late"] == 2
    assert feed.continuity.unannounced == 0


async def test_who_dials_is_told_of_the_welcome_and_of_each_acceptance(tmp_path: Path) -> None:
    told: list[object] = []
    async with served_channel(tmp_path) as served:
        served.publisher.link = "up"
        async with Dial(served.path, "client", Counters(), served.log, told=told.append) as feed:
            assert not feed.is_attached
            await feed.want_topics(TOPIC)
            await next_items(feed, 1)
            assert feed.is_attached
            await feed.want_topics(TOPIC, "trade/KRW-ETH")
            await wait_until_wanted(served, TOPIC, "trade/KRW-ETH")
            served.publish(TOPIC, 1)
            await next_items(feed, 1)
            assert feed.wants_version == 2
    assert [type(message).__name__ for message in told] == ["Welcome", "Accepted", "Accepted"]
