"""Moods of a market: calm, trend, crash and pump, one after the other, as a seeded schedule.

A regime moves the price that the background traders believe in by a share of the price: slowly in a trend, within
seconds in a crash or a pump, after which a trend brings most of it back. Calm and trend lead back towards zero, and no
regime leads further away than a limit, so that prices never run away for good. The schedule depends on the seed alone:
not on what is traded, and not on how often somebody looks.
"""

import enum
import math
import random
from typing import Final, NamedTuple


class Regime(enum.Enum):
    """What a market is going through."""

    CALM = "calm"
    TREND = "trend"
    CRASH = "crash"
    PUMP = "pump"

    @property
    def is_violent(self) -> bool:
        """Whether the price moves within seconds, with many trades at once."""
        return self in _VIOLENT

    @property
    def buyers(self) -> bool | None:
        """Whether takers mostly buy; None when it is all the same to them."""
        return {Regime.CRASH: False, Regime.PUMP: True}.get(self)


_VIOLENT: Final = frozenset({Regime.CRASH, Regime.PUMP})


class Scope(NamedTuple):
    """How strong and how frequent the regimes of one market, or of all markets together, are.

    Attributes:
        limit: furthest distance from zero, as a logarithm of the price.
        quiet_start_s: least time after the start without anything but calm.
        first_calm_s: longest time that the first calm lasts beyond that.
        calm_s: shortest and longest calm.
        jump: least and greatest move of a crash or pump.
        violent_share: share of the calms that end in a crash or pump; the others end in a trend.
    """

    limit: float
    quiet_start_s: float
    first_calm_s: float
    calm_s: tuple[float, float]
    jump: tuple[float, float]
    violent_share: float


ONE_MARKET: Final = Scope(0.15, 40.0, 400.0, (60.0, 300.0), (0.04, 0.10), 0.35)
ALL_MARKETS: Final = Scope(0.10, 150.0, 450.0, (300.0, 900.0), (0.03, 0.06), 1.0)

_TREND_S: Final = (60.0, 300.0)
_JUMP_S: Final = (6.0, 25.0)
_TREND_REACH: Final = 0.02
_KEPT_BY_TREND: Final = 0.3
_KEPT_BY_CALM: Final = 0.8


class Phase(NamedTuple):
    """One regime from `begin_ms` to `end_ms`, over which the price moves by exp(`end`) / exp(`begin`)."""

    regime: Regime
    begin_ms: float
    end_ms: float
    begin: float
    end: float

    def offset(self, t_ms: float) -> float:
        """How far the price is from where it would be without regimes, as a logarithm."""
        share = (t_ms - self.begin_ms) / (self.end_ms - self.begin_ms)
        # Slow at both ends: no corner that a price would jump around.
        return self.begin + (self.end - self.begin) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, share))))


class Regimes:
    """The schedule of one market, or of all together; asked about times that never go back by much.

    Args:
        rng: their own source of chance, drawn from in the order of the phases.
        start_ms: the start of the simulation; before it, and for a while after it, all is calm.
        scope: how strong and frequent they are.
    """

    def __init__(self, rng: random.Random, *, start_ms: int, scope: Scope) -> None:
        self._rng = rng
        self._scope = scope
        first_s = scope.quiet_start_s + rng.uniform(0.0, scope.first_calm_s)
        self._phase = Phase(Regime.CALM, start_ms, start_ms + first_s * 1000.0, 0.0, 0.0)

    def at(self, t_ms: int) -> Phase:
        """The phase at a time; a time before the present phase is taken as its begin."""
        while t_ms >= self._phase.end_ms:
            self._phase = self._next(self._phase)
        return self._phase

    def _next(self, last: Phase) -> Phase:
        rng, scope = self._rng, self._scope
        if last.regime.is_violent:
            regime, length_s = Regime.TREND, rng.uniform(*_TREND_S)
            end = last.end * _KEPT_BY_TREND
        elif last.regime is Regime.TREND:
            regime, length_s = Regime.CALM, rng.uniform(*scope.calm_s)
            end = last.end * _KEPT_BY_CALM
        elif rng.random() < scope.violent_share:
            rises = rng.random() < 0.5 - last.end / scope.limit * 0.5
            regime, length_s = Regime.PUMP if rises else Regime.CRASH, rng.uniform(*_JUMP_S)
            end = last.end + rng.uniform(*scope.jump) * (1.0 if rises else -1.0)
        else:
            regime, length_s = Regime.TREND, rng.uniform(*_TREND_S)
            end = last.end * _KEPT_BY_TREND + rng.uniform(-_TREND_REACH, _TREND_REACH)
        end = min(scope.limit, max(-scope.limit, end))
        return Phase(regime, last.end_ms, last.end_ms + length_s * 1000.0, last.end, end)
