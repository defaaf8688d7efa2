"""What is counted of one subscription."""

from msgspec import Struct

from actors.client.delivery.mailbox import AnyEvent
from protocols.channel.messages import CACHED


class LaneFigures(Struct):
    """Counters of one lane.

    Attributes:
        delivered: events that were handed over.
        errors: callbacks that failed.
        blocked: plain callbacks that held up the loop for longer than `lane.BLOCKING_S`.
        lag_s, max_lag_s: time from the arrival of an event on this machine to its callback, of the last one and the
            longest; what was already old when it was wanted does not count.
    """

    delivered: int = 0
    errors: int = 0
    blocked: int = 0
    lag_s: float = 0.0
    max_lag_s: float = 0.0

    def note_delivery(self, event: AnyEvent, *, now_ns: int) -> None:
        """Count an event that is handed over now, by the monotonic clock."""
        self.delivered += 1
        if event.origin != CACHED:
            self.lag_s = lag_s = (now_ns - event.received_ns) / 1e9
            self.max_lag_s = max(self.max_lag_s, lag_s)
