"""What actors say to one another: wants and requests one way, events and markers the other.

A client declares the whole set of its wants in one message, and again whenever it changes; nothing else is needed to
come back after a restart of either side. Every message is a msgpack array with its tag first.

Sequence numbers: within one `epoch` the events of one topic are numbered without a hole. A subscriber sees each number
exactly once, or is told which are missing: the frame's header counts those that its own `latest` or `sampled` outbox
merged, and a `Gap` names those that were dropped. `protocols.channel.continuity` checks just that.
"""

from typing import Final, Generic, Literal, TypeVar

from msgspec import Raw, Struct

PROTOCOL_VERSION: Final = 1

BodyT = TypeVar("BodyT")

Delivery = Literal["every", "latest", "sampled"]
"""`every`: nothing merged, nothing dropped but with a `Gap`; `latest`: the newest of a topic replaces the older one
while it waits; `sampled`: as latest, and at most one in `sample_ms`."""

Preference = Literal["both", "snapshot_only", "realtime_only"]

SourceLink = Literal["none", "connecting", "up", "down", "parked"]

LIVE: Final = 0
CACHED: Final = 1
RECOVERED: Final = 2


class Hello(Struct, array_like=True, tag="hello", frozen=True):
    """First message of a client: its name for people, its process id, its protocol version."""

    client: str
    pid: int
    version: int = PROTOCOL_VERSION


class Want(Struct, array_like=True, frozen=True):
    """One topic that a client wants, and how. The topic is a key as in `protocols.upbit.topics`."""

    topic: str
    delivery: Delivery = "every"
    sample_ms: int = 0
    preference: Preference = "both"


class Wants(Struct, array_like=True, tag="wants", frozen=True):
    """Everything that this client wants from now on; replaces what it declared before. `version` only grows."""

    version: int
    wants: tuple[Want, ...]


class Request(Struct, array_like=True, tag="request", frozen=True):
    """A question to the serving actor, answered by one `Reply` with the same id."""

    id: int
    method: str
    arguments: dict[str, str | int | float | bool | list[str] | None] = {}


class Welcome(Struct, array_like=True, tag="welcome", frozen=True):
    """First message of a server: who it is, which life of it, and how its source stands.

    `link` is `connecting` (it never was up yet), `up`, `down` (reconnecting), `parked` (waits for the owner), or
    `none` (it has no source of its own). `life` is told by two servers alike only if they are the same process: epochs
    of a life grow, those of two lives say nothing of one another once the wall clock was set back, and `incarnation`
    begins anew with each tree.
    """

    server: str
    incarnation: int
    epoch: int
    link: SourceLink
    reason: str = ""
    version: int = PROTOCOL_VERSION
    life: int = 0


class Accepted(Struct, array_like=True, tag="accepted", frozen=True):
    """The wants of this version are held from here on; events of topics no longer wanted do not follow it."""

    version: int


class Event(Struct, Generic[BodyT], array_like=True, tag="event", frozen=True, gc=False):
    """One message on one topic; `Event[Raw]` to pass it on unread, `Event[DataMessage]` to read it.

    `received_ns` is the monotonic clock of this machine when the bytes arrived, `wall_ns` the time of day then
    (since the epoch, UTC). `origin` is `LIVE`, `CACHED` (the last known value, for a late comer) or `RECOVERED`
    (fetched after an outage).
    """

    topic: str
    epoch: int
    sequence: int
    received_ns: int
    wall_ns: int
    origin: int
    body: BodyT


class Down(Struct, array_like=True, tag="down", frozen=True):
    """The source is gone since `at_ns` (monotonic); nothing follows until `Up`. `parked`: it waits for the owner."""

    epoch: int
    reason: str
    at_ns: int
    parked: bool = False


class Up(Struct, array_like=True, tag="up", frozen=True):
    """The source is back: a new epoch begins, sequences start again, and what happened meanwhile was not seen."""

    epoch: int
    outage_s: float
    at_ns: int


class Gap(Struct, array_like=True, tag="gap", frozen=True):
    """Events `first` to `last` of a topic were dropped for this subscriber alone, and why."""

    topic: str
    epoch: int
    first: int
    last: int
    reason: str


class WantProblem(Struct, array_like=True, tag="problem", frozen=True):
    """A want of this client that is not being served: malformed, unknown to the exchange, or without a snapshot.

    `is_held`: the want stays, and is served as soon as it can be; otherwise it was refused for good.
    """

    topic: str
    reason: str
    is_held: bool = True


class Reply(Struct, array_like=True, tag="reply", frozen=True):
    """Answer to a `Request`: `error` is empty and `result` holds msgpack, or `error` says what went wrong."""

    id: int
    error: str
    result: Raw


ClientMessage = Hello | Wants | Request
ServerMessage = Event[Raw] | Welcome | Accepted | Down | Up | Gap | WantProblem | Reply
