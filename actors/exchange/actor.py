"""Running the simulated exchange: on its own, or as a child of the tree."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from actors.exchange.journal.journal import AnyJournal, open_journal
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.hub import Hub
from actors.exchange.sources.replay import Replay, load_recording
from actors.exchange.sources.source import Source
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.venue import Venue
from actors.exchange.wire.server import ExchangeServer, machine_ms
from protocols.errors import SettingsError

if TYPE_CHECKING:
    from actors.runtime.actor import Actor

COUNT_EVERY_S: Final = 0.5


class Stage(NamedTuple):
    """What is served: frames, and markets and accounts behind them.

    Attributes:
        source: where frames come from.
        venue: the simulation for REST; None for a recording.
        now_ms: the one clock of both, in milliseconds since the epoch; it never goes back.
    """

    source: Source
    venue: Venue | None
    now_ms: Callable[[], int]


def make_stage(settings: SimulatorSettings) -> Stage:
    """The recording, or a simulated market that starts now; to be called where trio runs.

    Raises:
        SettingsError: the recording cannot be used, or a number is out of range.
    """
    settings.check()
    if settings.replay_path is not None:
        return Stage(Replay(load_recording(settings.replay_path), speed=settings.speed), None, machine_ms)
    now_ms = _steady_clock(settings.start_ms)
    simulation = Simulation(
        seed=settings.seed,
        markets=settings.markets,
        rate=settings.rate,
        start_ms=now_ms(),
        accounts={account.access_key: account.balances for account in settings.all_accounts},
        trader=settings.trader and bool(settings.access_key),
        quirks=settings.quirks,
    )
    rng = random.Random(f"{settings.seed}/publishing")  # noqa: S311 - an order of messages, not a secret
    hub = Hub(simulation, now_ms, settings.quirks, rng)
    return Stage(hub, Venue(simulation, now_ms, hub.advance), now_ms)


def _steady_clock(start_ms: int | None) -> Callable[[], int]:
    """A clock that is monotonic from its start on, so that no step of the machine's time reaches the market."""
    begin_ms, begin_s = machine_ms() if start_ms is None else start_ms, trio.current_time()
    return lambda: begin_ms + int((trio.current_time() - begin_s) * 1000)


class OpenExchange(NamedTuple):
    """An exchange whose port is taken and which is not serving yet."""

    server: ExchangeServer
    source: Source
    journal: AnyJournal
    listeners: list[trio.SocketListener]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the first listener."""
        host, port = self.listeners[0].socket.getsockname()[:2]
        return str(host), int(port)


async def open_exchange(settings: SimulatorSettings) -> OpenExchange:
    """Make the market or read the recording, take the port, and open the journal.

    Raises:
        SettingsError: bad settings, an unknown address, a port in use, or a journal that cannot be written; nothing is
            left open.
    """
    stage = make_stage(settings)
    journal = open_journal(settings.journal)
    try:
        listeners = await trio.open_tcp_listeners(settings.port, host=settings.host)
    except (OSError, UnicodeError) as error:
        # A host that no name may be (an empty label, one of 64 letters) fails as text, before it is looked up.
        journal.close()
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {reason}; choose another port or host"
        ) from None
    journal.started(settings)
    if stage.venue is not None and journal.is_on:
        stage.venue.simulation.desk.on_fill(journal.fill)
    server = ExchangeServer(settings, stage.source, stage.venue, journal=journal, now_ms=stage.now_ms)
    return OpenExchange(server, stage.source, journal, listeners)


async def serve(exchange: OpenExchange, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled; started once connections are accepted. The journal is closed at the end."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.source.run)
            nursery.start_soon(exchange.server.run)
            nursery.start_soon(exchange.journal.run)
            await nursery.start(trio.serve_listeners, exchange.server.handle, exchange.listeners)
            task_status.started()
    finally:
        exchange.journal.close()


async def run(actor: "Actor", settings: SimulatorSettings) -> None:
    """Be the child `exchange` of a tree.

    Raises:
        SettingsError: bad settings, or the port is in use.
    """
    exchange = await open_exchange(settings)
    host, port = exchange.address

    async def state(_: object) -> object:
        await trio.lowlevel.checkpoint()
        return {"host": host, "port": port, **exchange.server.summary()}

    async with trio.open_nursery() as nursery:
        await nursery.start(serve, exchange)
        actor.on_request("state", state)
        actor.log.info("exchange.listening", host=host, port=port)
        actor.ready()
        while True:
            for name, value in exchange.server.summary().items():
                actor.counters.set(name, value)
            await trio.sleep(COUNT_EVERY_S)
