"""`upbitd simulate`: the simulated exchange in the foreground."""

import json
import sys
from functools import partial
from typing import Any

import click
import trio
from click.core import ParameterSource

from actors.commands.signals import run_until_signalled, wait_for_eof
from actors.exchange.quirks import describe_quirks, read_quirks
from actors.exchange.settings import OF_GENERATED_MARKETS, AccountSettings, SimulatorSettings
from protocols.errors import SettingsError

_DEFAULTS = SimulatorSettings()


class Account(click.ParamType[AccountSettings]):
    """One account as `ACCESS_KEY:SECRET_KEY`."""

    name = "account"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> AccountSettings:
        """Read the two keys; the message does not repeat them, for one of them is secret."""
        if isinstance(value, AccountSettings):
            return value
        access_key, _, secret_key = str(value).partition(":")
        if not access_key or not secret_key:
            self.fail("write ACCESS_KEY:SECRET_KEY", param, ctx)
        return AccountSettings(access_key, secret_key)


def _list_quirks(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        click.echo("\n".join(describe_quirks()))
        context.exit()


@click.command()
@click.option("--host", default=_DEFAULTS.host, show_default=True, help="Address to listen on.")
@click.option("--port", default=_DEFAULTS.port, show_default=True, help="TCP port; 0 takes a free one.")
@click.option("--markets", default=_DEFAULTS.markets, show_default=True, help="Number of markets, 4 to 855.")
@click.option("--rate", default=_DEFAULTS.rate, show_default=True, help="Market events per second, over all markets.")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Decides everything that happens.")
@click.option(
    "--start",
    default=_DEFAULTS.start,
    metavar="TIME",
    help="The exchange's own time at the start, such as 2026-09-21T09:00:00Z (UTC without an offset); left out, the "
    "machine's. The same seed, start and orders give the same markets.",
)
@click.option("--access-key", default="", help="Key of the first account, which private connections are accepted with.")
@click.option("--secret-key", default="", help="Secret of that key.")
@click.option(
    "--account",
    "accounts",
    type=Account(),
    multiple=True,
    metavar="ACCESS_KEY:SECRET_KEY",
    help="One more account, on which nobody but its owner trades; may be given several times.",
)
@click.option(
    "--trader/--no-trader",
    default=_DEFAULTS.trader,
    show_default=True,
    help="Let a seeded trader act on the first account, so that its private stream is never quiet.",
)
@click.option(
    "--replay",
    default="",
    metavar="FILE",
    help="Play recorded frames instead of a market; goes with none of --markets, --rate, --seed, --start, --trader.",
)
@click.option(
    "--speed", default=_DEFAULTS.speed, show_default=True, help="With --replay: times faster; 0 as fast as possible."
)
@click.option(
    "--idle-close",
    "idle_close_s",
    default=_DEFAULTS.idle_close_s,
    show_default=True,
    help="Seconds of silence in both directions after which a socket is closed; documented are 120, seen were 60.",
)
@click.option(
    "--limits/--no-limits", default=_DEFAULTS.limits, show_default=True, help="Keep the exchange's rate limits."
)
@click.option(
    "--send-buffer",
    "send_buffer_bytes",
    default=_DEFAULTS.send_buffer_bytes,
    show_default=True,
    help="Bytes that may wait for a slow client before it is cut.",
)
@click.option(
    "--journal", default="", metavar="FILE", help="Write down everything that happens, one JSON object a line."
)
@click.option(
    "--quirk",
    "quirks",
    multiple=True,
    metavar="NAME=VALUE",
    help="Choose a manner of the exchange that nobody has recorded, or that changed; may be given several times.",
)
@click.option(
    "--list-quirks",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_quirks,
    help="Show the names of quirks with what each may be, and exit.",
)
@click.option(
    "--until-eof", is_flag=True, help="End as well when stdin ends: the exchange of a program that started it."
)
def simulate(quirks: tuple[str, ...], *, until_eof: bool, **options: Any) -> None:  # noqa: ANN401 - one keyword per option, checked by the struct
    """Serve a simulated Upbit on one port.

    Prints one JSON line with its addresses when it serves; SIGINT, SIGTERM or SIGHUP ends it with exit code 0.
    """
    context = click.get_current_context()
    if options["replay"]:
        _refuse_generated(context)
    try:
        settings = SimulatorSettings(quirks=read_quirks(quirks), **options)
        settings.check()
    except SettingsError as error:
        raise click.UsageError(str(error), context) from error
    trio.run(run_until_signalled, partial(_serve_until_eof if until_eof else _serve, settings))


def _refuse_generated(context: click.Context) -> None:
    """Refuse what a recording has no use for, also where it was given with its default value.

    Raises:
        click.UsageError: with the options as they are written.
    """
    given = [
        "/".join((*option.opts, *option.secondary_opts))
        for option in context.command.params
        if option.name in OF_GENERATED_MARKETS
        and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT
    ]
    if given:
        which = ", ".join(given)
        raise click.UsageError(f"{which}: a recording is played as it is; leave out {which} or --replay", context)


async def _serve_until_eof(settings: SimulatorSettings) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_serve, settings)
        await wait_for_eof()
        nursery.cancel_scope.cancel()


async def _serve(settings: SimulatorSettings) -> None:
    # The half second that this takes to import comes when signals are received already: until then SIGTERM kills.
    from actors.exchange.actor import open_exchange, serve  # noqa: PLC0415 - see above
    from actors.runtime.process.logs import Redaction, configure_logs  # noqa: PLC0415 - see above

    configure_logs(level="warning", redaction=Redaction(account.secret_key for account in settings.all_accounts))
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
    except (OSError, UnicodeError) as error:
        # A name that no domain may have (an empty label, one of 64 letters) fails as text, before it is looked up.
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"cannot listen on host {host!r}: {reason}; choose an address of this machine") from None
    for listener in listeners:
        await listener.aclose()


def _announce(host: str, port: int) -> None:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    line = {"event": "listening", "http": f"http://{address}", "ws": f"ws://{address}"}
    click.echo(json.dumps(line))
    sys.stdout.flush()
