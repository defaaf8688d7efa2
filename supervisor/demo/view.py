"""A snapshot as a whole screen: process tree, prices, top turnover, orders, alerts, links, last words of the log.

What does not fit is left out, the least important first, so that the screen never scrolls.
"""

from collections.abc import Sequence
from typing import Final, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from actors.runtime.times import duration
from supervisor.demo.rows import (
    STALE_S,
    Moves,
    Row,
    alert_rows,
    child_row,
    link_line,
    log_line,
    order_rows,
    price_rows,
    top_rows,
)
from supervisor.demo.settings import CONNECTIONS
from supervisor.demo.snapshot import Snapshot

Justify = Literal["left", "right"]

MOST_ROWS: Final = 10
LOG_ROOM: Final = 30
"""From this many lines on a screen has room for more of the log than its last line."""

_LEFT_RIGHT: Final[dict[str, Justify]] = {"<": "left", ">": "right"}


class View:
    """Makes one screen after the other; remembers prices to tell which way they went."""

    def __init__(self) -> None:
        self._moves = Moves()

    def render(self, snapshot: Snapshot, *, height: int) -> RenderableType:
        """Return a screen of at most `height` lines."""
        prices = snapshot.state("price_monitor")
        self._moves.take(prices.get("prices", ()))
        children = () if snapshot.tree is None else snapshot.tree.children
        log_lines = min(5 if height >= LOG_ROOM else 1, len(snapshot.log))
        # Title, heading of the tree, two section titles, three blank lines, the links.
        room = height - len(children) - log_lines - (7 + len(CONNECTIONS))
        upper = max(min((room + 1) // 2, MOST_ROWS), 1)
        lower = max(min(room - upper, MOST_ROWS), 1)
        orders, alerts = snapshot.state("order_tracker"), alert_rows(snapshot)
        reports = len(alerts) - len(prices.get("alerts", ()))
        return Group(
            _title(snapshot),
            _table("<<>>>><", gap=2, rows=[_TREE_HEADINGS, *map(child_row, children)]),
            Text(),
            _side_by_side(
                _section("Prices", _staleness(snapshot, "price_monitor")),
                _table("<>>>>", price_rows(prices, self._moves)[:upper]),
                _section("Top turnover, 24 h KRW", _staleness(snapshot, "market_scanner")),
                _table("><>>>", top_rows(snapshot.state("market_scanner"))[:upper]),
            ),
            Text(),
            _side_by_side(
                _section(f"Orders: {orders.get('open_orders', 0)} open", _staleness(snapshot, "order_tracker")),
                _table("<<>><", order_rows(orders)[:lower]),
                _section(f"Alerts: {len(alerts) - reports}, surges and turnover: {reports}"),
                _table("<<<>", alerts[:lower]),
            ),
            Text(),
            *(_one_line(link_line(snapshot, actor)) for actor in CONNECTIONS),
            *(_one_line(log_line(line)) for line in (snapshot.log[-log_lines:] if log_lines else ())),
        )


_TREE_HEADINGS: Final[Row] = tuple(
    Text(heading, style="dim") for heading in ("process", "state", "pid", "restarts", "uptime", "memory", "")
)


def _title(snapshot: Snapshot) -> Text:
    tree = snapshot.tree
    state = "starting" if tree is None else f"{tree.state}, supervisor {tree.pid}"
    title = Text(f"upbitd demo  {duration(snapshot.elapsed_s)}", style="bold")
    title.append(f"  {state}  simulated exchange; ^C ends it", style="not bold dim")
    return _one_line(title)


def _staleness(snapshot: Snapshot, actor: str) -> str:
    age_s = snapshot.age_s(actor)
    return f"no answer for {age_s:.0f} s" if age_s is not None and age_s > STALE_S else ""


def _section(title: str, warning: str = "") -> Text:
    return _one_line(Text(title, style="bold underline").append(f" {warning}" if warning else "", style="red"))


def _table(columns: str, rows: Sequence[Row], *, gap: int = 1) -> Table:
    """Return rows without lines between them; `columns` has `<` or `>` for each column, `gap` is between two."""
    table = Table.grid(padding=(0, gap))
    for column in columns:
        table.add_column(justify=_LEFT_RIGHT[column], no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*row)
    if not rows:
        table.add_row(Text("-", style="dim"))
    return table


def _side_by_side(left_title: Text, left: Table, right_title: Text, right: Table) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(left_title, right_title)
    table.add_row(left, right)
    return table


def _one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
