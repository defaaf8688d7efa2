"""Which faults, in which order: decided by the seed alone, whatever the machine does meanwhile."""

import random
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from tests.chaos.kinds import KINDS, Kind, Step

TOGETHER: Final = 0.2
"""Share of faults that another one joins."""

SHORTEST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.4


class Planned(Struct, frozen=True):
    """One turn: faults that happen at the same time, then a pause once the tree has recovered."""

    number: int
    steps: tuple[Step, ...]
    pause_s: float

    @property
    def kind(self) -> str:
        """What it is counted as."""
        return self.steps[0].kind if len(self.steps) == 1 else "together"

    def __str__(self) -> str:
        return " + ".join(map(str, self.steps))


def schedule(seed: int, start_method: str, only: tuple[str, ...] = ()) -> Iterator[Planned]:
    """Yield turns without end.

    Cards are dealt from shuffled decks. The first cards of each deck are one of each kind, so that a short run has seen
    all of them once.

    Args:
        seed: the same one gives the same turns.
        start_method: kinds that need another one are left out.
        only: names of the kinds that are wanted; all when empty.
    """
    kinds = [kind for kind in KINDS if kind.start_method in {"", start_method} and (not only or kind.name in only)]
    rng = random.Random(seed)
    cards = _cards(kinds, rng)
    number = 0
    held: Step | None = None
    while True:
        number += 1
        steps = [held or next(cards)]
        held = None
        if rng.random() < TOGETHER:
            other = next(cards)
            if _go_together(steps[0], other):
                steps.append(other)
            else:
                held = other
        yield Planned(number, tuple(steps), rng.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S))


def _cards(kinds: list[Kind], rng: random.Random) -> Iterator[Step]:
    while True:
        first = list(kinds)
        rest = [kind for kind in kinds for _ in range(kind.cards - 1)]
        rng.shuffle(first)
        rng.shuffle(rest)
        for kind in (*first, *rest):
            yield Step(kind.name, rng.choice(kind.victims), rng.random())


def _go_together(one: Step, other: Step) -> bool:
    """Whether two faults can happen at once and it can still be said what followed from which."""
    kinds = {kind.name: kind for kind in KINDS}
    if kinds[one.kind].is_alone or kinds[other.kind].is_alone or one.kind == other.kind:
        return False
    return not one.victim or not other.victim or one.victim != other.victim
