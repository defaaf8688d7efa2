"""Reports of how children ended, one file each in a folder of bounded size."""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from actors.runtime.process.logs import Redaction, get_logger
from protocols.control.black_box import NotedMessage
from protocols.unreadable import UNREADABLE

MAX_FOLDER_BYTES: Final = 16 * 1024 * 1024

_NAME: Final = re.compile(r"^(?P<at>\d{8}T\d{9}Z)\.(?P<child>[a-z][a-z0-9_]*)\.(?P<incarnation>\d+)\.json$")
_PART: Final = ".part"


class CrashReport(Struct, frozen=True):
    """How one life of a child ended.

    Attributes:
        child: its name.
        incarnation: which of its lives this was, from 1.
        pid: its process id.
        ended_at: time of day, UTC, ISO 8601 with its offset.
        lived_s: for how long it lived.
        cause: why it ended, as the budgets count it.
        code: exit code; None when a signal ended it, or nobody knows.
        signal: number of the signal that ended it.
        summary: last words, its own or those of who ended it.
        traceback: its own, of the error that ended it.
        dump: stacks of its threads, and of its tasks if its loop turned, where it was made to dump them or crashed.
        phase: what it was about.
        beat_age_s: how long its loop had stood still; None when it never turned.
        consumed: how much input it had consumed.
        waited_s: for how long input had waited untouched.
        counters: those of its last beat.
        messages: headers of its last messages, the oldest first; times are monotonic.
        ended_ns: when it ended, by the same clock.
        log_tail: the last lines that it wrote.
        decision: what followed.
        rung: the last step that was needed to end it; empty when nobody ended it.
    """

    child: str
    incarnation: int
    pid: int
    ended_at: str
    lived_s: float
    cause: str
    code: int | None
    signal: int | None
    summary: str
    traceback: str
    dump: str
    phase: str
    beat_age_s: float | None
    consumed: int
    waited_s: float
    counters: dict[str, int | float]
    messages: tuple[NotedMessage, ...]
    ended_ns: int
    log_tail: tuple[str, ...]
    decision: str
    rung: str

    @property
    def ended(self) -> datetime:
        """When it ended.

        Raises:
            ValueError: `ended_at` is no such time.
        """
        moment = datetime.fromisoformat(self.ended_at)
        if moment.tzinfo is None:
            raise ValueError(f"{self.ended_at!r} has no offset from UTC")
        return moment.astimezone(UTC)


class Losses(Struct, frozen=True):
    """Reports of a child that could not be written, since the last one that could.

    Attributes:
        count: how many.
        why: what the system said when the last of them was tried.
    """

    count: int
    why: str


class Ends(NamedTuple):
    """The newest reports of a child, the last one first, and how many of those that were asked for are left out."""

    reports: list[CrashReport]
    left_out: int = 0


_decode = msgspec.json.Decoder(CrashReport).decode


class CrashReports:
    """The folder of reports. A child that ends often does not push out the last report of one that ends seldom.

    Args:
        folder: made when the first report comes, in a directory that is there.
        keep: how many files there may be.
        redaction: masks secrets in all texts.

    Attributes:
        lost: reports that could not be written.
        unreadable: files that could not be read; they are left where they are until they are the oldest.
    """

    def __init__(self, folder: Path, *, keep: int, redaction: Redaction | None = None) -> None:
        self._folder = folder
        self._keep = keep
        self._redaction = Redaction() if redaction is None else redaction
        self.lost = 0
        self.unreadable = 0
        self._losses: dict[str, Losses] = {}

    def add(self, report: CrashReport) -> None:
        """Write a report; when that fails it is counted and told in the log, and nothing else happens.

        Raises:
            ValueError: its `ended_at` is no time.
        """
        data = msgspec.json.encode(masked(report, self._redaction))
        path = self._folder / f"{_compact(report.ended)}.{report.child}.{report.incarnation}.json"
        try:
            # Not what is above it: a run directory that was removed is for the supervisor to make, closed to others.
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _write_whole(path, data)
            self._losses.pop(report.child, None)
        except OSError as error:
            self.lost += 1
            before = self.losses(report.child)
            count = 1 if before is None else before.count + 1
            self._losses[report.child] = Losses(count, self._redaction.text(str(error)))
            log: Any = get_logger(actor="supervisor")
            log.warning("crash_report.lost", child=report.child, lost=self.lost, error=str(error))
        # Also when the disk is full: that may be what makes room for the next one.
        self._thin_out()

    def last(self, child: str, count: int = 1) -> list[CrashReport]:
        """Return the newest reports of a child, the last one first; what cannot be read is counted and left out."""
        return self.fitting(child, count, max_bytes=MAX_FOLDER_BYTES).reports

    def fitting(self, child: str, count: int, *, max_bytes: int) -> Ends:
        """Return the newest reports of a child, as many as have so many bytes together, but one at least.

        It may be called in another thread than the rest; what is removed meanwhile is left out.
        """
        paths = [path for path in self._files() if _child_of(path) == child]
        found: list[CrashReport] = []
        used = 0
        for number, path in enumerate(paths):
            if len(found) >= count:
                break
            with contextlib.suppress(OSError):  # Whoever reads it finds that out again.
                used += path.lstat().st_size
            if found and used > max_bytes:
                return Ends(found, left_out=min(len(paths) - number, count - len(found)))
            if (report := self._read(path)) is not None:
                found.append(report)
        return Ends(found)

    def losses(self, child: str) -> Losses | None:
        """Return what is missing before the newest report of a child; None when nothing is."""
        return self._losses.get(child)

    def children(self) -> list[str]:
        """Return the names of all children that there are reports of."""
        return sorted({_child_of(path) for path in self._files()})

    def _read(self, path: Path) -> CrashReport | None:
        try:
            report = _decode(path.read_bytes())
            report.ended  # noqa: B018 - one that cannot be told is as good as none
        except FileNotFoundError:
            return None  # Thinned out meanwhile.
        except (OSError, ValueError, *UNREADABLE):
            self.unreadable += 1
            return None
        return report

    def _files(self) -> list[Path]:
        """Return our files, the newest first; whatever else is in the folder is not ours to touch."""
        try:
            return sorted((path for path in self._folder.iterdir() if _NAME.match(path.name)), reverse=True)
        except OSError:
            return []

    def _thin_out(self) -> None:
        """Remove files until the rest is within the limits; one that cannot be removed stays."""
        sizes: dict[Path, int] = {}
        for path in self._files():
            with contextlib.suppress(OSError):
                sizes[path] = path.lstat().st_size
        while len(sizes) > self._keep or sum(sizes.values()) > MAX_FOLDER_BYTES:
            path = _most_dispensable(sizes)
            del sizes[path]
            with contextlib.suppress(OSError):
                path.unlink()


def masked(report: CrashReport, redaction: Redaction) -> CrashReport:
    """Return the report without secrets in what others than the supervisor have written."""
    text = redaction.text
    return msgspec.structs.replace(
        report,
        summary=text(report.summary),
        traceback=text(report.traceback),
        dump=text(report.dump),
        counters={text(name): value for name, value in report.counters.items()},
        messages=tuple(msgspec.structs.replace(noted, what=text(noted.what)) for noted in report.messages),
        log_tail=tuple(map(text, report.log_tail)),
        decision=text(report.decision),
    )


def _compact(moment: datetime) -> str:
    """Return a time as it stands in a file name: in this form, names sort by time."""
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    # One name for all: what a supervisor that was killed here has left is written over by the next report.
    part = path.with_name(_PART)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _child_of(path: Path) -> str:
    match = _NAME.match(path.name)
    return "" if match is None else match["child"]


def _most_dispensable(newest_first: Iterable[Path]) -> Path:
    """Return the oldest file of the child that has the most; of several such, the oldest of all."""
    paths = list(newest_first)
    counts = Counter(_child_of(path) for path in paths)
    most = max(counts.values())
    return next(path for path in reversed(paths) if counts[_child_of(path)] == most)
