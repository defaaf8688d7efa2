"""Manners of the exchange that nobody has recorded, or that changed: each has a default and can be chosen otherwise.

The defaults are what was seen on 2026-09-23, what the documentation of 2026-10 says, or, where both are silent, what is
most likely. A client that is right under every choice is right whatever the exchange does.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from protocols.errors import SettingsError

Milliseconds = Annotated[int, Meta(ge=1, le=60_000)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Quirks(Struct, frozen=True, forbid_unknown_fields=True):
    """Choices among the exchange's possible manners.

    Attributes:
        frames: opcode of data, status and error frames.
        compression: whether permessage-deflate is accepted when a client offers it.
        numbers: `wire` spells numbers as the exchange does (exponents, trailing zeros), `plain` in the shortest way.
        requests: whether a request replaces all before it, or is added to it.
        empty_request: a request with neither type nor method is refused with NO_TYPE, or clears the subscriptions.
        lower_case: codes in lower case are met with silence, or refused with WRONG_FORMAT.
        both_flags: is_only_snapshot together with is_only_realtime is refused, or taken as neither.
        after_error: the socket is closed with 1000 after an error frame, or stays open with its old subscriptions.
        bad_token: a bad token is refused with 401, or let in, told INVALID_AUTH and closed.
        socket_token: a token opens one socket, as its nonce is good for one request, or any number of them.
        idle_close_code: close code of the idle close; 0 for none, as seen.
        slow_client: one that lets too much wait is cut, or is given as much memory as it takes.
        ticker_ms, book_ms: time over which tickers are merged, and the grid of order books.
        trade_reorder: share of the trades of a burst that arrive after a younger one.
        limit_body: what a REST request above its limit is answered with, an error as JSON or the older plain text.
        order_race: what comes first, the answer to an order request or its first event.
        cancel_ms: time from the acceptance of a cancel to its effect; the order may be filled in between.
        post_only: a post-only order that would cross is accepted and cancelled, or refused with 400.
        default_smp: self-match prevention of orders that name none; `cancel_maker` since 2026-11-09, `none` before.
    """

    frames: Literal["binary", "text"] = "binary"
    compression: bool = True
    numbers: Literal["wire", "plain"] = "wire"
    requests: Literal["replace", "accumulate"] = "replace"
    empty_request: Literal["refuse", "clear"] = "refuse"
    lower_case: Literal["silence", "refuse"] = "silence"
    both_flags: Literal["refuse", "neither"] = "refuse"
    after_error: Literal["close", "stay"] = "close"
    bad_token: Literal["refuse", "message"] = "refuse"  # noqa: S105 - what is done about one
    socket_token: Literal["once", "again"] = "once"  # noqa: S105 - how often one is taken
    idle_close_code: Literal[0, 1000, 1001] = 0
    slow_client: Literal["cut", "keep"] = "cut"
    ticker_ms: Milliseconds = 50
    book_ms: Milliseconds = 100
    trade_reorder: Share = 0.15
    limit_body: Literal["json", "plain"] = "json"
    order_race: Literal["random", "answer_first", "event_first"] = "random"
    cancel_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    post_only: Literal["cancel", "refuse"] = "cancel"
    default_smp: Literal["cancel_maker", "none"] = "cancel_maker"


DEFAULT_QUIRKS: Final = Quirks()
"""What the exchange does as far as it is known."""


def read_quirks(choices: Iterable[str]) -> Quirks:
    """Read choices such as `frames=text`; the last one for a name counts.

    Raises:
        SettingsError: a choice has another form, an unknown name, or a value that is not allowed; one line that says
            what is.
    """
    fields = {field.name: field for field in msgspec.structs.fields(Quirks)}
    chosen: dict[str, Any] = {}
    for choice in choices:
        name, equals, text = (part.strip() for part in choice.partition("="))
        if name not in fields or not equals:
            raise SettingsError(f"quirk {choice!r}: write NAME=VALUE with one of the names {', '.join(fields)}")
        try:
            chosen[name] = _value_of(fields[name], text)
        except msgspec.ValidationError:
            raise SettingsError(f"quirk {name}={text}: choose {_allowed(fields[name])}") from None
    return Quirks(**chosen)


def describe_quirks() -> list[str]:
    """One line for each quirk: its name, what it may be, and its default."""
    return [
        f"{field.name}: {_allowed(field)} (default {_text(field.default)})" for field in msgspec.structs.fields(Quirks)
    ]


def _value_of(field: FieldInfo, text: str) -> Any:  # noqa: ANN401 - of the field's type
    kind = msgspec.inspect.type_info(field.type)
    if isinstance(kind, msgspec.inspect.LiteralType):
        # Numbers among fixed values are not read from text.
        return msgspec.convert({_text(value): value for value in kind.values}.get(text, text), field.type)
    return msgspec.convert(text, field.type, strict=False)


def _allowed(field: FieldInfo) -> str:
    match msgspec.inspect.type_info(field.type):
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(map(_text, values))
        case msgspec.inspect.IntType(ge=lowest, le=highest):
            return f"a whole number from {lowest} to {highest}"
        case msgspec.inspect.FloatType(ge=lowest, le=highest):
            return f"a number from {lowest} to {highest}"
        case _:
            return "true or false"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
