"""The window as lines of exactly the width and number that the terminal has. A pure function of what is shown."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Literal, NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from actors.book.prompt import Prompt
from actors.book.shown import LIVE, Market, Shown
from actors.book.spelling import price_decimals, price_text, size_decimals, size_text
from protocols.upbit.markets import quote_of

Style = Literal["", "ask", "bid", "rise", "fall", "bold", "dim", "warn"]

HELP: Final = "q quit   n next   p previous   or type a market and Enter"
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
MIN_BAR: Final = 4
GAP: Final = 2

ROOMY: Final = 56
LEAST_WIDTHS: Final = (10, 11, 13)
"""Of price, size and total in a roomy terminal: columns that follow each number's length would tremble."""

_SCALES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


class Span(NamedTuple):
    """Text in one style."""

    text: str
    style: Style = ""


Line = tuple[Span, ...]


class Frame(NamedTuple):
    """All lines of one moment, and the columns and lines that they were made for."""

    lines: Sequence[Line]
    size: tuple[int, int]


class Level(NamedTuple):
    """One price of one side; `total` is the size from the best price up to this one."""

    price: float
    size: float
    total: float


class Columns(NamedTuple):
    """How the levels are written: decimals and widths; a width of 0 leaves a column out."""

    price_decimals: int
    size_decimals: int
    price: int
    size: int
    total: int
    bar: int
    largest: float


def draw(shown: Shown, prompt: Prompt, *, width: int, height: int, now_s: float, has_blocks: bool = True) -> list[Line]:
    """Return `height` lines of `width` columns: asks above, bids below, the best of both in the middle.

    What does not fit is left out: first levels far from the middle, then the headings, then all but the best.

    `width` and `height` are the terminal's, in columns and lines; `now_s` is the monotonic clock, for ages;
    `has_blocks` says whether bars may be made of block characters.
    """
    has_headings, has_foot = height >= 9, height >= 6
    head, status = _head(shown.market, width), _status(shown, now_s)
    foot = _foot(shown, prompt, width, most=max(1, height // 4))
    if (prompt.is_open or shown.notice) and not has_foot:
        status = foot[0]
    if height < 3:
        lines = [head, status][:height]
        return [_fit(line, width) for line in lines]
    foot = foot if has_foot else []
    depth = (height - 3 - has_headings - len(foot)) // 2
    body = _ladder(shown, depth, width, has_blocks=has_blocks, has_headings=has_headings)
    lines = [head, *body]
    lines += [()] * (height - len(lines) - 1 - len(foot))
    lines += [status, *foot]
    return [_fit(line, width) for line in lines]


def _ladder(shown: Shown, depth: int, width: int, *, has_blocks: bool, has_headings: bool) -> list[Line]:
    """The asks from above down to the best one, what is between, and the bids; a short side is filled up outwards."""
    asks, bids = sides(shown.market, depth)
    columns = _columns(shown.market, (*asks, *bids), width)
    lines = [_headings(columns)] if has_headings else []
    lines += [()] * (depth - len(asks))
    lines += [_level(level, columns, shown, "ask", has_blocks) for level in reversed(asks)]
    lines.append(_middle(shown, width))
    lines += [_level(level, columns, shown, "bid", has_blocks) for level in bids]
    return lines


def plain(line: Line) -> str:
    """The text of a line, without its styles."""
    return "".join(span.text for span in line)


def sides(market: Market, depth: int) -> tuple[list[Level], list[Level]]:
    """The best `depth` asks and bids, best first; what the exchange pads a short side with is left out."""
    units = () if market.book is None else market.book.orderbook_units
    asks = [(unit.ask_price, unit.ask_size) for unit in units if unit.ask_price > 0]
    bids = [(unit.bid_price, unit.bid_size) for unit in units if unit.bid_price > 0]
    return _with_totals(asks[:depth]), _with_totals(bids[:depth])


def _with_totals(levels: Sequence[tuple[float, float]]) -> list[Level]:
    totals = accumulate(size for _price, size in levels)
    return [Level(price, size, total) for (price, size), total in zip(levels, totals, strict=True)]


def spread_text(market: Market) -> str:
    """`spread 1,000 (0.00085 %)`, from the best bid to the best ask; `spread -` when there are not both."""
    asks, bids = sides(market, 1)
    if not asks or not bids:
        return "spread -"
    spread = asks[0].price - bids[0].price
    decimals = price_decimals(market.symbol, [asks[0].price, bids[0].price])
    return f"spread {price_text(spread, decimals)} ({spread / bids[0].price * 100:.2g} %)"


def state_text(shown: Shown, now_s: float) -> str:
    """`live`, or what the connection is instead and for how long: `down for 3 s`."""
    link = shown.link
    return LIVE if link.state == LIVE else f"{link.state} for {now_s - link.since_s:.0f} s"


def _head(market: Market, width: int) -> Line:
    ticker = market.ticker
    if ticker is None:
        return (Span(f" {market.symbol}", "bold"),)
    rate = ticker.signed_change_rate
    style: Style = "rise" if rate > 0 else "fall" if rate < 0 else ""
    decimals = price_decimals(market.symbol, [ticker.trade_price, ticker.prev_closing_price])
    line: Line = (Span(f" {market.symbol}", "bold"),)
    for text in (
        f"  {price_text(ticker.trade_price, decimals)}",
        f"  {rate:+.2%}",
        f"  {price_text(ticker.signed_change_price, decimals, signed=True)}",
    ):
        # A number that is cut reads like another one: what does not fit is left out whole.
        if len(plain(line)) + len(text) <= width:
            line = (*line, Span(text, style))
    turnover = f"24h {_short(ticker.acc_trade_price_24h)} {quote_of(market.symbol)} "
    room = width - len(plain(line))
    return (*line, Span(turnover.rjust(room), "dim")) if room > len(turnover) else line


def _short(value: float) -> str:
    for scale, letter in _SCALES:
        if abs(value) >= scale:
            return f"{value / scale:,.4g}{letter}"
    return f"{value:,.0f}"


def _columns(market: Market, levels: Sequence[Level], width: int) -> Columns:
    decimals = price_decimals(market.symbol, [level.price for level in levels])
    of_sizes = size_decimals(level.size for level in levels)
    least = LEAST_WIDTHS if width >= ROOMY else (len("price"), len("size"), len("total"))
    price = max([least[0], *(len(price_text(level.price, decimals)) for level in levels)])
    size = max([least[1], *(len(size_text(level.size, of_sizes)) for level in levels)])
    total = max([least[2], *(len(size_text(level.total, of_sizes)) for level in levels)])
    left = width - 1 - price
    size = size if left >= GAP + size else 0
    left -= GAP + size if size else left
    total = total if left >= GAP + total else 0
    left -= GAP + total if total else left
    bar = left - GAP - 1 if left - GAP - 1 >= MIN_BAR else 0
    return Columns(decimals, of_sizes, price, size, total, bar, max((level.size for level in levels), default=0.0))


def _headings(columns: Columns) -> Line:
    cells = (("price", columns.price), ("size", columns.size), ("total", columns.total))
    text = (" " * GAP).join(name.rjust(width) for name, width in cells if width)
    return (Span(f" {text}", "dim"),)


def _level(level: Level, columns: Columns, shown: Shown, side: Literal["ask", "bid"], has_blocks: bool) -> Line:
    style: Style = "dim" if shown.is_stale else side
    spans = [Span(" " + price_text(level.price, columns.price_decimals).rjust(columns.price), style)]
    for value, width in ((level.size, columns.size), (level.total, columns.total)):
        if width:
            text = size_text(value, columns.size_decimals).rjust(width)
            spans.append(Span(" " * GAP + text, "dim" if shown.is_stale else ""))
    if columns.bar:
        spans.append(Span(" " * GAP + bar_of(level.size, columns.largest, columns.bar, has_blocks=has_blocks), style))
    return tuple(spans)


def bar_of(size: float, largest: float, width: int, *, has_blocks: bool) -> str:
    """A bar of `width` columns for the largest size; at least a trace for any other."""
    part = size / largest if largest > 0 else 0.0
    if not has_blocks:
        return "#" * max(round(part * width), size > 0)
    whole, rest = divmod(max(round(part * width * 8), int(size > 0)), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def _middle(shown: Shown, width: int) -> Line:
    market = shown.market
    if market.book is None:
        return (Span(f" waiting for the first book of {market.symbol} ...", "dim"),)
    text = f" {spread_text(market)}"
    if market.book.level:
        text += f"  grouped by {market.book.level:,g}"
    if not shown.is_stale:
        return (Span(text, "bold"),)
    return (Span(text, "dim"), Span("STALE ".rjust(max(7, width - len(text))), "warn"))


def _status(shown: Shown, now_s: float) -> Line:
    arrival, link = shown.market.arrival, shown.link
    state = Span(f" {state_text(shown, now_s)}", "bold" if link.state == LIVE else "warn")
    parts = [f"epoch {link.epoch}"] if link.epoch else []
    if arrival is not None:
        parts += [f"lag {arrival.lag_ms:.1f} ms"] if arrival.lag_ms is not None else []
        parts.append(f"age {max(0.0, now_s - arrival.at_s):.0f} s")
    parts += [link.reason] if link.state != LIVE and link.reason else []
    return (state, Span("".join(f"  {part}" for part in parts), "dim"))


def _foot(shown: Shown, prompt: Prompt, width: int, *, most: int) -> list[Line]:
    """One line, or for a notice that is longer than the terminal is wide up to `most`."""
    if prompt.is_open:
        return [(Span(f" market: {prompt.text}_", "bold"),)]
    if shown.coming is not None:
        return [(Span(f" to {shown.coming.symbol} ...", "dim"),)]
    if shown.notice:
        # What to do about it stands at the end, so it must not be cut.
        return [(Span(f" {text}", "warn"),) for text in wrapped(shown.notice, max(1, width - 1))[:most]]
    return [(Span(f" {HELP}", "dim"),)]


def wrapped(text: str, width: int) -> list[str]:
    """Break text between words into lines of at most `width` columns; only a word that is longer is broken itself.

    A Korean letter is two columns wide, so in a width of 1 it is a line that is too long.
    """
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width)
    return lines or [""]


def _fit(line: Line, width: int) -> Line:
    """Cut a line to the width, or fill it up: what stood there before is written over, so nothing need be erased."""
    spans: list[Span] = []
    left = width
    for text, style in line:
        if left > 0 and text:
            # Korean letters, which the exchange's own words may have, are two columns wide.
            spans.append(Span(text if cell_len(text) <= left else set_cell_size(text, left), style))
            left -= cell_len(spans[-1].text)
    return (*spans, Span(" " * left)) if left > 0 else tuple(spans)
