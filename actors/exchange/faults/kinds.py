"""Faults on demand: what `POST /_simulator/faults` takes.

Each fault is one JSON object with a `kind` and its parameters. `target` says whom it hits: `public` or `private`
WebSockets, `all` of them, or `rest`; `connection` (an id from `GET /_simulator/state`) a single WebSocket. What a kind
cannot hit is not among its targets. `GET /_simulator/faults` lists all kinds; the first line of each docstring here is
what it says of them.

A `count` is shared by all connections that a fault hits; `seconds` left out means until somebody ends it.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

Sockets = Literal["all", "public", "private"]
Anywhere = Literal["all", "public", "private", "rest"]
"""REST has to be named: `all` means all WebSockets."""

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0.0, le=86_400.0)]
Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]
OffsetMilliseconds = Annotated[int, Meta(ge=-86_400_000, le=86_400_000)]
BytesPerSecond = Annotated[int, Meta(ge=1, le=100_000_000)]
CloseCode = Annotated[int, Meta(ge=1000, le=4999)]
"""Codes; those that a close frame must not carry (RFC 6455, 7.4.1) are refused by the kinds themselves."""

RefusalStatus = Annotated[int, Meta(ge=400, le=599)]
ConnectionId = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Text = Annotated[str, Meta(max_length=16_384)]
Path = Annotated[str, Meta(max_length=256)]

_NEVER_SENT: Final = frozenset({1004, 1005, 1006, 1015})


class BaseFault(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """What every fault is."""


class OnSockets(BaseFault, frozen=True):
    """A fault of WebSockets."""

    target: Sockets = "all"
    connection: ConnectionId | None = None


class OnSocketsOrRest(BaseFault, frozen=True):
    """A fault of WebSockets, or of REST when it is named."""

    target: Anywhere = "all"
    connection: ConnectionId | None = None

    def __post_init__(self) -> None:
        if self.target == "rest" and self.connection is not None:
            raise ValueError("connection is the id of a WebSocket and goes not with the target rest")


class OnStreams(OnSockets, frozen=True):
    """A fault of data frames, of one type and one code if these are given."""

    type: Text = ""
    code: Text = ""


class OnRest(BaseFault, frozen=True):
    """A fault of REST requests below `/v1`: of all, or of one method, or of paths that begin with `path`."""

    target: Literal["rest"] = "rest"
    method: Literal["", "GET", "POST", "DELETE"] = ""
    path: Path = ""


class OnAll(BaseFault, frozen=True):
    """A fault of the whole exchange."""

    target: Literal["all"] = "all"


# Faults that happen at once.


class Close(OnSockets, frozen=True, tag="close"):
    """Close with a close frame; the socket ends when it is answered, or after 1 s."""

    code: CloseCode = 1000
    reason: Text = ""

    def __post_init__(self) -> None:
        _check_code(self.code)


class Reset(OnSocketsOrRest, frozen=True, tag="reset"):
    """Reset the TCP connection: no close frame, no FIN. On REST: the next request, without effect."""


class Cut(OnSocketsOrRest, frozen=True, tag="cut"):
    """End the connection without a close frame (FIN). On REST: instead of the next answer, without effect."""


class HalfFrame(OnSocketsOrRest, frozen=True, tag="half_frame"):
    """Send half of the next data frame, then reset. On REST: half of the next answer, after the request took effect."""


class Garbage(OnSocketsOrRest, frozen=True, tag="garbage"):
    """Send one frame that is no JSON, or the given text. On REST: as the body of the next answer."""

    text: Text = '{"type":"ticker","code":"KRW-BTC","trade_price":'


class Error(OnSockets, frozen=True, tag="error"):
    """Send an error object, and close with 1000 after 160 ms as after every error, unless `closes` is false."""

    name: Text = "TOO_MANY_REQUEST"
    message: Text = "an error on demand"
    closes: bool = True


class UnknownType(OnSockets, frozen=True, tag="unknown_type"):
    """Send one data frame of a type that nobody knows, in the format of the connection."""

    type: Text = "surprise"


class Announce(BaseFault, frozen=True, tag="announce"):
    """Send an announcement to the private connections that are subscribed to its category."""

    target: Literal["private", "all"] = "private"
    connection: ConnectionId | None = None
    title: Text = "Notice of the simulated exchange"
    category: Literal[
        "notice", "trade", "trading", "wallet", "maintenance", "digital_asset", "nft", "service", "event"
    ] = "notice"
    body: Text | None = None
    url: Text = ""
    event_type: Literal["CREATED", "UPDATED"] = "CREATED"


# Faults that last, or wait for something to happen to.


class Stall(OnSocketsOrRest, frozen=True, tag="stall"):
    """Stay open and say nothing, pongs included; what is said meanwhile is lost. On REST: answers wait for the end."""

    seconds: Seconds | None = None


class Mute(OnStreams, frozen=True, tag="mute"):
    """Withhold data frames, of one type or one code if these are given; they are lost."""

    seconds: Seconds | None = None


class Delay(OnSocketsOrRest, frozen=True, tag="delay"):
    """Send each data frame (on REST: each answer) `ms` later, in order; what still waits at the end is sent then."""

    ms: Milliseconds = 1000
    seconds: Seconds | None = None


class Trickle(OnSocketsOrRest, frozen=True, tag="trickle"):
    """Send at most so many bytes a second; what waits counts against the send buffer.

    Pongs and close frames trickle too. Of REST an answer that takes longer than its deadline of 15 s is cut.
    """

    bytes_per_s: BytesPerSecond = 1000
    seconds: Seconds | None = None


class ExtraFields(OnStreams, frozen=True, tag="extra_fields"):
    """Add fields that nobody knows to data frames: to the next `count`, or for `seconds`."""

    count: Count | None = None
    seconds: Seconds | None = None


class Duplicate(OnStreams, frozen=True, tag="duplicate"):
    """Send the next `count` data frames twice."""

    count: Count = 1


class Reorder(OnStreams, frozen=True, tag="reorder"):
    """Let the next frame of the same type and code overtake a frame, `count` times; none is held above 2 s."""

    count: Count = 1


class Altered(OnStreams, frozen=True, tag="altered"):
    """Change one digit of an amount in the next `count` data frames; the journal has them unchanged."""

    count: Count = 1


class FirstAssetLate(BaseFault, frozen=True, tag="first_asset_late"):
    """Withhold myAsset events for `seconds` from an account's first private connection on, this fault's start or later.

    Documented: the very first use of myAsset by an account can take minutes before events flow, and reconnecting then
    is advised; so with `reconnect` (the default) connections that were opened before the end stay without them.
    """

    target: Literal["private", "all"] = "private"
    seconds: Seconds = 60.0
    reconnect: bool = True


class Refuse(OnSocketsOrRest, frozen=True, tag="refuse"):
    """Answer the next `count` handshakes (on REST: requests) with a status; a count of 0 ends it."""

    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    status: RefusalStatus = 503
    retry_after_s: Seconds | None = None

    def __post_init__(self) -> None:
        if self.connection is not None:
            raise ValueError("connection goes not with refuse: who is refused has no connection yet")


class AcceptThenClose(OnSockets, frozen=True, tag="accept_then_close"):
    """Accept the next `count` handshakes and close at once: with a close frame if `code` is given."""

    count: Count = 1
    code: CloseCode | None = None

    def __post_init__(self) -> None:
        if self.connection is not None:
            raise ValueError("connection goes not with accept_then_close: it waits for connections to come")
        _check_code(self.code)


class RestStatus(OnRest, frozen=True, tag="rest_status"):
    """Answer the next `count` requests with a status: without effect, unless `takes_effect` is true."""

    status: RefusalStatus = 500
    count: Count = 1
    body: Literal["json", "html", "text", "empty"] = "json"
    retry_after_s: Seconds | None = None
    takes_effect: bool = False


class RestTimeout(OnRest, frozen=True, tag="rest_timeout"):
    """Let the next `count` requests take effect at once and be answered only `seconds` later."""

    seconds: Seconds = 60.0
    count: Count = 1


class RestLostAnswer(OnRest, frozen=True, tag="rest_lost_answer"):
    """Let the next `count` requests take effect, and close the connection without an answer."""

    count: Count = 1


class ClockOffset(OnAll, frozen=True, tag="clock_offset"):
    """Say all times `ms` later (or earlier): the Date header, times of messages and of REST documents.

    Only what is said moves: the markets go on as before, so that no event is lost or comes twice, ids of trades and
    starts of candles stay, and times that a client asks for are understood as the markets' own.
    """

    ms: OffsetMilliseconds = 0
    seconds: Seconds | None = None


class Maintenance(OnAll, frozen=True, tag="maintenance"):
    """Announce a maintenance, and after `notice_s` drop all sockets and refuse everything for `seconds`.

    Handshakes get 503, private REST 403 `market_offline`, quotation REST 500 with an HTML page. At the end open bids
    above and asks below the last price are cancelled (documented for restarts of trading).
    """

    seconds: Seconds = 60.0
    notice_s: Seconds = 0.0


Fault = (
    Close | Reset | Cut | HalfFrame | Garbage | Error | UnknownType | Announce
    | Stall | Mute | Delay | Trickle | ExtraFields | Duplicate | Reorder | Altered | FirstAssetLate
    | Refuse | AcceptThenClose | RestStatus | RestTimeout | RestLostAnswer | ClockOffset | Maintenance
)  # fmt: skip

_DECODER: Final[msgspec.json.Decoder[Fault]] = msgspec.json.Decoder(Fault)


def decode_fault(body: bytes) -> Fault:
    """Read a fault.

    Raises:
        UNREADABLE: the message says what is wrong and where.
    """
    return _DECODER.decode(body)


def _check_code(code: int | None) -> None:
    if code in _NEVER_SENT:
        raise ValueError(f"{code} is never sent in a close frame")
