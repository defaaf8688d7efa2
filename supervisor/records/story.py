"""The story of one end, in a few lines for people: `upbitd why`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from actors.runtime.times import duration, ordinal
from protocols.control.black_box import MAIN_TASK, NotedMessage
from protocols.unreadable import UNREADABLE
from supervisor.machine.causes import signal_name
from supervisor.records.crash_reports import CrashReport

TRACE_LINES: Final = 12
LOG_LINES: Final = 5
MESSAGES: Final = 3

_CURRENT: Final = "Current thread "
_FATAL: Final = "Fatal Python error"

_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""What a terminal would act on, such as the escape that begins a colour, or one that changes its title."""


def tell(report: CrashReport, *, now: datetime, is_full: bool = False) -> Iterator[str]:
    """Yield the lines of the story; nothing in them controls a terminal.

    Args:
        report: how it ended.
        now: time of day, with its offset from UTC.
        is_full: the whole traceback, all messages and log lines, and not just their ends.

    Raises:
        ValueError: the report's `ended_at` is no time.
    """
    for line in _told(report, now=now, is_full=is_full):
        yield " ".join(printable(line).split("\n"))


def _told(report: CrashReport, *, now: datetime, is_full: bool) -> Iterator[str]:
    ago_s = max(0.0, (now - report.ended).total_seconds())  # The clock may have been set back.
    life = f"pid {report.pid}, {ordinal(report.incarnation)} life"
    yield f"{report.child} ({life}) ended {duration(ago_s)} ago, after {duration(report.lived_s)}: {_how(report)}"
    yield _row("cause", f"{report.cause or 'not known'}{_rung(report)}")
    if report.summary:
        yield _row("said", report.summary)
    yield _row("was", _state(report))
    yield from _inputs(report, len(report.messages) if is_full else MESSAGES)
    yield from _traceback(report, is_full=is_full)
    yield from _stacks(report, is_full=is_full)
    yield from _log(report, len(report.log_tail) if is_full else LOG_LINES)
    yield _row("decision", report.decision or "none: it was being stopped")


def _row(label: str, text: str) -> str:
    return f"  {label:<10} {text}"


def _how(report: CrashReport) -> str:
    if report.signal is not None:
        return f"signal {signal_name(report.signal)}"
    return "nobody knows how" if report.code is None else f"exit code {report.code}"


def _rung(report: CrashReport) -> str:
    return f" (ended by the supervisor: {report.rung})" if report.rung else ""


def _state(report: CrashReport) -> str:
    loop = "its loop had not begun to turn"
    if report.beat_age_s is not None:
        loop = f"its loop turned last {report.beat_age_s:.1f} s before"
    waited = f", input had waited for {report.waited_s:.1f} s" if report.waited_s else ""
    return f"{report.phase or 'not begun'}; {loop}; {report.consumed:,} inputs consumed by then{waited}"


def _inputs(report: CrashReport, count: int) -> Iterator[str]:
    shown = _last(report.messages, count)
    for index, message in enumerate(shown):
        label = "last input" if index == len(shown) - 1 else "input"
        yield _row(label, _input(message, report.ended_ns))


def _input(message: NotedMessage, ended_ns: int) -> str:
    before_s = (ended_ns - message.time_ns) / 1e9
    batch = f", the newest of {message.count}" if message.count > 1 else ""
    return f"{message.what} epoch {message.epoch} no. {message.sequence}{batch}, {before_s:.3f} s before the end"


def _traceback(report: CrashReport, *, is_full: bool) -> Iterator[str]:
    """Tell the error; its end says most."""
    lines = report.traceback.rstrip().splitlines()
    yield from _block("traceback", lines if is_full else lines[-TRACE_LINES:], len(lines))


def _stacks(report: CrashReport, *, is_full: bool) -> Iterator[str]:
    """Tell where the process stood; in its stacks the newest call comes first."""
    lines = report.dump.rstrip().splitlines()
    yield from _block("stacks", lines if is_full else newest_stack(lines)[:TRACE_LINES], len(lines))


def _block(label: str, shown: list[str], whole: int) -> Iterator[str]:
    if not shown:
        return
    part = f" ({len(shown)} of {whole} lines; --full shows all)" if len(shown) < whole else ""
    yield f"  {label}{part}"
    yield from (f"    {line}" for line in shown)


def newest_stack(lines: list[str]) -> list[str]:
    """Return the stack that mattered in the newest of several dumps, and what was fatal if anything was.

    Each dump has all threads, a blank line between two; one of them is called the current one. Behind them come the
    tasks, if the loop turned: its thread says nothing then, and the main task matters.
    """
    begins = [index for index, line in enumerate(lines) if line.startswith(_CURRENT)]
    if not begins:
        return lines
    before, stack = lines[: begins[-1]], lines[begins[-1] :]
    mains = [index for index, line in enumerate(stack) if line.startswith(MAIN_TASK)]
    if mains:
        stack = stack[mains[0] :]
    if "" in stack:
        stack = stack[: stack.index("")]
    newest = next((line for line in reversed(before) if line.startswith((_FATAL, _CURRENT))), "")
    return [newest, *stack] if newest.startswith(_FATAL) else stack


def _log(report: CrashReport, count: int) -> Iterator[str]:
    lines = _last(report.log_tail, count)
    if lines:
        yield "  log"
    for line in lines:
        yield from (f"    {part}" for part in plain_lines(line))


def _last(items: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    return items[-count:] if count else ()


def plain_lines(line: str) -> Iterator[str]:
    """Yield a log line for people; nothing in it controls a terminal.

    First time, level, event and the other fields; then the fields that have several lines, such as a traceback, each
    line of them indented. A line that is no JSON object comes as it is.
    """
    try:
        fields: dict[str, Any] = msgspec.json.decode(line, type=dict)
    except UNREADABLE:
        yield from printable(line).splitlines() or [""]
        return
    head = [str(fields.pop(key, "")) for key in ("time", "level", "event")]
    head[0] = head[0][11:23]
    for key in ("actor", "pid", "stream"):
        fields.pop(key, None)
    long = {key: value for key, value in fields.items() if isinstance(value, str) and "\n" in value}
    head += [f"{key}={_value(value)}" for key, value in fields.items() if key not in long]
    yield from printable(" ".join(part for part in head if part)).splitlines() or [""]
    for value in long.values():
        yield from (f"  {printable(part)}" for part in value.rstrip().splitlines())


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def printable(text: str) -> str:
    """Return the text with what a terminal would act on made visible; newlines and tabs stay."""
    return text.translate(_CONTROL)
