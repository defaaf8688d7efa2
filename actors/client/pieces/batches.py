"""Which items wait, and which of them are a batch now. No I/O and no clock; times are monotonic seconds."""

import math
from collections import deque
from typing import Generic, TypeVar

from actors.client.pieces.arguments import number, whole_number

ItemT = TypeVar("ItemT")


class BatchQueue(Generic[ItemT]):
    """Items in their order, cut into batches by number and by age.

    A batch is the oldest `max_items` items. It is due as soon as there are that many, or `max_wait_s` after its first
    item came, whatever comes in between: a deadline, not a silence.

    Args:
        max_items: most items in one batch.
        max_wait_s: longest time that an item waits to become due; 0: what is there is due.
        max_waiting: most items that wait; when full, the newest is refused.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, *, max_items: int, max_wait_s: float, max_waiting: int) -> None:
        self._max_items = whole_number("max_items", max_items)
        self._max_wait_s = number("max_wait_s", max_wait_s, least=0)
        self._max_waiting = whole_number("max_waiting", max_waiting)
        if max_waiting < max_items:
            raise ValueError(f"max_waiting ({max_waiting}) must be at least max_items ({max_items})")
        self._waiting: deque[tuple[ItemT, float]] = deque()  # Each with the time when it becomes due.

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether `add` would refuse."""
        return len(self._waiting) >= self._max_waiting

    @property
    def has_whole_batch(self) -> bool:
        """Whether as many wait as one batch can hold."""
        return len(self._waiting) >= self._max_items

    @property
    def has_new_due(self) -> bool:
        """Whether the item that came last has changed when the next batch is due: it was a first, or made one whole."""
        return len(self._waiting) in {1, self._max_items}

    @property
    def due_s(self) -> float | None:
        """When the next batch is due: None when nothing waits, minus infinity when it is already."""
        if not self._waiting:
            return None
        return -math.inf if self.has_whole_batch else self._waiting[0][1]

    def add(self, item: ItemT, *, now_s: float) -> bool:
        """Let an item wait; return False when there is no room."""
        if self.is_full:
            return False
        self._waiting.append((item, now_s + self._max_wait_s))
        return True

    def take_due(self, *, now_s: float) -> list[ItemT]:
        """Take out the next batch when it is due; else an empty list."""
        due_s = self.due_s
        return self.take_next() if due_s is not None and due_s <= now_s else []

    def take_next(self) -> list[ItemT]:
        """Take out the next batch, due or not; an empty list when nothing waits."""
        size = min(self._max_items, len(self._waiting))
        return [self._waiting.popleft()[0] for _ in range(size)]

    def clear(self) -> int:
        """Drop what waits; return how many that were."""
        count = len(self._waiting)
        self._waiting.clear()
        return count
