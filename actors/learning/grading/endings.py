"""Rules about a program's end: tidying up, errors, and what the exchange still sends for it."""

from typing import Final

from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, listed, not_judged

RELEASE_S: Final = 1.0
"""After the end of a program, or its cleanup, nothing is sent for it any more within this time."""

STABLE_FROM_S: Final = 300.0
"""From when on a run is a long one: five minutes, as the course has it."""


def nothing_asked(evidence: Evidence) -> Finding:
    """Why nothing can be said: no request reached the exchange."""
    refusals = evidence.record.refusals
    if refusals:
        return failed("refused", name=refusals[0], times=len(refusals))
    if error := evidence.run.output.last_error:
        return failed("nothing_asked_error", error=error)
    return failed("nothing_asked", seconds=round(evidence.run.seconds, 1))


def judge_end(evidence: Evidence) -> Finding:
    """The program ended in order: by itself with exit code 0, or as one that Ctrl-C was pressed for."""
    run = evidence.run
    if run.ending == "killed":
        return failed("killed", seconds=round(run.seconds, 1))
    if run.has_crashed:
        return failed("crashed", code=run.exit_code, error=run.output.last_error or "-")
    return PASSED


def judge_running(evidence: Evidence) -> Finding:
    """The program asked for something, and ended in order."""
    return judge_end(evidence) if evidence.record.is_asked else nothing_asked(evidence)


def judge_cleanup(evidence: Evidence) -> Finding:
    """`cleanup` is called, and the program came to it."""
    record, run = evidence.record, evidence.run
    if not record.is_asked:
        return nothing_asked(evidence)
    if not evidence.source.cleans_up:
        return failed("no_cleanup_call")
    if run.ending == "killed":
        return judge_end(evidence)
    return PASSED if evidence.source.is_guarded else _judge_unguarded(evidence, record.released_ns or run.ended_ns)


def judge_release(evidence: Evidence) -> Finding:
    """What was asked for was given up by the program, in time."""
    record, run = evidence.record, evidence.run
    if not record.is_asked:
        return nothing_asked(evidence)
    if not evidence.source.cleans_up:
        return failed("no_cleanup_call")
    if run.ending == "killed":
        return judge_end(evidence)
    if held := record.held_at_end:
        return failed("still_held", topics=listed(topic.key for topic in held))
    released_ns = record.released_ns or 0
    late_s = (released_ns - run.ended_ns) / 1e9
    if late_s > RELEASE_S:
        return failed("released_late", late_s=round(late_s, 1), limit_s=RELEASE_S)
    if evidence.source.is_guarded:
        return PASSED
    return _judge_unguarded(evidence, released_ns)


def _judge_unguarded(evidence: Evidence, released_ns: int) -> Finding:
    """A cleanup that an error or Ctrl-C skips: whether it was reached at all."""
    run = evidence.run
    if run.ending == "interrupted" and released_ns >= (run.interrupted_ns or 0):
        return not_judged("interrupted_before_cleanup", seconds=round(run.seconds), more=2 * round(run.seconds))
    if run.has_crashed:
        return failed("crashed_before_cleanup", error=run.output.last_error or "-")
    return PASSED


def judge_guarded(evidence: Evidence) -> Finding:
    """Errors are handled: cleanup is reached whatever happens, and was."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    if not evidence.source.is_guarded:
        return failed("not_guarded")
    ended = judge_end(evidence)
    return judge_release(evidence) if ended is PASSED else ended


def judge_quality(evidence: Evidence) -> Finding:
    """Guarded, and no coroutine or task was forgotten."""
    guarded = judge_guarded(evidence)
    return judge_async(evidence) if guarded is PASSED else guarded


def judge_async(evidence: Evidence) -> Finding:
    """No coroutine was forgotten and no task left alone."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    if faults := evidence.run.output.async_faults:
        return failed("async_faults", line=faults[0], times=len(faults))
    return judge_end(evidence)


def judge_long_run(evidence: Evidence) -> Finding:
    """The program ran for long, and in order, and the exchange found no fault with it."""
    if not evidence.record.is_asked:
        return nothing_asked(evidence)
    ended = judge_end(evidence)
    if ended is not PASSED:
        return ended
    if evidence.record.refusals:
        return failed("refused", name=evidence.record.refusals[0], times=len(evidence.record.refusals))
    if evidence.run.seconds < STABLE_FROM_S:
        return not_judged("too_short", seconds=round(evidence.run.seconds, 1), needed=round(STABLE_FROM_S))
    return PASSED
