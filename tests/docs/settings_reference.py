"""The reference of all settings, made from the types that the settings are checked with.

`python -m tests.docs.settings_reference` writes the tables into docs/settings.md anew.
"""

import inspect
import re
from pathlib import Path

import msgspec

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.private import PrivateSettings
from actors.consumers.market_scanner import MarketScannerSettings
from actors.consumers.order_tracker import OrderTrackerSettings
from actors.consumers.price_monitor import PriceMonitorSettings
from actors.exchange.quirks import Quirks
from actors.exchange.settings import RANGES, AccountSettings, SimulatorSettings
from supervisor.specs.spec import ChildSpec, GroupSpec, SupervisorFlags
from tests.docs.allowed_values import allowed, as_toml, default_of, within
from tests.docs.settings_rules import rules_table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
BEGIN = "<!-- tables: python -m tests.docs.settings_reference -->\n"

TABLES: dict[str, type[msgspec.Struct]] = {
    "`[supervisor]`: how the tree behaves": SupervisorFlags,
    "`[exchange]`: where the exchange is; for every connection actor": ExchangeSettings,
    "`[[child]]`: one for each process": ChildSpec,
    "`[[group]]`: children that belong together": GroupSpec,
    "`[child.settings]` of `private`": PrivateSettings,
    "`[child.settings]` of `price_monitor`": PriceMonitorSettings,
    "`[child.settings]` of `order_tracker`": OrderTrackerSettings,
    "`[child.settings]` of `market_scanner`": MarketScannerSettings,
    "`[child.settings]` of the simulated exchange": SimulatorSettings,
    "`[[child.settings.accounts]]`: further accounts of the simulated exchange": AccountSettings,
    "`[child.settings.quirks]`: manners of the simulated exchange; also `--quirk NAME=VALUE`": Quirks,
}

RULES_TITLE = "What must hold beyond each table"


def allowed_for(struct: type[msgspec.Struct], setting: msgspec.structs.FieldInfo) -> str:
    """What one setting may be; some numbers have their limits beside their type."""
    words = allowed(setting.type)
    if struct is SimulatorSettings and setting.name in RANGES:
        return f"{words}, {within(*RANGES[setting.name])}"
    return words


def meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What the docstring says of each attribute."""
    found: dict[str, str] = {}
    for kind in struct.__bases__:
        if kind is not msgspec.Struct:
            found.update(meanings(kind))
    names: list[str] = []
    section = inspect.getdoc(struct).partition("Attributes:\n")[2]  # type: ignore[union-attr]
    for line in section.splitlines():
        if match := re.match(r"    (\w+(?:, \w+)*): (.*)", line):
            names = match[1].split(", ")
            found.update(dict.fromkeys(names, match[2]))
        elif line.startswith("        "):
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return found


def table(struct: type[msgspec.Struct]) -> str:
    """One row for each setting."""
    meaning = meanings(struct)
    rows = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for setting in msgspec.structs.fields(struct):
        if setting.name in {"exchange", "settings", "accounts", "quirks"}:
            continue  # Tables of their own, which stand below.
        value = None if setting.required else default_of(setting)
        default = "needed" if setting.required else "not set" if value is None else f"`{as_toml(value)}`"
        words = [f"`{setting.name}`", default, allowed_for(struct, setting), meaning[setting.name].rstrip(".")]
        rows.append(f"| {' | '.join(words)} |")
    return "\n".join(rows)


def all_tables() -> str:
    """The part of the document that is made."""
    parts = {title: table(struct) for title, struct in TABLES.items()} | {RULES_TITLE: rules_table()}
    return "\n".join(f"\n## {title}\n\n{rows}\n" for title, rows in parts.items())


if __name__ == "__main__":
    head = DOCUMENT.read_text().partition(BEGIN)[0]
    DOCUMENT.write_text(head + BEGIN + all_tables())
