"""A change that cannot be made is told, and the tree goes on as it was."""

import resource
import signal
import time
from pathlib import Path

from tests.tree.running_tree import LIMIT_S, RunningTree, running_tree
from tests.tree.tree_settings import changed, child, flags, pids

DESCRIPTORS_LEFT = 20
"""Enough for the process that checks new settings, and too few for the sockets of MANY."""

MANY = "".join(child(f"b{number}") for number in range(60))


def wait_for_log(tree: RunningTree, words: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while words not in tree.log:
        assert tree.process.poll() is None, tree.log
        assert time.monotonic() < deadline_s, tree.log
        time.sleep(0.01)


def test_a_hangup_with_too_few_descriptors_for_the_new_children_is_refused_in_the_log(tmp_path: Path) -> None:
    settings = flags(start_method="spawn") + child("a")
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "a")
        before, pid = pids(tree), tree.process.pid
        open_now = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()) + 1
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + DESCRIPTORS_LEFT, hard))
        (tmp_path / "upbitd.toml").write_text(settings + MANY)
        tree.process.send_signal(signal.SIGHUP)
        wait_for_log(tree, "reload.refused")
        assert "Too many open files" in tree.log
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert pids(tree) == before
        (tmp_path / "upbitd.toml").write_text(settings + child("b1"))
        assert tree.ask("reload").stdout == "+ b1\n= 1 unchanged\n"
        assert changed(before, pids(tree)) == {"b1"}
        assert tree.finish() == 0


def test_a_change_that_fails_half_way_changes_nothing_and_is_made_by_the_next_reload(tmp_path: Path) -> None:
    settings = flags() + child("a")
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "a")
        before = pids(tree)
        stands_in_the_way = tree.run_dir / "c.sock"
        stands_in_the_way.mkdir()
        more = child("b") + child("c") + child("d")
        (tmp_path / "upbitd.toml").write_text(settings + more)
        (tmp_path / "more.toml").write_text(more)
        for order in (("reload",), ("add", str(tmp_path / "more.toml"))):
            refused = tree.ask(*order)
            assert refused.returncode == 2
            assert "c.sock: Is a directory" in refused.stderr
            assert pids(tree) == before
            assert not (tree.run_dir / "b.sock").exists()
        stands_in_the_way.rmdir()
        done = tree.ask("reload")
        assert (done.returncode, done.stdout) == (0, "+ b\n+ c\n+ d\n= 1 unchanged\n")
        assert changed(before, pids(tree)) == {"b", "c", "d"}
        assert tree.ask("restart", "b").returncode == 0
        assert tree.finish() == 0
