"""From a decoded message to the topic it belongs to, and so to those who want it; and topics that lead nowhere."""

from collections.abc import Collection, Iterable
from typing import Any, Final, cast

from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.streams import Stream
from protocols.errors import UsageError
from protocols.upbit.messages import (
    MARKET_TYPES,
    Announcement,
    Candle,
    DataMessage,
    ErrorFrame,
    Message,
    MyAsset,
    MyOrder,
    Orderbook,
    Status,
    SubscriptionList,
    Ticker,
    Trade,
)
from protocols.upbit.topics import Topic, parse_topic

Answer = Status | ErrorFrame | SubscriptionList
_ANSWERS: Final = (Status, ErrorFrame, SubscriptionList)


class Router:
    """Publishes each message on its topic; a batch in one synchronous pass.

    Attributes:
        topics: every topic that is published, by its key.
        unseen: topics that were asked for and from which nothing came yet.
        repeated: snapshots that were not published, because their topic had sent one before and goes on since.
        unrouted: data that belongs to no topic wanted now: a few after each change of the wants, else a fault.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._tickers: dict[str, Stream] = {}
        self._trades: dict[str, Stream] = {}
        self._candles: dict[tuple[str, str], Stream] = {}
        self._books: dict[tuple[str, int, float], Stream] = {}
        self._books_of: dict[str, dict[Topic, Stream]] = {}
        self._depths_asked: dict[str, set[Topic]] = {}
        self._account: dict[type[DataMessage], Stream] = {}
        self.topics: dict[str, Topic] = {}
        self.unseen: dict[str, Topic] = {}
        self.repeated = self.unrouted = 0
        self._asked_again: dict[str, int] = {}

    def begin_connection(self) -> None:
        """Forget what was asked for before: a new connection sends only what is asked for on it."""
        self.unseen.clear()
        self._asked_again.clear()
        self._depths_asked = {code: set(streams) for code, streams in self._books_of.items()}

    def note_request(self, sent: Collection[Topic], unseen: Iterable[Topic]) -> None:
        """A request was sent.

        On a slow link the next request goes out before the first one's snapshots are here. What is still out must be
        asked for with its snapshot again, since the exchange acknowledges nothing; and if it had heeded the first
        request, it now sends two. The second one says nothing new to those who have had everything since the first.

        Args:
            sent: all topics of the request.
            unseen: those of them from which nothing came yet, so that they were asked for with a snapshot.
        """
        before, self.unseen = self.unseen, {topic.key: topic for topic in unseen}
        stayed = {topic.key for topic in sent} if self._asked_again else ()
        # One that is waited for anew was gone meanwhile, as the exchange's own list may show.
        self._asked_again = {
            key: times
            for key, times in self._asked_again.items()
            if key in stayed and (key in before or key not in self.unseen)
        }
        for key in before.keys() & self.unseen.keys():
            if self.unseen[key].type in MARKET_TYPES:
                self._asked_again[key] = self._asked_again.get(key, 0) + 1

    def rebuild(self) -> frozenset[Topic]:
        """Follow the publisher's streams; return the topics that are wanted.

        Streams that are kept although nobody wants them now are still fed, so that whoever comes back finds them fresh.
        """
        for table in (self._tickers, self._trades, self._candles, self._books, self._books_of, self._account):
            table.clear()
        topics: dict[str, Topic] = {}
        for key, stream in self._publisher.streams.items():
            topics[key] = topic = self.topics.get(key) or parse_topic(key)
            self._add(topic, stream)
        self.topics = topics
        return frozenset(topic for key, topic in topics.items() if self._publisher.streams[key].is_wanted)

    def route(self, messages: Iterable[Message], received_ns: int, wall_ns: int) -> tuple[list[Topic], list[Answer]]:
        """Publish a batch; return topics that were unseen until now, and what is no data but an answer to us."""
        publish, unseen, asked_again = self._publisher.publish, self.unseen, self._asked_again
        tickers, trades, books, candles = self._tickers, self._trades, self._books, self._candles
        first: list[Topic] = []
        answers: list[Answer] = []
        # The class decides, which is faster than isinstance and which mypy does not follow.
        for message in cast("Iterable[Any]", messages):
            kind = message.__class__
            if kind is Ticker:
                stream = tickers.get(message.code)
            elif kind is Orderbook:
                stream = books.get((message.code, len(message.orderbook_units), message.level)) or self._only_book(
                    message.code
                )
            elif kind is Trade:
                stream = trades.get(message.code)
            elif kind is Candle:
                stream = candles.get((message.type, message.code))
            elif isinstance(message, _ANSWERS):
                answers.append(message)
                continue
            else:
                stream = self._account.get(kind)
            if stream is None:
                self.unrouted += 1
                continue
            if unseen and stream.topic in unseen:
                first.append(unseen.pop(stream.topic))
                if asked_again and message.stream_type != "SNAPSHOT":
                    asked_again.pop(stream.topic, None)  # Not in the order that is expected: rather two than none.
            elif asked_again and stream.topic in asked_again and message.stream_type == "SNAPSHOT":
                self._take_repeated(stream.topic)
                continue
            publish(stream, message, received_ns, wall_ns)
        return first, answers

    def _take_repeated(self, key: str) -> None:
        self.repeated += 1
        self._asked_again[key] -= 1
        if not self._asked_again[key]:
            del self._asked_again[key]

    def _add(self, topic: Topic, stream: Stream) -> None:
        if topic.type == "ticker":
            self._tickers[topic.code] = stream
        elif topic.type == "trade":
            self._trades[topic.code] = stream
        elif topic.type == "orderbook":
            self._books[topic.code, topic.units, topic.level] = stream
            self._books_of.setdefault(topic.code, {})[topic] = stream
            self._depths_asked.setdefault(topic.code, set()).add(topic)
        elif topic.code:
            self._candles[topic.type, topic.code] = stream
        else:
            self._account[_ACCOUNT_TYPES[topic.type]] = stream

    def _only_book(self, code: str) -> Stream | None:
        """A book of another depth than asked for can only belong to the one book topic of its market, if it is one.

        The exchange's default depth was 15 in 2021 and is 30 today. Where several depths were asked for on this
        connection, a book that fits none of those wanted now is a late one of the set before.
        """
        streams = self._books_of.get(code, {})
        if len(streams) != 1 or len(self._depths_asked.get(code, ())) != 1:
            return None
        return next(iter(streams.values()))


_ACCOUNT_TYPES: Final[dict[str, type[DataMessage]]] = {
    "myOrder": MyOrder,
    "myAsset": MyAsset,
    "announcement": Announcement,
}


def refusal_of(key: str, served: Collection[str], *, other: str) -> str:
    """Say why a connection for the types `served` cannot serve a topic, or "" when it can; `other` serves the rest."""
    try:
        topic = parse_topic(key)
    except UsageError as error:
        return str(error)
    if topic.type not in served:
        return f"{topic.type} is served by the actor `{other}`"
    return "" if topic.key == key else f"write {topic.key!r} instead of {key!r}: a topic has one spelling"
