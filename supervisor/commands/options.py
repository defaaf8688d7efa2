"""What several commands about the tree share."""

import os

from actors.runtime.run_dir import find_run_dir
from supervisor.running.run_dir import RunDir


def running_tree(run_dir: str | None) -> RunDir:
    """Return the run directory of a tree that is to be asked something; nothing is created."""
    return RunDir(find_run_dir(run_dir, os.environ))
