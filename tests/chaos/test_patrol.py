import os
import subprocess
import sys

from tests.chaos.patrol import Patrol, Seen, children_of, find_tagged, look_around, look_at, suspects

WAITS = "import sys; print(flush=True); sys.stdin.read()"


def seen(pid: int, name: str = "public", *, parent: int = 1, started: int = 0, is_zombie: bool = False) -> Seen:
    return Seen(pid, parent, started or pid, is_zombie, name)


def test_two_living_processes_of_one_actor_are_suspect_the_older_first() -> None:
    older, newer = seen(9, started=1), seen(3, started=2)
    assert suspects([newer, older, seen(4, "private")]) == [(older, newer)]


def test_zombies_spares_and_other_programs_are_not() -> None:
    assert suspects([seen(1), seen(2, is_zombie=True)]) == []
    assert suspects([seen(1, "spare"), seen(2, "spare")]) == []
    assert suspects([seen(1, ""), seen(2, "")]) == []


def test_a_process_and_its_own_fork_are_not() -> None:
    assert suspects([seen(5), seen(6, parent=5)]) == []


def test_processes_are_seen_as_they_are() -> None:
    with subprocess.Popen(
        ["chaos-test-tag", "-c", WAITS],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = look_at(process.pid)
        assert found is not None
        assert (found.pid, found.parent, found.is_zombie, found.name) == (process.pid, os.getpid(), False, "")
        assert (process.pid, f"chaos-test-tag -c {WAITS} ") in children_of(os.getpid())
        assert process.pid in find_tagged("chaos-test-tag")
        assert look_around([process.pid]) == []  # The leader of a session is the supervisor itself.
    assert look_at(process.pid) is None
    assert process.pid not in find_tagged("chaos-test-tag")


def test_an_ended_process_that_nobody_collects_is_a_zombie_after_a_while() -> None:
    """It belongs to the session and is a child of its leader: the command's own, that is never waited for."""
    program = "import os, sys; r = os.fork() or os._exit(0); print(flush=True); sys.stdin.read()"
    patrol = Patrol()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        patrol.sessions.append(process.pid)
        while not [found for found in look_around(patrol.sessions) if found.is_zombie]:
            pass
        patrol.look(now_s=0.0)
        assert patrol.zombies == {}
        patrol.look(now_s=3.0)
        assert patrol.zombies == {}
        patrol.look(now_s=6.0)
        assert len(patrol.zombies) == 1
    assert patrol.doubles == []
