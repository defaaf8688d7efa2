"""What comes first, the answer to an order request or the first event about it: nobody promises either.

The event leaves with the next round of the market's clock, within about 5 ms; an answer that is held back for longer
comes after it. What was asked has happened in either case before the answer is written.
"""

import random
from typing import Final

from actors.exchange.quirks import Quirks
from actors.exchange.rest.messages import Answered, HttpAnswer

SHORTEST_S: Final = 0.006
LONGEST_S: Final = 0.020
DELAYED_SHARE: Final = 0.5
"""How often the events are let go first when it is left to chance (assumed: the order was never measured)."""

DECIDED_S: Final = 0.060
"""When the events are to go first always: on a busy machine a round of the clock can take 20 ms and more."""


class AnswerRace:
    """Decides how long each answer is held back.

    Args:
        quirks: says who wins, or leaves it to chance.
        rng: the chance.
    """

    def __init__(self, quirks: Quirks, rng: random.Random) -> None:
        self._order = quirks.order_race
        self._rng = rng

    def run(self, answer: HttpAnswer) -> Answered:
        """The answer with the time for which it is held back."""
        return Answered(answer, self._delay_s())

    def _delay_s(self) -> float:
        if self._order == "event_first":
            return DECIDED_S
        if self._order == "answer_first" or self._rng.random() >= DELAYED_SHARE:
            return 0.0
        return self._rng.uniform(SHORTEST_S, LONGEST_S)
