"""A look at the processes of this machine: two lives of one actor, ended ones left uncollected, ones left behind."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct

EVERY_S: Final = 0.05
ZOMBIE_S: Final = 5.0
"""An ended child is collected within milliseconds; a supervisor that is frozen for a while cannot."""

TITLE: Final = "upbitd: "
_SPARE: Final = "spare"


class Seen(Struct, frozen=True):
    """One process at one moment.

    Attributes:
        name: of the actor; empty for other processes.
        started: when it began, in the kernel's ticks.
    """

    pid: int
    parent: int
    started: int
    is_zombie: bool
    name: str = ""


def look_at(pid: int) -> Seen | None:
    """Look at one process; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    words = _command_of(pid).rstrip()
    name = words.removeprefix(TITLE) if words.startswith(TITLE) else ""
    return Seen(pid, int(fields[1]), int(fields[19]), fields[0] in "ZX", name)


def look_around(sessions: Iterable[int]) -> list[Seen]:
    """Look at all processes of some sessions, their leaders left out."""
    wanted, found = set(sessions), []
    for pid in _all_pids():
        try:
            is_ours = pid not in wanted and os.getsid(pid) in wanted
        except OSError:
            continue
        if is_ours and (seen := look_at(pid)) is not None:
            found.append(seen)
    return found


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _command_of(pid: int) -> str:
    """Return the words of a process; empty when it is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def suspects(seen: Iterable[Seen]) -> list[tuple[Seen, Seen]]:
    """Return pairs of living processes of one actor, the older first; a process and its own child are no pair."""
    by_name: defaultdict[str, list[Seen]] = defaultdict(list)
    for process in seen:
        if process.name and process.name != _SPARE and not process.is_zombie:
            by_name[process.name].append(process)
    pairs = []
    for processes in by_name.values():
        ordered = sorted(processes, key=lambda process: (process.started, process.pid))
        for at, older in enumerate(ordered):
            pairs += [(older, newer) for newer in ordered[at + 1 :] if not _are_related(older, newer)]
    return pairs


def _are_related(one: Seen, other: Seen) -> bool:
    return one.pid == other.parent or other.pid == one.parent


class Patrol:
    """Looks again and again, and remembers what should not be.

    Attributes:
        sessions: of all supervisors that ran; what they started belongs to them.
        doubles: actors that had two processes.
        zombies: ended processes of a living supervisor that were not collected.
    """

    def __init__(self) -> None:
        self.sessions: list[int] = []
        self.doubles: list[str] = []
        self.zombies: dict[int, str] = {}
        self._since_s: dict[tuple[int, int], float] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look(now_s=trio.current_time())
            await trio.sleep(EVERY_S)

    def look(self, *, now_s: float) -> None:
        """Look once."""
        seen = look_around(self.sessions)
        for older, newer in suspects(seen):
            # The newer one was seen alive; an older one that is alive still lived together with it.
            again = look_at(older.pid)
            if again is not None and again.started == older.started and not again.is_zombie:
                self.doubles.append(f"{older.name}: pids {older.pid} and {newer.pid}")
        self._note_zombies(seen, now_s)

    def _note_zombies(self, seen: list[Seen], now_s: float) -> None:
        alive = (
            {self.sessions[-1]} | {process.pid for process in seen if not process.is_zombie} if self.sessions else set()
        )
        zombies = {(process.pid, process.started) for process in seen if process.is_zombie and process.parent in alive}
        self._since_s = {key: self._since_s.get(key, now_s) for key in zombies}
        for (pid, _started), since_s in self._since_s.items():
            if now_s - since_s > ZOMBIE_S:
                self.zombies[pid] = f"pid {pid} ended and was not collected within {ZOMBIE_S:g} s"


def children_of(pid: int) -> list[tuple[int, str]]:
    """Return the living children of a process with their command lines."""
    seen = [look_at(other) for other in _all_pids()]
    return [
        (process.pid, _command_of(process.pid))
        for process in seen
        if process is not None and process.parent == pid and not process.is_zombie
    ]


def find_tagged(tag: str) -> list[int]:
    """Return living processes whose command line begins with a tag."""
    return [pid for pid in _all_pids() if _command_of(pid).startswith(tag)]
