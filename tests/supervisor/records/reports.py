"""Reports for tests."""

from datetime import UTC, datetime
from typing import Any

from protocols.control.black_box import NotedMessage
from supervisor.records.crash_reports import CrashReport

ENDED = datetime(2026, 11, 26, 9, 30, 0, 250_000, tzinfo=UTC)
ENDED_NS = 5_000_000_000_000


def noted(sequence: int, *, before_s: float = 0.02, count: int = 1) -> NotedMessage:
    return NotedMessage("ticker/KRW-BTC", 17, sequence, count, ENDED_NS - int(before_s * 1e9))


def report(child: str = "private", incarnation: int = 3, **fields: Any) -> CrashReport:
    """A report of a plain end by exit code 1; `fields` are what is different."""
    whole: dict[str, Any] = {
        "child": child,
        "incarnation": incarnation,
        "pid": 123,
        "ended_at": ENDED.isoformat(timespec="milliseconds"),
        "lived_s": 184.0,
        "cause": "exit",
        "code": 1,
        "signal": None,
        "summary": "",
        "traceback": "",
        "dump": "",
        "phase": "running",
        "beat_age_s": 0.4,
        "consumed": 52_118,
        "waited_s": 0.0,
        "counters": {},
        "messages": (),
        "ended_ns": ENDED_NS,
        "log_tail": (),
        "decision": "restarted at once (cause exit, 1 of 5 within 60 s)",
        "rung": "",
    }
    return CrashReport(**{**whole, **fields})
