"""Running the simulated exchange: on its own, or as a child of the tree."""

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.hub import Hub
from actors.exchange.sources.replay import Replay, load_recording
from actors.exchange.sources.source import Source
from actors.exchange.trading.simulation import Simulation
from actors.exchange.wire.server import ExchangeServer
from protocols.errors import SettingsError

if TYPE_CHECKING:
    from actors.runtime.actor import Actor

COUNT_EVERY_S: Final = 0.5


def make_source(settings: SimulatorSettings) -> Source:
    """The recording, or a simulated market that starts now; to be called where trio runs.

    Raises:
        SettingsError: the recording cannot be used, or a number is out of range.
    """
    settings.check()
    if settings.replay_path is not None:
        return Replay(load_recording(settings.replay_path), speed=settings.speed)
    start_ms, start_s = time.time_ns() // 1_000_000, trio.current_time()
    simulation = Simulation(
        seed=settings.seed,
        markets=settings.markets,
        rate=settings.rate,
        start_ms=start_ms,
        access_key=settings.access_key,
    )
    # Monotonic from the start on, so that no step of the wall clock reaches the market.
    return Hub(simulation, lambda: start_ms + int((trio.current_time() - start_s) * 1000))


class OpenExchange(NamedTuple):
    """An exchange whose port is taken and which is not serving yet."""

    server: ExchangeServer
    source: Source
    listeners: list[trio.SocketListener]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the first listener."""
        host, port = self.listeners[0].socket.getsockname()[:2]
        return str(host), int(port)


async def open_exchange(settings: SimulatorSettings) -> OpenExchange:
    """Make the market or read the recording, and take the port.

    Raises:
        SettingsError: bad settings, an unknown address, or a port in use; nothing is left open.
    """
    source = make_source(settings)
    try:
        listeners = await trio.open_tcp_listeners(settings.port, host=settings.host)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; choose another port"
        ) from None
    return OpenExchange(ExchangeServer(settings, source), source, listeners)


async def serve(exchange: OpenExchange, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled; started once connections are accepted."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.source.run)
        await nursery.start(trio.serve_listeners, exchange.server.handle, exchange.listeners)
        task_status.started()


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
