"""What one subscribe call asks for, checked before anything is sent.

No I/O. A wish belongs to a key, (type, unit): a later wish of the same key takes the place of the one before it.
"""

import math
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, cast, get_args

from actors.client.errors import SubscriptionError
from protocols.channel.messages import Delivery, Preference, Want
from protocols.upbit.messages import CANDLE_TYPES, CANDLE_UNITS
from protocols.upbit.topics import FULL_DEPTH, ORDERBOOK_UNITS, Topic, is_market_code

Server = Literal["public", "private"]

ALIASES_OF_UNITS: Final = {"1h": "60m", "4h": "240m", "60s": "1m"}
"""What programs write for units of the exchange; a day or a week comes over no WebSocket."""

TYPES: Final = ("ticker", "trade", "orderbook", "candle", *CANDLE_TYPES, "myOrder", "myAsset")
"""What a subscription may be named by; `candle` stands for all units."""

SHOWN_CHARACTERS: Final = 60
"""Of what was given as a market; an error is one line."""

MAX_SYMBOLS: Final = 1000
"""The exchange has some 850 markets (2026-09)."""

MAX_SAMPLE_MS: Final = 3_600_000


class Key(NamedTuple):
    """One of a client's subscriptions: `unit` is a candle's, and empty for all other types."""

    type: str
    unit: str = ""

    @property
    def name(self) -> str:
        """The key as the exchange names the type, such as `ticker` or `candle.1m`."""
        return f"{self.type}.{self.unit}" if self.unit else self.type


class Wish(NamedTuple):
    """A checked subscription.

    Attributes:
        key: type and unit.
        symbols: its markets, without doubles, in the order given; empty for the account's types.
        preference: which part of the stream.
        delivery: how it is delivered; None for what suits the type.
        sample_ms: interval of a sampled one.
        units, level: depth and price step of an order book.
    """

    key: Key
    symbols: tuple[str, ...] = ()
    preference: Preference = "both"
    delivery: Delivery | None = None
    sample_ms: int = 0
    units: int = FULL_DEPTH
    level: float = 0.0

    @property
    def server(self) -> Server:
        """The actor that serves it."""
        return "private" if self.is_private else "public"

    @property
    def is_private(self) -> bool:
        """Whether it belongs to the account."""
        return self.key.type in {"myOrder", "myAsset"}

    @property
    def is_of_state(self) -> bool:
        """Whether the newest message says all, so that a consumer that is late needs no older one."""
        return self.key.type in {"ticker", "orderbook", "candle"}

    @property
    def topics(self) -> dict[str, str]:
        """The topics of this wish, each with its symbol; empty for the account's own topic."""
        if self.is_private:
            return {self.key.type: ""}
        return {Topic(self.key.name, symbol, self.units, self.level).key: symbol for symbol in self.symbols}

    def wants(self, topics: Iterable[str]) -> list[Want]:
        """How these topics are declared to their actor."""
        delivery = self.delivery or "every"
        return [Want(topic, delivery, self.sample_ms, self.preference) for topic in topics]

    def with_symbols(self, symbols: Iterable[str]) -> "Wish":
        """The same wish for other markets."""
        return self._replace(symbols=tuple(dict.fromkeys(symbols)))


def wish_of_market(  # one argument for each thing that can be said of a subscription
    kind: str,
    symbols: object,
    *,
    unit: object = "",
    preference: object = "both",
    delivery: object = None,
    sample_ms: object = 0,
    units: object = FULL_DEPTH,
    level: object = 0,
) -> Wish:
    """Check what a subscribe method of market data was given.

    An empty list of symbols makes a wish for nothing, which ends the subscription of its key.

    Raises:
        SubscriptionError: the first thing that is wrong, with what is right.
    """
    key = Key(kind, _unit(unit) if kind == "candle" else "")
    return Wish(
        key,
        check_symbols(key.name, symbols, may_be_empty=True),
        _preference(preference),
        *_delivery(delivery, sample_ms),
        _units(units),
        _level(level),
    )


def wish_of_account(kind: str, *, preference: object = "both", delivery: object = None, sample_ms: object = 0) -> Wish:
    """Check what a subscribe method of the account's data was given.

    Raises:
        SubscriptionError: the first thing that is wrong, with what is right.
    """
    if preference == "snapshot_only":
        raise SubscriptionError(f"{kind}: the exchange sends no snapshot of it; leave out stream_preference")
    return Wish(Key(kind), (), _preference(preference), *_delivery(delivery, sample_ms))


def check_symbols(name: str, symbols: object, *, may_be_empty: bool = False) -> tuple[str, ...]:
    """Return market codes without doubles.

    Raises:
        SubscriptionError: not a list of codes of the form `KRW-BTC`, or an empty one.
    """
    if isinstance(symbols, str | bytes):
        raise SubscriptionError(f"{name}: symbols is the text {symbols!r}; write a list, such as ['KRW-BTC']")
    if not isinstance(symbols, Iterable):
        raise SubscriptionError(f"{name}: symbols is {symbols!r}; write a list, such as ['KRW-BTC']")
    found = tuple(dict.fromkeys(_symbol(name, symbol) for symbol in symbols))
    if not found and not may_be_empty:
        raise SubscriptionError(f"{name}: no symbols; name at least one, such as ['KRW-BTC']")
    if len(found) > MAX_SYMBOLS:
        raise SubscriptionError(f"{name}: {len(found)} symbols (limit {MAX_SYMBOLS}); the exchange has fewer markets")
    return found


def check_type(kind: object) -> str | None:
    """Return the name of a type, or None for all; a candle's unit may be one of its aliases.

    Raises:
        SubscriptionError: there is no such type.
    """
    if kind is None:
        return None
    if isinstance(kind, str):
        name, _, unit = kind.partition(".")
        known = f"candle.{ALIASES_OF_UNITS.get(unit, unit)}" if name == "candle" and unit else kind
        if known in TYPES:
            return known
    raise SubscriptionError(f"unknown type {kind!r}; it is one of {', '.join(TYPES)}")


def check_connection(connection: object) -> Server:
    """Return the name of a connection.

    Raises:
        SubscriptionError: there is no such one.
    """
    if connection == "public" or connection == "private":  # noqa: PLR1714 - so that its type is known
        return connection
    raise SubscriptionError(f"unknown connection {connection!r}; it is 'public' or 'private'")


def _symbol(name: str, symbol: object) -> str:
    shown = repr(symbol) if len(repr(symbol)) <= SHOWN_CHARACTERS else f"{repr(symbol)[:SHOWN_CHARACTERS]}..."
    if not isinstance(symbol, str):
        raise SubscriptionError(f"{name}: {shown} is no market; write it as text, such as 'KRW-BTC'")
    if is_market_code(symbol):
        return symbol
    if is_market_code(upper := symbol.strip().upper()):
        raise SubscriptionError(f"{name}: {shown} is no market; did you mean {upper!r}?")
    raise SubscriptionError(f"{name}: {shown} is no market; write the quote currency first, such as 'KRW-BTC'")


def _unit(unit: object) -> str:
    named = ALIASES_OF_UNITS.get(unit, unit) if isinstance(unit, str) else unit
    if named not in CANDLE_UNITS:
        raise SubscriptionError(f"candle: unknown unit {unit!r}; the exchange has {', '.join(CANDLE_UNITS)}")
    return named


def _preference(preference: object) -> Preference:
    if preference not in get_args(Preference):
        known = ", ".join(map(repr, get_args(Preference)))
        raise SubscriptionError(f"unknown stream_preference {preference!r}; it is one of {known}")
    return cast("Preference", preference)


def _delivery(delivery: object, sample_ms: object) -> tuple[Delivery | None, int]:
    if delivery is not None and delivery not in get_args(Delivery):
        known = ", ".join(map(repr, get_args(Delivery)))
        raise SubscriptionError(f"unknown delivery {delivery!r}; it is one of {known}, or None for what suits the type")
    if isinstance(sample_ms, bool) or not isinstance(sample_ms, int) or not 0 <= sample_ms <= MAX_SAMPLE_MS:
        raise SubscriptionError(f"sample_ms is {sample_ms!r}; write whole milliseconds from 1 to {MAX_SAMPLE_MS}")
    if (delivery == "sampled") != (sample_ms > 0):
        raise SubscriptionError(
            f"delivery {delivery!r} with sample_ms {sample_ms}; 'sampled' and an interval go together"
        )
    return cast("Delivery | None", delivery), sample_ms


def _units(units: object) -> int:
    if not isinstance(units, int) or isinstance(units, bool) or units not in ORDERBOOK_UNITS:
        raise SubscriptionError(
            f"orderbook: units is {units!r}; the exchange has {', '.join(map(str, ORDERBOOK_UNITS))}"
        )
    return units


def _level(level: object) -> float:
    if isinstance(level, bool) or not isinstance(level, int | float) or not math.isfinite(level) or level < 0:
        raise SubscriptionError(f"orderbook: level is {level!r}; write a price step in KRW, or 0 for none")
    return float(level)
