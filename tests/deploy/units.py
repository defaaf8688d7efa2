"""A systemd unit as sections, keys and all their values."""

import re
from pathlib import Path

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
