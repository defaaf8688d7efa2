"""Where the exchange is, and how patient a connection to it may be: the shared table `[exchange]` of the settings."""

from urllib.parse import urlsplit

from msgspec import Struct

from protocols.errors import SettingsError
from protocols.upbit.requests import Format

WEBSOCKET_PATH = "/websocket/v1"


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
    connect_timeout_s: float = 10.0
    ping_interval_s: float = 20.0
    quiet_after_s: float = 5.0
    ping_timeout_s: float = 5.0
    snapshot_timeout_s: float = 5.0
    backoff_first_s: float = 0.25
    backoff_cap_s: float = 30.0
    audit_interval_s: float = 60.0

    def __post_init__(self) -> None:
        """Check the addresses and times.

        Raises:
            SettingsError: one of them cannot be used.
        """
        _check_url("websocket_url", self.websocket_url, ("ws", "wss"))
        if self.rest_url:
            _check_url("rest_url", self.rest_url, ("http", "https"))
        for name in ("connect_timeout_s", "ping_interval_s", "quiet_after_s", "ping_timeout_s", "snapshot_timeout_s"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"exchange.{name} must be above 0, not {getattr(self, name)}")

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
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise SettingsError(f"exchange.{name}: {url!r} is not a URL that begins with {' or '.join(schemes)}://")
