"""Small hand-made runs: what the exchange's journal had, what the program wrote, and its source."""

import json
from collections.abc import Iterable

from actors.exchange.journal.lines import ConnectionClosed, ConnectionOpened, Frame, JournalLine, Said, Started
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.record import record_of
from actors.learning.grading.run import Ending, Output, ProgramRun
from actors.learning.grading.source import facts_of

BTC, ETH, XRP, ADA = "KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA"
SECOND = 1_000_000_000

TIDY = """
async def main():
    client = WebSocketClient("one")
    try:
        await client.subscribe_ticker(["KRW-BTC"], lambda event: print(event))
    finally:
        await client.cleanup()
"""
"""A source that does everything right."""

UNGUARDED = """
async def main():
    client = WebSocketClient("one")
    await client.subscribe_ticker(["KRW-BTC"], print)
    await client.cleanup()
"""


class Story:
    """What happened, told second by second; the program begins at second 0."""

    def __init__(self) -> None:
        self.lines: list[JournalLine] = [Started(t_ns=0, wall_ns=0, seed=1, settings={"markets": 8, "seed": 1})]
        self.output = Output()
        self._numbers = 0

    def open(self, at_s: float, connection: int = 1, kind: str = "public") -> "Story":
        self.lines.append(ConnectionOpened(t_ns=_ns(at_s), connection=connection, path="/", kind=kind, peer="p"))
        return self

    def close(self, at_s: float, connection: int = 1) -> "Story":
        self.lines.append(ConnectionClosed(t_ns=_ns(at_s), connection=connection, why="closed"))
        return self

    def ask(self, at_s: float, connection: int = 1, **codes: Iterable[str]) -> "Story":
        """One request: a keyword for each type, with its markets."""
        document: list[dict[str, object]] = [{"ticket": "t"}]
        for kind, wanted in codes.items():
            document.append({"type": kind} | ({"codes": list(wanted)} if list(wanted) else {}))
        return self.say(at_s, json.dumps([*document, {"format": "SIMPLE"}]), connection)

    def say(self, at_s: float, text: str, connection: int = 1) -> "Story":
        self.lines.append(Said(t_ns=_ns(at_s), connection=connection, text=text))
        return self

    def send(self, at_s: float, kind: str = "ticker", code: str = BTC, price: float = 1000.0) -> "Story":
        """One message; a ticker has its price."""
        return self.frame(at_s, kind, code, json.dumps({"ty": kind, "cd": code, "tp": price, "st": "REALTIME"}))

    def frame(self, at_s: float, kind: str, code: str, text: str) -> "Story":
        self._numbers += 1
        self.lines.append(Frame(t_ns=_ns(at_s), connection=1, number=self._numbers, type=kind, code=code, text=text))
        return self

    def print(self, at_s: float, text: str) -> "Story":
        self.output.add_line(text, _ns(at_s))
        return self

    def complain(self, text: str) -> "Story":
        self.output.add_error_line(text)
        return self

    def evidence(
        self,
        source: str = TIDY,
        *,
        seconds: float = 10.0,
        exit_code: int = 0,
        ending: Ending = "ended",
        ended_s: float | None = None,
    ) -> Evidence:
        """What is judged: the program ended, or was interrupted, after so many seconds."""
        interrupted_ns = None if ending == "ended" else _ns(seconds)
        ended_ns = _ns(seconds if ended_s is None else ended_s)
        run = ProgramRun(ending, exit_code, 0, ended_ns, interrupted_ns, self.output)
        return Evidence(record_of(self.lines), run, facts_of(source))


def one_ticker() -> Story:
    """KRW-BTC is asked for, three prices come and are printed, and it is given up at second 9."""
    story = Story().open(1).ask(1, ticker=[BTC])
    for second, price in enumerate((1000.0, 1001.5, 1002.0), start=2):
        story.send(second, price=price).print(second + 0.1, f"KRW-BTC: {price}")
    return story.close(9)


def nothing_asked() -> Story:
    return Story().complain("ValueError: no such name")


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
