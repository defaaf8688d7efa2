"""Where the window is drawn: the whole terminal, or lines for a pipe."""

from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

import trio

from actors.book.lines import Frame, Span, draw, sides, spread_text, state_text
from actors.book.prompt import Prompt
from actors.book.shown import LIVE, Shown
from actors.book.spelling import price_decimals, price_text, size_decimals, size_text
from actors.book.terminal import Screen

CLOSE_S: Final = 1.0


class View(Protocol):
    """What a window draws on."""

    def compose(self, shown: Shown, prompt: Prompt, *, now_s: float) -> Frame:
        """Make a frame of what is known now; at once, so that it is all of one moment."""

    async def show(self, frame: Frame) -> None:
        """Show it; may take its time."""


class TerminalView:
    """The whole terminal."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def open(self) -> None:
        """Take the terminal over."""
        await trio.to_thread.run_sync(self._screen.open, abandon_on_cancel=True)

    def compose(self, shown: Shown, prompt: Prompt, *, now_s: float) -> Frame:
        """Make a frame for the terminal's size of now."""
        width, height = size = self._screen.size()
        lines = draw(shown, prompt, width=width, height=height, now_s=now_s, has_blocks=self._screen.has_blocks)
        return Frame(lines, size)

    async def show(self, frame: Frame) -> None:
        """Show it, from a thread: a terminal that was stopped (^S) blocks."""
        await trio.to_thread.run_sync(self._screen.show, frame, abandon_on_cancel=True)

    async def close(self) -> None:
        """Give the terminal back, also when cancelled."""
        with trio.move_on_after(CLOSE_S, shield=True):
            await trio.to_thread.run_sync(self._screen.close, abandon_on_cancel=True)


class PlainView:
    """One line after each change, for pipes and files."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._before = ""

    def compose(self, shown: Shown, prompt: Prompt, *, now_s: float) -> Frame:  # noqa: ARG002 - nobody types into a pipe
        """Make one line: the best of both sides, spread, last price, state."""
        text = plain_text(shown, now_s)
        return Frame([(Span(text),)], (len(text), 1))

    async def show(self, frame: Frame) -> None:
        """Append the line, unless it says the same as the one before; from a thread, for a reader may stand still."""
        text = frame.lines[0][0].text
        if text != self._before:
            self._before = text
            line = f"{datetime.now(UTC).astimezone():%H:%M:%S.%f} {text}\n"
            await trio.to_thread.run_sync(self._append, line, abandon_on_cancel=True)

    def _append(self, line: str) -> None:
        self._file.write(line)
        self._file.flush()


def plain_text(shown: Shown, now_s: float) -> str:
    """`KRW-BTC bid 118,281,000 x 0.0120 | ask 118,282,000 x 0.3000 | spread 1,000 | last 118,281,000 +1.45% | live`."""
    market = shown.market
    asks, bids = sides(market, 1)
    decimals = price_decimals(market.symbol, [level.price for level in (*bids, *asks)])
    of_sizes = size_decimals(level.size for level in (*bids, *asks))
    parts = [
        f"{name} {price_text(level.price, decimals)} x {size_text(level.size, of_sizes)}"
        for name, levels in (("bid", bids), ("ask", asks))
        for level in levels
    ]
    parts.append(spread_text(market))
    if market.ticker is not None:
        last = market.ticker.trade_price
        text = price_text(last, price_decimals(market.symbol, [last]))
        parts.append(f"last {text} {market.ticker.signed_change_rate:+.2%}")
    reason = f": {shown.link.reason}" if shown.link.state != LIVE and shown.link.reason else ""
    parts.append(f"{state_text(shown, now_s)}{' STALE' if shown.is_stale else ''}{reason}")
    if shown.notice and market.book is None:
        # No key takes a notice away here: it is told for as long as it says why there is no book.
        parts.append(shown.notice)
    return f"{market.symbol} {' | '.join(parts)}"
