"""What an actor says about its own end: an exit code, one line, and the traceback."""

import traceback
from typing import Final

from actors.runtime.groups import leaves
from actors.runtime.process.logs import Redaction
from protocols.control.exit_codes import EXIT_FAILED, EXIT_MEMORY, EXIT_OK, EXIT_REFUSED, EXIT_SETTINGS
from protocols.control.messages import Failed
from protocols.errors import ExchangeRefused, HandshakeRefused, SettingsError

MAX_TRACEBACK_CHARS: Final = 60_000
"""A frame of the control link has its limit too, and a recursion has a thousand lines that are the same."""

MAX_SUMMARY_CHARS: Final = 1000
"""One line of a table."""


def verdict(error: BaseException, redaction: Redaction) -> tuple[int, Failed | None]:
    """Turn what ended the loop into an exit code and last words; none when the actor chose its exit code itself."""
    errors = list(leaves(error))
    first = errors[0]
    if len(errors) == 1 and isinstance(first, SystemExit) and (first.code is None or isinstance(first.code, int)):
        return first.code or EXIT_OK, None
    code = _code_of(errors)
    if code == EXIT_MEMORY:
        for one in errors:
            traceback.clear_frames(one.__traceback__)  # What they hold is let go: the words below need memory.
    summary = _line(first) if len(errors) == 1 else f"{len(errors)} errors, first {_line(first)}"
    # Masked before it is cut: half a secret would not be found.
    line = (redaction.text(summary).splitlines() or [""])[0][:MAX_SUMMARY_CHARS]
    return code, Failed(summary=line, traceback=_tell(error, redaction))


def _line(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as failure:  # noqa: BLE001 - the text of an error is other people's code
        return f"{type(error).__name__}, which has no text: {type(failure).__name__}"


def _tell(error: BaseException, redaction: Redaction) -> str:
    try:
        return cut(redaction.text("".join(traceback.format_exception(error))))
    except MemoryError:
        return "no memory is left for the traceback"


def _code_of(errors: list[BaseException]) -> int:
    if any(isinstance(error, MemoryError) for error in errors):
        return EXIT_MEMORY
    if all(isinstance(error, SettingsError) for error in errors):
        return EXIT_SETTINGS
    if all(isinstance(error, ExchangeRefused | HandshakeRefused) for error in errors):
        return EXIT_REFUSED
    return EXIT_FAILED


def cut(text: str, limit: int = MAX_TRACEBACK_CHARS) -> str:
    """Return the text, without its middle when it is too long: a traceback says most at its ends."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
