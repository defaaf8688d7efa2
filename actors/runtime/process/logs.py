"""Logs of every process of the tree: one JSON object a line, one write a line, no secrets.

Libraries that log by the standard `logging` come out the same way.
"""

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import msgspec

from actors.runtime.process.late_imports import imported_late, not_imported
from protocols.secrecy import MASK, is_secret, spellings

# structlog loads rich for coloured output when it finds it, and asyncio for methods to be awaited in its loop. Nothing
# here has either, and those modules are a third of the time that a restarted actor needs to be ready again.
with not_imported("rich"), imported_late("asyncio"):
    import structlog

LEVELS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_NUMBERS: Final = (*LEVELS.values(), logging.CRITICAL)

_BEARER: Final = re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]+")
_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")
_SHORTEST_SECRET: Final = 4
"""A shorter value would mask half of every line; keys of the exchange have 40 characters."""

STDERR_FD: Final = 2

MAX_DEPTH: Final = 12
"""So many tables and lists within one another are shown; a thousand would be too deep for the interpreter."""

MAX_BITS: Final = 4096
"""Python refuses to write an integer of more than 4300 decimal digits, some 14,000 bits; hexadecimal has no limit."""

Fields = MutableMapping[str, Any]


class Redaction:
    """Masks secrets in everything that leaves the process as text: log lines, reasons and last words."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._secrets: re.Pattern[str] | None = None
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Mask this value too from now on, however it is quoted, and each line of it; a known one costs a look-up."""
        for line in secret.splitlines()[1:] and secret.splitlines():
            self.learn(line)
        if len(secret) < _SHORTEST_SECRET or secret in self._known:
            return
        self._known |= {_writable(spelling) for spelling in spellings(secret)}
        # The longest first: a secret may begin with another one.
        self._secrets = re.compile("|".join(map(re.escape, sorted(self._known, key=len, reverse=True))))

    def text(self, text: str) -> str:
        """Return the text with known secrets, bearer tokens and anything like a JWT masked."""
        text = _writable(text)
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        if "earer" in text or "EARER" in text:
            text = _BEARER.sub(f"Bearer {MASK}", text)
        if "eyJ" in text:
            text = _JWT.sub(MASK, text)
        return text

    def value(self, value: Any, *, within: tuple[int, ...] = ()) -> Any:  # noqa: ANN401 - whatever was logged
        """Return the value with every string inside masked; odd objects become their masked `repr`.

        It never raises: of what cannot be shown the type is named, and the rest stands.

        Args:
            value: whatever was logged.
            within: which tables and lists it stands in, the outermost first, by their `id`.
        """
        try:
            return self._shown(value, within)
        except Exception as failure:  # noqa: BLE001 - how an object shows itself is other people's code
            return _named(value, f"which cannot be shown: {type(failure).__name__}")

    def _shown(self, value: Any, within: tuple[int, ...]) -> Any:  # noqa: ANN401 - whatever was logged
        if isinstance(value, str):
            return self.text(str.__str__(value))
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return hex(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if not isinstance(value, Mapping | list | tuple | set | frozenset):
            return self.text(repr(value))
        # Not the `repr` of these two: it would show what stands under the key of a secret.
        if id(value) in within:
            return _named(value, "within itself")
        if len(within) == MAX_DEPTH:
            return _named(value, "too deep to be shown")
        within = (*within, id(value))
        if isinstance(value, Mapping):
            return self._table(value, within)
        return [self.value(item, within=within) for item in value]

    def _table(self, table: Mapping[Any, Any], within: tuple[int, ...]) -> dict[str, Any]:
        shown = {}
        for key, value in table.items():
            name = self.text(_text_of(key, str))
            shown[name] = MASK if is_secret(name) else self.value(value, within=within)
        return shown

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Mask the whole value of a key that names a secret, and secrets inside all others."""
        return self._table(fields, ())

    def __call__(self, _logger: object, _method: str, fields: Fields) -> Fields:
        """Work as a structlog processor; it stands right before the renderer."""
        return self.fields(fields)


def write_stderr(data: bytes) -> None:
    """Write to stderr by its descriptor; a reader that is gone must not end the writer."""
    try:
        os.write(STDERR_FD, data)
    except OSError:
        return


def configure_logs(*, level: str, redaction: Redaction, write: Callable[[bytes], None] = write_stderr) -> None:
    """Set up structlog and the standard `logging` of this process; further calls replace the set-up.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        redaction: masks secrets in every line.
        write: takes one whole line at a time; it must not block and not raise.
    """
    number = LEVELS[level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            redaction,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=partial(_Lines, write),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    # Libraries speak in details; theirs are wanted only when everything is.
    root.setLevel(number if level == "debug" else max(number, logging.WARNING))
    logging.captureWarnings(capture=True)


def are_logs_configured() -> bool:
    """Whether this process writes logs; before that, as a command that only begins, it speaks to its user."""
    return structlog.is_configured()


def get_logger(**fields: object) -> Any:  # noqa: ANN401 - structlog's bound loggers are made at run time
    """Return a logger that adds `fields` to each line."""
    return structlog.get_logger().bind(**fields)


def _writable(text: str) -> str:
    """Replace what UTF-8 cannot hold; names of files and variables may have such characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text_of(value: object, spell: Callable[[object], str] = repr) -> str:
    """Spell an object, or say that it does not let itself be spelled."""
    try:
        return spell(value)
    except Exception as failure:  # noqa: BLE001 - as above
        return _named(value, f"which cannot be shown: {type(failure).__name__}")


def _named(value: object, what: str) -> str:
    return f"<{type(value).__name__}, {what}>"


def _render(_logger: object, _method: str, fields: Fields) -> bytes:
    return msgspec.json.encode(fields, enc_hook=_text_of)


class _Lines:
    """Writes each line in one piece, so that lines of several processes do not mix."""

    def __init__(self, write: Callable[[bytes], None], *_arguments: object) -> None:
        self._write = write

    def msg(self, line: bytes) -> None:
        self._write(line + b"\n")

    debug = info = warning = error = critical = exception = msg


class _ToStructlog(logging.Handler):
    """Passes records of the standard `logging` on; like any handler of it, it raises nothing into who logs."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - the text of a message and its arguments are other people's code
            message = _text_of(record.msg, str)
            fields["arguments"] = record.args
        structlog.get_logger().log(_known_level(record.levelno), message, **fields)


def _known_level(number: int) -> int:
    """Round a level of a library's own down to one that structlog has a name for."""
    return max((known for known in _NUMBERS if known <= number), default=min(_NUMBERS))
