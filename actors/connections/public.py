"""The public connection actor: market data over the WebSocket, quotation REST; both limits are counted per IP."""

import random
from functools import partial
from typing import Annotated, TypeVar

import msgspec
import trio
from msgspec import Meta, Struct

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.feed import Feed
from actors.connections.handshake import connect_websocket
from actors.connections.rest import QuotationRest
from actors.connections.routing import refusal_of
from actors.connections.websocket import Connection
from actors.runtime.actor import Actor
from protocols.channel.messages import Request
from protocols.errors import UsageError
from protocols.upbit.messages import MARKET_TYPES


class PublicSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the public connection actor."""

    exchange: ExchangeSettings = ExchangeSettings()


class MarketsArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of the request `markets`.

    Attributes:
        max_age_s: how old the list may be; 0 for a new one.
    """

    max_age_s: Annotated[float, Meta(ge=0)] = 60.0


class LevelsArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of the request `orderbook_levels`.

    Attributes:
        market: such as `KRW-BTC`.
    """

    market: str


ArgumentsT = TypeVar("ArgumentsT", MarketsArguments, LevelsArguments)


async def run(actor: Actor, settings: PublicSettings) -> None:
    """Serve market data topics and the requests `markets` and `orderbook_levels`, until cancelled."""
    exchange = settings.exchange

    async def dial(nursery: trio.Nursery) -> Connection:
        return await connect_websocket(nursery, exchange.public_url, timeout_s=exchange.connect_timeout_s)

    actor.publisher.refuse = partial(refusal_of, served=MARKET_TYPES, other="private")
    rng = random.Random()  # noqa: S311 - it spreads attempts to connect over time; nothing secret comes of it
    feed = Feed(
        actor.publisher,
        dial,
        exchange,
        actor.counters,
        actor.log,
        rng=rng,
        progressed=actor.progressed,
        watch=actor.watch_input,
    )
    async with QuotationRest(exchange.rest_base, actor.counters, actor.log) as rest:

        async def answer_markets(request: Request) -> object:
            return await rest.markets(max_age_s=_read_arguments(request, MarketsArguments).max_age_s)

        async def answer_levels(request: Request) -> object:
            return await rest.orderbook_levels(_read_arguments(request, LevelsArguments).market)

        async def answer_list(_request: Request) -> object:
            return await feed.lists.ask()

        async def answer_state(_request: Request) -> object:
            return feed.describe()

        actor.on_request("markets", answer_markets)
        actor.on_request("orderbook_levels", answer_levels)
        actor.on_request("state", answer_state)
        actor.on_request("list_subscriptions", answer_list)
        actor.ready()
        await feed.run()


def _read_arguments(request: Request, kind: type[ArgumentsT]) -> ArgumentsT:
    try:
        return msgspec.convert(request.arguments, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"request {request.method!r}: {error}") from None
