"""Every error of the project, sorted by who can do something about it.

UpbitdError
  UsageError            our code broke a rule: fix the caller, never retry
  SettingsError         the owner's settings or command: say what to change, exit code 2
    TemporaryFailure    not the owner's doing after all: the same may work later, exit code 1
  ExchangeError         the exchange sent what its documentation does not allow
    DecodeFailure       one frame could not be read; the bytes are kept
    ExchangeRefused     an error frame or a REST error with a name
  ConnectionLost        the socket is gone: reconnect
    HeartbeatTimeout    silent past the limit
    HandshakeRefused    the upgrade was answered with an HTTP status
  AuthenticationError   keys are missing, unreadable or refused
  ChannelError          a peer on a channel broke the protocol: that one peer is dropped
"""

from typing import Final

SAMPLE_BYTES: Final = 200
"""How much of a frame an error message shows; the error itself keeps the whole frame."""


class UpbitdError(Exception):
    """Base of all errors that the project raises on purpose."""


class UsageError(UpbitdError):
    """A caller inside the project broke a rule that this module documents."""


class SettingsError(UpbitdError):
    """A setting, file or command of the owner cannot be used; the message is one line and says what to do."""


class TemporaryFailure(SettingsError):
    """What was asked for lacks something just now, such as room on a disk; the same may work when it is there again.

    It comes where a `SettingsError` may come, so whoever reports those reports this one too.
    """


class ExchangeError(UpbitdError):
    """The exchange sent something that its documentation does not allow."""


class DecodeFailure(ExchangeError):
    """One frame could not be decoded.

    Attributes:
        path: where in the document it failed, such as `$.trade_price`; `$` for the whole.
        reason: what was wrong there.
        frame: the bytes as received.
    """

    def __init__(self, path: str, reason: str, frame: bytes) -> None:
        self.path = path
        self.reason = reason
        self.frame = frame
        sample = frame[:SAMPLE_BYTES].decode("utf-8", "replace")
        super().__init__(f"frame of {len(frame)} B not understood at {path}: {reason}; it begins {sample!r}")


class ExchangeRefused(ExchangeError):
    """The exchange answered with an error.

    Attributes:
        name: the exchange's name of the error, such as `NO_CODES`; a number as text for quotation REST.
        status: HTTP status, 0 on a WebSocket.
    """

    def __init__(self, name: str, message: str, *, status: int = 0) -> None:
        self.name = name
        self.status = status
        where = f"HTTP {status}" if status else "error frame"
        super().__init__(f"exchange refused: {name} ({where}): {message}")


class ConnectionLost(UpbitdError):
    """The connection is gone; reconnect and resubscribe."""


class HeartbeatTimeout(ConnectionLost):
    """A peer was silent for longer than its limit.

    Attributes:
        silent_s: how long nothing came.
        limit_s: how long was allowed.
    """

    def __init__(self, who: str, silent_s: float, limit_s: float) -> None:
        self.silent_s = silent_s
        self.limit_s = limit_s
        super().__init__(f"{who}: nothing received for {silent_s:.1f} s (limit {limit_s:.1f} s); reconnect")


class HandshakeRefused(ConnectionLost):
    """The WebSocket upgrade was answered with an HTTP status.

    Attributes:
        status: the HTTP status.
        retry_after_s: what the server asked to wait, None when it did not say.
        body: how the answer's body begins; not for logs, since a server may send back the keys that it was sent.
    """

    def __init__(self, status: int, *, retry_after_s: float | None = None, body: str = "") -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        self.body = body
        wait = "" if retry_after_s is None else f", retry after {retry_after_s:.0f} s"
        super().__init__(f"WebSocket upgrade refused with HTTP {status}{wait}")


class AuthenticationError(UpbitdError):
    """Keys are missing, unreadable or refused; the message names the place of the keys, never the keys."""


class ChannelError(UpbitdError):
    """A peer on a channel sent what the protocol does not allow; only its link is dropped."""
