"""The log of a link in the user's program: by the standard `logging`, whose settings are the user's own."""

import logging

_log = logging.getLogger("upbitd.client")


class LinkLog:
    """Speaks as structlog does, and logs as one line. What concerns the user is told by callbacks and errors too."""

    def __init__(self, client: str) -> None:
        self._client = client

    def info(self, event: str, **fields: object) -> None:
        """Log something of interest while looking for a fault."""
        self._write(logging.DEBUG, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log something that is told elsewhere as well."""
        self._write(logging.INFO, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, object]) -> None:
        if _log.isEnabledFor(level):
            said = " ".join(f"{name}={value!r}" for name, value in fields.items())
            _log.log(level, "client %r: %s %s", self._client, event, said)
