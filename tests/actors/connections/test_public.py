"""The public connection actor: nothing that is asked of it, or answered to it, ends it."""

from functools import partial
from pathlib import Path

import msgspec
import pytest

from actors.connections import public, rest
from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.public import PublicSettings
from protocols.channel.messages import Request
from protocols.control.messages import Ready
from protocols.errors import ConnectionLost, ExchangeRefused, UsageError
from tests.actors.connections.running_actor import ActorRig, accept, running, upgrade_server
from tests.actors.connections.test_rest import GOOD, INSTRUMENTS, Answer, http_server

EUC_KR: Answer = (400, {}, '{"error":{"name":"잘못","message":"요청"}}'.encode("euc-kr"))
DEEP: Answer = (400, {}, b'{"error":' + b"[" * 100_000)
CUT_OFF: Answer = (0, {}, b"")


def settings_for(rest_url: str, websocket_url: str = "ws://127.0.0.1:1") -> PublicSettings:
    return PublicSettings(exchange=ExchangeSettings(websocket_url=websocket_url, rest_url=rest_url))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"max_age_s": "abc"}, "Expected `float`, got `str` - at `$.max_age_s`"),
        ({"max_age_s": None}, "Expected `float`, got `null` - at `$.max_age_s`"),
        ({"max_age_s": ["1"]}, "Expected `float`, got `array` - at `$.max_age_s`"),
        ({"max_age_s": -1}, "Expected `float` >= 0.0 - at `$.max_age_s`"),
        ({"max_age_s": float("nan")}, "Expected `float` >= 0.0 - at `$.max_age_s`"),
        ({"max_age": 5}, "Object contains unknown field `max_age`"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused_by_name(
    tmp_path: Path, arguments: dict[str, str | int | float | bool | list[str] | None], reason: str
) -> None:
    rig = ActorRig("public", tmp_path)
    async with http_server(GOOD) as server, running(partial(public.run, rig.actor, settings_for(server.url))):
        await rig.until(lambda: rig.told == [Ready(1)])
        with pytest.raises(UsageError) as caught:
            await rig.publisher.answer(Request(1, "markets", arguments))
        assert str(caught.value) == f"request 'markets': {reason}"
        reply = await rig.publisher.answer(Request(2, "markets", {"max_age_s": 0}))
    assert reply.error == ""
    assert b"KRW-BTC" in bytes(reply.result)


async def test_the_levels_of_a_book_are_told_and_a_request_without_a_market_is_refused(tmp_path: Path) -> None:
    rig = ActorRig("public", tmp_path)
    async with (
        http_server((200, {}, INSTRUMENTS)) as server,
        running(partial(public.run, rig.actor, settings_for(server.url))),
    ):
        await rig.until(lambda: rig.told == [Ready(1)])
        reply = await rig.publisher.answer(Request(1, "orderbook_levels", {"market": "KRW-BTC"}))
        with pytest.raises(UsageError) as caught:
            await rig.publisher.answer(Request(2, "orderbook_levels", {}))
    assert msgspec.msgpack.decode(bytes(reply.result)) == [0.0, 10_000.0]
    assert str(caught.value) == "request 'orderbook_levels': Object missing required field `market`"


async def test_answers_of_any_kind_are_told_to_who_asked_and_the_next_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "RETRY_S", 0.001)
    rig = ActorRig("public", tmp_path)
    async with (
        http_server(EUC_KR, DEEP, CUT_OFF, CUT_OFF, CUT_OFF, GOOD) as server,
        running(partial(public.run, rig.actor, settings_for(server.url))),
    ):
        await rig.until(lambda: rig.told == [Ready(1)])
        for expected in (ExchangeRefused, ExchangeRefused, ConnectionLost):
            with pytest.raises(expected):
                await rig.publisher.answer(Request(1, "markets"))
        reply = await rig.publisher.answer(Request(2, "markets"))
    assert b"KRW-BTC" in bytes(reply.result)


async def test_the_link_comes_up_and_is_shown(tmp_path: Path) -> None:
    rig = ActorRig("public", tmp_path)
    async with (
        upgrade_server(accept) as server,
        running(partial(public.run, rig.actor, settings_for("", server.url))),
    ):
        await rig.until(lambda: rig.publisher.link == "up")
        assert b"subscribed" in await rig.state()
    assert b"Authorization" not in server.heads[0]
    assert [marker[0] for marker in rig.markers] == ["welcome", "up"]
