"""What a learner's program did as a process: its output in short, and how it ended."""

import re
import signal
from typing import Final, Literal

from msgspec import Struct, field

MAX_TIMES: Final = 20_000
MAX_NUMBERS: Final = 50_000
MAX_CODES: Final = 2_000
MAX_COMPLAINTS: Final = 20

_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ORDER_STATES: Final = frozenset({"wait", "watch", "trade", "done", "cancel", "prevented"})
_WORD: Final = re.compile(r"[a-z]+")
_CODE: Final = re.compile(r"\b[A-Z0-9]{2,5}-[A-Z0-9]{1,20}\b")
_ERROR: Final = re.compile(r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Group|Failed|Refused|Lost|Exceeded))\b")
_ASYNC_FAULTS: Final = ("was never awaited", "Task was destroyed", "exception was never retrieved")

_ENDED_BY_CTRL_C: Final = frozenset({0, 130, -signal.SIGINT})
"""0 and 130 by a program that handles it; the signal is how Python itself ends."""

Ending = Literal["ended", "interrupted", "killed"]
"""By itself; by SIGINT when its time was over; by SIGTERM or SIGKILL, because it did not heed SIGINT."""


class Output(Struct):
    """What a program wrote, line by line. Lists have limits; what comes after one is counted in `left_out`.

    Attributes:
        lines: lines on stdout.
        times_ns: when each came, monotonic.
        numbers: all numbers in them; thousands may be parted by commas.
        codes: all markets in them.
        order_states: markets with the state of an order in the same line.
        is_told_interrupted: whether stderr had a KeyboardInterrupt: a group of it ends Python with 1.
        last_error: the newest line on stderr that looks like the last one of a traceback.
        async_faults: lines on stderr about coroutines and tasks that were forgotten.
    """

    lines: int = 0
    times_ns: list[int] = field(default_factory=list)
    numbers: set[float] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    order_states: set[tuple[str, str]] = field(default_factory=set)
    is_told_interrupted: bool = False
    last_error: str = ""
    async_faults: list[str] = field(default_factory=list)
    left_out: int = 0

    def add_line(self, text: str, t_ns: int) -> None:
        """Take a line of stdout."""
        if not text.strip():
            return
        self.lines += 1
        if len(self.times_ns) < MAX_TIMES:
            self.times_ns.append(t_ns)
        else:
            self.left_out += 1
        if len(self.numbers) < MAX_NUMBERS:
            self.numbers.update(float(number.replace(",", "")) for number in _NUMBER.findall(text))
        if len(self.codes) < MAX_CODES:
            codes = _CODE.findall(text)
            self.codes.update(codes)
            states = _ORDER_STATES.intersection(_WORD.findall(text)) if codes else ()
            self.order_states.update((code, state) for code in codes for state in states)

    def add_error_line(self, text: str) -> None:
        """Take a line of stderr."""
        if "KeyboardInterrupt" in text:
            self.is_told_interrupted = True
        elif _ERROR.match(text):
            self.last_error = text[:200]
        if any(fault in text for fault in _ASYNC_FAULTS):
            if len(self.async_faults) < MAX_COMPLAINTS:
                self.async_faults.append(text.strip()[:200])
            else:
                self.left_out += 1


class ProgramRun(Struct):
    """One run of a program; times are monotonic ns.

    Attributes:
        ending: how it ended.
        exit_code: as the system has it, a signal as a negative number.
        started_ns, ended_ns: from when to when it ran.
        interrupted_ns: when it was sent SIGINT; None when it was not.
        output: what it wrote.
    """

    ending: Ending
    exit_code: int
    started_ns: int
    ended_ns: int
    interrupted_ns: int | None = None
    output: Output = field(default_factory=Output)

    @property
    def seconds(self) -> float:
        """How long it ran until it was interrupted or ended."""
        return ((self.interrupted_ns or self.ended_ns) - self.started_ns) / 1e9

    @property
    def has_crashed(self) -> bool:
        """Whether it ended otherwise than in order, or as an interrupted program does."""
        if self.ending == "interrupted":
            return not (self.exit_code in _ENDED_BY_CTRL_C or (self.exit_code == 1 and self.output.is_told_interrupted))
        return self.exit_code != 0
