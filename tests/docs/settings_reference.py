"""The reference of all settings, made from the types that the settings are checked with.

`python -m tests.docs.settings_reference` writes the tables into docs/settings.md anew.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import msgspec

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.private import PrivateSettings
from actors.consumers.market_scanner import MarketScannerSettings
from actors.consumers.order_tracker import OrderTrackerSettings
from actors.consumers.price_monitor import PriceMonitorSettings
from actors.exchange.quirks import Quirks
from actors.exchange.settings import AccountSettings, SimulatorSettings
from supervisor.specs.spec import ChildSpec, GroupSpec, SupervisorFlags

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


def as_toml(value: object) -> str:
    """A default as one would write it in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {as_toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(str(value)) if isinstance(value, str) else str(value)


def default_of(setting: msgspec.structs.FieldInfo) -> object:
    """What holds when a setting is left out."""
    return setting.default if setting.default_factory is msgspec.NODEFAULT else setting.default_factory()


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
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in msgspec.structs.fields(struct):
        if setting.name in {"exchange", "settings", "accounts", "quirks"}:
            continue  # Tables of their own, which stand below.
        default = "needed" if setting.required else f"`{as_toml(default_of(setting))}`"
        if get_origin(setting.type) is Literal:
            default += "".join(f" or `{as_toml(c)}`" for c in get_args(setting.type) if c != setting.default)
        rows.append(f"| `{setting.name}` | {default} | {meaning[setting.name].rstrip('.')} |")
    return "\n".join(rows)


def all_tables() -> str:
    """The part of the document that is made."""
    return "\n".join(f"\n## {title}\n\n{table(struct)}\n" for title, struct in TABLES.items())


if __name__ == "__main__":
    head = DOCUMENT.read_text().partition(BEGIN)[0]
    DOCUMENT.write_text(head + BEGIN + all_tables())
