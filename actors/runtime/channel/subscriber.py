"""One attached client as its publisher sees it: its outbox, what it wants, and which of that it is given. No I/O."""

from collections.abc import Callable
from typing import Final

import msgspec

from protocols.channel.framing import pack_frame
from protocols.channel.messages import Want, WantProblem, Wants
from protocols.channel.outbox import Outbox

MAX_WANTS: Final = 20_000
"""Wants of one client: more than every market times every type, units included (855 x 17)."""

MAX_PROBLEMS: Final = 1000
"""Refused wants of one declaration that are named one by one."""

MIN_SAMPLE_MS: Final = 1

_encode = msgspec.msgpack.Encoder().encode


class Subscriber:
    """One attached client: its outbox and what it wants.

    Attributes:
        wants: what it is given, by topic.
        intervals_s: how often its sampled topics leave.
    """

    def __init__(self, outbox: Outbox, name: str) -> None:
        self.outbox = outbox
        self.name = name
        self.wants: dict[str, Want] = {}
        self.intervals_s: dict[str, float] = {}

    def send(self, message: msgspec.Struct) -> None:
        """Queue one message that keeps its place among the events."""
        self.outbox.put_marker(pack_frame(_encode(message)))

    def admit(self, wants: Wants, refuse: Callable[[str], str]) -> tuple[dict[str, Want], list[WantProblem]]:
        """Return those wants that can be served, by topic, and why each of the others cannot.

        `refuse` is asked for each topic that it does not have yet; it returns "" for one that can be served.
        """
        admitted: dict[str, Want] = {}
        refused: list[WantProblem] = []
        for want in wants.wants[:MAX_WANTS]:
            reason = "" if want.topic in self.wants else refuse(want.topic)
            if reason:
                refused.append(WantProblem(want.topic, reason, is_held=False))
            else:
                admitted[want.topic] = want
        if len(wants.wants) > MAX_WANTS:
            reason = f"this one and those behind it: more than {MAX_WANTS} wants of one client"
            refused.append(WantProblem(wants.wants[MAX_WANTS].topic, reason, is_held=False))
        return admitted, refused

    def send_refused(self, refused: list[WantProblem]) -> None:
        """Queue why wants were refused; of very many, one stands for those behind it."""
        for problem in refused[:MAX_PROBLEMS]:
            self.send(problem)
        for problem in refused[MAX_PROBLEMS : MAX_PROBLEMS + 1]:
            reason = f"{problem.reason} (and others, {len(refused)} in all)"
            self.send(WantProblem(problem.topic, reason, is_held=False))

    def replace_wants(self, wants: dict[str, Want]) -> tuple[list[Want], list[Want]]:
        """Hold exactly these wants; return those of before that end, and those that begin.

        A topic that is wanted in another way than before ends and begins. What waits in the outbox of a topic that is
        not wanted at all any more is forgotten.
        """
        old, self.wants = self.wants, wants
        ended = [want for topic, want in old.items() if wants.get(topic) != want]
        for want in ended:
            if want.topic not in wants:
                self.outbox.forget(want.topic)
        self.intervals_s = {
            topic: max(want.sample_ms, MIN_SAMPLE_MS) / 1000
            for topic, want in wants.items()
            if want.delivery == "sampled"
        }
        return ended, [want for topic, want in wants.items() if old.get(topic) != want]
