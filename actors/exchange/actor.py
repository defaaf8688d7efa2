"""Running the simulated exchange: on its own, or as a child of the tree."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import trio

from actors.exchange.hub import Hub
from actors.exchange.replay import Replay, load_recording
from actors.exchange.server import ExchangeServer
from actors.exchange.settings import SimulatorSettings
from actors.exchange.simulation import Simulation
from actors.exchange.sink import Source
from protocols.errors import SettingsError

if TYPE_CHECKING:
    from actors.runtime.actor import Actor


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


async def open_listeners(settings: SimulatorSettings) -> Sequence[trio.SocketListener]:
    """Listen on the port of the settings.

    Raises:
        SettingsError: the address is unknown or the port is in use.
    """
    try:
        return await trio.open_tcp_listeners(settings.port, host=settings.host)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; choose another port"
        ) from None


def address_of(listeners: Sequence[trio.SocketListener]) -> tuple[str, int]:
    """Host and port that the first listener has."""
    host, port = listeners[0].socket.getsockname()[:2]
    return str(host), int(port)


async def serve(settings: SimulatorSettings, on_listening: Callable[[str, int, ExchangeServer], None]) -> None:
    """Serve until cancelled; `on_listening` gets host, port and server once connections are accepted.

    Raises:
        SettingsError: bad settings, or the port is in use; nothing was started.
    """
    source = make_source(settings)
    listeners = await open_listeners(settings)
    server = ExchangeServer(settings, source)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.run)
        await nursery.start(trio.serve_listeners, server.handle, listeners)
        on_listening(*address_of(listeners), server)


async def run(actor: "Actor", settings: SimulatorSettings) -> None:
    """Be the child `exchange` of a tree."""

    def listening(host: str, port: int, server: ExchangeServer) -> None:
        async def state() -> object:
            await trio.lowlevel.checkpoint()
            return server.report()

        actor.on_request("state", state)
        actor.log.info("exchange.listening", host=host, port=port)
        actor.ready()

    await serve(settings, listening)


__all__ = ["SettingsError", "SimulatorSettings", "address_of", "make_source", "open_listeners", "run", "serve"]
