"""The tree inside another trio program, as the demo uses it."""

import ctypes
import json
import signal
from functools import partial
from pathlib import Path

import psutil
import trio

from supervisor.processes.strangers import PR_GET_CHILD_SUBREAPER
from supervisor.records.records import open_records
from supervisor.running.operator import Operator
from supervisor.running.run_dir import open_run_dir
from supervisor.running.run_tree import run_tree
from supervisor.specs.settings import settings_from

TABLES = {
    "child": [
        {"name": "a", "start": "tests.tree.sample_actors:idle"},
        {"name": "b", "start": "tests.tree.sample_actors:configured", "settings": {"code": 5}},
    ]
}


def events(path: Path) -> list[tuple[str, str | None]]:
    return [(event["event"], event["child"]) for event in map(json.loads, path.read_text().splitlines())]


async def test_a_tree_runs_inside_another_program_until_its_event_is_set(tmp_path: Path) -> None:
    run_dir, stop = open_run_dir(tmp_path / "run"), trio.Event()
    settings = settings_from(TABLES, variables={})
    with trio.fail_after(30), open_records(settings, events=run_dir.lifecycle_file, crashes=run_dir.crashes) as records:
        async with trio.open_nursery() as nursery:
            operator: Operator = await nursery.start(partial(run_tree, settings, run_dir, records=records, stop=stop))
            await operator.tree.started.wait()
            while not operator.status().children[1].counters:
                await trio.lowlevel.checkpoint()  # Counters are looked up; nobody tells when they change.
            status = operator.status()
            stop.set()
    assert [(child.name, child.state) for child in status.children] == [("a", "ready"), ("b", "ready")]
    assert status.children[1].counters == {"code": 5}
    assert events(run_dir.lifecycle_file)[-3:] == [
        ("child_stopped", "b"),
        ("child_stopped", "a"),
        ("supervisor_stopped", None),
    ]
    assert not is_adopting(), "orphans of the other program come to it although it has no tree any more"


def is_adopting() -> bool:
    flag = ctypes.c_int()
    assert ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0) == 0
    return bool(flag.value)


async def test_a_cancelled_tree_kills_and_reaps_its_children(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    settings = settings_from(TABLES, variables={})
    with trio.fail_after(30), open_records(settings, events=run_dir.lifecycle_file, crashes=run_dir.crashes) as records:
        async with trio.open_nursery() as nursery:
            tree = partial(run_tree, settings, run_dir, records=records, stop=trio.Event())
            operator: Operator = await nursery.start(tree)
            await operator.tree.started.wait()
            pids = [child.pid for child in operator.status().children]
            nursery.cancel_scope.cancel()
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)
    last = [json.loads(line) for line in run_dir.lifecycle_file.read_text().splitlines()][-2:]
    assert [(event["event"], event["cause"], event["signal"]) for event in last] == [
        ("child_stopped", "cancelled", signal.SIGKILL)
    ] * 2
