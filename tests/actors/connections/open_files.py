"""How many descriptors this process has open."""

from pathlib import Path


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
