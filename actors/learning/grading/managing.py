"""Rules of chapter 2.2: what a second subscription of a type does to the first."""

from itertools import pairwise
from typing import Final

from actors.learning.grading.endings import nothing_asked
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, listed, not_judged

SEVERAL: Final = 3
"""Markets of a list that counts as several."""

_PARTIAL_CHANGES: Final = frozenset({"add_symbols", "remove_symbols", "unsubscribe", "unsubscribe_symbols"})


def judge_replacement(evidence: Evidence) -> Finding:
    """A market left the list of tickers when another one came."""
    sets = [codes for _, codes in evidence.record.code_sets("ticker")]
    if not sets:
        return nothing_asked(evidence)
    if len(sets) == 1:
        return failed("one_set", codes=listed(sets[0]))
    for before, after in pairwise(sets):
        if before - after and after - before:
            return PASSED
    before, after = sets[0], sets[1]
    if after > before:
        expected = listed(after - before)
        return failed("accumulated", before=listed(before), kept=listed(before & after), expected=expected)
    return failed("never_replaced", sets=" -> ".join(listed(codes) for codes in sets[:4]))


def judge_lists(evidence: Evidence) -> Finding:
    """What the exchange was asked for is what the program's lists say, one after another, and nothing more."""
    sets = [codes for _, codes in evidence.record.code_sets("ticker")]
    if not sets:
        return nothing_asked(evidence)
    if partial := _PARTIAL_CHANGES & evidence.source.calls:
        return not_judged("partial_changes", calls=listed(partial))
    calls = [call for call in evidence.source.subscriptions if call.type == "ticker"]
    if not calls or any(call.symbols is None for call in calls):
        return not_judged("lists_unseen")
    expected = _without_repeats([frozenset(call.symbols or ()) for call in calls])
    if len(expected) < 2:
        return failed("one_set", codes=listed(expected[0]))
    for asked, due in zip(sets, expected, strict=False):
        if surplus := asked - due:
            return failed("still_in", kept=listed(surplus), expected=listed(due))
        if missing := due - asked:
            return failed("not_in", missing=listed(missing), expected=listed(due))
    if len(sets) < len(expected):
        reached, seconds = len(sets), round(evidence.run.seconds)
        return not_judged("lists_unreached", reached=reached, lists=len(expected), seconds=seconds)
    return failed("more_sets", asked=len(sets), lists=len(expected)) if len(sets) > len(expected) else PASSED


def judge_several(evidence: Evidence) -> Finding:
    """One list had several markets."""
    sets = [codes for _, codes in evidence.record.code_sets("ticker")]
    if not sets:
        return nothing_asked(evidence)
    longest = max(sets, key=len)
    return PASSED if len(longest) >= SEVERAL else failed("short_list", codes=listed(longest), needed=SEVERAL)


def judge_each_market(evidence: Evidence) -> Finding:
    """Each market of the longest list was sent, and is named in the output."""
    several = judge_several(evidence)
    if several is not PASSED:
        return several
    longest = max((codes for _, codes in evidence.record.code_sets("ticker")), key=len)
    silent = [code for code in longest if not evidence.record.sent("ticker", code).messages]
    if silent:
        return failed("silent_markets", codes=listed(silent))
    unnamed = [code for code in longest if code not in evidence.run.output.codes]
    return failed("unnamed_markets", codes=listed(unnamed)) if unnamed else PASSED


def judge_watching(evidence: Evidence) -> Finding:
    """After each change something was printed, so that its effect could be seen."""
    sets = evidence.record.code_sets("ticker")
    if not sets:
        return nothing_asked(evidence)
    if len(sets) == 1:
        return failed("one_set", codes=listed(sets[0][1]))
    ends = [t_ns for t_ns, _ in sets[1:]] + [evidence.run.ended_ns]
    for (begin_ns, codes), end_ns in zip(sets, ends, strict=True):
        if not any(begin_ns <= t_ns < end_ns for t_ns in evidence.run.output.times_ns):
            seconds = round((end_ns - begin_ns) / 1e9, 1)
            return failed("unwatched", codes=listed(codes), seconds=seconds)
    return PASSED


def _without_repeats(sets: list[frozenset[str]]) -> list[frozenset[str]]:
    """The same list again changes nothing at the exchange."""
    return [codes for number, codes in enumerate(sets) if number == 0 or codes != sets[number - 1]]
