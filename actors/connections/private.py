"""The private connection actor: the account's orders and balances; the only one that holds the keys.

Without keys, with keys that the exchange refuses, or while another tree uses the same account, it parks: alive, visible
in `upbitd status` with what to do, and trying again from time to time. The public side does not notice.
"""

import os
import random
import time
import uuid
from functools import partial
from typing import Final

import jwt
import trio
from msgspec import Struct

from actors.connections.account_holder import Holder
from actors.connections.account_lock import AccountLock
from actors.connections.exchange_settings import ExchangeSettings, Seconds
from actors.connections.feed import Feed
from actors.connections.handshake import connect_websocket
from actors.connections.http_answers import error_name
from actors.connections.keys import find_keys_file, load_keys
from actors.connections.routing import refusal_of
from actors.connections.websocket import Connection
from actors.runtime.actor import Actor
from protocols.channel.messages import Request
from protocols.errors import AuthenticationError, ConnectionLost, HandshakeRefused
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
        keys_file: TOML with access_key and secret_key, mode 0600; `~` is the owner's home. When it is not set,
            `keys.toml` in `CREDENTIALS_DIRECTORY` if that is there, else `~/.config/upbitd/keys.toml`; `""` is no file.
        retry_parked_s: how often keys that were missing or refused, or an account that was in use, are tried again.
        locks_folder: where it is noted which accounts are in use; `XDG_STATE_HOME/upbitd/locks` when it is empty, or
            the same below `~/.local/state`. Trees that share it, or are on one machine outside of containers, never
            use the same account at once.
    """

    exchange: ExchangeSettings = ExchangeSettings()
    keys_file: str | None = None
    retry_parked_s: Seconds = 60.0
    locks_folder: str = ""


class PrivateDialler:
    """Opens connections with the account's keys, read anew for each attempt, since the owner may have mended them.

    A parked actor is taken back to work by the first attempt whose outcome the keys are not to blame for.
    """

    def __init__(self, actor: Actor, settings: PrivateSettings, lock: AccountLock) -> None:
        self._actor = actor
        self._lock = lock
        self._exchange = settings.exchange
        self._keys_file = settings.keys_file

    async def dial(self, nursery: trio.Nursery) -> Connection:
        """Open one connection.

        Raises:
            AuthenticationError: there are no usable keys, the exchange refused them, or another tree uses the account.
            ConnectionLost: anything else; the same again may help.
        """
        headers = [(b"Authorization", f"Bearer {self._make_token()}".encode())]
        url, timeout_s = self._exchange.private_url, self._exchange.connect_timeout_s
        try:
            connection = await connect_websocket(nursery, url, headers=headers, timeout_s=timeout_s)
        except ConnectionLost as error:
            if isinstance(error, HandshakeRefused) and error.status in BAD_KEYS:
                raise _keys_refused(error) from None
            self._actor.unpark()
            raise
        self._actor.unpark()
        return connection

    def _make_token(self) -> str:
        """Make the token of one attempt: the exchange refuses a nonce that it has seen."""
        keys = load_keys(self._actor.secrets, find_keys_file(self._keys_file, os.environ))
        for secret in (keys.access_key, keys.secret_key):
            self._actor.keep_secret(secret)
        self._lock.take(self._exchange.private_url, keys.access_key)
        try:
            # Not to be kept as a secret: each attempt has its own, for months, and anything like a JWT is masked.
            return make_token(keys.access_key, keys.secret_key, nonce=str(uuid.uuid4()))
        except jwt.PyJWTError:
            raise AuthenticationError(
                "the secret key cannot sign: it looks like a certificate or SSH key; write the one from the exchange"
            ) from None


def _keys_refused(error: HandshakeRefused) -> AuthenticationError:
    """Say how the exchange refused the keys, by its name of the error alone: the body may hold what we sent."""
    name = error_name(error.body)
    return AuthenticationError(f"the exchange refused the keys (HTTP {error.status}{name and f', {name}'})")


async def run(actor: Actor, settings: PrivateSettings) -> None:
    """Serve `myOrder`, `myAsset` and `announcement`, until cancelled."""
    holder = Holder(pid=actor.pid, run_dir=os.fspath(actor.run_dir), name=actor.name)
    lock = AccountLock(settings.locks_folder, holder)
    try:
        await _serve(actor, settings, PrivateDialler(actor, settings, lock))
    finally:
        lock.release()


async def _serve(actor: Actor, settings: PrivateSettings, dialler: PrivateDialler) -> None:
    for topic in ALWAYS:
        actor.publisher.remember(topic.key, REMEMBERED)
    feed = Feed(
        actor.publisher,
        dialler.dial,
        settings.exchange,
        actor.counters,
        actor.log,
        rng=random.Random(),  # noqa: S311 - it spreads attempts to connect over time; nothing secret comes of it
        always=ALWAYS,
        needs_keys=True,
        progressed=actor.progressed,
        watch=actor.watch_input,
    )

    async def answer_list(_request: Request) -> object:
        return await feed.lists.ask()

    async def answer_state(_request: Request) -> object:
        return feed.describe()

    actor.publisher.refuse = partial(refusal_of, served=PRIVATE_TYPES, other="public")
    actor.on_request("state", answer_state)
    actor.on_request("list_subscriptions", answer_list)
    actor.ready()
    while True:
        try:
            await feed.run()
        except AuthenticationError as error:
            reason = actor.redact(str(error))
            actor.park(reason)
            actor.log.warning("private.parked", reason=reason, retry_s=settings.retry_parked_s)
            actor.publisher.go_down(reason, now_ns=time.monotonic_ns(), parked=True)
        await trio.sleep(settings.retry_parked_s)
