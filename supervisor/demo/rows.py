"""A snapshot as rows of text, short enough for half of an 80-column screen."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from rich.text import Text

from actors.commands.number_text import age_text, amount_text, order_price_text, rate_text, short_amount_text
from actors.runtime.times import duration
from protocols.unreadable import UNREADABLE
from supervisor.control.status import ChildStatus
from supervisor.demo.snapshot import Snapshot, State

MIB: Final = 1024 * 1024
STALE_S: Final = 2.0
"""An answer older than this is marked: its actor is not answering."""

STATE_STYLES: Final = {"ready": "green", "parked": "yellow", "backoff": "red", "stopping": "yellow"}
LINK_STYLES: Final = {"up": "green", "connecting": "yellow", "down": "red", "parked": "yellow"}

Row = tuple[Text, ...]


class Moves:
    """Which way each price went last, and whether it went just now."""

    def __init__(self) -> None:
        self._prices: dict[str, float] = {}
        self._arrows: dict[str, str] = {}
        self.fresh: set[str] = set()

    def take(self, prices: Iterable[Mapping[str, Any]]) -> None:
        """Compare with the prices of the screen before."""
        self.fresh = set()
        for row in prices:
            market, price = row["market"], row["trade_price"]
            if price is None:
                continue
            before = self._prices.get(market, price)
            if price != before:
                self._arrows[market] = "▲" if price > before else "▼"
                self.fresh.add(market)
            self._prices[market] = price

    def arrow(self, market: str) -> str:
        """`▲`, `▼`, or a space when the price has not moved yet."""
        return self._arrows.get(market, " ")


def child_row(child: ChildStatus) -> Row:
    """One process: name, state, pid, restarts, uptime, memory, remark."""
    remark = child.reason
    if not remark and child.last_exit is not None:
        ended = child.last_exit
        remark = f"last: signal {ended.signal}" if ended.signal is not None else f"last: exit code {ended.code}"
    return (
        Text(child.name),
        Text(child.state, style=STATE_STYLES.get(child.state, "dim")),
        Text("-" if child.pid is None else str(child.pid)),
        Text(str(child.restarts), style="bold yellow" if child.restarts else ""),
        Text("-" if child.uptime_s is None else duration(child.uptime_s)),
        Text("-" if child.memory_bytes is None else f"{child.memory_bytes / MIB:.0f} MiB"),
        Text(remark, style="yellow"),
    )


def price_rows(state: State, moves: Moves) -> list[Row]:
    """Last prices: market, price, which way it went, change, age."""
    rows: list[Row] = []
    for price in state.get("prices", ()):
        market, rate = price["market"], price["signed_change_rate"]
        arrow = moves.arrow(market)
        moved = "green" if arrow == "▲" else "red"
        text = Text(amount_text(price["trade_price"]), style=f"bold {moved}" if market in moves.fresh else "")
        age = Text(age_text(price["age_s"]), style="dim")
        rows.append((Text(market), text, Text(arrow, style=moved), signed_rate(rate), age))
    return rows


def top_rows(state: State) -> list[Row]:
    """Ranking by turnover: rank, market, price, change, turnover of 24 hours."""
    return [
        (
            Text(str(rank), style="dim"),
            Text(row["market"]),
            Text(amount_text(row["trade_price"])),
            signed_rate(row["signed_change_rate"]),
            Text(short_amount_text(row["acc_trade_price_24h"])),
        )
        for rank, row in enumerate(state.get("top", ()), 1)
    ]


def order_rows(state: State) -> list[Row]:
    """Open orders, the newest first, then finished ones: market, side, price, part filled, state."""
    orders = [*reversed(state.get("open", ())), *state.get("finished", ())]
    return [
        (
            Text(order["code"]),
            Text(order["ask_bid"].lower(), style="green" if order["ask_bid"] == "BID" else "red"),
            Text(order_price_text(order["order_type"], order["state"], order["price"])),
            Text(_filled(order)),
            Text(order["state"], style="dim" if order["state"] in {"done", "cancel"} else "bold"),
        )
        for order in orders
    ]


def _filled(order: State) -> str:
    """Part of the order that is filled; a market buy (`order_type` price) has a budget and no volume."""
    if order["order_type"] == "price" and order["state"] != "trade":
        filled, whole = Decimal(order["executed_funds"] or 0), Decimal(order["price"] or 0)
    else:
        # In a `trade` event, `volume` is this fill; what remains and what is filled make up the whole order.
        filled = Decimal(order["executed_volume"] or 0)
        whole = filled + Decimal(order["remaining_volume"] or 0)
    return f"{filled / whole:.0%}" if whole else "-"


def alert_rows(snapshot: Snapshot) -> list[Row]:
    """Alerts, surges and turnover reports, the newest first: time, market, what, how much."""
    scan = snapshot.state("market_scanner")
    alerts = [("alert", alert) for alert in snapshot.state("price_monitor").get("alerts", ())]
    alerts += [("surge", alert) for alert in scan.get("surges", ())]
    alerts += [("turnover", alert) for alert in scan.get("crossings", ())]
    alerts.sort(key=lambda named: named[1]["timestamp"], reverse=True)
    return [
        (
            Text(clock(alert["timestamp"]), style="dim"),
            Text(alert["code"]),
            Text(name, style="yellow" if name == "alert" else ""),
            signed_rate(alert["signed_change_rate"])
            if name != "turnover"
            else Text(f">{short_amount_text(alert['limit'])}"),
        )
        for name, alert in alerts
    ]


def link_line(snapshot: Snapshot, actor: str) -> Text:
    """How the link of a connection actor to the exchange stands."""
    state, age_s = snapshot.state(actor), snapshot.age_s(actor)
    line = Text(f"{actor:<8}")
    if age_s is None:
        return line.append("no answer yet", style="dim")
    line.append(f"{state['link']:<10}", style=LINK_STYLES.get(state["link"], ""))
    wanted, subscribed = len(state["wanted"]), len(state["subscribed"])
    line.append(f" epoch {state['epoch']}  wanted {wanted}  subscribed {subscribed}")
    if state["reason"]:
        line.append(f"  {state['reason']}", style="yellow")
    if age_s > STALE_S:
        line.append(f"  no answer for {age_text(age_s)}", style="red")
    return line


def log_line(raw: bytes) -> Text:
    """One line of the log, short: time, who, what, and its other fields."""
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Any])
    except UNREADABLE:
        return Text(raw.decode("utf-8", "replace").rstrip(), style="dim")
    time, level = str(fields.pop("time", ""))[11:19], fields.pop("level", "")
    who, what = fields.pop("actor", ""), fields.pop("event", "")
    fields.pop("pid", None)
    rest = " ".join(f"{name}={value}" for name, value in fields.items())
    style = {"warning": "yellow", "error": "red"}.get(level, "dim")
    return Text(f"{time} {who}: {what} {rest}".replace("\n", " "), style=style)


def signed_rate(rate: float | None) -> Text:
    """A change with its sign, green for a rise and red for a fall."""
    return Text(rate_text(rate), style="" if not rate else "green" if rate > 0 else "red")


def clock(timestamp_ms: int) -> str:
    """Local time of day of an exchange time."""
    return f"{datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC).astimezone():%H:%M:%S}"
