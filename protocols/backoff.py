"""How long to wait before the next attempt: at once, then growing with full jitter.

Full jitter (a delay anywhere between nothing and the bound) spreads those who failed together; a fixed delay would
bring them back together. Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
"""

import random


class Backoff:
    """Delays of one series of attempts: 0, then uniform in 0 to `first_s`, `2 first_s`, `4 first_s` ... up to `cap_s`.

    The series ends once a success has lasted for `reset_after_s`: the next attempt is made at once again. A success
    that is lost sooner continues the series, so that a peer that accepts and drops at once is not hammered.
    """

    def __init__(self, *, first_s: float, cap_s: float, rng: random.Random, reset_after_s: float) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._rng = rng
        self._reset_after_s = reset_after_s
        self._bound_s = 0.0
        self._succeeded_s: float | None = None

    @property
    def bound_s(self) -> float:
        """The longest that the next delay can be, if no success ends the series before."""
        return self._bound_s

    def next_delay_s(self, now_s: float) -> float:
        """How long to wait from now before the next attempt."""
        if self._succeeded_s is not None and now_s - self._succeeded_s >= self._reset_after_s:
            self._bound_s = 0.0
        self._succeeded_s = None
        delay_s = self._rng.uniform(0.0, self._bound_s)
        self._bound_s = min(self._cap_s, self._bound_s * 2 or self._first_s)
        return delay_s

    def reset(self) -> None:
        """Begin a new series: the next attempt is made at once."""
        self._bound_s = 0.0
        self._succeeded_s = None

    def succeeded(self, now_s: float) -> None:
        """Note that an attempt succeeded; what counts is how long that lasts."""
        self._succeeded_s = now_s
