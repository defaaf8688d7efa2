"""What is written down about a child that ended: its exit, its black box, its last lines, and what was decided."""

from datetime import UTC, datetime

from msgspec import Struct

from supervisor.machine.causes import ORDERED
from supervisor.processes.life import Life
from supervisor.records.crash_reports import CrashReport


class Epilogue(Struct):
    """How the machine saw the end of a life, and what it decided then.

    Attributes:
        life: the one that ended; None where no process was.
        cause: what its end counts as; empty until that is written down.
        decision: what follows.
    """

    life: Life | None = None
    cause: str = ""
    decision: str = ""


def is_worth_a_report(epilogue: Epilogue, life: Life, *, is_stopping: bool) -> bool:
    """Whether this was more than an ordered stop that the child obeyed, or than good order while the tree stops."""
    if is_stopping and life.ended is not None and life.ended.is_normal:
        return False
    return epilogue.cause not in ORDERED or life.rung == "sigkill"


def examine(child: str, life: Life, epilogue: Epilogue, *, incarnation: int, log: list[str]) -> CrashReport:
    """Return the report of a life that has ended and was collected; its black box is still open."""
    box, ended = life.box.contents(), life.ended
    return CrashReport(
        child=child,
        incarnation=incarnation,
        pid=life.pid,
        ended_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        lived_s=life.lived_s,
        cause=epilogue.cause,
        code=None if ended is None else ended.code,
        signal=None if ended is None else ended.signal,
        summary="" if ended is None else ended.summary,
        traceback=life.traceback,
        dump=life.box.dump_text(),
        phase=box.phase,
        beat_age_s=_age_s(box.beat_ns, life),
        consumed=box.consumed,
        waited_s=_age_s(box.waiting_since_ns, life) or 0.0,
        counters=box.counters,
        messages=box.messages,
        ended_ns=life.ended_ns,
        log_tail=tuple(log),
        decision=epilogue.decision,
        rung=life.rung or "",
    )


def _age_s(at_ns: int, life: Life) -> float | None:
    return max(0.0, (life.ended_ns - at_ns) / 1e9) if at_ns else None
