"""Refusing markets that the exchange does not list, as soon as its list can be had."""

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from actors.runtime.channel.asking import ask
from protocols.errors import SettingsError, UpbitdError
from protocols.upbit.market_directory import MarketDirectory
from protocols.upbit.markets import MarketInfo

AGES_S: Final = (60.0, 2.0)
"""How old the list may be: first one that is there already, then a new one, for a market may have been listed since."""


async def refuse_unlisted(public: Path, codes: Collection[str], *, command: str) -> None:
    """Return when the exchange lists one of these markets at least, or when its list cannot be had.

    Without a list the exchange itself has the last word: a topic without data is reported.

    Args:
        public: socket of the public actor.
        codes: markets, at least one.
        command: begins the message.

    Raises:
        SettingsError: it lists none of them; with what was probably meant.
    """
    directory = MarketDirectory()
    for max_age_s in AGES_S:
        try:
            answer = await ask(public, f"{command} {os.getpid()}", "markets", {"max_age_s": max_age_s})
            directory.replace(msgspec.convert(answer, tuple[MarketInfo, ...]), time.monotonic())
        except (UpbitdError, OSError, msgspec.ValidationError):
            return
        if len(directory.unknown(codes)) < len(codes):
            return
    first, *others = codes
    meant = directory.suggest(first)
    hint = f"did you mean {meant!r}?" if meant else "write one as the exchange does, such as KRW-BTC"
    more = f" (nor {len(others)} more)" if others else ""
    raise SettingsError(f"{command}: the exchange has no market {first!r}{more}; {hint}")
