"""Rules of chapter 2.1: several types by one client."""

from collections import defaultdict
from typing import Final

from actors.learning.grading.endings import judge_release, nothing_asked
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, listed, not_judged

TYPES: Final = frozenset({"ticker", "orderbook", "trade"})


def judge_together(evidence: Evidence) -> Finding:
    """One client held all three types at the same time."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    fullest = _fullest(evidence)
    if missing := TYPES - fullest:
        return failed("types_missing", held=listed(fullest), missing=listed(missing))
    clients = len(evidence.source.clients)
    return failed("several_clients", clients=clients) if clients > 1 else PASSED


def judge_callbacks(evidence: Evidence) -> Finding:
    """Each type has a callback of its own."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    types: defaultdict[str, set[str]] = defaultdict(set)
    for call in evidence.source.subscriptions:
        if call.callback:
            types[call.callback].add(call.type)
    for callback, shared in types.items():
        if len(shared) > 1:
            return failed("shared_callback", callback=callback[:60], types=listed(shared))
    found = frozenset().union(*types.values())
    if missing := TYPES - found:
        return not_judged("callbacks_unseen", types=listed(missing))
    return judge_together(evidence)


def judge_composition(evidence: Evidence) -> Finding:
    """All three were held, were sent, and were given up."""
    together = judge_together(evidence)
    if together is not PASSED:
        return together
    silent = [kind for kind in TYPES if not evidence.record.messages(kind)]
    if silent:
        return failed("silent_types", types=listed(silent))
    return judge_release(evidence)


def _fullest(evidence: Evidence) -> frozenset[str]:
    """The types of the step that had the most of those that matter."""
    sets = [frozenset(topic.type for topic in step.topics) & TYPES for step in evidence.record.steps]
    return max(sets, key=len, default=frozenset())
