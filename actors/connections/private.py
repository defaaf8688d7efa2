"""The private connection actor: the account's orders and balances; the only one that holds the keys.

Without keys, or with keys that the exchange refuses, it parks: alive, visible in `upbitd status` with what to do, and
trying again from time to time. The public side does not notice.
"""

import random
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.feed import Feed, refusal_of
from actors.connections.handshake import connect_websocket
from actors.connections.keys import load_keys
from actors.connections.websocket import Connection
from actors.runtime.actor import Actor
from protocols.channel.messages import Request
from protocols.errors import AuthenticationError, HandshakeRefused
from protocols.upbit.messages import PRIVATE_TYPES
from protocols.upbit.tokens import make_token
from protocols.upbit.topics import Topic

ALWAYS: Final = frozenset((Topic("myOrder"), Topic("myAsset")))
"""Subscribed from the start, in one request: a want that came later would cost the one before it (replace-all)."""

REMEMBERED: Final = 1000
"""Events of each that are kept for who comes later: the exchange sends them once, and no snapshot ever. An order
tracker that is restarted, or slower to start than this actor, finds them here."""

BAD_KEYS: Final = frozenset((401, 403))


class PrivateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the private connection actor.

    Attributes:
        keys_file: TOML with access_key and secret_key, mode 0600; `~` is the owner's home.
        retry_parked_s: how often keys that were missing or refused are tried again.
    """

    exchange: ExchangeSettings = ExchangeSettings()
    keys_file: str = "~/.config/upbitd/keys.toml"
    retry_parked_s: float = 60.0

    @property
    def keys_path(self) -> Path | None:
        """The keys file with `~` resolved; None when none is set."""
        return Path(self.keys_file).expanduser() if self.keys_file else None


async def run(actor: Actor, settings: PrivateSettings) -> None:
    """Serve `myOrder`, `myAsset` and `announcement`, until cancelled."""
    exchange = settings.exchange
    keys_file = settings.keys_path

    async def dial(nursery: trio.Nursery) -> Connection:
        keys = load_keys(actor.secrets, keys_file)
        # A token of its own for each attempt: the exchange refuses a nonce that it has seen.
        token = make_token(keys.access_key, keys.secret_key, nonce=str(uuid.uuid4()))
        headers = [(b"Authorization", b"Bearer " + token.encode())]
        try:
            connection = await connect_websocket(
                nursery, exchange.private_url, headers=headers, timeout_s=exchange.connect_timeout_s
            )
        except HandshakeRefused as error:
            if error.status in BAD_KEYS:
                raise AuthenticationError(
                    f"the exchange refused the keys (HTTP {error.status}): {error.body}"
                ) from None
            raise
        actor.unpark()
        return connection

    for topic in ALWAYS:
        actor.publisher.remember(topic.key, REMEMBERED)
    feed = Feed(
        actor.publisher,
        dial,
        exchange,
        actor.counters,
        actor.log,
        rng=random.Random(),  # noqa: S311
        always=ALWAYS,
        needs_keys=True,
    )

    async def answer_state(_request: Request) -> object:
        return feed.describe()

    actor.publisher.refuse = partial(refusal_of, served=PRIVATE_TYPES, other="public")
    actor.on_request("state", answer_state)
    actor.ready()
    while True:
        try:
            await feed.run()
        except AuthenticationError as error:
            actor.park(str(error))
            actor.log.warning("private.parked", reason=str(error), retry_s=settings.retry_parked_s)
            actor.publisher.go_down(str(error), now_ns=time.monotonic_ns(), parked=True)
        await trio.sleep(settings.retry_parked_s)
