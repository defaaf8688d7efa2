"""The control surface: what it lists, what it takes, and what it says to mistakes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import trio
from trio.testing import MockClock

from actors.exchange.actor import make_stage
from actors.exchange.faults.catalogue import kinds_document
from actors.exchange.faults.plan import MOST_ACTIVE
from actors.exchange.rest import keys as keys_module
from actors.exchange.rest import limits as limits_module
from actors.exchange.settings import AccountSettings, SimulatorSettings
from protocols.upbit.tokens import make_token
from tests.actors.exchange.wire.memory_client import Bench

FAULTS = "/_simulator/faults"


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, SimulatorSettings(access_key="key", secret_key="secret", limits=False))
        nursery.cancel_scope.cancel()


async def test_faults_are_listed_with_all_kinds_and_what_is_left_of_each(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        await stage.connect()
        mute = await stage.fault("mute", type="ticker", seconds=10.0)
        double = await stage.fault("duplicate", count=3, connection=1)
        await trio.sleep(4.0)
        listed = (await stage.http("GET", FAULTS)).document()
        assert {kind["kind"] for kind in listed["kinds"]} == {kind["kind"] for kind in kinds_document()}
        first, second = listed["active"]
        assert (first["id"], first["fault"]["kind"], first["ends_in_s"]) == (mute["id"], "mute", 6.0)
        assert first["fault"]["type"] == "ticker"
        assert (second["id"], second["left"], second["connections"]) == (double["id"], 3, [1])
        await trio.sleep(6.0)
        (left,) = (await stage.http("GET", FAULTS)).document()["active"]
        assert left["id"] == double["id"]


async def test_delete_ends_one_fault_or_all(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        numbers = [(await stage.fault("mute"))["id"] for _ in range(3)]
        assert (await stage.http("DELETE", f"{FAULTS}/{numbers[1]}")).document() == {"ended": 1}
        assert (await stage.http("DELETE", f"{FAULTS}/{numbers[1]}")).status == 404
        assert (await stage.http("DELETE", FAULTS)).document() == {"ended": 2}
        assert (await stage.http("GET", FAULTS)).document()["active"] == []


@pytest.mark.parametrize("number", ["", "x", "-1", "1.0", "%C2%B2", "9" * 20])
async def test_an_id_that_is_no_integer_is_a_mistake(number: str, autojump_clock: MockClock) -> None:
    async with bench() as stage:
        reply = await stage.http("DELETE", f"{FAULTS}/{number}")
        assert (reply.status, reply.document()["error"]["name"]) == (400, "invalid_fault")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "earthquake"}, "kinds: close"),
        ({"kind": "mute", "target": "rest"}, "target (all | private | public)"),
        ({"kind": "close", "code": 99}, "code (integer 1000 to 4999)"),
        ({"kind": "stall", "connection": 7}, "connection 7 is not open"),
        ({"kind": "stall", "connection": 1, "target": "private"}, "connection 1 is public"),
        ({"kind": "announce", "connection": 1}, "connection 1 is public"),
        ({"kind": "refuse", "connection": 1}, "has no connection yet"),
        (b"\xff", "kinds: close"),
        (b"x" * 70_000, "too long"),
    ],
)
async def test_a_fault_that_cannot_be_is_answered_with_400_and_what_is_wrong(
    body: object, words: str, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        client = await stage.connect()
        reply = await stage.http("POST", FAULTS, body)
        assert reply.status == 400
        assert reply.document()["error"]["name"] == "invalid_fault"
        assert words in reply.document()["error"]["message"]
        assert (await stage.http("GET", FAULTS)).document()["active"] == []
        assert not client.ended.is_set()


async def test_more_faults_than_can_go_on_are_refused(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        for _ in range(MOST_ACTIVE):
            await stage.fault("mute")
        reply = await stage.http("POST", FAULTS, {"kind": "mute"})
        assert reply.status == 400
        assert "end some first" in reply.document()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", FAULTS, 405),
        ("POST", "/_simulator/state", 405),
        ("DELETE", "/_simulator/ledger", 405),
        ("GET", "/_simulator/nothing", 404),
        ("GET", "/_simulator/", 404),
        ("GET", f"{FAULTS}/1", 404),
    ],
)
async def test_another_method_or_path_is_told_so(
    method: str, path: str, status: int, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        reply = await stage.http(method, path)
        assert reply.status == status
        assert set(reply.document()) == {"error"}


async def test_the_ledger_has_every_account_and_a_recording_has_none(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        assert (await stage.http("GET", "/_simulator/ledger")).document() == {"accounts": []}
    other = AccountSettings("other", "secret", balances={"KRW": Decimal("12.5")})
    settings = SimulatorSettings(access_key="key", secret_key="secret", accounts=(other,), markets=4, rate=0.0)
    async with trio.open_nursery() as nursery:
        stage = Bench(nursery, settings, make_stage(settings))
        first, second = (await stage.http("GET", "/_simulator/ledger")).document()["accounts"]
        assert (first["access_key"], second["access_key"]) == ("key", "other")
        assert second["balances"]["KRW"]["free"] == "12.5"
        assert second["orders"] == []
        nursery.cancel_scope.cancel()


async def test_the_state_tells_what_was_forgotten_since_too_many_came(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "_MOST_KEPT", 0)
    monkeypatch.setattr(keys_module, "KEPT_NONCES", 0)
    token = b"Bearer " + make_token("key", "secret", nonce="1").encode()
    async with trio.open_nursery() as nursery:
        stage = Bench(nursery)  # Its limits are on.
        await stage.connect()
        await stage.connect("/websocket/v1/private", [(b"authorization", token)])
        state = (await stage.http("GET", "/_simulator/state")).document()
        assert (state["limits_forgotten"], state["nonces_forgotten"]) == (2, 1)
        assert stage.server.summary().items() >= {"limits_forgotten": 2, "nonces_forgotten": 1}.items()
        nursery.cancel_scope.cancel()
