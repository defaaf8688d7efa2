"""What a client knows of its two connections, as their links tell it, and what of that is news for the user."""

from typing import Final

from actors.client.delivery.announcing import Announcer
from actors.client.reports import ClientState, GapReport, StateReport
from actors.client.wishes import Server
from protocols.channel.messages import Down, Up

WORST_FIRST: Final[tuple[ClientState, ...]] = ("parked", "detached", "down", "connecting", "live")


class Connection:
    """One connection: its state, why, and the number of the connection to the exchange."""

    def __init__(self) -> None:
        self.state: ClientState = "connecting"
        self.reason = ""
        self.epoch = 0
        self.was_up = False


class ConnectionStates:
    """Those that one client has used so far. Changed in the thread of the links; read from any.

    Args:
        announcer: of the client; it tells what has changed.

    Attributes:
        known: what is known, by connection.
    """

    def __init__(self, announcer: Announcer) -> None:
        self.known: dict[Server, Connection] = {}
        self._announcer = announcer

    def of(self, server: Server) -> Connection:
        """What is known of one connection; begun when it is asked for first."""
        return self.known.setdefault(server, Connection())

    def turn(self, server: Server, state: ClientState, reason: str = "", *, outage_s: float = 0.0) -> None:
        """Note the state of a connection, and tell it when it is news."""
        known = self.of(server)
        if (known.state, known.reason) != (state, reason):
            known.state, known.reason = state, reason
            self._announcer.add(StateReport(server, state, reason, known.epoch, outage_s))

    def take(self, server: Server, marker: Up | Down) -> None:
        """Take what a link says of its connection; an outage may have cost events, and is told as a gap, too."""
        if isinstance(marker, Down):
            self.turn(server, "parked" if marker.parked else "down", marker.reason)
            return
        known, outage_s = self.of(server), marker.outage_s
        had_outage = known.was_up and known.state != "live"
        known.epoch = marker.epoch
        self.turn(server, "live", outage_s=outage_s)
        if had_outage:
            reason = f"{server}: the connection was away for {outage_s:.3f} s"
            self._announcer.add(GapReport("", "", None, reason, marker.epoch, outage_s=outage_s, connection=server))
        known.was_up = True

    def worst(self, used: set[Server]) -> ClientState:
        """Return the worst state of these connections; `idle` when none of them was used so far."""
        states = {known.state for server, known in tuple(self.known.items()) if server in used}
        return next((state for state in WORST_FIRST if state in states), "idle")

    def forget(self) -> None:
        """Begin anew, in another loop."""
        self.known.clear()
