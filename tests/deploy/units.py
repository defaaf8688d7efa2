"""A systemd unit as sections, keys and all their values; and the tree that starts under the variables of a service."""

import re
from pathlib import Path

from supervisor.specs.overrides import take_environment
from supervisor.specs.settings import read_toml, settings_from
from tests.tree.running_tree import REPOSITORY

UNITS_S = {"": 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0}


def read_unit(path: Path) -> dict[str, dict[str, list[str]]]:
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def seconds(text: str) -> float:
    """Read a time span of one number, such as `15`, `15s` or `3min`."""
    matched = re.fullmatch(r"(\d+) ?([a-z]*)", text)
    assert matched, text
    return float(matched[1]) * UNITS_S[matched[2]]


def tree_of(names: set[str], environment: dict[str, str]) -> set[str]:
    """Return the children of the tree of the default settings, reduced to those names, under these variables.

    Raises:
        SettingsProblems: the settings cannot be used so.
    """
    tables = read_toml(REPOSITORY / "deploy" / "upbitd.toml")
    tables["child"] = [child for child in tables["child"] if child["name"] in names]
    settings = settings_from(tables, variables=take_environment(dict(environment)))
    return {child.name for child in settings.children}
