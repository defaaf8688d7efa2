"""A supervisor that does nothing but hold processes: `python -m ... WAY SITUATION FOLDER`; its end is the test.

It writes lines of JSON to its stdout, first the pids of its children and of its helpers. Each situation is a function.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import trio

from actors.runtime.process.logs import Redaction, configure_logs
from supervisor.processes.spawning import Spawner
from supervisor.processes.strangers import Strangers, mark_environment, own_children
from tests.supervisor.processes.stage import LIMIT_S, WAYS, Running, Stage, stage, until

HANGS = "tests.supervisor.processes.hangs_while_imported:run"


def say(*values: object) -> None:
    os.write(1, msgspec.json.encode(values) + b"\n")


def introduce(spawner: Spawner, *children: Running) -> None:
    say([child.life.pid for child in children], sorted(spawner.known_pids()))


async def idle(lives: Stage, _strangers: Strangers) -> None:
    introduce(lives.spawner, await lives.start("idle", "a").ready(), await lives.start("idle", "b").ready())
    await trio.sleep_forever()


async def blocked(lives: Stage, _strangers: Strangers) -> None:
    """One child holds its interpreter in C, one is stopped, one hangs in its import."""
    a, b = await lives.blocked(), await lives.start("idle", "b").ready()
    c = lives.start(HANGS, "c")
    await until(lambda: c.life.box.contents().phase == "importing")
    b.kill(signal.SIGSTOP)
    introduce(lives.spawner, a, b, c)
    await trio.sleep_forever()


async def unarmed(lives: Stage, _strangers: Strangers) -> None:
    """End as soon as a process was made, which has had no time for anything."""
    introduce(lives.spawner, lives.start("idle", "a"))
    os.kill(os.getpid(), signal.SIGKILL)


async def fork_server_killed(lives: Stage, strangers: Strangers) -> None:
    """Say how the children of a killed fork server ended, and whether there is a new one."""
    children = [await lives.start("idle", name).ready() for name in "ab"]
    introduce(lives.spawner, *children)
    server = parent_of(children[0].life.pid)
    os.kill(server, signal.SIGKILL)
    ends = [await child.ended() for child in children]
    again = await lives.start("idle", "c").ready()
    say([(ended.code, ended.signal) for ended in ends], parent_of(again.life.pid) != server, strangers.ended)


async def grandchildren(lives: Stage, strangers: Strangers) -> None:
    """Say what becomes of processes that a child leaves behind, before and after it is killed."""
    spawner = lives.spawner
    introduce(spawner)
    with trio.open_signal_receiver(signal.SIGCHLD) as deaths:
        for target in ("forks", "popens"):
            a = await lives.start(target).ready()
            left = pid_left_in(lives.folder)
            untouched = strangers.sweep({a.life.pid} | spawner.known_pids())
            a.kill(signal.SIGKILL)
            await a.ended()
            ended = strangers.sweep(spawner.known_pids())
            with trio.fail_after(LIMIT_S):
                while own_children() - spawner.known_pids():
                    await anext(deaths)
                    strangers.sweep(spawner.known_pids())
            say(untouched, left in ended, is_there(left), strangers.ended)


async def returns(lives: Stage, _strangers: Strangers) -> None:
    """End in good order, but for a process that does not answer and that nobody waited for."""
    process = lives.spawner.spawn("a")
    say([process.pid], sorted(lives.spawner.known_pids()))
    process.send_signal(signal.SIGSTOP)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_there(pid: int) -> bool:
    """Whether there is such a process, a dead one that nobody has collected included."""
    return Path(f"/proc/{pid}").exists()


def pid_left_in(folder: Path) -> int:
    return int((folder / "grandchild").read_text())


SITUATIONS = {
    situation.__name__: situation for situation in (idle, blocked, unarmed, fork_server_killed, grandchildren, returns)
}


@contextlib.contextmanager
def spawner_of(way: str) -> Iterator[Spawner]:
    with contextlib.closing(WAYS[way]()) as spawner:
        spawner.refill(now_s=0.0)
        yield spawner


async def main(way: str, situation: str, folder: str) -> None:
    configure_logs(level="warning", redaction=Redaction())  # To stderr; stdout is for what it says.
    strangers = Strangers(mark_environment())
    with spawner_of(way) as spawner:
        async with stage(spawner, Path(folder)) as lives:
            await SITUATIONS[situation](lives, strangers)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
