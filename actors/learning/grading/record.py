"""What the exchange saw, folded from its journal: who asked for what and when, and what was sent."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from actors.exchange.journal.journal_file import JournalFile
from actors.exchange.journal.lines import ConnectionClosed, ConnectionOpened, Frame, JournalLine, Lost, Said, Started
from actors.exchange.market.universe import build_universe
from protocols.upbit.requests import RequestRefused, parse_request
from protocols.upbit.topics import Topic

MAX_STEPS: Final = 20_000
MAX_PRICES: Final = 50_000
MAX_REFUSALS: Final = 20

NOTHING: Final[frozenset[Topic]] = frozenset()

_ERROR_NAME: Final = re.compile(r'"name":\s*"(?P<name>\w+)"')
_PRICE: Final = re.compile(r'"(?:tp|trade_price)":\s*(?P<price>-?[0-9.eE+-]+)')
_STATE: Final = re.compile(r'"(?:s|state)":\s*"(?P<state>\w+)"')
_SNAPSHOT: Final = re.compile(r'"(?:st|stream_type)":\s*"SNAPSHOT"')


class Step(NamedTuple):
    """What was asked for from a time on, by all connections of one kind together.

    Attributes:
        t_ns: the machine's monotonic clock.
        kind: `public` or `private`.
        topics: everything asked for from then on.
        is_request: by a request; otherwise a connection ended.
    """

    t_ns: int
    kind: str
    topics: frozenset[Topic]
    is_request: bool


class StreamSeen(Struct):
    """Messages of one type of one market that were sent, snapshots counted by themselves; times in monotonic ns."""

    messages: int = 0
    snapshots: int = 0
    first_ns: int = 0
    last_ns: int = 0


class ExchangeRecord(Struct):
    """A journal in short. Lists and sets have limits; what comes after one is counted in `left_out`.

    Attributes:
        steps: how what was asked for changed, in order of time.
        streams: what was sent, by type and market (no market for the account's types).
        opened: connections, by kind.
        refusals: names of the error frames that were sent.
        order_states: market and state of the order events that were sent.
        ticker_prices: the trade prices of all tickers that were sent.
        settings: of the exchange.
        lost_lines: lines that the exchange could not write.
        left_out: entries beyond a limit.
    """

    steps: list[Step] = field(default_factory=list)
    streams: dict[tuple[str, str], StreamSeen] = field(default_factory=dict)
    opened: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    order_states: set[tuple[str, str]] = field(default_factory=set)
    ticker_prices: set[float] = field(default_factory=set)
    settings: dict[str, Any] = field(default_factory=dict)
    lost_lines: int = 0
    left_out: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether market data were ever asked for.

        The account's types prove nothing: a tree that has keys asks for them whether a program wants them or not.
        """
        return any(step.topics for step in self._public_steps)

    @property
    def held_at_end(self) -> frozenset[Topic]:
        """The market data that were still asked for when the record ends."""
        steps = self._public_steps
        return steps[-1].topics if steps else NOTHING

    @property
    def released_ns(self) -> int | None:
        """When no market data were asked for any more; None while some are, and when none ever were."""
        released_ns = None
        before = NOTHING
        for step in self._public_steps:
            if before and not step.topics:
                released_ns = step.t_ns
            before = step.topics
        return None if before else released_ns

    @property
    def _public_steps(self) -> list[Step]:
        return [step for step in self.steps if step.kind == "public"]

    @property
    def krw_markets(self) -> frozenset[str]:
        """All KRW markets of the exchange."""
        specs = build_universe(self.settings["markets"], seed=self.settings["seed"])
        return frozenset(spec.code for spec in specs if spec.code.startswith("KRW-"))

    def requests(self, kind: str) -> list[Step]:
        """Steps of one kind that a request made."""
        return [step for step in self.steps if step.kind == kind and step.is_request]

    def code_sets(self, type_: str) -> list[tuple[int, frozenset[str]]]:
        """The sets of markets of one public type that were asked for one after another, each with its begin in ns.

        Times without any are passed over, and what goes on unchanged is there once.
        """
        sets: list[tuple[int, frozenset[str]]] = []
        for step in self._public_steps:
            codes = frozenset(topic.code for topic in step.topics if topic.type == type_)
            if codes and (not sets or codes != sets[-1][1]):
                sets.append((step.t_ns, codes))
        return sets

    def sent(self, type_: str, code: str = "") -> StreamSeen:
        """What was sent of one stream."""
        return self.streams.get((type_, code), StreamSeen())

    def messages(self, type_: str) -> int:
        """How many messages of one type were sent, over all markets."""
        return sum(seen.messages for (kind, _), seen in self.streams.items() if kind == type_)

    def first_ns(self, type_: str) -> int | None:
        """When the first message of one type was sent."""
        return min((seen.first_ns for (kind, _), seen in self.streams.items() if kind == type_), default=None)


class Recorder:
    """Folds the lines of a journal into a record."""

    def __init__(self) -> None:
        self.record = ExchangeRecord()
        self._kinds: dict[int, str] = {}
        self._asked: dict[int, frozenset[Topic]] = {}

    def add(self, line: JournalLine) -> None:
        """Take one line."""
        match line:
            case Frame():
                self._add_frame(line)
            case Said():
                self._add_request(line)
            case ConnectionOpened():
                self._kinds[line.connection] = line.kind
                self.record.opened[line.kind] += 1
            case ConnectionClosed(connection=number) if self._asked.pop(number, NOTHING):
                self._add_step(line.t_ns, self._kinds[number], is_request=False)
            case Started(settings=settings):
                self.record.settings = settings
            case Lost(lines=lines):
                self.record.lost_lines += lines

    def _add_request(self, line: Said) -> None:
        try:
            request = parse_request(line.text.encode())
        except RequestRefused:
            return  # The exchange answers it with an error frame, which is counted.
        if not request.subscriptions or line.connection not in self._kinds:
            return  # It asks for the list of subscriptions, and changes nothing.
        topics = frozenset(topic for subscription in request.subscriptions for topic in subscription.topics)
        self._asked[line.connection] = topics
        self._add_step(line.t_ns, self._kinds[line.connection], is_request=True)

    def _add_step(self, t_ns: int, kind: str, *, is_request: bool) -> None:
        topics = NOTHING.union(*(asked for number, asked in self._asked.items() if self._kinds[number] == kind))
        if len(self.record.steps) == MAX_STEPS:
            self.record.steps.pop()  # What is asked for at the end counts more than what was before.
            self.record.left_out += 1
        self.record.steps.append(Step(t_ns, kind, topics, is_request))

    def _add_frame(self, line: Frame) -> None:
        if not line.type:
            self._add_refusal(line)
            return
        text = line.payload.decode("utf-8", "replace") if line.base64 else line.text
        key = (line.type, "" if line.type in {"myOrder", "myAsset"} else line.code)
        seen = self.record.streams.get(key)
        if seen is None:
            seen = self.record.streams[key] = StreamSeen(first_ns=line.t_ns)
        seen.messages += 1
        seen.last_ns = line.t_ns
        seen.snapshots += _SNAPSHOT.search(text) is not None
        if line.type == "ticker" and (match := _PRICE.search(text)):
            self._add_price(float(match["price"]))
        elif line.type == "myOrder" and (match := _STATE.search(text)):
            self.record.order_states.add((line.code, match["state"]))  # As many as markets times six states.

    def _add_price(self, price: float) -> None:
        if len(self.record.ticker_prices) < MAX_PRICES:
            self.record.ticker_prices.add(price)
        else:
            self.record.left_out += 1

    def _add_refusal(self, line: Frame) -> None:
        if '"error"' not in line.text:
            return  # A status, or the list of subscriptions.
        match = _ERROR_NAME.search(line.text)
        if len(self.record.refusals) < MAX_REFUSALS:
            self.record.refusals.append(match["name"] if match else "?")
        else:
            self.record.left_out += 1


def record_of(lines: Iterable[JournalLine]) -> ExchangeRecord:
    """Fold lines into a record."""
    recorder = Recorder()
    for line in lines:
        recorder.add(line)
    return recorder.record


def read_record(journal: Path, *, until_ns: int) -> ExchangeRecord:
    """Read a journal up to a time: what comes after it is how the exchange itself ended.

    Raises:
        SettingsError: it cannot be read.
    """
    return record_of(_lines_until(journal, until_ns))


def _lines_until(journal: Path, until_ns: int) -> Iterator[JournalLine]:
    for seen in JournalFile(journal, lambda _: None).lines():
        if seen.line.t_ns > until_ns:
            return
        yield seen.line
