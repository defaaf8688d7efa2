"""The newest candle of each length, folded from the trades of one market."""

from typing import Final

from actors.exchange.market.events import Traded
from protocols.upbit.messages import CANDLE_UNITS

_SECONDS: Final = {"s": 1, "m": 60}
UNIT_MS: Final = {unit: int(unit[:-1]) * _SECONDS[unit[-1]] * 1000 for unit in CANDLE_UNITS}


class CandleState:
    """One candle so far; a candle exists only when a trade made it."""

    __slots__ = ("close_e8", "funds_e16", "high_e8", "last_ms", "low_e8", "open_e8", "start_ms", "volume_e8")

    def __init__(self, trade: Traded, start_ms: int) -> None:
        self.start_ms = start_ms
        self.open_e8 = self.high_e8 = self.low_e8 = trade.price_e8
        self.volume_e8 = 0
        self.funds_e16 = 0
        self.apply(trade)

    def apply(self, trade: Traded) -> None:
        """Add one trade."""
        price = trade.price_e8
        self.close_e8 = price
        if price > self.high_e8:
            self.high_e8 = price
        elif price < self.low_e8:
            self.low_e8 = price
        self.volume_e8 += trade.size_e8
        self.funds_e16 += trade.funds_e16
        self.last_ms = trade.t_ms


class Candles:
    """The newest candle of each unit; starts are aligned to 00:00 UTC."""

    def __init__(self) -> None:
        self.current: dict[str, CandleState] = {}

    def apply(self, trade: Traded) -> None:
        """Add one trade to the candles of all lengths."""
        current, t_ms = self.current, trade.t_ms
        for unit, length_ms in UNIT_MS.items():
            candle = current.get(unit)
            start_ms = t_ms - t_ms % length_ms
            if candle is None or candle.start_ms != start_ms:
                current[unit] = CandleState(trade, start_ms)
            else:
                candle.apply(trade)
