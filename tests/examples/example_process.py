"""One example in a process of its own, as its reader starts it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.tree.running_tree import REPOSITORY, child_environment

EXAMPLES = REPOSITORY / "examples"
LIMIT_S = 60.0


class ExampleProcess:
    """A running example; its folder is not the project's, as it need not be."""

    def __init__(self, name: str, *arguments: str, environment: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, os.fspath(EXAMPLES / f"{name}.py"), *arguments],
            cwd=folder,
            env=child_environment({"PYTHONIOENCODING": "utf-8", **environment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def first_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def finish(self, number: int | None = None) -> tuple[int, list[str], str]:
        """Signal it, if told to, and return its exit code, the lines that it printed since, and what it said else."""
        if number is not None:
            self.process.send_signal(number)
        try:
            out, error = self.process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, out.splitlines(), error
