"""What docs/troubleshooting.md says is what the commands do."""

import re
from pathlib import Path

import click
import pytest

from supervisor.commands.dump import dump
from supervisor.commands.tail import tail
from supervisor.commands.why import why
from supervisor.machine.causes import ORDERED, Cause

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md").read_text()
NOT_OF_PROCESSES = {Cause.AUTO_SHUTDOWN, Cause.ESCALATION}
"""A group ends by these."""


def section(command: str) -> str:
    return DOCUMENT.partition(f"\n## `upbitd {command}")[2].partition("\n## ")[0]


@pytest.mark.parametrize("command", [why, tail, dump])
def test_every_option_is_told_and_every_one_told_exists(command: click.Command) -> None:
    text = section(str(command.name))
    told = set(re.findall(r"^\| (.*?) \|", text, re.MULTILINE))
    told = {option for cell in told for option in re.findall(r"`(-[\w-]+)", cell)}
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    known = {name for option in options for name in option.opts} - {"--run-dir"}
    assert told == known


def test_every_cause_of_a_process_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \| ", section("why").partition("| cause |")[2], re.MULTILINE)
    assert set(told) == {cause.value for cause in Cause} - {cause.value for cause in ORDERED | NOT_OF_PROCESSES}
