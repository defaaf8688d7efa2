"""`upbitd verify`: compare what the simulated exchange sent with what a consumer wrote down."""

import sys
from pathlib import Path
from typing import Any, Final, Self

import click
import msgspec
from rich.console import Console, RenderableType
from rich.text import Text

from actors.commands.options import json_option
from actors.commands.state_tables import make_table
from actors.exchange.journal.findings import FINDINGS, Finding
from actors.exchange.journal.streams import TYPES, Selection
from actors.exchange.journal.verification import RIGHT, Tally, Verification, Verifier
from protocols.errors import SettingsError

EXIT_FOUND: Final = 1
PIPE_WIDTH: Final = 140
"""Columns when the output is no terminal."""

PROGRESS_FROM_BYTES: Final = 64 * 1024 * 1024
"""Smaller files are read before anybody wonders."""

_PLACES: Final = {"trace_line": "line {} of the trace", "journal_line": "line {} of the journal"}
_TOLD_ELSEWHERE: Final = frozenset({"stream", "type", "fields", "connection", "frame", "t_ns", *_PLACES})
_FIELDS_SHOWN: Final = 4


@click.command()
@click.argument("journal", type=click.Path(path_type=Path))
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "--type", "types", multiple=True, metavar="T", help="Only this type, such as trade or candle; repeatable."
)
@click.option("--code", "codes", multiple=True, metavar="C", help="Only this market, such as KRW-BTC; repeatable.")
@click.option(
    "--connection",
    "connections",
    multiple=True,
    type=click.IntRange(min=1),
    help="Only what this connection was sent, by its number in the journal; repeatable.",
)
@click.option("--merged-ok", is_flag=True, help="The trace was taken with --delivery latest or sampled.")
@click.option(
    "--show", "shown", type=click.IntRange(0, 10_000), default=5, show_default=True, help="Findings of each kind."
)
@json_option
def verify(
    journal: Path,
    trace: Path,
    *,
    types: tuple[str, ...],
    codes: tuple[str, ...],
    connections: tuple[int, ...],
    merged_ok: bool,
    shown: int,
    as_json: bool,
) -> int:
    """Compare JOURNAL, of `upbitd simulate --journal`, with TRACE, of `upbitd watch --json`.

    TRACE may also hold the messages of any other client, one JSON object a line. Each stream (type and market) is
    compared from its first to its last message in the trace. Exit code 0: nothing was lost, doubled, reordered, altered
    or unknown; 1: something was; 2: a file cannot be used.
    """
    for kind in types:
        if kind not in TYPES:
            raise SettingsError(f"verify: unknown type {kind!r}; there are {', '.join(TYPES)}")
    size = _size_of(journal) + _size_of(trace)
    with Progress(size) as progress:
        result = Verifier(
            journal,
            trace,
            selection=Selection(frozenset(types), frozenset(codes), frozenset(connections)),
            is_merging_right=merged_ok,
            shown=shown,
            progress=progress.add,
        ).verify()
    if as_json:
        document = {"journal": str(journal), "trace": str(trace), **msgspec.to_builtins(result)}
        click.echo(msgspec.json.encode(document))
    else:
        _print(result)
    return 0 if result.is_clean else EXIT_FOUND


def _size_of(path: Path) -> int:
    """Size of a file that can be read more than once.

    Raises:
        SettingsError: there is none.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    if not path.is_file():
        raise SettingsError(f"{path}: no file; a pipe or directory cannot be read twice")
    return size


class Progress:
    """How much was read, on one line of stderr; silent for small files, and where nobody looks.

    Args:
        size: bytes of both files; they are read at least twice.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._read = 0
        self._is_shown = size >= PROGRESS_FROM_BYTES and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")

    def add(self, size: int) -> None:
        """Note that so many bytes were read."""
        self._read += size
        if self._is_shown:
            passes, megabytes = self._read // self._size + 1, self._read % self._size / 1e6
            sys.stderr.write(f"\rverify: pass {passes}, {megabytes:,.0f} of {self._size / 1e6:,.0f} MB\x1b[K")
            sys.stderr.flush()


def _print(result: Verification) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    console.print(_table(result))
    for name in FINDINGS:
        _print_findings(console, name, getattr(result.totals, name), result.findings[name])
    if right := _right(result.totals):
        console.print(f"not findings: {right}", markup=False, highlight=False)
    for note in result.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        Text("clean" if result.is_clean else "differences were found", style="green" if result.is_clean else "red")
    )


def _table(result: Verification) -> RenderableType:
    """A row for each type, and one for all."""
    columns = ("type", ">streams", ">sent", ">received", *(f">{name}" for name in FINDINGS))
    rows = [_row(kind, tally) for kind, tally in sorted(result.types.items())]
    return make_table("Sent and received", columns, [*rows, _row("all", result.totals)])


def _row(kind: str, tally: Tally) -> list[RenderableType]:
    found = [Text(f"{getattr(tally, name):,}", style="red" if getattr(tally, name) else "") for name in FINDINGS]
    return [kind, f"{tally.streams:,}", f"{tally.sent:,}", f"{tally.received:,}", *found]


def _right(tally: Tally) -> str:
    """What differs and is right all the same."""
    counts = [f"{getattr(tally, name):,} {name.replace('_', ' ')}" for name in RIGHT if getattr(tally, name)]
    return ", ".join(counts)


def _print_findings(console: Console, name: str, total: int, findings: list[Finding]) -> None:
    for finding in findings:
        console.print(f"{name}: {_describe(finding)}", markup=False, highlight=False, soft_wrap=True)
    if total > len(findings):
        console.print(f"{name}: {total - len(findings):,} more", markup=False, highlight=False)


def _describe(finding: Finding) -> str:
    identity = ", ".join(f"{name} {value}" for name, value in finding.items() if name not in _TOLD_ELSEWHERE)
    places = [text.format(finding[name]) for name, text in _PLACES.items() if name in finding]
    if "frame" in finding:
        places.append(f"frame {finding['frame']} of connection {finding['connection']}")
    return f"{finding['stream']}: {identity} ({', '.join(places)}){_describe_fields(finding.get('fields', {}))}"


def _describe_fields(fields: dict[str, dict[str, Any]]) -> str:
    changes = [f"\n    {name}: sent {both['sent']}, received {both['received']}" for name, both in fields.items()]
    if len(changes) > _FIELDS_SHOWN:
        changes[_FIELDS_SHOWN:] = [f"\n    and {len(changes) - _FIELDS_SHOWN} fields more"]
    return "".join(changes)
