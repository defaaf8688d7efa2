"""Running the programs of documents, several at a time, in a tree with keys before a simulated exchange."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from tests.course.stage import Stage
from tests.docs.document_blocks import REPOSITORY, Block
from tests.docs.shown_output import complaints
from tests.tree.running_tree import child_environment

LIMIT_S = 60.0
"""For one program. Each ends by itself within a few seconds; a machine that does much else may be ten times slower."""

AT_A_TIME = 6
"""They mostly sleep."""

SHORT_WAITS = "import asyncio as _a\n_sleep = _a.sleep\n_a.sleep = lambda seconds: _sleep(min(seconds, 2.0))\n"
"""Before a program whose reader has more time than a test."""


class Run(NamedTuple):
    """A program that has ended."""

    block: Block
    code: int
    lines: list[str]
    stderr: str

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, each with its place; nothing when all is well."""
        found = [] if self.code == 0 else [f"it ended with {self.code}"]
        found += [self.stderr.strip()] if self.stderr else []
        if self.block.shown:
            found += complaints(self.lines, self.block.shown)
        return [f"{self.block.place}: {fault}" for fault in found]


def run_all(stage: Stage, blocks: Sequence[Block], *, before: str = "") -> list[Run]:
    """Run these programs, `AT_A_TIME` of them beside one another."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda block: run(stage, block, before=before), blocks))


def run(stage: Stage, block: Block, *, before: str = "") -> Run:
    """Run one program to its end."""
    process = _start(stage, block, before)
    out, stderr = process.communicate(timeout=LIMIT_S)
    return Run(block, process.returncode, out.splitlines(), stderr)


def run_with_outage(stage: Stage, block: Block) -> Run:
    """Run one program to its end; when it has printed its first line, the exchange drops a connection."""
    process = _start(stage, block)
    assert process.stdout is not None
    first = process.stdout.readline()
    stage.exchange.fault("reset", block.outage)
    out, stderr = process.communicate(timeout=LIMIT_S)
    return Run(block, process.returncode, [first.rstrip("\n"), *out.splitlines()], stderr)


def _start(stage: Stage, block: Block, before: str = "") -> "subprocess.Popen[str]":
    """Start one program in a folder of its own, so that it may write files."""
    folder = Path(mkdtemp(dir=stage.folder))
    if block.kind == "notebook":
        file = folder / "cells.json"
        file.write_text(json.dumps(block.cells), "utf-8")
        command = ["-m", "tests.docs.notebook", str(file)]
    else:
        file = folder / "program.py"
        file.write_text(before + "".join(block.cells), "utf-8")
        command = [str(file)]
    return subprocess.Popen(
        [sys.executable, "-u", "-W", "error", *command],
        cwd=REPOSITORY if block.kind == "notebook" else folder, env=_environment(stage, block),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _environment(stage: Stage, block: Block) -> dict[str, str]:
    """That of a program beside a running tree, or of one that finds none in its run directory."""
    if block.kind != "own-tree":
        return stage.environment
    home = stage.folder / "own-tree"
    home.mkdir(exist_ok=True)
    variables = {"UPBITD_RUN_DIR": str(home / "run"), "UPBITD_EXCHANGE__WEBSOCKET_URL": stage.exchange.ws}
    return child_environment({**variables, "XDG_STATE_HOME": str(home), "HOME": str(home)})
