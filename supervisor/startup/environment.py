"""The variables that are ours, taken out of the environment so that nobody else sees what they hold.

A variable that is removed is no longer inherited, but /proc/PID/environ still shows it: what the kernel shows is the
memory that the program was started with, proc(5). So the values are overwritten there too.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

from supervisor.specs.overrides import NEITHER_SETTING_NOR_SECRET, PREFIX, take_environment

_SHOWN: Final = {os.fsencode(name) for name in NEITHER_SETTING_NOR_SECRET}
"""They hold no secret, and by `UPBITD_TREE` the tree that this process may be a part of knows it."""

_ENV_START, _ENV_END = 47, 48
"""Places in /proc/PID/stat, counted from behind the name of the program, proc_pid_stat(5)."""


def take_variables() -> dict[str, str]:
    """Remove every UPBITD_ variable from the environment of this process, in whatever way it is seen; return them."""
    variables = take_environment(os.environ)
    _overwrite_values()
    return variables


def _overwrite_values() -> None:
    """Overwrite the values in the memory that the kernel shows; nothing in the process refers to them any more."""
    places = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    address, end = int(places[_ENV_START]), int(places[_ENV_END])
    for entry in ctypes.string_at(address, end - address).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name.startswith(PREFIX.encode()) and name not in _SHOWN:
            # Not by zeros: for who reads this, such as psutil, an empty entry is the end of all.
            ctypes.memset(address + len(entry) - len(value), ord("*"), len(value))
        address += len(entry) + 1
