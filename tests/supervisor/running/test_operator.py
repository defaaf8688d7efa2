"""Orders on a running tree."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from protocols.errors import SettingsError, UsageError
from supervisor.running import operator as operator_module
from supervisor.specs.settings import Settings
from supervisor.specs.spec import GroupSpec
from tests.supervisor.running.bodiless import bodiless_tree, child, settings_of


@pytest.fixture
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read settings at once, so that nothing but the test decides what comes when."""

    async def read_at_once(read: Callable[[], Settings]) -> Settings:
        await trio.lowlevel.checkpoint()
        return read()

    monkeypatch.setattr(operator_module, "_in_thread", read_at_once)


async def test_settings_are_not_read_and_nothing_changes_when_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_sync(*_args: object, **_options: object) -> None:
        raise RuntimeError("can't start new thread")

    async with bodiless_tree(settings_of(child("a")), tmp_path, monkeypatch) as made:
        monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
        made.written = settings_of(child("a"), child("b"))
        for order in (made.operator.reload, made.operator.plan, lambda: made.operator.add("", "")):
            with pytest.raises(UsageError, match="not read: can't start new thread; try again"):
                await order()
        assert made.states() == {"a": "ready"}


async def test_a_bug_in_reading_settings_is_not_taken_for_a_lack_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> Settings:
        raise RuntimeError("a bug")

    async with bodiless_tree(settings_of(child("a")), tmp_path, monkeypatch) as made:
        made.operator._reread = read
        with pytest.raises(RuntimeError, match="a bug"):
            await made.operator.reload()


async def test_a_reload_that_fails_for_one_child_changes_nothing_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings_of(child("a"), child("z"))
    async with bodiless_tree(before, tmp_path, monkeypatch) as made:
        stands_in_the_way = made.tree.run_dir.child_socket("c")
        stands_in_the_way.mkdir()
        # Other flags, a restart, a removal and a new group come before the children that are added.
        grouped = [child(name, group="g") for name in "bcd"]
        made.written = settings_of(child("a", secrets=("KEY",)), GroupSpec(name="g"), *grouped, intensity=1)
        flags = made.tree.machine.flags
        with pytest.raises(SettingsError, match=r"c\.sock: Is a directory"):
            await made.operator.reload()
        assert made.tree.settings is before
        assert made.tree.machine.flags is flags
        assert made.states() == {"a": "ready", "z": "ready"}
        assert not made.tree.machine.knows("g")
        assert made.sockets() == ["a", "z"]
        stands_in_the_way.rmdir()
        assert [(change.kind, change.name) for change in (await made.operator.plan()).changes] == [
            ("add", "g"),
            ("adjust", "supervisor"),
            ("restart", "a"),
            ("remove", "z"),
            *(("add", name) for name in "bcd"),
        ]


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("order", ["reload", "add"])
async def test_a_change_for_which_the_tree_is_stopped_meanwhile_changes_nothing(
    order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for `b` to be gone, which is being removed; then the whole tree is stopped."""
    before = settings_of(child("a"), child("b"))
    without = settings_of(child("a"))
    async with bodiless_tree(before, tmp_path, monkeypatch) as made:
        made.apply("remove", "b")
        made.tree.settings = without
        made.written = before
        monkeypatch.setattr(operator_module, "add_to", lambda *_args, **_group: before)
        refusals = []

        async def change() -> None:
            with pytest.raises(UsageError) as refused:
                await (made.operator.reload() if order == "reload" else made.operator.add("", ""))
            refusals.append(str(refused.value))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(change)
            await wait_all_tasks_blocked()
            made.operator.ask_to_stop()
        assert refusals == ["nothing was changed: the tree is stopping"]
        assert made.tree.settings is without
