"""Settings of the simulated exchange, the same for the command and for the child of a tree."""

from pathlib import Path

import msgspec

from actors.exchange.market.universe import MAX_MARKETS, MIN_MARKETS
from actors.exchange.trading.simulation import DEFAULT_RATE
from protocols.errors import SettingsError

MAX_RATE = 100_000.0
RECORDED_SPEED = 1.0


class SimulatorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the simulated exchange is run.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        markets: number of markets, 4 to 855.
        rate: market events per second over all markets.
        seed: decides everything that happens in the markets.
        access_key, secret_key: the one key that private connections are accepted with; empty for none.
        replay: file of recorded frames that is played instead of a market; empty for none.
        speed: how many times faster than recorded; 0 for as fast as possible.
        idle_close_s: silence in both directions after which a socket is closed without a close frame.
        limits: whether connects, messages and requests are limited as on the exchange.
        send_buffer_bytes: what may wait for one slow client before it is cut.
    """

    host: str = "127.0.0.1"
    port: int = 0
    markets: int = 60
    rate: float = DEFAULT_RATE
    seed: int = 1
    access_key: str = ""
    secret_key: str = ""
    replay: str = ""
    speed: float = RECORDED_SPEED
    idle_close_s: float = 60.0
    limits: bool = True
    send_buffer_bytes: int = 8 * 1024 * 1024

    def check(self) -> None:
        """Check what types alone cannot.

        Raises:
            SettingsError: one setting is out of its range; the message names it.
        """
        ranges = (
            ("port", self.port, 0, 65_535),
            ("markets", self.markets, MIN_MARKETS, MAX_MARKETS),
            ("rate", self.rate, 0.0, MAX_RATE),
            ("speed", self.speed, 0.0, 1e6),
            ("idle_close_s", self.idle_close_s, 0.1, 86_400.0),
            ("send_buffer_bytes", self.send_buffer_bytes, 65_536, 1 << 30),
        )
        for name, value, lowest, highest in ranges:
            if not lowest <= value <= highest:
                raise SettingsError(f"{name} = {value}: choose a number from {lowest} to {highest}")
        if self.speed != RECORDED_SPEED and not self.replay:
            raise SettingsError(f"speed = {self.speed}: only a recording has a speed; name one by replay")
        if bool(self.access_key) != bool(self.secret_key):
            raise SettingsError("access_key and secret_key belong together: give both or neither")

    @property
    def replay_path(self) -> Path | None:
        """The recording to play, None for a simulated market."""
        return Path(self.replay) if self.replay else None
