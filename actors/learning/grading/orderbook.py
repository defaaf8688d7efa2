"""Rules of chapter 4.1: a live order book whose market can be changed."""

from actors.learning.grading.endings import judge_release, nothing_asked
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import Finding, failed, listed


def judge_orderbook(evidence: Evidence) -> Finding:
    """One book at a time, changed at least once, each with data and drawn, and given up at the end."""
    record = evidence.record
    sets = record.code_sets("orderbook")
    if not sets:
        return failed("no_orderbook") if record.is_asked else nothing_asked(evidence)
    crowded = next((codes for _, codes in sets if len(codes) > 1), None)
    if crowded is not None:
        return failed("several_books", codes=listed(crowded))
    if len(sets) == 1:
        return failed("book_unchanged", codes=listed(sets[0][1]))
    silent = [code for _, codes in sets for code in codes if not record.sent("orderbook", code).messages]
    if silent:
        return failed("silent_markets", codes=listed(silent))
    undrawn = _undrawn(evidence, sets)
    return judge_release(evidence) if undrawn is None else undrawn


def _undrawn(evidence: Evidence, sets: list[tuple[int, frozenset[str]]]) -> Finding | None:
    """The first book during which nothing was printed; None when there is none."""
    ends = [t_ns for t_ns, _ in sets[1:]] + [evidence.run.ended_ns]
    for (begin_ns, codes), end_ns in zip(sets, ends, strict=True):
        if not any(begin_ns <= t_ns < end_ns for t_ns in evidence.run.output.times_ns):
            return failed("unwatched", codes=listed(codes), seconds=round((end_ns - begin_ns) / 1e9, 1))
    return None
