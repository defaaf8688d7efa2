"""Nothing outlives a supervisor, and nothing outlives a child, however either ends."""

import signal
from pathlib import Path

import pytest

from tests.supervisor.processes.small_supervisor import is_there
from tests.supervisor.processes.stage import WAYS, wait_gone
from tests.supervisor.processes.supervisor_process import small_supervisor

GONE_S = 1.0
"""The kernel takes three milliseconds."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("situation", ["idle", "blocked"])
def test_nothing_outlives_a_killed_supervisor(tmp_path: Path, way: str, situation: str) -> None:
    with small_supervisor(way, situation, tmp_path) as running:
        pids = running.introduced()
        assert len(running.pidfds) == len(pids)
        running.process.kill()
        wait_gone(running.pidfds, limit_s=GONE_S)
        assert list(running.temporary.iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_process_that_has_armed_nothing_does_not_outlive_its_supervisor(tmp_path: Path, way: str) -> None:
    with small_supervisor(way, "unarmed", tmp_path) as running:
        running.introduced()
        assert running.process.wait() == -signal.SIGKILL
        wait_gone(running.pidfds, limit_s=GONE_S)
        assert list(running.temporary.iterdir()) == []


@pytest.mark.parametrize("way", ["forkserver", "spares"])
def test_children_end_with_their_fork_server_and_are_collected_and_the_next_has_a_new_one(
    tmp_path: Path, way: str
) -> None:
    with small_supervisor(way, "fork_server_killed", tmp_path) as running:
        pids = running.introduced()
        ends, is_new, strangers = running.said()
        assert ends == [[None, signal.SIGKILL]] * 2
        assert is_new
        assert strangers == 0
        assert running.process.wait() == 0
        assert not any(is_there(pid) for pid in pids)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_dead_child_left_behind_is_ended_and_collected_and_not_before(tmp_path: Path, way: str) -> None:
    with small_supervisor(way, "grandchildren", tmp_path) as running:
        running.introduced()
        for total in (1, 3):  # A fork; a program and its own.
            untouched, was_ended, is_left, ended = running.said()
            assert untouched == []
            assert was_ended
            assert not is_left
            assert ended == total
        assert running.process.wait() == 0
