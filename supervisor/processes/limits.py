"""What one child may use, set and read from outside."""

import contextlib
import os
import re
import resource
from pathlib import Path
from typing import Final

from supervisor.specs.spec import ChildSpec

MIB: Final = 1024 * 1024
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

READ_BYTES: Final = 16 * 1024

_OOM_KILLS: Final = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)

BACKSTOP_FACTOR: Final = 2
BACKSTOP_MIB: Final = 64
"""Resident memory is looked at once a heartbeat. What a child takes between two looks is stopped by the kernel: private
memory beyond twice the limit and this is refused, which is a MemoryError in the child."""


def apply_limits(pid: int, spec: ChildSpec) -> None:
    """Set the limits of a child that was just made; one that is gone already needs none."""
    with contextlib.suppress(ProcessLookupError):
        if spec.open_files is not None:
            _set_limit(pid, resource.RLIMIT_NOFILE, spec.open_files)
        if spec.memory_limit_mib is not None:
            most = int((spec.memory_limit_mib * BACKSTOP_FACTOR + BACKSTOP_MIB) * MIB)
            _set_limit(pid, resource.RLIMIT_DATA, most)


def _set_limit(pid: int, which: int, most: int) -> None:
    """Set one limit, but never above the one that is there: only a privileged process may raise that, getrlimit(2)."""
    _soft, hard = resource.prlimit(pid, which)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.prlimit(pid, which, (most, most))


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process; None when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return None


class OomCount:
    """How many processes the kernel has killed because memory was short, here: of this cgroup, or of the machine.

    Source: `memory.events` of control group v2, which counts the group's own processes whatever the shortage was;
    without it /proc/vmstat.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._file = _own_group(proc, cgroups) / "memory.events"
        if not self._file.is_file():
            self._file = proc / "vmstat"

    def read(self) -> int:
        """Return the count; 0 when it cannot be known."""
        try:
            found = _OOM_KILLS.search(_contents(self._file))
        except OSError:
            return 0
        return int(found[1]) if found else 0


def _contents(path: Path) -> bytes:
    """Return what a small file of the kernel says; `Path.read_text` takes twice as long, and a restart waits for it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        contents = b""
        while piece := os.read(fd, READ_BYTES):  # The kernel gives a page at most.
            contents += piece
        return contents
    finally:
        os.close(fd)


def _own_group(proc: Path, cgroups: Path) -> Path:
    try:
        groups = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        groups = []
    return cgroups.joinpath(*[group.removeprefix("0::").strip("/") for group in groups if group.startswith("0::")])
