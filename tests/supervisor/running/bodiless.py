"""A real tree and its operator, whose children have no processes: they become ready, and end, when the test says so."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from protocols.control.messages import Start
from supervisor.machine.causes import Exit
from supervisor.records.records import open_records
from supervisor.running import tree as tree_module
from supervisor.running.children import Children
from supervisor.running.listeners import Listeners
from supervisor.running.operator import Operator
from supervisor.running.run_dir import RunDir, open_run_dir
from supervisor.running.tree import Tree
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ChildSpec, GroupSpec, SupervisorFlags, TreeSpec

LIMIT_S = 20.0
NORMAL = Exit(code=0, signal=None)


def settings_of(*members: ChildSpec | GroupSpec, **flags: Any) -> Settings:
    """Return settings of children and groups, in start order."""
    children = tuple(member for member in members if isinstance(member, ChildSpec))
    groups = tuple(member for member in members if isinstance(member, GroupSpec))
    return Settings(tree=TreeSpec(flags=SupervisorFlags(**flags), children=children, groups=groups))


def child(name: str, start: str = "m:run", **fields: Any) -> ChildSpec:
    return ChildSpec(name=name, start=start, **fields)


class BodilessChildren(Children):
    """Makes no process."""

    def begin(self, name: str, incarnation: int, start: Callable[[], Start]) -> bool:
        return False

    def write_down(self, name: str, incarnation: int) -> None:
        pass

    def sweep(self) -> None:
        pass


class BodilessTree:
    """A tree that runs.

    Attributes:
        tree: the real one.
        operator: of that tree.
        written: the settings that a reload reads.
    """

    def __init__(self, settings: Settings, run_dir: RunDir, **parts: Any) -> None:
        self.tree = Tree(settings, run_dir, spawner=None, strangers=None, **parts)  # type: ignore[arg-type]
        self.written = settings
        self.operator = Operator(self.tree, lambda _running: self.written)

    def apply(self, event: str, *args: object) -> None:
        """Report an event to the machine, and carry out what follows."""
        self.tree.apply(getattr(self.tree.machine, event)(*args, now_s=trio.current_time()))

    def states(self) -> dict[str, str]:
        return {name: record.state.value for name, record in self.tree.machine.children.items()}

    async def wait_state(self, name: str, state: str) -> None:
        while self.states().get(name) != state:
            await self.tree.wait_changed()

    def sockets(self) -> list[str]:
        return sorted(path.stem for path in self.tree.run_dir.path.glob("*.sock") if path.is_socket())


@asynccontextmanager
async def bodiless_tree(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BodilessTree]:
    """Run a tree in `folder`, all of whose children are ready."""
    monkeypatch.setattr(tree_module, "Children", BodilessChildren)
    run_dir = open_run_dir(folder / "run")
    with (
        trio.fail_after(LIMIT_S),
        open_records(settings, events=run_dir.lifecycle_file, crashes=run_dir.crashes) as records,
        Listeners(run_dir) as listeners,
    ):
        async with trio.open_nursery() as nursery:
            made = BodilessTree(settings, run_dir, records=records, listeners=listeners, nursery=nursery)
            made.apply("start")
            for name in made.states():
                made.apply("ready", name)
            yield made
            nursery.cancel_scope.cancel()
