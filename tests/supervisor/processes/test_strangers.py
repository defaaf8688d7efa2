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


FORK = """
import sys, time
from setproctitle import setproctitle
from actors.runtime.process.lifeline import keep_mark

keep_mark()
setproctitle("upbitd: a")
pid = os.fork()
if pid == 0:
    time.sleep(600)
print(pid, flush=True)
"""


def test_as_pid_1_it_ends_a_fork_of_its_own_actor_and_not_one_of_another_trees() -> None:
    program = f"""
import sys
from pathlib import Path

def left_by(mark):
    program = [sys.executable, "-c", "import os" + {FORK!r}]
    actor = subprocess.Popen(program, stdout=subprocess.PIPE, env={{**os.environ, "UPBITD_TREE": mark}})
    pid = int(actor.stdout.readline())
    actor.wait()
    return pid

ours, theirs = left_by(os.environ["UPBITD_TREE"]), left_by("another")
print([set(Path("/proc", str(pid), "environ").read_bytes()) for pid in (ours, theirs)])
os.getpid = lambda: 1
print(strangers.sweep({{known.pid, marked.pid}}) == [ours], strangers.ended, theirs in own_children())
for pid in {{theirs, ours}} & own_children():
    os.kill(pid, 9)
"""
    assert run(program) == ["[{0}, {0}]", "True 1 True"]


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


def test_one_that_may_not_be_killed_is_told_once_and_counted_and_collected_when_it_has_ended() -> None:
    program = """
import signal
from structlog.testing import capture_logs
allowed, tried = os.kill, []

def kill(pid, number):
    tried.append(pid)
    if pid == foreign.pid:
        raise PermissionError(1, "Operation not permitted")
    allowed(pid, number)

os.kill = kill
with capture_logs() as logged:
    print([strangers.sweep({known.pid}) == ended for ended in ([marked.pid], [], [])], strangers.ended, strangers.left)
print(sorted(tried) == sorted([marked.pid, foreign.pid]))
print([(line["event"], line["child_pid"] == foreign.pid, line["left"], line["error"]) for line in logged])
print(f"kill -KILL {foreign.pid}" in logged[0]["advice"])
allowed(foreign.pid, signal.SIGKILL)
select.select([os.pidfd_open(foreign.pid)], [], [])
print(strangers.sweep({known.pid}), foreign.pid in own_children(), strangers.ended, strangers.left)
"""
    assert run(program) == [
        "[True, True, True] 1 1",
        "True",
        "[('stranger.left', True, 1, '[Errno 1] Operation not permitted')]",
        "True",
        "[] False 1 1",
    ]


def test_without_a_descriptor_to_look_with_it_finds_them_at_the_next_sweep() -> None:
    program = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
print(strangers.sweep({known.pid}))
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(sorted(strangers.sweep({known.pid})) == sorted((marked.pid, foreign.pid)))
"""
    assert run(program) == ["[]", "True"]
