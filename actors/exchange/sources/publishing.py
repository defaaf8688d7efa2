"""In which order the trades of one market are told: nearly that in which they happened.

Of 304 trades recorded on 2021-04-17, 78 came with a lower `sequential_id` than one told before them, most within a
burst of one sweeping order; none was lost or told twice, and the times of telling never went back.
"""

import random
from collections.abc import Sequence

from actors.exchange.market.events import Traded


def published_order(burst: Sequence[Traded], late_share: float, rng: random.Random) -> Sequence[Traded]:
    """Put some trades of a burst behind younger ones.

    Args:
        burst: trades of one market that are told together, oldest first.
        late_share: how many of them, the youngest left out, come after a younger one.
        rng: which ones, and how far behind.

    Returns:
        The same trades, each once; those that are late stay in order among themselves.
    """
    if len(burst) < 2 or late_share <= 0.0:
        return burst
    ordered: list[Traded] = []
    late: list[Traded] = []
    for traded in burst[:-1]:
        if rng.random() < late_share:
            late.append(traded)
            continue
        ordered.append(traded)
        if late and rng.random() < 0.5:
            ordered += late
            late.clear()
    return [*ordered, burst[-1], *late]
