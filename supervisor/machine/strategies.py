"""Which children are restarted with a failed one: each strategy is a function of start order and failed child."""

from collections.abc import Callable, Sequence
from typing import Final

from supervisor.specs.spec import Strategy

AffectedChildren = Callable[[Sequence[str], str], tuple[str, ...]]


def one_for_one(_order: Sequence[str], failed: str) -> tuple[str, ...]:
    """Only the failed child is restarted."""
    return (failed,)


STRATEGIES: Final[dict[Strategy, AffectedChildren]] = {"one_for_one": one_for_one}
