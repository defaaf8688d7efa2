"""A fault that goes on: whom it hits, until when, and what is left of it."""

from typing import NamedTuple

from actors.exchange.faults.kinds import BaseFault, Fault


class Client(NamedTuple):
    """One WebSocket connection as faults see it.

    Attributes:
        number: its id.
        kind: `public` or `private`.
        access_key: whose account it is; empty on the public path.
        opened_s: when it was opened, on the clock that faults are given.
    """

    number: int
    kind: str
    access_key: str = ""
    opened_s: float = 0.0


class ActiveFault:
    """A fault that was asked for and has not ended.

    Args:
        number: its id.
        fault: what was asked for.
        began_s: when, on the monotonic clock.
        ends_s: when it ends by itself; None for never.
        left: how many times it still happens; None for any number.
        only: ids of the connections that it is limited to; None for all of its target, those to come included.
    """

    def __init__(
        self,
        number: int,
        fault: Fault,
        *,
        began_s: float,
        ends_s: float | None = None,
        left: int | None = None,
        only: set[int] | None = None,
    ) -> None:
        self.number = number
        self.fault = fault
        self.began_s = began_s
        self.ends_s = ends_s
        self.left = left
        self.only = only

    def has_ended(self, now_s: float) -> bool:
        """Whether nothing of it is left."""
        return (
            (self.ends_s is not None and now_s >= self.ends_s)
            or (self.left is not None and self.left <= 0)
            or (self.only is not None and not self.only)
        )

    def hits(self, client: Client) -> bool:
        """Whether a connection is among those that it hits."""
        if self.only is not None:
            return client.number in self.only
        return is_aimed_at(self.fault, client)

    def take(self) -> None:
        """Count one of the times that it happens."""
        if self.left is not None:
            self.left -= 1

    def report(self, now_s: float) -> dict[str, object]:
        """What `GET /_simulator/faults` says about it; None in `left` and `ends_in_s` means without limit."""
        return {
            "id": self.number,
            "fault": self.fault,
            "left": self.left,
            "ends_in_s": None if self.ends_s is None else round(max(0.0, self.ends_s - now_s), 3),
            "connections": None if self.only is None else sorted(self.only),
        }


def is_aimed_at(fault: BaseFault, client: Client) -> bool:
    """Whether a fault's target and connection fit a WebSocket."""
    connection = getattr(fault, "connection", None)
    return getattr(fault, "target", "all") in {"all", client.kind} and connection in {None, client.number}
