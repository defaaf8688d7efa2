"""What a client tells besides events: gaps, states, errors. Plain frozen structs, given to callbacks of the user's."""

from typing import Literal

from msgspec import Struct

ClientState = Literal["idle", "connecting", "live", "down", "parked", "detached", "closed"]
"""`idle`: nothing was wanted yet; `live`: the connection to the exchange works; `down`: it is being made again;
`parked`: it waits for the owner, such as for keys; `detached`: the tree cannot be reached; `closed`: cleaned up."""


class GapReport(Struct, frozen=True):
    """Events that this client did not get.

    Attributes:
        type: of the subscription, such as `trade` or `candle.1m`; empty when it concerns all of one connection.
        symbol: the market; empty for all.
        missed: how many; None when nobody can know, as after an outage.
        reason: why.
        epoch: in which they were missed; after an outage, the one that has begun.
        first, last: their place in the topic's numbering; 0 when `missed` is None.
        outage_s: how long the outage was, from when it was noticed; 0 when there was none.
        connection: `public` or `private`.
    """

    type: str
    symbol: str
    missed: int | None
    reason: str
    epoch: int = 0
    first: int = 0
    last: int = 0
    outage_s: float = 0.0
    connection: str = ""


class StateReport(Struct, frozen=True):
    """The state of one of the client's connections changed.

    Attributes:
        connection: `public` or `private`.
        state: what it is now.
        reason: why, for people; empty when it is live.
        epoch: number of the connection to the exchange, growing with each new one.
        outage_s: when it is live again, how long it was not.
    """

    connection: str
    state: ClientState
    reason: str = ""
    epoch: int = 0
    outage_s: float = 0.0


class ErrorReport(Struct, frozen=True):
    """A callback failed, or a subscription is not being served.

    Attributes:
        client: name of the client.
        type, symbol: of the subscription; empty when it was about none.
        text: one line for people.
        error: the exception of a callback; None when it was none.
    """

    client: str
    type: str
    symbol: str
    text: str
    error: Exception | None = None


Report = GapReport | StateReport | ErrorReport
