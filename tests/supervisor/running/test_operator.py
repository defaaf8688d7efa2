"""Orders on a running tree."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from protocols.errors import SettingsError, UsageError
from supervisor.control.requests import Reached
from supervisor.machine.core import UnknownChild
from supervisor.records.crash_reports import CrashReports, Ends
from supervisor.running import operator as operator_module
from supervisor.running.operator import Operator
from supervisor.running.settling import SECOND_WORD_S
from supervisor.service.notify import Notifier
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ChildSpec, GroupSpec
from tests.supervisor.records.reports import report
from tests.supervisor.running.bodiless import NORMAL, BodilessTree, bodiless_tree, child, settings_of
from tests.supervisor.service.manager import manager_at
from tests.supervisor.service.test_signals import acting, terminal


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
    def read(_running: Settings) -> Settings:
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
            ("adjust", "supervisor"),
            ("restart", "a"),
            ("remove", "z"),
            *(("add", name) for name in "gbcd"),
        ]


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("order", ["reload", "add"])
async def test_what_is_added_starts_and_stands_in_the_order_that_it_has_at_a_start(
    order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = [
        GroupSpec(name="outer", strategy="rest_for_one"),
        GroupSpec(name="inner", group="outer", strategy="rest_for_one"),
        child("ga", group="outer"),
        child("gb", group="inner"),
        child("gc", group="outer"),
    ]
    whole = settings_of(child("a"), *added)
    started: list[str] = []
    async with bodiless_tree(settings_of(child("a")), tmp_path, monkeypatch) as made:
        made.written = whole
        monkeypatch.setattr(operator_module, "add_to", lambda *_args, **_group: whole)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(*((made.operator.reload,) if order == "reload" else (made.operator.add, "", "")))
            for _ in range(3):
                await wait_all_tasks_blocked()
                (name,) = [name for name, state in made.states().items() if state == "starting"]
                started.append(name)
                made.apply("ready", name)
        assert started == ["ga", "gb", "gc"]
        assert made.tree.machine.layout.members["outer"] == ["ga", "inner", "gc"]


@pytest.mark.usefixtures("without_threads")
async def test_one_that_was_removed_comes_back_with_a_reload_where_it_stands_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bodiless_tree(settings_of(child("a"), child("b"), child("c")), tmp_path, monkeypatch) as made:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.operator.remove, "b")
            await wait_all_tasks_blocked()
            made.apply("exited", "b", NORMAL)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.operator.reload)
            await wait_all_tasks_blocked()
            made.apply("ready", "b")
        assert list(made.tree.machine.layout.children()) == ["a", "b", "c"]


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("later", [(child("a"),), (child("a"), child("c"))], ids=["carried out", "refused"])
async def test_the_service_manager_hears_of_each_reload_once(
    later: tuple[ChildSpec, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        made.tree.run_dir.child_socket("c").mkdir()
        made.written = settings_of(*later)
        with manager_at(tmp_path) as manager, closing(Notifier(os.fsencode(manager.address))) as notify:
            notify.tick(is_started=True, is_stopping=False, line="", now_s=0.0)
            operator = Operator(made.tree, lambda _running: made.written, notify)
            async with acting(operator, terminal(had=False, has=False)) as signals:
                await signals.send(signal.SIGHUP)
                await wait_all_tasks_blocked()
                if len(later) == 1:
                    made.apply("exited", "b", NORMAL)
                await wait_all_tasks_blocked()
            assert [message.split("\n")[0] for message in manager.hear()] == ["READY=1", "RELOADING=1", "READY=1"]


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


# A name that is removed and added again before those who wait for the removal have their turn. In a real tree chance
# decides who wakes first; here both happen in one step.


def replace_at_once(made: BodilessTree, spec: ChildSpec | GroupSpec, *ends: str) -> None:
    """Let children that are being stopped end, and add another member of the same name in the same moment."""
    for name in ends:
        made.apply("exited", name, NORMAL)
    assert not made.tree.machine.knows(spec.name)
    if isinstance(spec, ChildSpec):
        made.tree.children.expect(spec.name)
    made.apply("add", spec)


async def test_a_removal_is_done_also_when_the_name_is_added_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def remove(made: BodilessTree) -> None:
        await made.operator.remove("a")
        done.append("a")

    async with (
        bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made,
        trio.open_nursery() as nursery,
    ):
        for _ in range(2):
            nursery.start_soon(remove, made)
        await wait_all_tasks_blocked()
        assert (done, made.states()["a"]) == ([], "stopping")
        replace_at_once(made, child("a"), "a")
        await wait_all_tasks_blocked()
        assert done == ["a", "a"]
        assert made.states() == {"b": "ready", "a": "starting"}


async def test_a_removal_of_a_group_is_done_also_when_its_name_is_added_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = trio.Event()

    async def remove(made: BodilessTree) -> None:
        await made.operator.remove("g")
        done.set()

    settings = settings_of(GroupSpec(name="g"), child("a", group="g"))
    async with bodiless_tree(settings, tmp_path, monkeypatch) as made, trio.open_nursery() as nursery:
        nursery.start_soon(remove, made)
        await wait_all_tasks_blocked()
        replace_at_once(made, GroupSpec(name="g"), "a")
        await wait_all_tasks_blocked()
        assert done.is_set()
        assert made.tree.machine.knows("g")


@pytest.mark.usefixtures("without_threads")
async def test_a_reload_that_removed_somebody_ends_also_when_the_name_is_added_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[list[str]] = []

    async def reload(made: BodilessTree) -> None:
        done.append((await made.operator.reload()).names("remove"))

    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        made.written = settings_of(child("b"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reload, made)
            await wait_all_tasks_blocked()
            assert (done, made.states()["a"]) == ([], "stopping")
            replace_at_once(made, child("a"), "a")
            await wait_all_tasks_blocked()
            assert done == [["a"]]


async def test_orders_of_a_member_that_is_removed_leave_the_next_one_of_its_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One restart is under way, one waits for its turn, and then the member is removed and added again."""
    reached: list[str] = []

    async def restart(made: BodilessTree) -> None:
        reached.append((await made.operator.restart("a")).state)

    async with (
        bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made,
        trio.open_nursery() as nursery,
    ):
        for _ in range(2):
            nursery.start_soon(restart, made)
        await wait_all_tasks_blocked()
        made.apply("remove", "a")
        replace_at_once(made, child("a"), "a")
        await wait_all_tasks_blocked()
        assert reached == ["removed", "removed"]
        assert made.states() == {"b": "ready", "a": "starting"}


async def test_an_order_on_a_new_member_does_not_wait_for_those_on_the_last_one_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        old = made.tree.machine.member("a")
        async with made.operator._turn(old):
            made.apply("remove", "a")
            replace_at_once(made, child("a"), "a")
            made.apply("ready", "a")
            made.apply("stop_member", "a")
            made.apply("exited", "a", NORMAL)
            assert made.states()["a"] == "stopped"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(made.operator.start_member, "a")
                await wait_all_tasks_blocked()
                assert made.states()["a"] == "starting"
                made.apply("ready", "a")


async def test_equal_orders_that_wait_for_a_member_are_done_by_the_first_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    async def restart(made: BodilessTree) -> None:
        reached.append((await made.operator.restart("a")).state)

    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(restart, made)
            for lives in (2, 3):  # That which was under way when the others came, and one for all of these.
                await wait_all_tasks_blocked()
                made.apply("exited", "a", NORMAL)
                assert made.tree.machine.children["a"].incarnation == lives
                made.apply("ready", "a")
        assert reached == 10 * ["ready"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart, made)
            await wait_all_tasks_blocked()
            assert made.states()["a"] == "stopping"  # One that comes later is not done yet.
            made.apply("exited", "a", NORMAL)
            made.apply("ready", "a")


async def test_an_order_after_a_stop_is_not_taken_for_one_that_waited_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made,
        trio.open_nursery() as nursery,
    ):
        for order in (made.operator.restart, made.operator.restart, made.operator.stop_member, made.operator.restart):
            nursery.start_soon(order, "a")
            await wait_all_tasks_blocked()
        made.apply("exited", "a", NORMAL)
        await wait_all_tasks_blocked()
        assert made.states()["a"] == "starting"
        made.apply("ready", "a")


async def test_a_child_that_is_parked_right_after_it_was_ready_is_not_called_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    reached: list[Reached] = []

    async def restart(made: BodilessTree) -> None:
        reached.append(await made.operator.restart("a"))

    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        for reason, state in (("no keys", "parked"), ("", "ready")):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(restart, made)
                await wait_all_tasks_blocked()
                made.apply("exited", "a", NORMAL)
                made.apply("ready", "a")
                await trio.sleep(SECOND_WORD_S / 2)
                made.apply("ready", "b")  # Something else that changes is no second word.
                if reason:
                    made.tree.apply(made.tree.machine.waits("a", reason))
            assert reached.pop() == (state, reason)
        asked_s = trio.current_time()
        assert await made.operator.start_member("a") == ("ready", "")
        assert trio.current_time() == asked_s  # It has been ready for long enough.


async def test_reports_are_read_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bodiless_tree(settings_of(child("a")), tmp_path, monkeypatch) as made:
        kept = made.tree.records.reports
        threads: list[int] = []

        def fitting(name: str, count: int, *, max_bytes: int) -> Ends:
            threads.append(threading.get_ident())
            return CrashReports.fitting(kept, name, count, max_bytes=max_bytes)

        monkeypatch.setattr(kept, "fitting", fitting)
        kept.add(report("a"))
        assert await made.operator.why("a", 9) == ([report("a")], 0)
        with pytest.raises(UnknownChild):
            await made.operator.why("b", 9)
        assert threading.get_ident() not in threads
        assert len(threads) == 2


async def test_a_stop_gets_to_its_end_also_when_a_process_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        made.tree.stop()
        made.tree.stop()  # Its operator is in a hurry; nobody is there to be killed.
        assert made.tree.faults(now_s=trio.current_time()) == ["a has no process", "b has no process"]
        made.tree.write_off()
        assert made.tree.stopped.is_set()
        assert made.tree.faults(now_s=trio.current_time()) == []


async def test_the_stacks_of_a_group_are_asked_of_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(GroupSpec(name="g"), child("a", group="g"))
    async with bodiless_tree(settings, tmp_path, monkeypatch) as made:
        with pytest.raises(UsageError, match="g is a group, which has no process of its own; name a child of it"):
            await made.operator.dump("g")
