"""What is told of the ends of real children, in a tree inside this process."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from supervisor.machine.states import State
from supervisor.processes.fresh_interpreter import FreshInterpreter
from supervisor.processes.process import ChildProcess
from supervisor.records.crash_reports import CrashReport, CrashReports
from supervisor.records.records import open_records
from supervisor.running import children
from supervisor.running.operator import Operator
from supervisor.running.run_dir import open_run_dir
from supervisor.running.run_tree import run_tree
from supervisor.specs.plan import make_plan
from supervisor.specs.settings import Settings
from supervisor.specs.spec import GroupSpec
from tests.supervisor.running.bodiless import child as any_child
from tests.supervisor.running.bodiless import settings_of

LIMIT_S = 20.0


def child(name: str, entry: str, **fields: Any) -> Any:
    return any_child(name, start=f"tests.tree.sample_actors:{entry}", **fields)


class OftenOutOfProcesses(FreshInterpreter):
    """Cannot make the processes of these numbers, counted from 1."""

    def __init__(self, *fails: int) -> None:
        super().__init__()
        self._fails = fails
        self._asked = 0

    def spawn(self, name: str) -> ChildProcess:
        self._asked += 1
        if self._asked in self._fails:
            raise OSError("no more processes")
        return super().spawn(name)


@asynccontextmanager
async def tree_of(settings: Settings, folder: Path, *fails: int) -> AsyncIterator[Operator]:
    """Run a tree that could not make the processes of these numbers."""
    run_dir = open_run_dir(folder / "run")
    spawner = OftenOutOfProcesses(*fails)
    with (
        trio.fail_after(LIMIT_S),
        open_records(settings, events=run_dir.lifecycle_file, crashes=run_dir.crashes) as records,
    ):
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            run = partial(run_tree, settings, run_dir, records=records, stop=stop, spawner=spawner)
            yield await nursery.start(run)
            stop.set()


async def wait_ready(operator: Operator, name: str, incarnation: int) -> None:
    record = operator.tree.machine.children[name]
    while (record.state, record.incarnation) != (State.READY, incarnation):
        await operator.tree.wait_changed()


def only_report(folder: Path, name: str) -> CrashReport:
    (report,) = CrashReports(folder / "run" / "crashes", keep=1).last(name, 9)
    return report


async def test_the_report_of_an_end_has_no_decision_of_a_process_that_could_not_be_made_before(tmp_path: Path) -> None:
    settings = settings_of(child("a", "ignores_stop", shutdown_s=0.2))
    async with tree_of(settings, tmp_path, 1) as operator:
        await wait_ready(operator, "a", 2)
        await operator.stop_member("a")
    report = only_report(tmp_path, "a")
    assert (report.cause, report.rung, report.decision) == ("stop", "sigkill", "")


async def test_the_report_of_an_end_has_its_own_decision_when_the_next_process_cannot_be_made(tmp_path: Path) -> None:
    async with tree_of(settings_of(child("a", "idle")), tmp_path, 2) as operator:
        await wait_ready(operator, "a", 1)
        operator.tree.children.kill("a", dump=False)
        await wait_ready(operator, "a", 3)
    report = only_report(tmp_path, "a")
    assert (report.cause, report.decision) == ("killed", "restarted at once (cause killed, 1 of 200 within 60 s)")


async def test_the_report_of_a_removed_child_that_had_to_be_killed_has_its_last_lines(tmp_path: Path) -> None:
    settings = settings_of(child("a", "prints_and_ignores_stop", shutdown_s=0.2), child("b", "idle"))
    async with tree_of(settings, tmp_path) as operator:
        await wait_ready(operator, "b", 1)
        await operator.remove("a")
    report = only_report(tmp_path, "a")
    assert (report.cause, report.rung) == ("stop", "sigkill")
    assert [json.loads(line)["event"] for line in report.log_tail] == ["printed"]


async def test_a_child_that_cannot_be_told_what_to_do_is_one_that_could_not_be_started(tmp_path: Path) -> None:
    told = msgspec.structs.replace(
        settings_of(child("a", "idle", secrets=("UPBITD_A",)), child("b", "idle")), secrets={"UPBITD_A": "no\udcfftext"}
    )
    async with tree_of(told, tmp_path) as operator:
        await wait_ready(operator, "b", 1)
        record = operator.tree.machine.children["a"]
        assert record.state is State.BACKOFF
        assert record.last_exit is not None
        assert record.last_exit.summary.startswith("UnicodeEncodeError: 'utf-8' codec can't encode")
        assert operator.tree.faults(now_s=trio.current_time()) == []
        await operator.remove("a")
        assert list(operator.tree.machine.children) == ["b"]


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "lifecycle.jsonl").read_text().splitlines()]


async def test_an_end_and_the_next_life_are_written_in_order_with_the_times_at_which_they_happened(
    tmp_path: Path,
) -> None:
    async with tree_of(settings_of(child("a", "idle")), tmp_path) as operator:
        await wait_ready(operator, "a", 1)
        first = operator.tree.children.lives["a"].pid
        operator.tree.children.kill("a", dump=False)
        await wait_ready(operator, "a", 2)
        second = operator.tree.children.lives["a"].pid
        events = history(tmp_path)
    assert [(event["event"], event["pid"]) for event in events if event["child"] == "a"] == [
        ("child_started", first),
        ("child_ready", first),
        ("child_exited", first),
        ("child_started", second),
        ("child_ready", second),
    ]
    times = [event["t_ns"] for event in events if event["child"] == "a"]
    assert times == sorted(times)


async def test_a_stop_that_comes_before_a_restart_is_written_down_finds_everything_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "NEXT_LIFE_S", 1.0)  # Long enough for any machine.
    async with tree_of(settings_of(child("a", "idle")), tmp_path) as operator:
        await wait_ready(operator, "a", 1)
        first = operator.tree.children.lives["a"].pid
        operator.tree.children.kill("a", dump=False)
        while operator.tree.machine.children["a"].incarnation == 1:
            await trio.lowlevel.checkpoint()
        second = operator.tree.children.lives["a"].pid
        assert "child_exited" not in [event["event"] for event in history(tmp_path)]
        operator.tree.stop()
        assert [(event["event"], event["pid"]) for event in history(tmp_path)][-2:] == [
            ("child_exited", first),
            ("child_started", second),
        ]
    events = [(event["event"], event["pid"]) for event in history(tmp_path) if event["child"] == "a"]
    assert events[-1] == ("child_stopped", second)
    assert only_report(tmp_path, "a").pid == first


async def test_a_process_that_cannot_be_made_is_told_before_anything_else_happens(tmp_path: Path) -> None:
    settings = settings_of(child("a", "idle", restart="transient"))
    async with tree_of(settings, tmp_path, 2) as operator:
        await wait_ready(operator, "a", 1)
        operator.tree.children.kill("a", dump=False)
        while (record := operator.tree.machine.children["a"]).incarnation == 1:
            await operator.tree.wait_changed()
            assert operator.tree.faults(now_s=trio.current_time()) == []
        await operator.restart("a")
        await wait_ready(operator, "a", record.incarnation)
        await trio.sleep(0.1)
        assert record.state is State.READY


async def test_a_child_that_is_added_again_while_its_removal_is_carried_out_keeps_its_socket(tmp_path: Path) -> None:
    settings = settings_of(
        child("a", "ignores_stop", shutdown_s=0.4), child("b", "idle"), strategy="rest_for_one", stable_s=0.1
    )
    async with tree_of(settings, tmp_path) as operator:
        await wait_ready(operator, "b", 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(operator.remove, "a")
            await trio.sleep(0.1)
            operator.tree.children.kill("b", dump=False)
            while "a" in operator.tree.machine.children:
                await operator.tree.wait_changed()
            operator.tree.follow_plan(settings, make_plan(operator.tree.settings, settings))
        await wait_ready(operator, "a", 1)
        await wait_ready(operator, "b", 2)
        assert operator.tree.faults(now_s=trio.current_time()) == []
        assert (tmp_path / "run" / "a.sock").is_socket()


async def test_what_is_said_over_the_link_of_a_life_that_has_ended_is_not_about_the_next(tmp_path: Path) -> None:
    async with tree_of(settings_of(child("a", "leaves_one_that_writes_into_its_links")), tmp_path) as operator:
        await wait_ready(operator, "a", 1)
        operator.tree.children.kill("a", dump=False)
        await wait_ready(operator, "a", 2)
        await trio.sleep(0.1)
        assert operator.tree.machine.children["a"].state is State.READY
        assert operator.tree.machine.children["a"].incarnation == 2


async def test_the_times_of_the_history_never_go_back(tmp_path: Path) -> None:
    settings = settings_of(GroupSpec(name="g"), child("x", "idle", group="g"), child("y", "idle"))
    async with tree_of(settings, tmp_path) as operator:
        await wait_ready(operator, "y", 1)
        operator.tree.children.kill("x", dump=False)
        await wait_ready(operator, "x", 2)
    times = [event["t_ns"] for event in history(tmp_path)]
    assert times == sorted(times)
