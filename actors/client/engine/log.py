"""The log of a link in the user's program: by the standard `logging`, whose settings are the user's own."""

import logging

_log = logging.getLogger("upbitd.client")


class LinkLog:
    """Speaks as structlog does, and logs as one line. What concerns the user is told by callbacks and errors too.

    Attributes:
        unwritten: lines that could not be written, because a handler of the user's failed.
    """

    def __init__(self, client: str) -> None:
        self.unwritten = 0
        self._client = client

    def info(self, event: str, **fields: object) -> None:
        """Log something of interest while looking for a fault."""
        self._write(logging.DEBUG, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log something that is told elsewhere as well."""
        self._write(logging.INFO, event, fields)

    def failure(self, event: str, error: Exception) -> None:
        """Log a fault of this library, in full."""
        self._write(logging.ERROR, event, {"reason": str(error)}, error)

    def _write(self, level: int, event: str, fields: dict[str, object], error: Exception | None = None) -> None:
        if not _log.isEnabledFor(level):
            return
        said = " ".join(f"{name}={value!r}" for name, value in fields.items())
        try:
            _log.log(level, "client %r: %s %s", self._client, event, said, exc_info=error)
        except Exception:  # noqa: BLE001 - of the user's own handler; links must not end by it
            self.unwritten += 1
