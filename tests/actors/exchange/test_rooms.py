"""The simulated exchange's rooms: a market knows nobody, and nobody but the wire knows sockets."""

import ast
from pathlib import Path

import pytest

EXCHANGE = Path(__file__).resolve().parents[3] / "actors" / "exchange"
MAY_USE = {
    "market": {"market"},
    "background": {"market", "background"},
    "trading": {"market", "background", "trading", "quirks"},
    "sources": {"market", "trading", "sources", "quirks"},
    "rest": {"market", "trading", "sources", "rest", "quirks"},
    "faults": {"faults", "sources"},
    "journal": {"journal", "trading"},
    "wire": {"trading", "sources", "rest", "faults", "journal", "wire", "settings", "quirks"},
}


def test_every_room_has_its_rule() -> None:
    assert {path.parent.name for path in EXCHANGE.glob("*/__init__.py")} == set(MAY_USE)


@pytest.mark.parametrize("room", MAY_USE)
def test_rooms_use_only_what_comes_before_them(room: str) -> None:
    wrong = [
        f"{path.name} imports {node.module}"
        for path in (EXCHANGE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("actors.")
        if (node.module or "").split(".")[1:3] not in [["exchange", name] for name in MAY_USE[room]]
    ]
    assert wrong == []
