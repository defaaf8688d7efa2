"""Answers of a bounded size: what does not fit is cut where it is missed the least, and says so."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from supervisor.control.messages import MAX_ANSWER_BYTES, Answer
from supervisor.control.status import TreeStatus
from supervisor.records.crash_reports import CrashReport

LONG_TEXT: Final = 64 * 1024
"""Characters of a traceback, of stacks, or of all log lines of one report that is cut."""

CUT: Final = "[cut] "

_encode_whole = msgspec.json.Encoder().encode


def encode_answer(answer: Answer, *, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """Return an answer as one line with its newline, of at most `max_bytes` without it."""
    data = _encode(answer)
    if len(data) > max_bytes:
        data = _encode(_shortened(answer, max_bytes))
    if len(data) > max_bytes:
        data = _encode(Answer(error=f"the answer has {len(data)} bytes (limit {max_bytes}); ask for less"))
    return data + b"\n"


def _shortened(answer: Answer, max_bytes: int) -> Answer:
    if answer.reports:
        reports = tuple(_fitting(map(_short_report, answer.reports), max_bytes))
        left_out = answer.left_out + len(answer.reports) - len(reports)
        return msgspec.structs.replace(answer, reports=reports, left_out=left_out)
    if answer.status is not None:
        return msgspec.structs.replace(answer, status=_without_counters(answer.status))
    return answer


def _fitting(reports: Iterable[CrashReport], max_bytes: int) -> Iterator[CrashReport]:
    """Yield the newest reports, as many as fit with something to spare for what is around them."""
    used = 1024
    for report in reports:
        used += len(_encode(report)) + 1
        if used > max_bytes:
            return
        yield report


def _short_report(report: CrashReport) -> CrashReport:
    """Keep the end of each long text: there the error stands, the newest stack, the last line."""
    return msgspec.structs.replace(
        report,
        summary=_end_of(report.summary),
        traceback=_end_of(report.traceback),
        dump=_end_of(report.dump),
        log_tail=tuple(_last_lines(report.log_tail)),
    )


def _end_of(text: str) -> str:
    return text if len(text) <= LONG_TEXT else CUT + text[-LONG_TEXT:]


def _last_lines(lines: tuple[str, ...]) -> list[str]:
    room, kept = LONG_TEXT, list[str]()
    for line in reversed(lines):
        room -= len(line)
        if room < 0 and kept:
            break
        kept.append(_end_of(line))
    return kept[::-1]


def _without_counters(status: TreeStatus) -> TreeStatus:
    """Leave out what actors count; they may have as many counters as they like, and the rest is needed more."""
    children = tuple(msgspec.structs.replace(child, counters={}) for child in status.children)
    return msgspec.structs.replace(status, children=children)


def _encode(what: object) -> bytes:
    """Encode it; what UTF-8 cannot hold, as a part of a path may be, is escaped: who asks must get the rest."""
    try:
        return _encode_whole(what)
    except UnicodeEncodeError:
        return _encode_whole(_writable(msgspec.to_builtins(what)))


def _writable(value: Any) -> Any:  # noqa: ANN401 - whatever stands in an answer
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(inner) for key, inner in value.items()}
    return [_writable(inner) for inner in value] if isinstance(value, list | tuple) else value
