"""The log of a link in the user's program: by the standard `logging`, whose settings are the user's own."""

import logging

from actors.client.delivery.program_log import ProgramLog


class LinkLog(ProgramLog):
    """Speaks as structlog does, and logs as one line. What concerns the user is told by callbacks and errors too."""

    def __init__(self, client: str) -> None:
        super().__init__()
        self._client = client

    def info(self, event: str, **fields: object) -> None:
        """Log something of interest while looking for a fault."""
        self._say(logging.DEBUG, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log something that is told elsewhere as well."""
        self._say(logging.INFO, event, fields)

    def failure(self, event: str, error: Exception) -> None:
        """Log a fault of this library, in full."""
        self._say(logging.ERROR, event, {"reason": str(error)}, error)

    def _say(self, level: int, event: str, fields: dict[str, object], error: Exception | None = None) -> None:
        if self.is_heard(level):
            said = " ".join(f"{name}={value!r}" for name, value in fields.items())
            self.write(level, "client %r: %s %s", self._client, event, said, error=error)
