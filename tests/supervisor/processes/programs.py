"""Short programs in an interpreter of their own, for what this process must not do to itself."""

import subprocess
import sys

from tests.tree.running_tree import REPOSITORY, child_environment

LIMIT_S = 60.0


def run_python(program: str, *, expected: int = 0) -> str:
    """Run it and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout.strip()
