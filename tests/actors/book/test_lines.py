"""The window as lines, without a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from actors.book.lines import bar_of, draw, plain, wrapped
from actors.book.prompt import Prompt
from actors.book.shown import Arrival, Shown
from actors.client.reports import ClientState, StateReport
from protocols.upbit.messages import Orderbook, OrderbookUnit
from tests.actors.book.books import book
from tests.actors.consumers.harness import ticker

NOW_S = 100.0


def shown_with(
    newest: Orderbook | None, *, state: ClientState = "live", reason: str = "", at_s: float = 98.0, epoch: int = 5
) -> Shown:
    shown = Shown("KRW-BTC", now_s=90.0)
    shown.take_state(StateReport("public", state, reason, epoch), now_s=90.0)
    shown.take_ticker(ticker("KRW-BTC", 100_000_000.0, 0.0123, turnover=123_456_789_012.0))
    if newest is not None:
        shown.take_book(newest, Arrival(at_s, 5, 0.25))
    return shown


def screen(shown: Shown, width: int = 80, height: int = 24, prompt: Prompt | None = None) -> list[str]:
    return [plain(line) for line in draw(shown, prompt or Prompt(), width=width, height=height, now_s=NOW_S)]


def test_asks_stand_above_and_bids_below_with_the_best_in_the_middle() -> None:
    lines = screen(shown_with(book()))
    prices = [line.split()[0] for line in lines[2:21]]
    assert prices[:9] == [f"{100_009_000 - 1000 * n:,}" for n in range(9)]
    assert prices[9] == "spread"
    assert prices[10:] == [f"{100_000_000 - 1000 * n:,}" for n in range(9)]


def test_a_screen_of_80_by_24_has_everything() -> None:
    lines = screen(shown_with(book()))
    assert lines[0].split() == ["KRW-BTC", "100,000,000", "+1.23%", "+1,230,000", "24h", "123.5B", "KRW"]
    assert lines[1].split() == ["price", "size", "total"]
    assert lines[11].split() == ["spread", "1,000", "(0.001", "%)"]
    assert lines[22].strip() == "live  epoch 5  lag 0.2 ms  age 2 s"
    assert "q quit" in lines[23]
    # The totals grow from the middle outwards; the longest bar belongs to the largest size, and fits.
    assert [line.split()[2] for line in lines[12:15]] == ["1.00000", "2.50000", "4.50000"]
    assert lines[20].rstrip().endswith("█")
    assert len(lines[20].rstrip()) > len(lines[12].rstrip())


def test_a_small_terminal_has_fewer_levels() -> None:
    lines = screen(shown_with(book()), 50, 12)
    assert sum("100,00" in line or "99,99" in line for line in lines[2:9]) == 6
    assert lines[5].startswith(" spread")
    narrow = screen(shown_with(book()), 24, 12)
    assert narrow[1].split() == ["price", "size"]
    assert screen(shown_with(book()), 80, 3)[1].startswith(" spread 1,000")


@given(
    terminal=st.tuples(st.integers(1, 200), st.integers(1, 70)),
    depth=st.integers(0, 30),
    size=st.sampled_from([1e-8, 0.5, 3e11]),
    reason=st.sampled_from(["", "점검 중입니다", "closed"]),
    foot=st.sampled_from([("", ""), ("eth", ""), ("", "없는 마켓입니다 " * 20)]),
)
def test_every_screen_is_exactly_as_large_as_the_terminal(
    terminal: tuple[int, int], depth: int, size: float, reason: str, foot: tuple[str, str]
) -> None:
    shown = shown_with(
        book(depth=depth, size=size) if depth else None, state="down" if reason else "live", reason=reason
    )
    keys, shown.notice = foot
    prompt = Prompt()
    for key in keys:
        prompt.take(key)
    width, height = terminal
    lines = screen(shown, width, height, prompt)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


def test_a_book_of_a_lost_connection_is_dim_and_marked_stale() -> None:
    shown = shown_with(book(), state="down", reason="exchange: closed with 1006")
    lines = draw(shown, Prompt(), width=80, height=24, now_s=NOW_S)
    assert "STALE" in plain(lines[11])
    assert plain(lines[22]).strip() == "down for 10 s  epoch 5  lag 0.2 ms  age 2 s  exchange: closed with 1006"
    assert {span.style for line in (*lines[2:11], *lines[12:21]) for span in line if span.text.strip()} == {"dim"}


def test_a_book_of_before_the_outage_stays_marked_until_a_new_one_comes() -> None:
    assert "STALE" in screen(shown_with(book(), epoch=6))[11]
    assert "STALE" not in screen(shown_with(book(), epoch=5))[11]


def test_before_the_first_book_the_screen_says_what_it_waits_for() -> None:
    lines = screen(shown_with(None))
    assert lines[11].strip() == "waiting for the first book of KRW-BTC ..."


def test_a_side_that_is_short_is_filled_up_outwards() -> None:
    lines = screen(shown_with(book(depth=2)))
    assert [bool(line.strip()) for line in lines[2:21]] == [False] * 7 + [True] * 5 + [False] * 7


def test_padding_of_the_exchange_is_no_price() -> None:
    units = tuple(OrderbookUnit(unit.ask_price, 0.0, unit.ask_size, 0.0) for unit in book(depth=3).orderbook_units)
    lines = screen(shown_with(Orderbook("KRW-BTC", 1, 1.0, 0.0, units, "REALTIME")))
    assert lines[11].strip() == "spread -"
    assert not any(line.strip() for line in lines[12:21])


def test_the_last_line_shows_what_is_typed_or_what_went_wrong() -> None:
    shown, prompt = shown_with(book()), Prompt()
    for key in "eth":
        prompt.take(key)
    assert screen(shown, prompt=prompt)[-1].strip() == "market: ETH_"
    shown.begin_switch("KRW-ETH")
    assert screen(shown)[-1].strip() == "to KRW-ETH ..."
    shown.fail_switch("no such market")
    assert screen(shown)[-1].strip() == "no such market"


def test_what_rises_is_red_and_what_falls_is_blue_by_its_sign() -> None:
    shown = shown_with(book())
    assert [span.style for span in draw(shown, Prompt(), width=80, height=24, now_s=NOW_S)[0]][1] == "rise"
    shown.take_ticker(ticker("KRW-BTC", 100_000_000.0, -0.07))
    head = draw(shown, Prompt(), width=80, height=24, now_s=NOW_S)[0]
    assert head[1].style == "fall"
    assert "-7.00%" in head[2].text


def test_a_number_that_does_not_fit_is_left_out_and_not_cut() -> None:
    shown = shown_with(book())
    shown.take_ticker(ticker("KRW-BTC", 120_575_000.0, 0.0346))
    for width in range(10, 60):
        (head, *_rest) = draw(shown, Prompt(), width=width, height=10, now_s=NOW_S)
        words = plain(head).split()
        assert set(words[:4]) <= {"KRW-BTC", "120,575,000", "+3.46%", "24h", words[3] if len(words) > 3 else ""}
        assert cell_len(plain(head)) <= width


def test_bars_are_fine_where_blocks_are_there_and_plain_where_not() -> None:
    assert [bar_of(size, 8.0, 2, has_blocks=True) for size in (8.0, 4.0, 1.0, 0.001, 0.0)] == ["██", "█", "▎", "▏", ""]
    assert [bar_of(size, 8.0, 2, has_blocks=False) for size in (8.0, 4.0, 0.001, 0.0)] == ["##", "#", "#", ""]


LONG = (
    "orderbook: KRW-BTC cannot be grouped by 7; choose a level of 10000, 100000, 1000000, 10000000, 100000000; "
    "shown without"
)


def test_a_notice_that_is_longer_than_the_screen_is_wide_is_whole_and_the_book_makes_room() -> None:
    shown = shown_with(book())
    shown.notice = LONG
    for width, height in ((80, 24), (60, 24), (40, 30)):
        lines = screen(shown, width, height)
        told = next(number for number, line in enumerate(lines) if line.startswith(" orderbook:"))
        assert " ".join(" ".join(lines[told:]).split()) == LONG
        assert lines[told - 1].startswith(" live")
        assert any(line.startswith(" spread") for line in lines)


def test_a_screen_without_a_foot_shows_a_notice_in_the_place_of_the_state() -> None:
    shown = shown_with(book())
    shown.notice = "no market"
    assert screen(shown, 40, 5)[-1].strip() == "no market"


@given(st.text("ab 가", max_size=40), st.integers(2, 12))
def test_wrapped_text_keeps_its_letters_and_its_width(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)
