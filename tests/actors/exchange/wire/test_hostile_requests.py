"""Whatever a client asks for, the exchange goes on, and nobody sees or moves what belongs to another account."""

import json
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock
from wsproto import events
from wsproto.utilities import LocalProtocolError

from actors.exchange.actor import Stage
from actors.exchange.faults.catalogue import kinds_document
from actors.exchange.settings import AccountSettings, SimulatorSettings
from actors.exchange.sources.hub import Hub
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.terms import OrderTerms
from actors.exchange.trading.venue import Venue
from protocols.upbit.tokens import make_token
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.wire.memory_client import Bench, MemoryClient

PUBLIC, PRIVATE = "/websocket/v1", "/websocket/v1/private"
SETTINGS = SimulatorSettings(
    access_key="key", secret_key="secret", accounts=(AccountSettings("other", "secret"),), trader=False, limits=False
)
bounded = settings(max_examples=35, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def stage() -> Stage:
    """One market that stands still for all examples."""
    accounts = {account.access_key: account.balances for account in SETTINGS.all_accounts}
    simulation = Simulation(seed=1, markets=4, rate=0.0, start_ms=START_MS, accounts=accounts, trader=False)
    return Stage(Hub(simulation, lambda: START_MS), Venue(simulation, lambda: START_MS), lambda: START_MS)


def run(work: Callable[[Bench], Awaitable[None]]) -> None:
    """Let clients do something with an exchange, and see that both come to an end."""

    async def main() -> None:
        with trio.fail_after(100_000.0):
            async with trio.open_nursery() as nursery:
                await work(Bench(nursery, SETTINGS, stage()))
                nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def connect(bench: Bench, path: str, access_key: str = "key") -> MemoryClient:
    token = make_token(access_key, "secret", nonce=str(uuid.uuid4()))
    return await bench.connect(path, [(b"authorization", f"Bearer {token}".encode())] if path == PRIVATE else ())


def place_for_other() -> str:
    """An order of the other account that rests far below the market; returns its uuid and takes it back."""
    venue = stage().venue
    assert venue is not None
    desk, market = venue.simulation.desk, venue.simulation.markets["KRW-BTC"]
    terms = OrderTerms(is_ask=False, order_type="limit", price=Decimal(10_000_000), volume=Decimal("0.001"))
    order, _ = desk.place(venue.accounts["other"], market, terms, t_ms=START_MS)
    desk.cancel(order, t_ms=START_MS)
    return order.uuid


def owned_by(access_key: str) -> bytes:
    """Balances and orders of one account."""
    venue = stage().venue
    assert venue is not None
    (ledger,) = (ledger for ledger in venue.simulation.desk.ledger() if ledger.access_key == access_key)
    return msgspec.json.encode(ledger)


# Requests as the grammar has them, nearly as it has them, and as bytes.

codes = st.sampled_from(
    ["KRW-BTC", "KRW-ETH", "krw-btc", "KRW-BTC.5", "KRW-BTC.-1", "KRW-BTC.999", "KRW-NOPE", ".", "", "-", "가", "\x00"]
)
junk = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats() | st.just([]) | st.just({})
types = st.sampled_from(
    ["ticker", "trade", "orderbook", "candle.1s", "candle.240m", "candle.", "myOrder", "myAsset", "announcement", "foo"]
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "ticket": st.text(max_size=8) | junk,
        "type": types | types | junk,
        "codes": st.lists(codes, max_size=6) | st.lists(codes, max_size=6) | junk,
        "level": st.sampled_from([0, 10, "10", 1e300, -1, 0.1, 10**30]) | junk,
        "is_only_snapshot": st.booleans() | junk,
        "isOnlyRealtime": st.booleans() | junk,
        "categories": st.lists(st.sampled_from(["notice", "maintenance", "gossip"]), max_size=2) | junk,
        "include_body": st.booleans() | junk,
        "format": st.sampled_from(["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST", "XML"]) | junk,
        "method": st.sampled_from(["LIST_SUBSCRIPTIONS", "DROP"]) | junk,
    },
)
requests = (st.lists(objects, max_size=5) | objects | junk).map(lambda request: json.dumps(request).encode())


@st.composite
def torn_requests(draw: st.DrawFn) -> bytes:
    """A request of which a piece is missing, doubled, or replaced by other bytes."""
    request = draw(requests)
    begin = draw(st.integers(0, len(request)))
    end = draw(st.integers(begin, min(len(request), begin + 8)))
    return request[:begin] + draw(st.binary(max_size=6) | st.just(request[begin:end] * 2)) + request[end:]


messages = st.lists(requests | requests | torn_requests() | st.binary(max_size=60), min_size=1, max_size=4)


async def say(client: MemoryClient, message: bytes, *, as_text: bool) -> None:
    """Send a message unless the exchange has closed already."""
    event: events.Event = events.BytesMessage(data=message)
    if as_text:
        event = events.TextMessage(data=message.decode("utf-8", "replace"))
    try:
        await client.send_event(event)
    except (LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
        await trio.lowlevel.checkpoint()


@bounded
@given(messages, st.booleans())
def test_no_request_stops_the_exchange_or_shows_the_account_of_another(said: list[bytes], as_text: bool) -> None:
    mine = owned_by("key")

    async def attack(bench: Bench) -> None:
        owner = await connect(bench, PRIVATE, "other")
        await owner.send([{"ticket": "t"}, {"type": "myOrder"}, {"type": "myAsset"}])
        attackers = [await connect(bench, path) for path in (PUBLIC, PRIVATE)]
        for message in said:
            for client in attackers:
                await say(client, message, as_text=as_text)
            await trio.sleep(0.01)
        number = place_for_other().encode()
        await trio.sleep(0.5)
        assert any(number in frame for frame in await owner.taken())
        for client in attackers:
            assert not any(number in frame for frame in await client.taken())
        assert (await bench.http("GET", "/v1/market/all")).status == 200
        witness = await connect(bench, PUBLIC)
        await witness.send([{"ticket": "t"}, {"type": "ticker", "codes": ["KRW-BTC"]}])
        assert (await witness.next())["code"] == "KRW-BTC"

    run(attack)
    assert owned_by("key") == mine


# Faults: any of them, with parameters in and out of their ranges.


def parameters_of(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"kind": st.just(document["kind"])},
        optional={
            parameter["name"]: value_of(parameter) | value_of(parameter) | junk for parameter in document["parameters"]
        },
    )


def value_of(parameter: dict[str, Any]) -> st.SearchStrategy[Any]:
    match parameter["type"]:
        case "choice":
            return st.sampled_from([*parameter["choices"], "nobody"])
        case "integer" | "number":
            low, high = int(parameter["minimum"]), int(parameter["maximum"])
            return st.sampled_from([low - 1, low, low + 1, high, high + 1]) | st.integers(low, min(high, low + 1000))
        case "flag":
            return st.booleans()
    return st.text(max_size=6) | st.just("ticker") | st.just("KRW-BTC") | st.just("x" * 20_000)


faults = st.one_of([parameters_of(document) for document in kinds_document()])


@bounded
@given(st.lists(faults, min_size=1, max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_no_fault_outlives_its_end_and_the_exchange_is_whole_again(
    asked: list[dict[str, Any]], pauses: list[int]
) -> None:
    async def drill(bench: Bench) -> None:
        for path in (PUBLIC, PRIVATE):
            client = await connect(bench, path)
            type_ = {"type": "myOrder"} if path == PRIVATE else {"type": "ticker", "codes": ["KRW-BTC"]}
            await client.send([{"ticket": "t"}, type_])
        for fault in asked:
            reply = await bench.http("POST", "/_simulator/faults", fault)
            assert reply.status in {200, 400}
            place_for_other()
            await trio.sleep(pauses.pop() if pauses else 0.01)
        assert (await bench.http("GET", "/_simulator/faults")).status == 200
        assert (await bench.http("DELETE", "/_simulator/faults")).status == 200
        assert (await bench.http("GET", "/_simulator/faults")).document()["active"] == []
        assert (await bench.http("GET", "/v1/ticker?markets=KRW-BTC")).status == 200
        owner = await connect(bench, PRIVATE, "other")
        await owner.send([{"ticket": "t"}, {"type": "myOrder"}])
        await trio.sleep(0.01)
        number = place_for_other()
        assert (await owner.next())["uuid"] == number

    run(drill)
