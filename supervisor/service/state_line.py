"""The state of a tree in one line, as `systemctl status` shows it."""

from collections.abc import Mapping
from typing import Final, Protocol

SHOWN: Final = 3
"""Children that are named; the others are counted."""

_FINE: Final = frozenset({"ready", "stopped"})
"""A child that was stopped, or has done its work, is where it should be."""


class Child(Protocol):
    """What the line says of one child."""

    @property
    def state(self) -> str:
        """One of the machine's states."""

    @property
    def reason(self) -> str:
        """Why it is parked; of a ready one, why it waits for its owner; "" when there is nothing to say."""


def state_line(children: Mapping[str, Child], *, is_stopping: bool = False, trouble: str = "") -> str:
    """Say how the children are: `5 of 6 ready; private parked: no keys`.

    Args:
        children: by name, in start order.
        is_stopping: whether the whole tree is being stopped.
        trouble: what is wrong with the tree itself; "" when nothing is.
    """
    if is_stopping:
        left = sum(child.state not in {"stopped", "pending", "backoff", "parked"} for child in children.values())
        return f"stopping; {left} of {len(children)} still there"
    ready = sum(child.state == "ready" and not child.reason for child in children.values())
    others = [(name, child) for name, child in children.items() if child.reason or child.state not in _FINE]
    first = [f"{ready} of {len(children)} ready", *([trouble] if trouble else [])]
    words = [*first, *(_words(name, child) for name, child in others[:SHOWN])]
    if len(others) > SHOWN:
        words.append(f"and {len(others) - SHOWN} more")
    return "; ".join(words)


def _words(name: str, child: Child) -> str:
    # A living child that waits for its owner is parked, in the words that people see.
    state = "parked" if child.state == "ready" else str(child.state)
    return f"{name} {state}: {child.reason}" if child.reason else f"{name} {state}"
