"""The settings of the tree under test: the default actors, tracers, a puppet, and groups of either strategy."""

import json
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.chaos.kinds import ADDED, GROUPS, PUPPET

ACCESS_KEY: Final = "chaos-access-key"
SECRET_KEY: Final = "chaos-secret-key-of-some-length"
MARKETS: Final = (
    "KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA", "KRW-SOL", "KRW-DOGE", "KRW-DOT", "KRW-TRX", "KRW-LINK", "KRW-SUI",
)  # fmt: skip
STALL_S: Final = 2.0
PROBE_S: Final = 1.0

_HEAD: Final = """
[supervisor]
start_method = "{start_method}"
spares = {spares}
heartbeat_s = 0.25
dead_man_s = 10.0
backoff_first_s = 0.05
backoff_cap_s = 0.5
stable_s = 1.0
probe_s = {probe_s}
shutdown_s = 6.0
killed_intensity = 1000

[exchange]
websocket_url = "{url}"
quiet_after_s = 0.5
ping_timeout_s = 0.5
backoff_cap_s = 0.5

[[group]]
name = "puppets"
intensity = 3
period_s = 10.0

[[group]]
name = "pair"
strategy = "one_for_all"

[[group]]
name = "chain"
strategy = "rest_for_one"
"""

_CHILD: Final = """
[[child]]
name = "{name}"
start = "{start}"
start_timeout_s = 10.0
stall_timeout_s = {stall_s}
{more}
"""


class Places(Struct, frozen=True):
    """Where everything of a run is; short paths, for sockets."""

    folder: Path

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "upbitd.toml"

    @property
    def run_dir(self) -> Path:
        """Of the tree."""
        return self.folder / "run"

    @property
    def temporary(self) -> Path:
        """Where the tree's processes have their temporary files."""
        return self.folder / "tmp"

    @property
    def journal(self) -> Path:
        """What the exchange sent."""
        return self.folder / "journal.jsonl"

    @property
    def doubles(self) -> Path:
        """Where actors write that another life of theirs was still there."""
        return self.folder / "doubles"

    @property
    def trouble(self) -> Path:
        """While it is there, the puppet fails at every start."""
        return self.folder / "trouble"

    def fifo(self, tracer: str) -> Path:
        """What a tracer writes into."""
        return self.folder / f"{tracer}.fifo"

    def trace(self, tracer: str) -> Path:
        """What is kept of that."""
        return self.folder / f"{tracer}.jsonl"

    def lock(self, child: str) -> Path:
        """Held by the one life of a child."""
        return self.folder / f"{child}.lock"


class Wishes(Struct, frozen=True):
    """What differs between runs, and what `reload` changes.

    Attributes:
        threshold: of the price monitor; a change restarts it.
        scanner_stall_s: of the market scanner; a change restarts nothing.
    """

    url: str
    start_method: str
    spares: int
    tag: str
    threshold: float = 0.05
    scanner_stall_s: float = STALL_S


def settings_text(places: Places, wishes: Wishes) -> str:
    """Return the settings file."""
    head = _HEAD.format(start_method=wishes.start_method, spares=wishes.spares, url=wishes.url, probe_s=PROBE_S)
    market_topics = [f"{kind}/{market}" for kind in ("trade", "ticker", "orderbook") for market in MARKETS]
    secrets = 'secrets = ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]\n'
    locks = f'[child.settings]\nkeys_file = ""\nretry_parked_s = 0.5\nlocks_folder = "{places.folder}/locks"'
    children = [
        _child("public", "actors.connections.public:run"),
        _child("private", "actors.connections.private:run", secrets + locks),
        _child(
            "price_monitor", "actors.consumers.price_monitor:run", f"settings = {{ threshold = {wishes.threshold} }}"
        ),
        _child("order_tracker", "actors.consumers.order_tracker:run"),
        _child("market_scanner", "actors.consumers.market_scanner:run", stall_s=wishes.scanner_stall_s),
        _child("tracer_market", "tests.chaos.actors:trace", _tracer(places, "tracer_market", "public", market_topics)),
        _child(
            "tracer_account",
            "tests.chaos.actors:trace",
            _tracer(places, "tracer_account", "private", ["myOrder", "myAsset"]),
        ),
        _child(PUPPET, "tests.chaos.actors:puppet", _puppet(places, wishes.tag)),
        *(idle_child(places, name, group) for group, names in GROUPS.items() for name in names),
    ]
    return head + "".join(children)


def idle_child(places: Places, name: str = ADDED, group: str = "") -> str:
    """Return a child that does nothing."""
    return _child(name, "tests.chaos.actors:idle", f'group = "{group}"\n{_lock(places, name)}')


def _child(name: str, start: str, more: str = "", *, stall_s: float = STALL_S) -> str:
    return _CHILD.format(name=name, start=start, stall_s=stall_s, more=more)


def _lock(places: Places, name: str) -> str:
    return f'[child.settings]\nlock = "{places.lock(name)}"\ndoubles = "{places.doubles}"'


def _tracer(places: Places, name: str, server: str, topics: list[str]) -> str:
    fifo = places.fifo(name)
    return f'{_lock(places, name)}\nfifo = "{fifo}"\nserver = "{server}"\ntopics = {json.dumps(topics)}'


def _puppet(places: Places, tag: str) -> str:
    own = f'trouble = "{places.trouble}"\ntag = "{tag}"'
    return f'group = "puppets"\nmemory_limit_mib = 120\n{_lock(places, PUPPET)}\n{own}'
