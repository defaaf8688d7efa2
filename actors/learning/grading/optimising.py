"""Rules of chapter 3.2: few requests, batches, limits."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from actors.learning.grading.endings import nothing_asked
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, listed, not_judged

BATCHED_EVENTS: Final = 40
"""With fewer events than this a batch of ten cannot be told from one line an event."""

LINES_PER_EVENT: Final = 0.5
FLICKER_S: Final = 2.0
"""A market that is given up and asked for again within this time should have been kept."""


def judge_requests(evidence: Evidence) -> Finding:
    """The list was changed, and no request asked for what was there already."""
    requests = evidence.record.requests("public")
    if not requests:
        return nothing_asked(evidence)
    repeated = sum(before.topics == after.topics for before, after in pairwise(requests))
    if repeated:
        return failed("repeated_requests", requests=len(requests), repeated=repeated)
    sets = evidence.record.code_sets("ticker")
    return PASSED if len(sets) > 1 else failed("one_set", codes=listed(sets[0][1] if sets else ()))


def judge_difference(evidence: Evidence) -> Finding:
    """A change kept what is in both lists, and nothing was dropped to be asked for again."""
    requests = judge_requests(evidence)
    if requests is not PASSED:
        return requests
    for code, gap_s in _flickers(evidence):
        return failed("flicker", code=code, gap_s=round(gap_s, 2))
    sets = [codes for _, codes in evidence.record.code_sets("ticker")]
    if any(before & after for before, after in pairwise(sets)):
        return PASSED
    return failed("nothing_kept", before=listed(sets[0]), after=listed(sets[1]))


def _flickers(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Markets that were given up and came back soon, and after how many seconds."""
    held: frozenset[str] = frozenset()
    left_ns: dict[str, int] = {}
    for step in evidence.record.steps:
        if step.kind != "public":
            continue
        codes = frozenset(topic.code for topic in step.topics if topic.type == "ticker")
        for code in codes - held:
            gap_s = (step.t_ns - left_ns.get(code, step.t_ns)) / 1e9
            if code in left_ns and gap_s < FLICKER_S:
                yield code, gap_s
        left_ns.update(dict.fromkeys(held - codes, step.t_ns))
        held = codes


def judge_batches(evidence: Evidence) -> Finding:
    """Events are handled together: far fewer lines than events."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    events, lines = evidence.record.messages("ticker"), evidence.run.output.lines
    if events < BATCHED_EVENTS:
        return not_judged("few_events", events=events, needed=BATCHED_EVENTS)
    if not lines:
        return failed("nothing_printed", tickers=events)
    return PASSED if lines <= LINES_PER_EVENT * events else failed("no_batches", events=events, lines=lines)


def judge_memory(evidence: Evidence) -> Finding:
    """Every queue has a limit."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    endless = [queue for queue in evidence.source.queues if not queue.is_bounded]
    if endless:
        return failed("endless_queue", text=endless[0].text[:60], line=endless[0].line)
    return PASSED if evidence.source.queues else not_judged("no_queue")
