"""One stream, as it was sent and as it was received: what was lost, doubled, reordered, altered, or never sent.

Pure: two lists in, one result out. Messages are named by an `identity` and told apart by a `digest` of all their
values; `place` is where the caller finds the message again.

The rules:

- A received message is first paired with one sent that is the same in everything (the next in order where several are
  the same; as often as one connection sent it), then with one of the same identity: that one is `altered`.
- One that is left over is `repeated` when it may be (a snapshot, or the last known value for a late comer), else
  `doubled` when it was sent at all, else `unknown`. What came from REST after an outage counts as `recovered`, what
  came after the newest line of the journal as `unjudged`; where a line tells no time, that is what stands behind the
  last message that was paired.
- Of what was sent, only that counts which lies between the first and the last message that was paired: before and after
  that nobody knows whether the consumer was listening. Unpaired there, a message is `lost`; `announced` when the
  consumer was told of it (an outage or a gap stands between its neighbours in the trace); `merged` when that is right.
- Not lost is a message that was sent again and paired then, one whose identity a snapshot told (both `resent`), and a
  snapshot (`unseen_snapshots`).
- `reordered` are those that stand in the way of the order sent: the fewest without which the rest is in order.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from msgspec import Struct, field


class Place(NamedTuple):
    """Where a message stands in its file: byte offset and number of the line, and which of the line's messages."""

    offset: int
    line: int
    row: int = 0


class Sent(Struct, frozen=True, gc=False):
    """One message that was sent, and on which connection."""

    identity: Hashable
    digest: int
    place: Place
    connection: int = 0
    is_snapshot: bool = False


class Received(Struct, frozen=True, gc=False):
    """One message in the trace.

    Attributes:
        is_snapshot: it is the state at the time of a request.
        is_cached: it is the last known value, said again to a late comer.
        is_recovered: it was fetched after an outage, not sent on a socket.
        is_after_journal: it came after the newest line of a journal without an end; None when nothing tells.
    """

    identity: Hashable
    digest: int
    place: Place
    is_snapshot: bool = False
    is_cached: bool = False
    is_recovered: bool = False
    is_after_journal: bool | None = False


class Outage(Struct, frozen=True):
    """The consumer was told that its link was gone: anything may be missing here."""


class Missed(Struct, frozen=True):
    """The consumer was told that this many messages of the stream did not reach it."""

    count: int


Noted = Received | Outage | Missed
"""What a trace has of one stream, in its order."""


class Comparison(Struct, kw_only=True):
    """What became of one stream.

    Attributes:
        sent: messages that count, each once however often it was sent.
        received: messages in the trace.
        lost, doubled, reordered, altered, unknown: the findings, in order.
        announced, merged: sent, not received, and that was right.
        repeated: received again, and that was right.
        resent: sent more than once, and received fewer times.
        unseen_snapshots: snapshots that are not in the trace.
        recovered, unjudged: received, and not to be compared.
    """

    sent: int = 0
    received: int = 0
    lost: list[Sent] = field(default_factory=list)
    doubled: list[Received] = field(default_factory=list)
    reordered: list[Received] = field(default_factory=list)
    altered: list[tuple[Sent, Received]] = field(default_factory=list)
    unknown: list[Received] = field(default_factory=list)
    announced: int = 0
    merged: int = 0
    repeated: int = 0
    resent: int = 0
    unseen_snapshots: int = 0
    recovered: int = 0
    unjudged: int = 0


def compare_stream(sent: Sequence[Sent], noted: Sequence[Noted], *, is_merging_right: bool = False) -> Comparison:
    """Compare one stream.

    Args:
        sent: what the exchange sent, in order.
        noted: what the consumer wrote down, in order.
        is_merging_right: the consumer asked for the newest only; what was left out was merged.
    """
    pairing = _Pairing(sent)
    result: Comparison = Comparison(received=sum(isinstance(item, Received) for item in noted))
    _pair(pairing, noted, result)
    _judge_sent(pairing, noted, result, is_merging_right=is_merging_right)
    in_time = [at for at in pairing.position_to_sent if not _at(noted, at).is_recovered]
    in_time.sort()
    order = [pairing.position_to_sent[at] for at in in_time]
    result.reordered = [_at(noted, in_time[index]) for index in out_of_order(order)]
    return result


def out_of_order(numbers: Sequence[int]) -> list[int]:
    """Return the indices of the fewest numbers without which the rest strictly increases; numbers are different."""
    if all(one < other for one, other in pairwise(numbers)):
        return []
    ends: list[int] = []  # Of the best run of each length so far: its last number, and where that stands.
    places: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(places[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            places.append(index)
        else:
            ends[length], places[length] = number, index
    staying: set[int] = set()
    at = places[-1]
    while at >= 0:
        staying.add(at)
        at = before[at]
    return [index for index in range(len(numbers)) if index not in staying]


class _Pairing:
    """Which received message is which of those sent.

    Attributes:
        position_to_sent: position in the trace -> number of the sent message.
        sent_to_position: the other way round; -1 for none.
    """

    def __init__(self, sent: Sequence[Sent]) -> None:
        self.sent = sent
        self.position_to_sent: dict[int, int] = {}
        self.sent_to_position = [-1] * len(sent)
        self._by_identity: dict[Hashable, list[int]] = {}
        self._newest = -1
        for number, message in enumerate(sent):
            self._by_identity.setdefault(message.identity, []).append(number)

    def same_identity(self, identity: Hashable) -> list[int]:
        """Numbers of the messages sent with an identity."""
        return self._by_identity.get(identity, [])

    def is_free(self, number: int) -> bool:
        """Whether a sent message is not paired yet."""
        return self.sent_to_position[number] < 0

    def take_equal(self, position: int, message: Received) -> bool:
        """Pair a received message with a sent one that is the same, the next in order if there is a choice.

        One that several connections sent is due once, one that a connection sent twice is due twice.
        """
        copies = [n for n in self.same_identity(message.identity) if self.sent[n].digest == message.digest]
        free = [number for number in copies if self.is_free(number)]
        if not free:
            return False
        if len(free) < len(copies) >= 2:
            due = max(Counter(self.sent[number].connection for number in copies).values())
            if len(copies) - len(free) >= due:
                return False
        number = next((number for number in free if number > self._newest), free[0])
        self._newest = max(self._newest, number)
        self.take(position, number)
        return True

    def take_alike(self, position: int, message: Received) -> int | None:
        """Pair a received message with one of its identity that nobody received, a snapshot with a snapshot."""
        free = [number for number in self.same_identity(message.identity) if self.is_free(number)]
        if not free:
            return None
        number = min(free, key=lambda number: self.sent[number].is_snapshot is not message.is_snapshot)
        self.take(position, number)
        return number

    def take(self, position: int, number: int) -> None:
        """Pair the two."""
        self.position_to_sent[position] = number
        self.sent_to_position[number] = position

    def was_told(self, number: int) -> bool:
        """Whether an unpaired message reached the consumer as a copy of it, or by a snapshot of the same identity."""
        message = self.sent[number]
        return any(
            not self.is_free(other) and (self.sent[other].digest == message.digest or self.sent[other].is_snapshot)
            for other in self.same_identity(message.identity)
        )


def _at(noted: Sequence[Noted], position: int) -> Received:
    item = noted[position]
    assert isinstance(item, Received)  # noqa: S101 - only messages are paired
    return item


def _pair(pairing: _Pairing, noted: Sequence[Noted], result: Comparison) -> None:
    """Pair what is the same, then judge what is left of the trace."""
    left = [
        (position, item)
        for position, item in enumerate(noted)
        if isinstance(item, Received) and not pairing.take_equal(position, item)
    ]
    last = max(pairing.position_to_sent, default=len(noted))
    for position, item in left:
        _judge_unpaired(pairing, position, item, result, last=last)


def _judge_unpaired(pairing: _Pairing, position: int, item: Received, result: Comparison, *, last: int) -> None:
    """Judge a received message that is like none that was sent; the one at `last` is the last that is."""
    alike = pairing.same_identity(item.identity)
    is_too_late = position > last if item.is_after_journal is None else item.is_after_journal
    if item.is_recovered:
        result.recovered += 1
    elif not alike and is_too_late:
        result.unjudged += 1
    elif not alike:
        result.unknown.append(item)
    elif any(pairing.sent[number].digest == item.digest for number in alike):
        if item.is_cached or item.is_snapshot:
            result.repeated += 1
        else:
            result.doubled.append(item)
    else:
        number = pairing.take_alike(position, item)
        result.altered.append((pairing.sent[alike[-1] if number is None else number], item))


def _judge_sent(pairing: _Pairing, noted: Sequence[Noted], result: Comparison, *, is_merging_right: bool) -> None:
    """Judge what was sent between the first and the last message that was paired."""
    told = _Told(noted)
    paired = sorted(pairing.position_to_sent.values())
    result.sent = len(paired)
    for before, after in _holes(paired):
        lost: list[Sent] = []
        for number in range(before + 1, after):
            if pairing.was_told(number):
                result.resent += 1
            elif pairing.sent[number].is_snapshot:
                result.unseen_snapshots += 1
            else:
                lost.append(pairing.sent[number])
        result.sent += len(lost)
        limit = told.between(pairing.sent_to_position[before], pairing.sent_to_position[after])
        announced = len(lost) if limit is None else min(len(lost), limit)
        result.announced += announced
        if is_merging_right:
            result.merged += len(lost) - announced
        else:
            result.lost += lost[announced:]


def _holes(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbours between which numbers are missing."""
    return ((one, other) for one, other in pairwise(numbers) if other - one > 1)


class _Told:
    """What the consumer was told of messages that it did not get."""

    def __init__(self, noted: Sequence[Noted]) -> None:
        self._outages = list(accumulate((isinstance(item, Outage) for item in noted), initial=0))
        missed = (item.count if isinstance(item, Missed) else 0 for item in noted)
        self._missed = list(accumulate(missed, initial=0))

    def between(self, one: int, other: int) -> int | None:
        """How many messages are said to be missing between two positions; None: any number, for an outage."""
        first, last = min(one, other), max(one, other)
        if self._outages[last] > self._outages[first]:
            return None
        return self._missed[last] - self._missed[first]
