"""The rules that settings obey beyond their types, each with settings that break it and settings that just keep it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct

from actors.connections.exchange_settings import ExchangeSettings
from actors.consumers.market_scanner import MarketScannerSettings
from actors.consumers.price_monitor import PriceMonitorSettings
from actors.exchange.settings import SimulatorSettings
from actors.runtime.settings.problems import find_problems
from protocols.errors import SettingsError
from supervisor.specs.reading import read_groups_and_children
from supervisor.specs.rules import BEATS_TO_STALL, DEAD_MAN_SPARE_S, check_rules
from supervisor.specs.spec import RESERVED_NAMES, ChildSpec, GroupSpec, SupervisorFlags

Tables = dict[str, Any]
Problems = Callable[[Tables], list[str]]


def of_the_tree(tables: Tables) -> list[str]:
    """What is wrong with flags, groups and children, as `upbitd run` finds it."""
    problems = read_groups_and_children(tables)
    if problems:
        return problems
    children = [msgspec.convert(table, ChildSpec) for table in tables.get("child", [])]
    groups = [msgspec.convert(table, GroupSpec) for table in tables.get("group", [])]
    flags = msgspec.convert(tables.get("supervisor", {}), SupervisorFlags)
    return [f"{kind} {name}.{problem}" for kind, name, problem in check_rules(flags, children, groups)]


def of_a_table(kind: type[Struct], table: Tables) -> list[str]:
    """What is wrong with one table of an actor, as the check before the start finds it."""
    return find_problems(table, kind, where="it")


def of_the_simulator(table: Tables) -> list[str]:
    """What is wrong with the simulated exchange, as it finds it when it begins."""
    try:
        msgspec.convert(table, SimulatorSettings).check()
    except SettingsError as error:
        return str(error).splitlines()
    return []


class Rule(Struct, frozen=True):
    """One rule.

    Attributes:
        where: the setting, as the document names it.
        text: what must hold.
        breaks, keeps: settings that break this rule alone, and such that just do not.
        problems: finds what is wrong with them.
    """

    where: str
    text: str
    breaks: Tables
    keeps: Tables
    problems: Problems = of_the_tree


ENDS: Final = {"restart": "transient", "significant": True}
BEATS: Final = f"{BEATS_TO_STALL} x `supervisor.heartbeat_s`"
_exchange = partial(of_a_table, ExchangeSettings)
_monitor = partial(of_a_table, PriceMonitorSettings)
_scanner = partial(of_a_table, MarketScannerSettings)


def _child(**keys: Any) -> Tables:
    return {"name": "a", "start": "package.module:run", **keys}


def _tree(*children: Tables, groups: tuple[Tables, ...] = (), **flags: Any) -> Tables:
    return {"supervisor": flags, "child": list(children or [_child()]), "group": list(groups)}


BETWEEN: Final = (
    Rule(
        "`[supervisor]` `backoff_first_s`",
        "not more than `backoff_cap_s`",
        _tree(backoff_first_s=31.0, backoff_cap_s=30.0),
        _tree(backoff_first_s=30.0, backoff_cap_s=30.0),
    ),
    Rule(
        "`[supervisor]` `dead_man_s`",
        f"0, or {BEATS} or more",
        _tree(_child(stall_timeout_s=0), dead_man_s=2.9),
        _tree(_child(stall_timeout_s=0), dead_man_s=3.0),
    ),
    Rule(
        "`[[child]]` `stall_timeout_s`",
        f"0, or {BEATS} or more",
        _tree(_child(stall_timeout_s=2.9)),
        _tree(_child(stall_timeout_s=3.0)),
    ),
    Rule(
        "`[[child]]` `stall_timeout_s`",
        f"{DEAD_MAN_SPARE_S:g} s less than `supervisor.dead_man_s`, or shorter, unless either is 0",
        _tree(_child(stall_timeout_s=29.1), dead_man_s=30.0),
        _tree(_child(stall_timeout_s=29.0), dead_man_s=30.0),
    ),
    Rule(
        "`[[child]]` `shutdown_s`",
        "not more than `supervisor.shutdown_s`",
        _tree(_child(shutdown_s=4.1)),
        _tree(_child(shutdown_s=4.0)),
    ),
    Rule(
        "`significant`",
        "`true` only with `restart` `transient` or `temporary`",
        _tree(_child(significant=True), auto_shutdown="any_significant"),
        _tree(_child(**ENDS), auto_shutdown="any_significant"),
    ),
    Rule(
        "`significant`",
        "`true` only in a group, or outermost group, whose `auto_shutdown` is not `never`",
        _tree(_child(**ENDS)),
        _tree(_child(**ENDS), auto_shutdown="all_significant"),
    ),
    Rule(
        "`group`",
        "the name of a `[[group]]`",
        _tree(_child(group="inner")),
        _tree(_child(group="inner"), groups=({"name": "inner"},)),
    ),
    Rule(
        "`[[group]]` `group`",
        "no group holds itself, by way of others neither",
        _tree(groups=({"name": "x", "group": "y"}, {"name": "y", "group": "x"})),
        _tree(_child(group="x"), groups=({"name": "x", "group": "y"}, {"name": "y"})),
    ),
    Rule(
        "`[[group]]` `name`",
        "the `group` of some child or group",
        _tree(groups=({"name": "inner"},)),
        _tree(_child(group="inner"), groups=({"name": "inner"},)),
    ),
    Rule(
        "`[[child]]` `settings`",
        "whole numbers from -2^63 to 2^64 - 1",
        _tree(_child(settings={"x": 2**64})),
        _tree(_child(settings={"x": 2**64 - 1})),
    ),
)
"""The rules of `supervisor/specs/rules.py`, each of them."""

OTHERS: Final = (
    Rule(
        "`name`",
        f"no word of the settings: {', '.join(f'`{word}`' for word in sorted(RESERVED_NAMES))}",
        _tree(_child(name=min(RESERVED_NAMES))),
        _tree(_child(name="supervisors")),
    ),
    Rule(
        "`name`",
        "used once among all children and groups",
        _tree(_child(group="a"), groups=({"name": "a"},)),
        _tree(_child(group="b"), groups=({"name": "b"},)),
    ),
    Rule(
        "`[[child]]` `secrets`",
        "names that begin with `UPBITD_`",
        _tree(_child(secrets=["HOME"])),
        _tree(_child(secrets=["UPBITD_X"])),
    ),
    Rule(
        "numbers of `[supervisor]`, `[[child]]` and `[[group]]`",
        "neither `inf` nor `nan`",
        _tree(period_s=float("inf")),
        _tree(period_s=1e300),
    ),
    Rule(
        "`[exchange]` `websocket_url`",
        "`ws://` or `wss://`, then a host",
        {"websocket_url": "http://x"},
        {"websocket_url": "ws://x"},
        _exchange,
    ),
    Rule(
        "`[exchange]` `rest_url`",
        "empty, or `http://` or `https://`, then a host",
        {"rest_url": "ws://x"},
        {"rest_url": "http://x"},
        _exchange,
    ),
    Rule("`price_monitor` `markets`", "one at least", {"markets": []}, {"markets": ["KRW-BTC"]}, _monitor),
    Rule(
        "`price_monitor` `markets`",
        "codes such as `KRW-BTC`, in upper case",
        {"markets": ["krw-btc"]},
        {"markets": ["KRW-BTC"]},
        _monitor,
    ),
    Rule(
        "`price_monitor` `hysteresis`",
        "less than `threshold`",
        {"hysteresis": 0.05, "threshold": 0.05},
        {"hysteresis": 0.04, "threshold": 0.05},
        _monitor,
    ),
    Rule(
        "`market_scanner` `hysteresis`",
        "less than `threshold`",
        {"hysteresis": 0.05, "threshold": 0.05},
        {"hysteresis": 0.04, "threshold": 0.05},
        _scanner,
    ),
    Rule(
        "simulated exchange: `start`",
        "a time from 2000 to 2100",
        {"start": "1999-12-31T00:00:00Z"},
        {"start": "2000-01-01T00:00:00Z"},
        of_the_simulator,
    ),
    Rule(
        "simulated exchange: `speed`",
        "other than 1 only with `replay`",
        {"speed": 2.0},
        {"speed": 2.0, "replay": "x"},
        of_the_simulator,
    ),
    Rule(
        "simulated exchange: `access_key`, `secret_key`",
        "both or neither",
        {"access_key": "a"},
        {"access_key": "a", "secret_key": "b"},
        of_the_simulator,
    ),
    Rule(
        "simulated exchange: `accounts`",
        "an `access_key` of its own for each",
        {"accounts": [{"access_key": "a", "secret_key": "x"}, {"access_key": "a", "secret_key": "y"}]},
        {"accounts": [{"access_key": "a", "secret_key": "x"}, {"access_key": "b", "secret_key": "y"}]},
        of_the_simulator,
    ),
    Rule(
        "simulated exchange: `balances`",
        "amounts of 0 or more",
        {"accounts": [{"access_key": "a", "secret_key": "x", "balances": {"KRW": "-1"}}]},
        {"accounts": [{"access_key": "a", "secret_key": "x", "balances": {"KRW": "0"}}]},
        of_the_simulator,
    ),
    Rule(
        "simulated exchange: `journal`",
        "a file in a folder that is there",
        {"journal": "/nowhere/at/all"},
        {"journal": "/at_the_root"},
        of_the_simulator,
    ),
)
"""Rules that are found elsewhere."""


def rules_table() -> str:
    """The rules as a table of the document."""
    rows = ["| setting | must be |", "|---|---|"]
    rows += [f"| {rule.where} | {rule.text} |" for rule in (*BETWEEN, *OTHERS)]
    return "\n".join(rows)
