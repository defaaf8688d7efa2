"""`upbitd simulate`: the simulated exchange in the foreground."""

import json
import sys
from functools import partial
from typing import Any

import click
import trio

from actors.commands.signals import run_until_signalled
from actors.exchange.settings import SimulatorSettings
from protocols.errors import SettingsError

_DEFAULTS = SimulatorSettings()


@click.command()
@click.option("--host", default=_DEFAULTS.host, show_default=True, help="Address to listen on.")
@click.option("--port", default=_DEFAULTS.port, show_default=True, help="TCP port; 0 takes a free one.")
@click.option("--markets", default=_DEFAULTS.markets, show_default=True, help="Number of markets, 4 to 855.")
@click.option("--rate", default=_DEFAULTS.rate, show_default=True, help="Market events per second, over all markets.")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Decides everything that happens.")
@click.option("--access-key", default="", help="Key that private connections are accepted with.")
@click.option("--secret-key", default="", help="Secret of that key.")
@click.option("--replay", default="", metavar="FILE", help="Play recorded frames instead of a market.")
@click.option("--speed", default=1.0, show_default=True, help="With --replay: times faster; 0 as fast as possible.")
@click.option("--idle-close", "idle_close_s", default=60.0, show_default=True, help="Seconds of silence until a close.")
@click.option("--limits/--no-limits", default=True, show_default=True, help="Keep the exchange's rate limits.")
def simulate(**options: Any) -> None:  # noqa: ANN401 - one keyword per option, checked by the struct
    """Serve a simulated Upbit on one port.

    Prints one JSON line with its addresses when it serves; SIGINT, SIGTERM or SIGHUP ends it with exit code 0.
    """
    settings = SimulatorSettings(**options)
    try:
        settings.check()
    except SettingsError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    trio.run(run_until_signalled, partial(_serve, settings))


async def _serve(settings: SimulatorSettings) -> None:
    # The half second that this takes to import comes when signals are received already: until then SIGTERM kills.
    from actors.exchange.actor import open_exchange, serve  # noqa: PLC0415 - see above

    await _check_host(settings.host)
    exchange = await open_exchange(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, exchange)
        _announce(*exchange.address)


async def _check_host(host: str) -> None:
    """See that this host can be listened on at all: what fails after that is the port.

    Raises:
        SettingsError: it is no address of this machine.
    """
    try:
        listeners = await trio.open_tcp_listeners(0, host=host)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on host {host!r}: {error.strerror or error}; choose an address of this machine"
        ) from None
    for listener in listeners:
        await listener.aclose()


def _announce(host: str, port: int) -> None:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    line = {"event": "listening", "http": f"http://{address}", "ws": f"ws://{address}"}
    click.echo(json.dumps(line))
    sys.stdout.flush()
