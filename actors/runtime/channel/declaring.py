"""What one link wants, as far as the other side was told, and the fences of the topics that leave.

A topic that leaves may still have events under way. Until the other side has accepted the wants without it, what comes
of it belongs to no want any more, not even to one of the same topic that is declared behind them. No I/O here.
"""

from protocols.channel.messages import Wants


class Declarations:
    """The wants of one link, over all connections that it has.

    Attributes:
        newest: what is wanted; its version grows by one with each change.
        leaving: topics whose events are dropped, each with the version of the wants that left it out; empties by
            `settle`, and stays the same object.
    """

    def __init__(self) -> None:
        self.newest = Wants(0, ())
        self.leaving: dict[str, int] = {}
        self._declared: frozenset[str] = frozenset()

    @property
    def topics(self) -> frozenset[str]:
        """All that is wanted now."""
        return topics_of(self.newest)

    def begin_link(self) -> None:
        """The other side starts anew: nothing was declared to it."""
        self._declared = frozenset()

    def goes_out(self, wants: Wants) -> None:
        """Fence off the topics that these wants leave out, from the moment before they are sent."""
        topics = topics_of(wants)
        self.leaving.update(dict.fromkeys(self._declared - topics, wants.version))
        self._declared = topics

    def settle(self, version: int) -> list[str]:
        """Take down the fences of this version: nothing more comes of what had left by then. Return those topics."""
        settled = [topic for topic, left in self.leaving.items() if left <= version]
        for topic in settled:
            del self.leaving[topic]
        return settled


def topics_of(wants: Wants) -> frozenset[str]:
    """Return the topics of a declaration."""
    return frozenset(want.topic for want in wants.wants)
