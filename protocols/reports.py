"""What consumers tell others on topics of their own: `alert` (price monitor), `turnover` and `surge` (market scanner).

On the wire a report is a msgpack array with its tag first: append new fields at the end, with a default.

Rates are ratios with their sign (0.05 is +5 %), prices and turnover are in the quote currency. `timestamp` is the
exchange's own time of the ticker that caused the report, in ms since the epoch, UTC.
"""

from typing import Final, Literal

from msgspec import Struct

ALERT_TOPIC: Final = "alert"
TURNOVER_TOPIC: Final = "turnover"
SURGE_TOPIC: Final = "surge"

Direction = Literal["rise", "fall"]


class PriceAlert(Struct, array_like=True, tag_field="kind", tag="price_alert", frozen=True, gc=False):
    """A watched market's change since the last daily close went beyond the threshold, up or down."""

    code: str
    direction: Direction
    signed_change_rate: float
    threshold: float
    trade_price: float
    timestamp: int

    @property
    def type(self) -> str:
        """The topic of this report."""
        return ALERT_TOPIC


class SurgeAlert(Struct, array_like=True, tag_field="kind", tag="surge_alert", frozen=True, gc=False):
    """Some market's change since the last daily close went beyond the threshold, up or down."""

    code: str
    direction: Direction
    signed_change_rate: float
    threshold: float
    trade_price: float
    timestamp: int

    @property
    def type(self) -> str:
        """The topic of this report."""
        return SURGE_TOPIC


class TurnoverAlert(Struct, array_like=True, tag_field="kind", tag="turnover_alert", frozen=True, gc=False):
    """A KRW market's turnover of the last 24 hours went above the limit; both are in KRW."""

    code: str
    acc_trade_price_24h: float
    limit: float
    trade_price: float
    timestamp: int

    @property
    def type(self) -> str:
        """The topic of this report."""
        return TURNOVER_TOPIC


Report = PriceAlert | SurgeAlert | TurnoverAlert
