"""Where the exchange is, and how patient a connection to it may be: the shared table `[exchange]` of the settings."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from actors.connections.addresses import url_problem
from protocols.errors import SettingsError
from protocols.upbit.requests import Format

WEBSOCKET_PATH: Final = "/websocket/v1"

DAY_S: Final = 86_400.0
"""No time of a connection is longer; with that, `inf` and `nan` are refused as well."""

Seconds = Annotated[float, Meta(gt=0, le=DAY_S)]
SecondsOrNever = Annotated[float, Meta(ge=0, le=DAY_S)]


class ExchangeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One exchange.

    Attributes:
        websocket_url: of the public WebSocket; without a path, `/websocket/v1` is meant. The private one is below it.
        rest_url: of the REST API without `/v1`; the same host as the WebSocket when it is empty.
        format: of the messages asked for; `SIMPLE` is the smallest on the wire.
        connect_timeout_s: for TCP, TLS and the upgrade together.
        ping_interval_s: longest time between two pings; the exchange closes idle sockets after 60 s (seen 2026-09-23).
        quiet_after_s: silence after which a ping asks whether the link still lives.
        ping_timeout_s: how long a ping may stay unanswered while nothing else comes either.
        snapshot_timeout_s: how long a wanted topic may stay without its first message before its owner is told.
        backoff_first_s, backoff_cap_s: of the waits between attempts to connect; the first attempt is at once.
        audit_interval_s: how often the exchange is asked what it thinks is subscribed; 0 for never.
    """

    websocket_url: str = "wss://api.upbit.com/websocket/v1"
    rest_url: str = ""
    format: Format = Format.SIMPLE
    connect_timeout_s: Seconds = 10.0
    ping_interval_s: Seconds = 20.0
    quiet_after_s: Seconds = 5.0
    ping_timeout_s: Seconds = 5.0
    snapshot_timeout_s: Seconds = 5.0
    backoff_first_s: Seconds = 0.25
    backoff_cap_s: Seconds = 30.0
    audit_interval_s: SecondsOrNever = 60.0

    def __post_init__(self) -> None:
        """Check the addresses; the times are checked by their types.

        Raises:
            SettingsError: one of them cannot be used.
        """
        _check_url("websocket_url", self.websocket_url, ("ws", "wss"))
        if self.rest_url:
            _check_url("rest_url", self.rest_url, ("http", "https"))

    @property
    def public_url(self) -> str:
        """Of the public WebSocket, with its path."""
        has_path = urlsplit(self.websocket_url).path not in {"", "/"}
        return self.websocket_url if has_path else self.websocket_url.rstrip("/") + WEBSOCKET_PATH

    @property
    def private_url(self) -> str:
        """Of the private WebSocket, with its path."""
        return self.public_url.rstrip("/") + "/private"

    @property
    def rest_base(self) -> str:
        """Of the REST API, without a slash at the end."""
        if self.rest_url:
            return self.rest_url.rstrip("/")
        parts = urlsplit(self.websocket_url)
        return f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}"


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    if problem := url_problem(url, schemes):
        raise SettingsError(f"exchange.{name}: {url!r} cannot be used: {problem}")
