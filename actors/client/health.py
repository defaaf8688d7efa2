"""How a client is doing: plain figures, for a program to look at and for `json`."""

import time

from msgspec import Struct

from actors.client.delivery.lane import Lane
from actors.client.delivery.switchboard import Switchboard
from actors.client.reports import ClientState


class SubscriptionHealth(Struct, frozen=True):
    """One subscription.

    Attributes:
        type: such as `ticker` or `candle.1m`.
        symbols: how many markets; 0 for the account's types.
        delivered: events that its callback or loop has got.
        waiting: events that wait for it now.
        oldest_ms: how long the oldest of these has waited.
        lag_ms, max_lag_ms: from the arrival on this machine to the callback: of the last event, and the longest.
        merged, dropped: events that a newer one replaced here, and those that were dropped and told as gaps.
        errors: callbacks that failed.
        blocked: callbacks that held up the whole loop.
    """

    type: str
    symbols: int
    delivered: int
    waiting: int
    oldest_ms: float
    lag_ms: float
    max_lag_ms: float
    merged: int
    dropped: int
    errors: int
    blocked: int


class ConnectionHealth(Struct, frozen=True):
    """One connection: its state, why, and the number of the connection to the exchange."""

    state: ClientState
    reason: str
    epoch: int


class ClientHealth(Struct, frozen=True):
    """A client.

    Attributes:
        name: of the client.
        state: the worst of its connections; `idle` before it wanted anything, `closed` after the clean-up.
        is_connected: whether all of its connections work.
        uptime_s: since it was made.
        messages: events that came for it.
        late: events that came and were not delivered, because their market had left by then, or because the last known
            value of a market came where only new ones are wanted; none of them counts in `messages`.
        age_s: since the newest of them; None before the first.
        lag_ms: the longest of its subscriptions' last lags.
        waiting: events that wait for callbacks.
        merged, drops: events that newer ones replaced on their way, and those that were dropped.
        gaps: gap reports so far.
        callback_errors: callbacks that failed.
        unlogged: lines that the log of the program did not take, because one of its handlers failed.
        problems: topics that are not being served, and why.
        connections, subscriptions: one by one.
    """

    name: str
    state: ClientState
    is_connected: bool
    uptime_s: float
    messages: int
    late: int
    age_s: float | None
    lag_ms: float
    waiting: int
    merged: int
    drops: int
    gaps: int
    callback_errors: int
    unlogged: int
    problems: dict[str, str]
    connections: dict[str, ConnectionHealth]
    subscriptions: list[SubscriptionHealth]


def health_of(board: Switchboard, *, began_ns: int, merged_on_the_way: int, unlogged_on_the_way: int) -> ClientHealth:
    """Gather the figures of a client; `..._on_the_way` are those of its links, which its switchboard does not know."""
    now_ns = time.monotonic_ns()
    with board.lock:
        lanes = [_subscription(lane, now_ns) for lane in board.lanes.values()]
        connections: dict[str, ConnectionHealth] = {
            name: ConnectionHealth(known.state, known.reason, known.epoch)
            for name, known in board.connections.known.items()
        }
        problems = dict(board.problems)
    state = state_of(board)
    return ClientHealth(
        name=board.name,
        state=state,
        is_connected=state == "live",
        uptime_s=round((now_ns - began_ns) / 1e9, 3),
        messages=board.messages,
        late=board.late,
        age_s=round((now_ns - board.last_ns) / 1e9, 4) if board.last_ns else None,
        lag_ms=max((lane.lag_ms for lane in lanes), default=0.0),
        waiting=sum(lane.waiting for lane in lanes),
        merged=sum(lane.merged for lane in lanes) + merged_on_the_way,
        drops=sum(lane.dropped for lane in lanes),
        gaps=board.announcer.gaps,
        callback_errors=board.announcer.callback_errors,
        unlogged=board.log.unwritten + unlogged_on_the_way,
        problems=problems,
        connections=connections,
        subscriptions=lanes,
    )


def state_of(board: Switchboard) -> ClientState:
    """The worst state of the connections that a client's subscriptions use, or of all that it ever used."""
    if board.is_closed:
        return "closed"
    # A connection that could not be had for a subscription, such as one without keys, is none that the client uses.
    return board.connections.worst({lane.wish.server for lane in tuple(board.lanes.values())} or {"public", "private"})


def _subscription(lane: Lane, now_ns: int) -> SubscriptionHealth:
    oldest_ns, figures = lane.mailbox.oldest_ns(), lane.figures
    return SubscriptionHealth(
        type=lane.wish.key.name,
        symbols=len(lane.wish.symbols),
        delivered=figures.delivered,
        waiting=len(lane.mailbox),
        oldest_ms=0.0 if oldest_ns is None else round((now_ns - oldest_ns) / 1e6, 3),
        lag_ms=round(figures.lag_s * 1e3, 3),
        max_lag_ms=round(figures.max_lag_s * 1e3, 3),
        merged=lane.mailbox.merged,
        dropped=lane.mailbox.dropped,
        errors=figures.errors,
        blocked=figures.blocked,
    )
