"""What a consumer knows of its source: how the link stands, what was missed, what is not served.

Sans-I/O: the markers of a channel in, a description for people and programs out. Times are monotonic nanoseconds.
"""

from typing import Final

from protocols.channel.messages import Down, Gap, SourceLink, Up, WantProblem

Marker = Down | Up | Gap | WantProblem

MAX_PROBLEMS: Final = 100
"""Problems kept, by topic; a scanner of 855 markets on a wrong server must not fill memory and screens."""


class SourceView:
    """One source of a consumer.

    Args:
        server: who serves it, for people.
        now_ns: when the consumer began to look.

    Attributes:
        link: `connecting` until the first word about it, then `up`, `down`, or `parked` (waits for its owner).
        uncertain_since_ns: since when something may have been missed that nothing has made good; None when nothing was.
        uncertain_why: what happened then.
    """

    def __init__(self, server: str, *, now_ns: int) -> None:
        self.server = server
        self.link: SourceLink = "connecting"
        self.reason = ""
        self.epoch = 0
        self.outages = 0
        self.missed = 0
        self.problems: dict[str, str] = {}
        self.uncertain_since_ns: int | None = None
        self.uncertain_why = ""
        self._since_ns = now_ns
        self._was_up = False

    def take(self, marker: Marker, *, now_ns: int) -> None:
        """Take in one marker; one that tells nothing new changes nothing."""
        match marker:
            case Up():
                self.problems.clear()
                self.epoch = marker.epoch
                self._was_up = True
                self._turn("up", "", now_ns)
            case Down():
                if self.link == "up":
                    self.outages += 1
                self._turn("parked" if marker.parked else "down", marker.reason, now_ns)
                if self._was_up:
                    self.doubt(marker.reason, at_ns=marker.at_ns)
            case Gap():
                missed = marker.last - marker.first + 1
                self.missed += missed
                self.doubt(f"{missed} events of {marker.topic} missed: {marker.reason}", at_ns=now_ns)
            case WantProblem():
                if len(self.problems) < MAX_PROBLEMS or marker.topic in self.problems:
                    self.problems[marker.topic] = marker.reason

    def doubt(self, why: str, *, at_ns: int) -> None:
        """Note that something may have been missed. The first loss counts: what is known was whole before it."""
        if self.uncertain_since_ns is None:
            self.uncertain_since_ns, self.uncertain_why = at_ns, why

    def served(self, topic: str) -> None:
        """An event of this topic came after all."""
        if self.problems:
            self.problems.pop(topic, None)

    def keep_problems_of(self, topics: frozenset[str]) -> None:
        """Forget problems of topics that are no longer wanted."""
        self.problems = {topic: reason for topic, reason in self.problems.items() if topic in topics}

    def describe(self, *, now_ns: int) -> dict[str, object]:
        """Return the link as plain values; `for_s` is how long it has stood like this."""
        return {
            "server": self.server,
            "link": self.link,
            "reason": self.reason,
            "for_s": round((now_ns - self._since_ns) / 1e9, 3),
            "epoch": self.epoch,
            "outages": self.outages,
            "missed": self.missed,
            "problems": dict(self.problems),
        }

    def describe_doubt(self, *, now_ns: int) -> dict[str, object] | None:
        """Return since when and why the picture may be incomplete; None when nothing was missed."""
        if self.uncertain_since_ns is None:
            return None
        return {"for_s": round((now_ns - self.uncertain_since_ns) / 1e9, 3), "reason": self.uncertain_why}

    def _turn(self, link: SourceLink, reason: str, now_ns: int) -> None:
        if link != self.link:
            self.link, self._since_ns = link, now_ns
        self.reason = reason
