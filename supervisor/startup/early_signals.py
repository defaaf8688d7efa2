"""Signals before a command has set up its own handling: imports and checks take a second, and ^C may come in it.

Imports nothing heavy, so that it can come first.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command in order. SIGHUP is the terminal that was closed."""

RUN_UNTIL_SIGNALLED: Final = frozenset({"demo", "run", "simulate", "top", "watch"})
"""Commands that a signal ends as it should, so with exit code 0."""

FOLLOW_UNTIL_SIGNALLED: Final = frozenset({"tail"})
"""Commands that are such ones when they are told to follow."""


def end_quietly_on_signals(arguments: Sequence[str]) -> None:
    """Let signals end such a command with exit code 0 and without a word, until it receives them itself."""
    if not runs_until_signalled(arguments):
        return
    for number in ENDING:
        if not is_ignored(number):
            signal.signal(number, _end_now)


def runs_until_signalled(arguments: Sequence[str]) -> bool:
    """Whether a signal is how this command line is meant to end."""
    command, options = arguments[:1], arguments[1:]
    follows = any(option in {"-f", "--follow"} for option in options)
    return bool(RUN_UNTIL_SIGNALLED & set(command) or (follows and FOLLOW_UNTIL_SIGNALLED & set(command)))


def is_ignored(number: int) -> bool:
    """Whether whoever started us wants this signal ignored, as `nohup` does with SIGHUP."""
    return signal.getsignal(number) is signal.SIG_IGN


@contextmanager
def ending_by_exit() -> Iterator[None]:
    """Let an early signal raise SystemExit within, for code that has a process to take along."""
    ours = [number for number in ENDING if signal.getsignal(number) is _end_now]
    for number in ours:
        signal.signal(number, _raise_exit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, _end_now)


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Only note signals within, for code that must not be left half done; yields the list of those that came."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in ENDING if not is_ignored(number)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_now(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not by an exception: raised in the middle of an import or a finalizer it is lost, or becomes a traceback.
    os._exit(0)


def _raise_exit(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
