"""Watching how far markets have moved since their last daily close, up or down, each crossing reported once."""

from collections import deque
from typing import Annotated, Generic, TypeVar

from msgspec import Meta

from protocols.crossing import Crossings, Zone
from protocols.reports import PriceAlert, SurgeAlert
from protocols.upbit.messages import Ticker

Ratio = Annotated[float, Meta(gt=0, lt=10)]
"""A change as a part of the price: 0.05 is 5 %."""

Move = TypeVar("Move", PriceAlert, SurgeAlert)


def check_hysteresis(hysteresis: float, threshold: float) -> None:
    """Check settings of a watch.

    Raises:
        ValueError: a hysteresis that would never let a report come again.
    """
    if hysteresis >= threshold:
        raise ValueError(f"hysteresis {hysteresis:g} must be less than threshold {threshold:g}")


class RateWatch(Generic[Move]):
    """The moves of many markets, as reports of one kind. No I/O and no clock.

    Attributes:
        reports: the last `history` ones, the newest at the end.
    """

    def __init__(self, kind: type[Move], *, threshold: float, hysteresis: float, history: int) -> None:
        self._kind: type[Move] = kind
        self._threshold = threshold
        self._crossings = Crossings(high=threshold, low=-threshold, margin=hysteresis)
        self.reports: deque[Move] = deque(maxlen=history)

    def take(self, ticker: Ticker) -> Move | None:
        """Take one ticker in; return a report when its market has just gone beyond the threshold.

        The sign is that of `signed_change_rate`; the exchange's `change_rate` has none.
        """
        zone = self._crossings.take(ticker.code, ticker.signed_change_rate)
        if zone is None:
            return None
        report = self._kind(
            code=ticker.code,
            direction="rise" if zone is Zone.ABOVE else "fall",
            signed_change_rate=ticker.signed_change_rate,
            threshold=self._threshold,
            trade_price=ticker.trade_price,
            timestamp=ticker.timestamp,
        )
        self.reports.append(report)
        return report

    def forget(self, code: str) -> None:
        """Watch this market no more; if it comes back, it begins anew."""
        self._crossings.forget(code)
