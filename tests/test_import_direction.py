"""The house's floors: `protocols` <- `actors` <- `supervisor`, and no actor imports its neighbour."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ALLOWED = {
    "protocols": {"protocols"},
    "actors": {"protocols", "actors"},
    "supervisor": {"protocols", "actors", "supervisor"},
}
FORBIDDEN_IN_PROTOCOLS = {"trio", "asyncio", "socket", "time", "threading", "subprocess", "os", "httpx2", "anyio"}
"""No I/O, no clock, no await: times are arguments, bytes come and go."""

SIBLINGS = {
    "actors.consumers.price_monitor",
    "actors.consumers.order_tracker",
    "actors.consumers.market_scanner",
    "actors.connections.public",
    "actors.connections.private",
}
"""Actors: what two of them share is a message, and lives in `protocols`, or is of the runtime."""

ROOMS_OF_ACTORS = {
    "runtime": {"runtime"},
    "connections": {"runtime", "connections"},
    "consumers": {"runtime", "consumers"},
    "exchange": {"runtime", "exchange"},
    "client": {"runtime", "client"},
    "learning": {"runtime", "exchange", "learning"},
    "book": {"runtime", "client", "book"},
    "commands": {"runtime", "exchange", "client", "learning", "book", "commands"},
}


def modules(package: str) -> Iterator[Path]:
    yield from sorted((REPOSITORY / package).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_down_only(package: str) -> None:
    ours = set(ALLOWED)
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in modules(package)
        for module in imported(path)
        if (top := module.split(".")[0]) in ours and top not in ALLOWED[package]
    ]
    assert wrong == []


def test_protocols_do_no_io() -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in modules("protocols")
        for module in imported(path)
        if module.split(".")[0] in FORBIDDEN_IN_PROTOCOLS
    ]
    assert wrong == []


def test_protocols_await_nothing() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path in modules("protocols")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    assert wrong == []


def test_sibling_actors_do_not_import_one_another() -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in modules("actors")
        for module in imported(path)
        if module in SIBLINGS and name_of(path) != module
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS_OF_ACTORS)
def test_rooms_of_the_actors_use_only_the_rooms_below_them(room: str) -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in modules(f"actors/{room}")
        for module in imported(path)
        if module.startswith("actors.") and module.split(".")[1] not in ROOMS_OF_ACTORS[room]
    ]
    assert wrong == []


def test_every_room_has_its_rule() -> None:
    rooms = {path.name for path in (REPOSITORY / "actors").iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ROOMS_OF_ACTORS)


def test_the_supervisor_knows_no_exchange() -> None:
    """What it starts comes from the settings; only the demo, a command, may name actors and the exchange."""
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in modules("supervisor")
        if "demo" not in str(path)
        for module in imported(path)
        if module.startswith(("protocols.upbit", "actors.connections", "actors.consumers", "actors.exchange"))
    ]
    assert wrong == []
