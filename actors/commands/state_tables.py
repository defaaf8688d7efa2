"""What an actor answered to `state`, as tables for people. Which tables is decided by what the state holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from actors.commands.number_text import age_text, amount_text, order_price_text, rate_text, short_amount_text

State = Mapping[str, Any]
Row = Sequence[RenderableType]

RECENT: Final = 10
"""Rows of each history; `--json` has all of it."""

_LINK_STYLES: Final = {"up": "green", "connecting": "yellow", "down": "red", "parked": "yellow"}


def state_tables(name: str, state: State) -> list[RenderableType]:
    """Return the tables of one actor."""
    for key, tables in _KINDS.items():
        if key in state:
            return list(tables(state))
    return [_plain_table(name, state)]


def signed(rate: float | None) -> Text:
    """Return a change rate in colour: green for a rise, red for a fall."""
    return Text(rate_text(rate), style="green" if (rate or 0) > 0 else "red" if (rate or 0) < 0 else "")


def link_text(source: State) -> Text:
    """Return in one line how a consumer's source stands."""
    text = Text(f"{source['server']}: ")
    text.append(source["link"], style=_LINK_STYLES.get(source["link"], ""))
    text.append(f" for {age_text(source['for_s'])}, epoch {source['epoch']}, outages {source['outages']}")
    if source["missed"]:
        text.append(f", {source['missed']} events missed", style="yellow")
    if source["reason"]:
        text.append(f": {source['reason']}", style="yellow")
    for topic, reason in source["problems"].items():
        text.append(f"\n{topic}: {reason}", style="yellow")
    return text


def _price_monitor(state: State) -> Iterator[RenderableType]:
    yield link_text(state["source"])
    rows: list[Row] = [
        (
            price["market"],
            amount_text(price["trade_price"]),
            signed(price["signed_change_rate"]),
            age_text(price["age_s"]),
        )
        for price in state["prices"]
    ]
    yield make_table("Prices", ("market", ">price", ">change", ">age"), rows)
    rows = [
        (alert["code"], alert["direction"], signed(alert["signed_change_rate"]), amount_text(alert["trade_price"]))
        for alert in state["alerts"][:RECENT]
    ]
    yield make_table(f"Alerts beyond {state['threshold']:.0%}, newest first", ("market", "", ">change", ">price"), rows)


def _order_tracker(state: State) -> Iterator[RenderableType]:
    yield link_text(state["source"])
    if state["uncertain"] is not None:
        since, why = age_text(state["uncertain"]["for_s"]), state["uncertain"]["reason"]
        yield Text(f"uncertain for {since}, events may have been missed: {why}", style="yellow")
    headings = ("market", "side", "type", "state", ">price", ">volume", ">filled", "uuid")
    yield make_table(f"Open orders: {state['open_orders']}", headings, [_order_row(order) for order in state["open"]])
    rows: list[Row] = [
        (asset["currency"], amount_text(asset["balance"]), amount_text(asset["locked"])) for asset in state["balances"]
    ]
    yield make_table("Balances", ("currency", ">available", ">locked"), rows)
    recent = [_order_row(order) for order in state["finished"][:RECENT]]
    yield make_table("Finished orders, newest first", headings, recent)


def _order_row(order: State) -> Row:
    return (
        order["code"],
        order["ask_bid"].lower(),
        order["order_type"],
        order["state"],
        order_price_text(order["order_type"], order["state"], order["price"]),
        amount_text(order["volume"]),
        amount_text(order["executed_volume"]),
        order["uuid"],
    )


def _market_scanner(state: State) -> Iterator[RenderableType]:
    yield link_text(state["source"])
    rows: list[Row] = [
        (
            str(rank),
            row["market"],
            amount_text(row["trade_price"]),
            signed(row["signed_change_rate"]),
            short_amount_text(row["acc_trade_price_24h"]),
        )
        for rank, row in enumerate(state["top"], 1)
    ]
    title = f"Top turnover of {state['seen']} of {state['markets']} KRW markets"
    yield make_table(title, ("", "market", ">price", ">change", ">24 h KRW"), rows)
    rows = [(row["code"], short_amount_text(row["acc_trade_price_24h"])) for row in state["crossings"][:RECENT]]
    limit = short_amount_text(state["turnover_limit_krw"])
    yield make_table(f"Turnover above {limit} KRW, newest first", ("market", ">24 h KRW"), rows)
    rows = [
        (row["code"], row["direction"], signed(row["signed_change_rate"]), amount_text(row["trade_price"]))
        for row in state["surges"][:RECENT]
    ]
    yield make_table(f"Surges beyond {state['threshold']:.0%}, newest first", ("market", "", ">change", ">price"), rows)


def _connection(state: State) -> Iterator[RenderableType]:
    text = Text("link: ")
    text.append(state["link"], style=_LINK_STYLES.get(state["link"], ""))
    text.append(f", epoch {state['epoch']}")
    if state["reason"]:
        text.append(f": {state['reason']}", style="yellow")
    yield text
    wanted, subscribed = set(state["wanted"]), set(state["subscribed"])
    by_type: dict[str, list[str]] = {}
    for topic in sorted(wanted | subscribed):
        by_type.setdefault(topic.partition("/")[0], []).append(topic)
    rows: list[Row] = [
        (
            kind,
            str(sum(topic in wanted for topic in topics)),
            str(sum(topic in subscribed for topic in topics)),
            _difference(topics, wanted, subscribed),
        )
        for kind, topics in by_type.items()
    ]
    yield make_table("Topics", ("type", ">wanted", ">subscribed", "difference"), rows)


def _difference(topics: list[str], wanted: set[str], subscribed: set[str]) -> str:
    missing = [f"-{topic}" for topic in topics if topic not in subscribed]
    surplus = [f"+{topic}" for topic in topics if topic not in wanted]
    return " ".join((missing + surplus)[:RECENT])


_KINDS: Final[dict[str, Callable[[State], Iterator[RenderableType]]]] = {
    "prices": _price_monitor,
    "balances": _order_tracker,
    "top": _market_scanner,
    "subscribed": _connection,
}
"""A key that only one kind of state has, and its tables."""


def make_table(title: str, headings: Sequence[str], rows: Sequence[Row]) -> RenderableType:
    """Return a table below its title; a heading that begins with `>` is that of a column of numbers."""
    table = Table()
    for heading in headings:
        is_number = heading.startswith(">")
        table.add_column(heading.removeprefix(">"), justify="right" if is_number else "left", no_wrap=is_number)
    for row in rows:
        table.add_row(*row)
    if not rows:
        table.add_row(*("-" for _ in headings))
    # A title of the table itself would be wrapped to the width of its columns.
    return Group(Text(title, style="bold"), table)


def _plain_table(name: str, state: State) -> RenderableType:
    table = Table(show_header=False)
    for key, value in state.items():
        table.add_row(key, Text(value if isinstance(value, str) else repr(value)))
    return Group(Text(name, style="bold"), table)
