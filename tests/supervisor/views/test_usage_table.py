import io
import json

import pytest
from rich.console import Console

from supervisor.control.status import TreeStatus
from supervisor.views.rates import Rates
from supervisor.views.usage_table import HEADINGS, Look, as_json, as_lines, as_screen, title
from tests.supervisor.views.statuses import MIB, child, ended, tree

NO_TREE = Look(None, (), "no supervisor runs in /r")


def look_at(whole: TreeStatus) -> Look:
    return Look(whole, tuple(Rates().take(whole)))


BUSY = child("a", cpu_s=5.0, progress=20_000, waiting_s=4.0, restarts=1234)
LOOK = look_at(tree(BUSY, ended("b", state="backoff"), cpu_s=1.0, uptime_s=100.0))


def drawn(look: Look, *, width: int = 100, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as capture:
        console.print(as_screen(look, width=width, height=height))
    return [line.rstrip() for line in capture.get().splitlines()]


def coloured(look: Look) -> str:
    console = Console(
        file=io.StringIO(), width=100, force_terminal=True, color_system="standard", _environ={"TERM": "xterm"}
    )
    with console.capture() as capture:
        console.print(as_screen(look, width=100, height=24))
    return capture.get()


def test_lines_are_a_title_headings_and_one_row_for_each_process() -> None:
    assert as_lines(LOOK) == [
        "upbitd pid 1, running, up 1 min 40 s; 1 of 2 ready; cpu 51.0 %, 50 MiB",
        "name        state    pid  cpu %  memory   in/s   beat  waits  restarts",
        "a           ready    100   50.0  20 MiB  2,000  0.2 s  4.0 s     1,234",
        "supervisor  running    1    1.0  30 MiB      -      -      -         -",
        "b           backoff    -      -       -      -      -      -         0",
    ]


def test_a_tree_that_cannot_be_seen_is_why() -> None:
    assert as_lines(NO_TREE) == ["no supervisor runs in /r"]
    assert title(NO_TREE) == "no supervisor runs in /r"
    assert json.loads(as_json(NO_TREE)) == {"error": "no supervisor runs in /r"}
    assert drawn(NO_TREE) == ["no supervisor runs in /r", "", "q or ^C ends"]


def test_nothing_of_a_line_is_cut() -> None:
    long = child("n" * 32, state="stopping", pid=4_194_304, progress=10**12, memory_bytes=2**40, heartbeat_age_s=1e5)
    row = next(line for line in as_lines(look_at(tree(long))) if line.startswith("nn"))
    assert " ".join(row.split()) == f"{'n' * 32} stopping 4194304 0.0 1048576 MiB 100,000,000,000 100000.0 s - 0"


def test_for_programs_a_look_is_one_line_with_plain_numbers() -> None:
    text = as_json(LOOK)
    assert "\n" not in text
    shown = json.loads(text)
    assert (shown["pid"], shown["state"], shown["uptime_s"]) == (1, "running", 100.0)
    assert [process["name"] for process in shown["processes"]] == ["a", "supervisor", "b"]
    assert shown["processes"][0] == {
        "name": "a",
        "group": "",
        "state": "ready",
        "pid": 100,
        "cpu_percent": 50.0,
        "memory_bytes": 20 * MIB,
        "progress_per_s": 2000.0,
        "heartbeat_age_s": 0.2,
        "waiting_s": 4.0,
        "restarts": 1234,
    }
    assert shown["processes"][2]["memory_bytes"] is None


def test_the_screen_shows_the_same_and_how_to_leave() -> None:
    lines = drawn(LOOK)
    assert lines[0] == as_lines(LOOK)[0]
    assert lines[1].split() == " ".join(HEADINGS).split()
    assert [line.split()[0] for line in lines[2:5]] == ["a", "supervisor", "b"]
    assert lines[5:] == ["", "q or ^C ends"]


def look_with(children: int) -> Look:
    return look_at(tree(*(child(f"c{number}") for number in range(children))))


@pytest.mark.parametrize("height", [4, 5, 6, 7, 10])
@pytest.mark.parametrize("children", [0, 1, 3, 5, 6, 50])
def test_the_screen_is_not_higher_than_the_terminal_and_says_how_many_are_left_out(children: int, height: int) -> None:
    lines = drawn(look_with(children), height=height)
    assert len(lines) <= height
    assert lines[-1] == "q or ^C ends"
    shown = sum(line.startswith(("c", "supervisor")) for line in lines)
    left_out = children + 1 - shown
    assert (f"{left_out} more" in lines) == (left_out > 0)


def test_an_error_fits_into_a_small_terminal() -> None:
    assert len(drawn(Look(None, (), "no supervisor runs there " * 20), width=40, height=8)) <= 8


@pytest.mark.parametrize("width", [20, 40, 60])
def test_on_a_narrow_terminal_each_process_stays_on_one_line(width: int) -> None:
    lines = drawn(LOOK, width=width)
    assert len(lines) == 7
    assert all(len(line) <= width for line in lines)


def test_what_needs_a_look_has_a_colour() -> None:
    late = coloured(look_at(tree(child("a", heartbeat_age_s=3.1), child("b", waiting_s=3.1), ended("c"))))
    assert "\x1b[31m3.1 s\x1b[0m" in late
    assert late.count("\x1b[31m") == 2
    assert "\x1b[2mc" in late
    assert "\x1b[33mbackoff" in coloured(LOOK)
    assert "\x1b[31m" not in coloured(look_at(tree(child("a", heartbeat_age_s=3.0, waiting_s=3.0))))
