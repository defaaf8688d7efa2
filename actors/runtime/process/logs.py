"""Logs of every process of the tree: one JSON object a line, one write a line, no secrets.

Libraries that log by the standard `logging` come out the same way.
"""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import msgspec

# structlog loads rich for its coloured console output when it finds it. Nothing here prints in colour, and those
# modules are a third of the time that a restarted actor needs to be ready again.
_hides_rich = "rich" not in sys.modules
if _hides_rich:
    sys.modules["rich"] = None  # type: ignore[assignment]  # None is how an import is made to fail
import structlog  # noqa: E402 - after the line above

if _hides_rich:
    del sys.modules["rich"]

LEVELS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}

MASK: Final = "***"
_SECRET_KEYS: Final = frozenset({"access_key", "secret_key", "authorization", "token"})
_BEARER: Final = re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]+")
_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")
_SHORTEST_SECRET: Final = 4
"""A shorter value would mask half of every line; keys of the exchange have 40 characters."""

STDERR_FD: Final = 2

Fields = MutableMapping[str, Any]


class Redaction:
    """Masks secrets in everything that leaves the process as text: log lines, reasons and last words."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._secrets: re.Pattern[str] | None = None
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Mask this value too from now on, and each line of it; one that is known already costs a look-up."""
        for line in secret.splitlines()[1:] and secret.splitlines():
            self.learn(line)
        if len(secret) < _SHORTEST_SECRET or secret in self._known:
            return
        self._known.add(secret)
        # The longest first: a secret may begin with another one.
        self._secrets = re.compile("|".join(map(re.escape, sorted(self._known, key=len, reverse=True))))

    def text(self, text: str) -> str:
        """Return the text with known secrets, bearer tokens and anything like a JWT masked."""
        if not text.isascii():  # Names of files may hold what UTF-8 cannot.
            text = text.encode("utf-8", "replace").decode()
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        if "earer" in text or "EARER" in text:
            text = _BEARER.sub(f"Bearer {MASK}", text)
        if "eyJ" in text:
            text = _JWT.sub(MASK, text)
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 - whatever was logged
        """Return the value with every string inside masked; odd objects become their masked `repr`."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return self.fields(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return self.text(repr(value))

    def fields(self, fields: Mapping[Any, Any]) -> dict[str, Any]:
        """Mask the whole value of a key that names a secret, and secrets inside all others."""
        return {
            str(key): MASK if str(key).lower() in _SECRET_KEYS else self.value(value) for key, value in fields.items()
        }

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


def _render(_logger: object, _method: str, fields: Fields) -> bytes:
    return msgspec.json.encode(fields, enc_hook=repr)


class _Lines:
    """Writes each line in one piece, so that lines of several processes do not mix."""

    def __init__(self, write: Callable[[bytes], None], *_arguments: object) -> None:
        self._write = write

    def msg(self, line: bytes) -> None:
        self._write(line + b"\n")

    debug = info = warning = error = critical = exception = msg


class _ToStructlog(logging.Handler):
    """Passes records of the standard `logging` on."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)
