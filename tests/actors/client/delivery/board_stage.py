"""A client's switchboard without a tree: the test puts in what a link would, and looks at what callbacks get."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from actors.client.delivery.callbacks import AnyCallback, Callback
from actors.client.delivery.lane import Lane
from actors.client.delivery.switchboard import Item, Switchboard
from actors.client.hosts import current_host
from actors.client.wishes import Wish, wish_of_market
from protocols.channel.messages import CACHED, LIVE, Event

BTC: Final = "KRW-BTC"
ETH: Final = "KRW-ETH"
XRP: Final = "KRW-XRP"


class Board(Switchboard):
    """A switchboard in the loop of the test, and a source that numbers its events as an actor does."""

    def __init__(self, name: str = "test") -> None:
        super().__init__(name)
        self.bind(current_host())
        self.run_in_thread = _run_in_thread
        self.sequences: dict[str, int] = defaultdict(int)
        self.epoch = 1

    def event(self, topic: str, *, origin: int = LIVE) -> Event[Any]:
        """The next event of a topic; its body says which one it is."""
        self.sequences[topic] += 1
        sequence = self.sequences[topic]
        now_ns = time.monotonic_ns()
        return Event(topic, self.epoch, sequence, now_ns, time.time_ns(), origin, (topic, sequence))

    def come(self, *topics: str, origin: int = LIVE) -> list[Any]:
        """Let one event of each of these topics come, in one read; return their bodies."""
        events = [self.event(topic, origin=origin) for topic in topics]
        self.take("public", events)
        return [event.body for event in events]

    def come_from_a_thread(self, topics: Iterable[str], *, batch: int = 10) -> threading.Thread:
        """Let events come as they do: from another thread, some in each read."""
        waiting = list(topics)

        def put() -> None:
            for at in range(0, len(waiting), batch):
                self.come(*waiting[at : at + batch])
                time.sleep(0)

        thread = threading.Thread(target=put)
        thread.start()
        return thread

    def mark(self, *markers: Item) -> None:
        """Let markers come."""
        self.take("public", markers)

    def lane(
        self,
        callback: AnyCallback | None = None,
        symbols: Iterable[str] = (BTC,),
        *,
        in_thread: bool = False,
        **how: Any,
    ) -> Lane:
        """Subscribe; tickers unless something else is said."""
        return self.wish_lane(wish_of(list(symbols), **how), callback, in_thread=in_thread)

    def wish_lane(self, wish: Wish, callback: AnyCallback | None, *, in_thread: bool = False) -> Lane:
        """Subscribe what was wished."""
        call = None if callback is None else Callback(callback, self)
        return self.set_lane(Lane(self, current_host(), wish, call, in_thread=in_thread))

    def cached(self, topic: str) -> list[Any]:
        """Let the last known value of a topic come, as for a late comer."""
        return self.come(topic, origin=CACHED)


def wish_of(symbols: list[str], kind: str = "ticker", **how: Any) -> Wish:
    """A wish, checked."""
    return wish_of_market(kind, symbols, **how)


def ticker(symbol: str = BTC) -> str:
    """The topic of a ticker."""
    return f"ticker/{symbol}"


def trade(symbol: str = BTC) -> str:
    """The topic of trades."""
    return f"trade/{symbol}"


def numbers(seen: list[Any], topic: str) -> list[int]:
    """The numbers of the events of one topic, in the order in which they were seen."""
    return [sequence for name, sequence in seen if name == topic]


def up_to(count: int) -> list[int]:
    """1 to `count`."""
    return list(range(1, count + 1))


def _run_in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work).start()
