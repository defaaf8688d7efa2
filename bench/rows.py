"""One row for each thing that was measured, with its goal."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

Values = list[float]

Rounds = Callable[[int], int]
"""How often something is to be done in a run of this size, told how often in a whole one."""


class Row(NamedTuple):
    """One thing that was measured; `limit` is its goal, in the unit of its values, and holds for their median."""

    name: str
    unit: str
    limit: float | None
    values: Values

    @property
    def holds(self) -> bool:
        """Whether the goal is reached."""
        return self.limit is None or statistics.median(self.values) <= self.limit

    def cells(self) -> tuple[str, ...]:
        """Return its line of the table."""
        goal = "" if self.limit is None else f"≤ {self.limit:g} {self.unit}"
        verdict = "" if self.limit is None else "yes" if self.holds else "**no**"
        middle, worst = statistics.median(self.values), max(self.values)
        return (
            self.name,
            goal,
            f"{middle:.3g} {self.unit}",
            f"{worst:.3g} {self.unit}",
            str(len(self.values)),
            verdict,
        )


def report(rows: list[Row]) -> str:
    """Return the table, as it stands in the document."""
    lines = ["| what | goal | median | worst | rounds | holds |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines)
