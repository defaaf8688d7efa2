"""Settings are checked for as long as their imports take; what dead actors leave behind does not live as long."""

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.tree.running_tree import LIMIT_S, RunningTree, running_tree
from tests.tree.test_changes import asking
from tests.tree.tree_settings import child, flags

SLOW = """
import subprocess, time
from pathlib import Path
here = Path(__file__).parent
(here / "part").write_text(str(subprocess.Popen(["sleep", "600"]).pid))
(here / "part").rename(here / "importing")
while not (here / "go").exists():
    time.sleep(0.01)
from tests.tree.sample_actors import idle
"""


def wait_until(is_so: Callable[[], object], tree: RunningTree) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline_s, tree.log
        time.sleep(0.01)


def is_gone(pidfd: int, *, within_s: float) -> bool:
    return bool(select.select([pidfd], [], [], within_s)[0])


def test_what_a_dead_actor_left_is_ended_at_once_and_the_check_is_left_alone(tmp_path: Path) -> None:
    settings = flags() + child("a", "starts_a_program")
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    late = '\n[[child]]\nname = "late"\nstart = "slow_to_import:idle"\n'
    with running_tree(tmp_path, settings) as tree:
        actor = tree.wait_for("child_ready", "a")["pid"]
        wait_until(lambda: tree.status()["a"]["counters"], tree)
        program = os.pidfd_open(int(tree.status()["a"]["counters"]["program"]))
        (tmp_path / "upbitd.toml").write_text(settings + late)
        with asking(tree, "reload") as reload:
            wait_until((tmp_path / "importing").exists, tree)
            of_import = os.pidfd_open(int((tmp_path / "importing").read_text()))
            os.kill(actor, signal.SIGKILL)
            assert is_gone(program, within_s=LIMIT_S)
            tree.wait_for("child_ready", "a")
            assert reload.poll() is None
            assert not is_gone(of_import, within_s=0)
            (tmp_path / "go").touch()
            assert reload.wait(LIMIT_S) == 0
        assert tree.status()["late"]["state"] == "ready"
        assert is_gone(of_import, within_s=LIMIT_S)
        assert tree.finish() == 0
        for pidfd in (program, of_import):
            os.close(pidfd)


def test_a_stop_of_the_tree_leaves_no_check_behind_that_hangs(tmp_path: Path) -> None:
    settings = flags() + child("a")
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    late = '\n[[child]]\nname = "late"\nstart = "slow_to_import:idle"\n'
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "a")
        (tmp_path / "upbitd.toml").write_text(settings + late)
        tree.process.send_signal(signal.SIGHUP)
        wait_until((tmp_path / "importing").exists, tree)
        assert tree.finish() == 0
        os.kill(int((tmp_path / "importing").read_text()), signal.SIGKILL)  # Nobody is left to do it.
