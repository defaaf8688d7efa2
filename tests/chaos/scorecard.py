"""What a run has shown, and whether it is as it must be. Pure."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct


class Outcome(Struct, frozen=True):
    """What became of one turn.

    Attributes:
        kind: what it is counted as.
        what: the faults in words.
        is_recovered: everything ran again within the limit.
        ready_ms: until every child that had ended was ready again; None when none had to end.
        data_ms: until data came again at the tracers whose streams had broken off; None when none had.
        problem: what was not as it must be; empty when all was.
    """

    number: int
    kind: str
    what: str
    is_recovered: bool
    ready_ms: float | None = None
    data_ms: float | None = None
    problem: str = ""


class Findings(Struct):
    """Everything that is counted beside the outcomes. All but the last four must be 0, or empty.

    Attributes:
        doubles: two processes of one actor that lived at the same time.
        unasked_ends: ends of children that no fault explains.
        zombies: ended children that nobody collected.
        left_processes: processes that outlived the tree.
        descriptors: how many more the supervisor had open at the end than at the beginning.
        left_files: sockets and temporary files that stayed behind.
        unannounced: holes in the numbers of a stream that the consumer was not told of.
        lost: messages that the exchange sent, that never came, and of which the consumer was not told.
        wrong: messages that came twice, in the wrong order, changed, or were never sent.
        refused_commands: orders of the operator that were not carried out, or not answered.
        bad_end: how the tree's own end was not as it must be.
        announced: messages that never came, and of which the consumer was told.
        events: what the tracers received.
        compared: messages that were compared with the exchange's journal.
        supervisors: how many ran, one after another.
    """

    doubles: list[str] = []
    unasked_ends: list[str] = []
    zombies: list[str] = []
    left_processes: list[str] = []
    descriptors: int = 0
    left_files: list[str] = []
    unannounced: list[str] = []
    lost: int = 0
    wrong: int = 0
    refused_commands: list[str] = []
    bad_end: list[str] = []
    announced: int = 0
    events: int = 0
    compared: int = 0
    supervisors: int = 0


class Verdict(Struct, frozen=True):
    """One thing that must hold."""

    name: str
    wanted: str
    found: str
    holds: bool


class KindRow(Struct, frozen=True):
    """All turns of one kind."""

    kind: str
    faults: int
    recovered: int
    ready_p50_ms: float | None
    ready_p99_ms: float | None
    data_p50_ms: float | None
    data_p99_ms: float | None


class Scorecard(Struct, frozen=True):
    """The result of a run."""

    seed: int
    seconds: float
    start_method: str
    outcomes: tuple[Outcome, ...]
    findings: Findings

    @property
    def is_good(self) -> bool:
        """Whether everything is as it must be."""
        return all(verdict.holds for verdict in self.verdicts())

    def verdicts(self) -> list[Verdict]:
        """Judge."""
        found = self.findings
        recovered = sum(outcome.is_recovered for outcome in self.outcomes)
        problems = sum(bool(outcome.problem) and outcome.is_recovered for outcome in self.outcomes)
        total = len(self.outcomes)
        return [
            Verdict("faults", "some", str(total), total > 0),
            Verdict("recoveries", "all", f"{recovered} of {total}", recovered == total),
            _none("faults with another result than theirs", problems),
            _none("ends that no fault explains", len(found.unasked_ends)),
            _none("doubles", len(found.doubles)),
            _none("zombies", len(found.zombies)),
            _none("processes left behind", len(found.left_processes)),
            Verdict("descriptors of the supervisor, growth", "none", f"{found.descriptors:+d}", found.descriptors <= 0),
            _none("files left behind", len(found.left_files)),
            Verdict("events handled", "some", f"{found.events:,}", found.events > 0),
            Verdict("messages compared with the journal", "some", f"{found.compared:,}", found.compared > 0),
            _none("lost without an announcement", found.lost),
            _none("holes in a stream without an announcement", len(found.unannounced)),
            _none("doubled, reordered, altered, unknown", found.wrong),
            _none("orders not carried out", len(found.refused_commands)),
            _none("complaints about the tree's own end", len(found.bad_end)),
        ]

    def rows(self) -> list[KindRow]:
        """Gather the outcomes by kind, in alphabetical order."""
        by_kind: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            by_kind[outcome.kind].append(outcome)
        return [_row(kind, outcomes) for kind, outcomes in sorted(by_kind.items())]

    def document(self) -> dict[str, object]:
        """Return all of it as plain values."""
        plain: dict[str, object] = msgspec.to_builtins(self)
        rows, verdicts = msgspec.to_builtins(self.rows()), msgspec.to_builtins(self.verdicts())
        return {"is_good": self.is_good, "verdicts": verdicts, "kinds": rows, **plain}


def _none(name: str, count: int) -> Verdict:
    return Verdict(name, "none", str(count), count == 0)


def _row(kind: str, outcomes: Sequence[Outcome]) -> KindRow:
    ready = [outcome.ready_ms for outcome in outcomes if outcome.ready_ms is not None]
    data = [outcome.data_ms for outcome in outcomes if outcome.data_ms is not None]
    recovered = sum(outcome.is_recovered for outcome in outcomes)
    return KindRow(kind, len(outcomes), recovered, *_middle_and_worst(ready), *_middle_and_worst(data))


def _middle_and_worst(values: list[float]) -> tuple[float | None, float | None]:
    return (percentile(values, 0.5), percentile(values, 0.99)) if values else (None, None)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all values does not exceed (nearest rank).

    Args:
        values: at least one.
        share: above 0, up to 1.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


_COLUMNS: Final = ("fault", "times", "recovered", "ready p50", "ready p99", "data p50", "data p99")


def as_text(card: Scorecard) -> str:
    """Return the scorecard for people."""
    lines = [f"{card.seconds:.0f} s of faults, seed {card.seed}, {card.start_method}", ""]
    rows = [_COLUMNS, *(_cells(row) for row in card.rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        first, *others = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]))
    lines.append("")
    width = max(len(verdict.name) for verdict in card.verdicts())
    for verdict in card.verdicts():
        sign = "ok " if verdict.holds else "BAD"
        lines.append(f"{sign}  {verdict.name.ljust(width)}  {verdict.found} (wanted: {verdict.wanted})")
    found = card.findings
    lines += [
        f"     {found.announced:,} messages did not come and were announced; {found.supervisors} supervisors ran",
        "",
        "everything is as it must be" if card.is_good else "NOT everything is as it must be",
    ]
    return "\n".join(lines)


def _cells(row: KindRow) -> tuple[str, ...]:
    times = (row.ready_p50_ms, row.ready_p99_ms, row.data_p50_ms, row.data_p99_ms)
    return (row.kind, str(row.faults), str(row.recovered), *("-" if ms is None else f"{ms:,.0f} ms" for ms in times))
