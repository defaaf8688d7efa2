"""What one run measured, and where the numbers come from."""

import resource
from pathlib import Path
from typing import Any

import msgspec

STAMP_BASE = 10**18


class Figures(msgspec.Struct):
    """One run of one client.

    Attributes:
        events: callbacks called.
        seconds: from the first callback to the last.
        cpu_s: CPU time of each process of the client, by role, over that time.
        latencies_us: from the server's send to the callback; empty for runs that are flat out.
        rss_bytes: of each process at the end, by role.
        lost: events that never came, as far as the client can tell.
    """

    events: int
    seconds: float
    cpu_s: dict[str, float]
    rss_bytes: dict[str, int]
    latencies_us: list[float] = []
    lost: int = 0

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds if self.seconds else 0.0

    def cpu_us(self, role: str | None = None) -> float:
        """CPU microseconds for each event, of one role or of all."""
        total_s = sum(self.cpu_s.values()) if role is None else self.cpu_s[role]
        return total_s * 1e6 / self.events


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, from the scheduler, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def rss_bytes(pid: int) -> int:
    """Resident memory of a process now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def write(path: Path, figures: Figures) -> None:
    """Hand the figures to whoever started this process; complete once the file is there."""
    scratch = path.with_suffix(".part")
    scratch.write_bytes(msgspec.json.encode(figures))
    scratch.rename(path)


def read(path: Path) -> Figures:
    """Read what `write` wrote."""
    content: Any = msgspec.json.decode(path.read_bytes(), type=Figures)
    figures: Figures = content
    return figures
