"""Settings of the simulated exchange, the same for the command and for the child of a tree."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

import msgspec

from actors.exchange.market.universe import MAX_MARKETS, MIN_MARKETS
from actors.exchange.quirks import Quirks
from actors.exchange.trading.simulation import DEFAULT_RATE
from actors.exchange.trading.trader import OPENING_BALANCES
from protocols.errors import SettingsError

MAX_RATE = 100_000.0
RECORDED_SPEED = 1.0

OF_GENERATED_MARKETS: Final = ("markets", "rate", "seed", "start", "trader")
"""Settings that mean nothing to a recording: what happens in it has happened."""

EARLIEST_MS = 946_684_800_000
LATEST_MS = 4_102_444_800_000

RANGES: Final[dict[str, tuple[float, float]]] = {
    "port": (0, 65_535),
    "markets": (MIN_MARKETS, MAX_MARKETS),
    "rate": (0.0, MAX_RATE),
    "speed": (0.0, 1e6),
    "idle_close_s": (0.1, 86_400.0),
    "send_buffer_bytes": (65_536, 1 << 30),
}
"""Least and greatest value of each number. The types let all pass: the command tells all mistakes at once."""

Scope = Literal["view_assets", "view_orders", "make_orders"]

ALL_SCOPES: tuple[Scope, ...] = ("view_assets", "view_orders", "make_orders")


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One account with its one key.

    Attributes:
        access_key, secret_key: the key that acts on it.
        balances: what it owns at the start, by currency.
        scopes: what the key may do.
        expired: whether the key is refused as expired.
    """

    access_key: str
    secret_key: str
    balances: dict[str, Decimal] = msgspec.field(default_factory=OPENING_BALANCES.copy)
    scopes: tuple[Scope, ...] = ALL_SCOPES
    expired: bool = False


class SimulatorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the simulated exchange is run.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        markets: number of markets.
        rate: market events per second over all markets.
        seed: decides everything that happens in the markets.
        start: the exchange's own time at the start, such as `2026-09-21T09:00:00Z`; empty for the machine's.
        access_key, secret_key: key of the first account; empty for none.
        accounts: further accounts; nobody but their owners trades on them.
        trader: whether a seeded trader acts on the first account.
        replay: file of recorded frames that is played instead of a market; empty for none.
        speed: how many times faster than recorded; 0 for as fast as possible.
        idle_close_s: silence in both directions after which a socket is closed without a close frame.
        limits: whether connects, messages and requests are limited as on the exchange.
        send_buffer_bytes: what may wait for one slow client before it is cut.
        journal: file that is told everything that happens, one JSON object a line; empty for none.
        quirks: manners of the exchange that can be chosen.
    """

    host: str = "127.0.0.1"
    port: int = 0
    markets: int = 60
    rate: float = DEFAULT_RATE
    seed: int = 1
    start: str = ""
    access_key: str = ""
    secret_key: str = ""
    accounts: tuple[AccountSettings, ...] = ()
    trader: bool = True
    replay: str = ""
    speed: float = RECORDED_SPEED
    idle_close_s: float = 60.0
    limits: bool = True
    send_buffer_bytes: int = 8 * 1024 * 1024
    journal: str = ""
    quirks: Quirks = Quirks()

    def check(self) -> None:
        """Check what types alone cannot.

        Raises:
            SettingsError: some settings cannot be used; one line for each mistake names the setting and what to do.
        """
        mistakes = [*self._range_mistakes(), *self._account_mistakes(), *self._file_mistakes()]
        if mistakes:
            raise SettingsError("\n".join(mistakes))

    def _range_mistakes(self) -> Iterator[str]:
        for name, (lowest, highest) in RANGES.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                yield f"{name} = {value}: choose a number from {lowest} to {highest}"

        try:
            start_ms = self.start_ms
        except ValueError:
            yield f"start = {self.start}: write a time as 2026-09-21T09:00:00Z"
        else:
            if start_ms is not None and not EARLIEST_MS <= start_ms <= LATEST_MS:
                yield f"start = {self.start}: choose a time from 2000 to 2100"

    def _account_mistakes(self) -> Iterator[str]:
        if bool(self.access_key) != bool(self.secret_key):
            yield "access_key and secret_key belong together: give both or neither"
        if not all(account.access_key and account.secret_key for account in self.accounts):
            yield "an account needs an access key and a secret key"
        counts = Counter(account.access_key for account in self.all_accounts)
        yield from (
            f"access key {key}: {count} accounts have it; give each its own"
            for key, count in counts.items()
            if count > 1
        )
        for account in self.accounts:
            for currency, amount in account.balances.items():
                if not (amount.is_finite() and amount >= 0):
                    yield f"account {account.access_key}: {currency} {amount} cannot be owned; choose 0 or more"

    def _file_mistakes(self) -> Iterator[str]:
        if self.speed >= 0.0 and self.speed != RECORDED_SPEED and not self.replay:
            yield f"speed = {self.speed}: only a recording has a speed; name one by replay"
        if self.replay:
            # A struct does not know what was given: only another value than the default is surely meant.
            defaults = SimulatorSettings()
            for name in OF_GENERATED_MARKETS:
                if (value := getattr(self, name)) != getattr(defaults, name):
                    yield f"{name} = {value}: a recording is played as it is; leave out {name} or replay"
        journal = Path(self.journal)
        if self.journal and journal.is_dir():
            yield f"journal = {self.journal}: this is a directory; name a file"
        elif self.journal and not journal.parent.is_dir():
            yield f"journal = {self.journal}: there is no directory {journal.parent}; make it first"

    @property
    def start_ms(self) -> int | None:
        """The exchange's time at the start, in ms since the epoch; None for the machine's. Without an offset it is UTC.

        Raises:
            ValueError: it is no time; `check` says so in one line.
        """
        if not self.start:
            return None
        start = datetime.fromisoformat(self.start)
        return round((start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp() * 1000)

    @property
    def all_accounts(self) -> tuple[AccountSettings, ...]:
        """The first account, if there is one, and the further ones."""
        first = (AccountSettings(self.access_key, self.secret_key),) if self.access_key else ()
        return first + self.accounts

    @property
    def replay_path(self) -> Path | None:
        """The recording to play, None for a simulated market."""
        return Path(self.replay) if self.replay else None
