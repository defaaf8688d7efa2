"""All that one supervisor keeps, opened and closed together."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from actors.runtime.process.logs import Redaction, configure_logs
from supervisor.records.crash_reports import CrashReports
from supervisor.records.lifecycle import Lifecycle
from supervisor.records.log_writer import LogWriter
from supervisor.specs.settings import Settings


class Records(Struct, frozen=True):
    """Where things are written.

    Attributes:
        lifecycle: the history of the tree.
        reports: how children ended.
        log: the supervisor's stderr.
        redaction: masks secrets in all of it.
    """

    lifecycle: Lifecycle
    reports: CrashReports
    log: LogWriter
    redaction: Redaction


@contextmanager
def open_records(settings: Settings, *, events: Path, crashes: Path) -> Iterator[Records]:
    """Open everything, and set up the log of this process.

    Args:
        settings: the log's level, how many reports to keep, and the secrets that appear nowhere.
        events: the file of lifecycle events.
        crashes: the folder of reports.

    Raises:
        SettingsError: the file of events cannot be opened.
    """
    redaction = Redaction(settings.secrets.values())
    with LogWriter() as log:
        configure_logs(level=settings.flags.log_level, redaction=redaction, write=log.write)
        lifecycle = Lifecycle(events, redaction=redaction)
        try:
            reports = CrashReports(crashes, keep=settings.flags.crash_reports, redaction=redaction)
            yield Records(lifecycle=lifecycle, reports=reports, log=log, redaction=redaction)
        finally:
            lifecycle.close()
            configure_logs(level=settings.flags.log_level, redaction=redaction)
