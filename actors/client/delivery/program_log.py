"""The log of the user's program, whose handlers may fail; nothing of a client may end by that."""

import logging
from typing import Final

_log: Final = logging.getLogger("upbitd.client")


class ProgramLog:
    """Writes lines by the standard `logging`, whose settings are the user's own.

    Attributes:
        unwritten: lines that could not be written, because a handler of the user's failed.
    """

    def __init__(self) -> None:
        self.unwritten = 0

    def is_heard(self, level: int) -> bool:
        """Whether a line of this level would go anywhere."""
        return _log.isEnabledFor(level)

    def write(self, level: int, text: str, *values: object, error: BaseException | None = None) -> None:
        """Write a line, with the traceback of an error; `values` are put into `text` as by `%`."""
        try:
            _log.log(level, text, *values, exc_info=error)
        except Exception:  # noqa: BLE001 - of the user's own handler; counted, and shown by `health()`
            self.unwritten += 1
