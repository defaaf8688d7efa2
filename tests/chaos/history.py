"""What the supervisor's lifecycle events say of each child. Pure: lines in, states out."""

from typing import Final

from msgspec import Struct


class LifecycleEvent(Struct, frozen=True):
    """One line of the supervisor's history, as far as it matters here."""

    event: str
    child: str | None
    pid: int | None
    t_ns: int
    cause: str = ""
    code: int | None = None
    signal: int | None = None
    reason: str = ""


class Standing(Struct):
    """Where one child is.

    Attributes:
        state: `none`, `starting`, `ready`, `ended` or `parked`.
        pid: of its newest life.
        since_ns: since when, by the supervisor's clock.
    """

    state: str = "none"
    pid: int = 0
    since_ns: int = 0


_STATE: Final = {
    "child_started": "starting",
    "child_ready": "ready",
    "child_exited": "ended",
    "child_stopped": "ended",
}


class History:
    """All children of one tree, over all its supervisors.

    Attributes:
        children: by name.
        ends: of processes, in order.
        newest: the last events, for stories.
    """

    def __init__(self) -> None:
        self.children: dict[str, Standing] = {}
        self.ends: list[LifecycleEvent] = []
        self.newest: list[LifecycleEvent] = []

    def feed(self, event: LifecycleEvent) -> None:
        """Take one event."""
        self.newest = [*self.newest[-59:], event]
        if event.child is None:
            return
        standing = self.children.setdefault(event.child, Standing())
        if event.event == "child_parked":
            if event.pid is None:
                standing.state, standing.since_ns = "parked", event.t_ns
            return
        if event.event not in _STATE:
            return
        state = _STATE[event.event]
        if state == "ended":
            self.ends.append(event)
        standing.state, standing.since_ns = state, event.t_ns
        standing.pid = event.pid or standing.pid

    def standing(self, child: str) -> Standing:
        """Return where a child is."""
        return self.children.get(child, Standing())

    def forget(self) -> None:
        """Forget where everybody was: the supervisor was killed, and its processes with it."""
        self.children.clear()

    def unexplained(self, begin: int, may_end: frozenset[str]) -> list[str]:
        """Describe the ends from position `begin` on of children that had no reason to end."""
        return [
            f"{end.child} (pid {end.pid}): cause {end.cause}, code {end.code}, signal {end.signal}"
            for end in self.ends[begin:]
            if end.child not in may_end
        ]
