"""Two real trees with the same keys: one works, the other waits, whatever is removed meanwhile."""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import RunningTree, running_tree

ACCESS, SECRET = "AK", "SK"
LIMIT_S = 20.0


def settings(exchange: ExchangeProcess, locks: Path, start_method: str) -> str:
    return (
        f'[exchange]\nwebsocket_url = "{exchange.ws}"\n'
        f'[supervisor]\nlog_level = "warning"\nstart_method = "{start_method}"\n'
        '[[child]]\nname = "private"\nstart = "actors.connections.private:run"\n'
        'secrets = ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]\n'
        f'[child.settings]\nretry_parked_s = 0.2\nlocks_folder = "{locks}"\n'
    )


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def reason(tree: RunningTree) -> str:
    """Why `private` is parked; "" while it works."""
    said: str = tree.status()["private"]["reason"]
    return said


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_second_tree_waits_until_the_first_is_killed_though_the_locks_were_removed(
    tmp_path: Path, start_method: str
) -> None:
    locks, folders = tmp_path / "locks", [tmp_path / name for name in ("one", "other")]
    keys = {"UPBITD_ACCESS_KEY": ACCESS, "UPBITD_SECRET_KEY": SECRET}
    for folder in folders:
        folder.mkdir()
    with simulated_exchange("--access-key", ACCESS, "--secret-key", SECRET) as exchange:
        text = settings(exchange, locks, start_method)
        with running_tree(folders[0], text, environment=keys) as first:
            first.wait_for("child_ready", "private")
            until(lambda: any(locks.glob("*.lock")))
            shutil.rmtree(locks)
            with running_tree(folders[1], text, environment=keys) as second:
                holder = first.status()["private"]["pid"]
                assert f"used by process {holder} of user" in second.wait_for("child_parked", "private")["reason"]
                # The first one connects anew, and makes its file again.
                exchange.fault("reset", "private")
                until(lambda: f"of the tree in {first.run_dir} (pid {holder})" in reason(second))
                first.process.send_signal(signal.SIGKILL)
                until(lambda: second.status()["private"]["state"] == "ready")
