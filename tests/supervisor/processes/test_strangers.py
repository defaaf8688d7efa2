"""Whom the supervisor ends when it is PID 1, where orphans come to it that have nothing to do with its tree.

What it does below another PID 1 is shown by real orphans, in test_orphans.py.
"""

from tests.supervisor.processes.programs import run_python

BEGIN = """
import os, select, subprocess
from supervisor.processes.strangers import Strangers, mark_environment, own_children

strangers = Strangers(mark_environment())
marked = subprocess.Popen(["sleep", "600"])
foreign = subprocess.Popen(["sleep", "600"], env={})
known = subprocess.Popen(["sleep", "600"])
"""

END = """
for process in (marked, foreign, known):
    process.kill()
    process.wait()
"""


def run(program: str) -> list[str]:
    return run_python(BEGIN + program + END).splitlines()


def test_as_pid_1_it_ends_what_carries_the_mark_of_its_tree_and_nothing_else() -> None:
    program = """
os.getpid = lambda: 1
print(strangers.sweep({known.pid}) == [marked.pid], strangers.ended)
print(strangers.sweep({known.pid}) == [], strangers.ended)
"""
    assert run(program) == ["True 1", "True 1"]


def test_as_pid_1_it_collects_strangers_that_have_ended() -> None:
    program = """
os.getpid = lambda: 1
pidfd = os.pidfd_open(foreign.pid)
foreign.kill()
select.select([pidfd], [], [])
print(strangers.sweep({known.pid, marked.pid}), foreign.pid in own_children(), strangers.ended)
"""
    assert run(program) == ["[] False 0"]


def test_below_another_pid_1_every_stranger_comes_from_its_tree() -> None:
    program = "print(set(strangers.sweep({known.pid})) == {marked.pid, foreign.pid}, strangers.ended)\n"
    assert run(program) == ["True 2"]


def test_children_that_it_had_before_it_began_are_not_ended_and_are_collected() -> None:
    begin = (
        """
import select, subprocess
before = subprocess.Popen(["sleep", "600"])
"""
        + BEGIN
    )
    program = """
print(before.pid in strangers.sweep({known.pid}), before.poll())
before.kill()
select.select([os.pidfd_open(before.pid)], [], [])
strangers.sweep({known.pid})
print(before.pid in own_children())
"""
    assert run_python(begin + program + END).splitlines() == ["False None", "False"]
