"""`upbitd watch`: one more consumer, whose work is to print."""

import os
import sys
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import trio

from actors.commands.event_lines import event_line, json_line, marker_line
from actors.commands.known_markets import refuse_unlisted
from actors.commands.options import Seconds, run_dir_option
from actors.commands.signals import run_until_signalled
from actors.commands.topic_arguments import REPORTED_BY, Watched, read_watched
from actors.runtime.channel.dialling import Dial
from actors.runtime.channel.receiving import Item
from actors.runtime.process.counters import Counters
from actors.runtime.process.logs import Redaction, configure_logs, get_logger
from actors.runtime.run_dir import find_actor, find_run_dir
from actors.runtime.stdout import forget_output
from protocols.channel.messages import Delivery, Event, WantProblem
from protocols.errors import SettingsError, UpbitdError
from protocols.reports import Report
from protocols.upbit.messages import MARKET_TYPES, PRIVATE_TYPES, DataMessage
from protocols.upbit.topics import parse_topic

DEFAULT_SAMPLE_MS: Final = 1000


@click.command()
@click.argument("kind", metavar="TYPE")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all fields; markers as well.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--seconds", type=Seconds(), help="End after so many seconds.")
@click.option(
    "--delivery",
    type=click.Choice(["every", "latest", "sampled"]),
    help="every: nothing left out (default); latest: newest of each topic; sampled: newest, at most every --sample-ms.",
)
@click.option("--sample-ms", type=click.IntRange(min=1), help="Interval of sampled delivery; default 1000.")
@click.option("--from", "server", metavar="ACTOR", help="Who serves it, when that is not the usual actor.")
@run_dir_option
def watch(
    kind: str,
    codes: tuple[str, ...],
    *,
    as_json: bool,
    count: int | None,
    seconds: float | None,
    delivery: Delivery | None,
    sample_ms: int | None,
    server: str | None,
    run_dir: str | None,
) -> None:
    """Attach to a running tree as one more consumer and print events until ^C.

    TYPE is ticker, trade, orderbook, candle.1m (and other units), myOrder, myAsset, or a report: alert, turnover,
    surge. CODE is a market such as KRW-BTC; KRW-BTC.15 for 15 levels of its book.

    When nothing of it is served it ends with an error; without --count and --seconds it waits, after having said so.
    """
    watched = read_watched(kind, codes, server=server)
    manner = read_manner(delivery, sample_ms)
    path = find_actor(find_run_dir(run_dir, os.environ), watched.server)
    printer = Printer(watched.topics, as_json=as_json, count=count)
    # What concerns the owner comes as markers; the link's own log is for actors.
    configure_logs(level="error", redaction=Redaction())
    try:
        work = partial(_print_events, path, watched, manner, printer=printer, seconds=seconds)
        trio.run(run_until_signalled, work)
    except* BrokenPipeError:
        forget_output()
    if printer.ended_short and printer.is_unserved:
        raise UpbitdError(printer.why_unserved)
    if printer.ended_short and printer.is_short:
        raise UpbitdError(f"watch: {printer.printed} of {count} events within {seconds:g} s")


class Manner(NamedTuple):
    """How topics are wanted; `sample_ms` is 0 unless they are sampled."""

    delivery: Delivery
    sample_ms: int


def read_manner(delivery: Delivery | None, sample_ms: int | None) -> Manner:
    """Read the options; an interval alone means `sampled`.

    Raises:
        SettingsError: an interval with another class.
    """
    if sample_ms is None:
        return Manner(delivery or "every", DEFAULT_SAMPLE_MS if delivery == "sampled" else 0)
    if delivery not in {None, "sampled"}:
        raise SettingsError(f"watch: --sample-ms goes with --delivery sampled, not {delivery}")
    return Manner("sampled", sample_ms)


class Printer:
    """Prints items; one write for each batch.

    Attributes:
        printed: events so far.
        is_done: as many events were printed as were asked for.
        ended_short: the time was over before that.
    """

    def __init__(self, topics: Collection[str], *, as_json: bool, count: int | None) -> None:
        self._as_json = as_json
        self._count = count
        self._served = set(topics)
        self._silent: dict[str, str] = {}
        self.printed = 0
        self.is_done = False
        self.ended_short = False

    @property
    def is_short(self) -> bool:
        """Whether fewer events came than were asked for."""
        return self._count is not None and self.printed < self._count

    @property
    def is_unserved(self) -> bool:
        """Whether nothing came, and of every topic that is still wanted it was told that nothing comes."""
        return not self.printed and self._served <= self._silent.keys()

    @property
    def why_unserved(self) -> str:
        """One line for that: the first topic's reason, and what to do."""
        topic, why = next(iter(self._silent.items()))
        more = f" (nor {len(self._silent) - 1} more)" if len(self._silent) > 1 else ""
        return f"watch: {topic} is not served{more}: {why}; check its name, or give it more time by --seconds"

    def print(self, items: list[Item]) -> None:
        """Print a batch, as far as events are still wanted."""
        lines: list[str] = []
        for item in items:
            if isinstance(item, Event):
                lines.append(json_line(item) if self._as_json else event_line(item))
                self.printed += 1
                self.is_done = self.printed == self._count
            elif self._as_json:
                lines.append(json_line(item))
            else:
                # Between the events in time, though on another stream.
                _write(lines)
                lines = []
                click.echo(f"upbitd watch: {marker_line(item)}", err=True)
            if isinstance(item, WantProblem):
                self._note_problem(item)
            if self.is_done:
                break
        _write(lines)
        if not self._served:
            raise SettingsError("watch: nothing of that is served; see above")

    def _note_problem(self, problem: WantProblem) -> None:
        if problem.is_held:
            self._silent[problem.topic] = problem.reason
        else:
            self._served.discard(problem.topic)


def _write(lines: list[str]) -> None:
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def bodies_of(watched: Watched) -> Any:  # noqa: ANN401 - a type or a union of types
    """Return the types that the events' bodies have; anything for topics that this program does not know."""
    kind = watched.topics[0].partition("/")[0]
    if kind in REPORTED_BY:
        return Report
    is_of_exchange = kind.startswith("orderbook") or kind in MARKET_TYPES + PRIVATE_TYPES
    return DataMessage if is_of_exchange else Any


def markets_of(watched: Watched) -> tuple[str, ...]:
    """The markets that are to be looked for in the exchange's list; none where something else is watched."""
    kind, _, code = watched.topics[0].partition("/")
    is_of_exchange = kind.startswith("orderbook") or kind in MARKET_TYPES
    if not is_of_exchange or not code or watched.server != "public":
        return ()
    return tuple(dict.fromkeys(parse_topic(topic).code for topic in watched.topics))


async def _print_events(
    path: Path, watched: Watched, manner: Manner, *, printer: Printer, seconds: float | None
) -> None:
    """Print until there was enough, the time is over, or it is clear that nothing will come.

    Raises:
        SettingsError: what is watched is refused, or is of no market that the exchange lists.
    """
    with trio.move_on_after(float("inf") if seconds is None else seconds) as scope:
        async with trio.open_nursery() as nursery:
            if codes := markets_of(watched):
                # Beside it, not before: the list may take its time, and what is right is not to wait for it.
                nursery.start_soon(partial(refuse_unlisted, path, codes, command="watch"))
            await _receive(path, watched, manner, printer, has_patience=seconds is not None)
            nursery.cancel_scope.cancel()
    printer.ended_short = printer.ended_short or scope.cancelled_caught


async def _receive(path: Path, watched: Watched, manner: Manner, printer: Printer, *, has_patience: bool) -> None:
    dial = Dial(path, f"watch {os.getpid()}", Counters(), get_logger(), bodies=bodies_of(watched))
    async with dial as feed:
        await feed.want_topics(*watched.topics, delivery=manner.delivery, sample_ms=manner.sample_ms)
        while not printer.is_done:
            printer.print(await feed.receive())
            if printer.is_short and printer.is_unserved and not has_patience:
                printer.ended_short = True  # A count alone would be waited for without an end.
                return
