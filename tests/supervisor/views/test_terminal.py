import io
import os
import pty
import termios
from collections.abc import Iterator

import pytest
import trio

from supervisor.views.rates import Rates
from supervisor.views.terminal import (
    LiveScreen,
    PlainScreen,
    Screen,
    screen_for_stdout,
    single_keys,
    wait_quit_key,
)
from supervisor.views.usage_table import Look, as_json
from tests.supervisor.views.statuses import child, tree

WHOLE = tree(child("a"))
LOOK = Look(WHOLE, tuple(Rates().take(WHOLE)))

FILE_LEFT_OPEN = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""The copy of stdout is closed with the process, which goes on here."""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return the end of a terminal where somebody types, and the end of its programs."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("key", [b"q", b"Q", b"\x03", b"\x04", b"\x1b", b"\x1b[A"])
async def test_keys_that_end_a_view(key: bytes, terminal: tuple[int, int]) -> None:
    master, slave = terminal
    with single_keys(slave), trio.fail_after(10):
        os.set_blocking(slave, False)
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ISIG  # Else ^C is a signal, and no byte comes.
        attributes[6][termios.VEOF] = b"\x00"
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.write(master, key)
        await wait_quit_key(slave)


async def test_other_keys_end_no_view() -> None:
    reader, writer = os.pipe()
    try:
        with trio.move_on_after(0.05) as scope:
            os.write(writer, b"x \xec\x97\x85")
            await wait_quit_key(reader)
        assert scope.cancelled_caught
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_key_that_ends_a_view_is_seen_behind_another_one() -> None:
    reader, writer = os.pipe()
    try:
        with trio.move_on_after(0.05) as scope:
            os.write(writer, b"xq")
            await wait_quit_key(reader)
        assert not scope.cancelled_caught
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_terminal_that_is_gone_ends_a_view() -> None:
    master, slave = pty.openpty()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_quit_key, slave)
            await trio.testing.wait_all_tasks_blocked()
            os.close(master)
            nursery.cancel_scope.deadline = trio.current_time() + 10
        assert not nursery.cancel_scope.cancelled_caught
    finally:
        os.close(slave)


def test_keys_come_unseen_and_at_once_until_the_view_ends(terminal: tuple[int, int]) -> None:
    _master, slave = terminal
    before = termios.tcgetattr(slave)
    with single_keys(slave) as has_keys:
        assert has_keys
        assert not termios.tcgetattr(slave)[3] & (termios.ECHO | termios.ICANON)
        assert termios.tcgetattr(slave)[3] & termios.ISIG
    assert termios.tcgetattr(slave) == before


def test_the_terminal_is_given_back_after_an_error(terminal: tuple[int, int]) -> None:
    _master, slave = terminal
    before = termios.tcgetattr(slave)
    with pytest.raises(ValueError, match="failed"), single_keys(slave):
        raise ValueError("failed")
    assert termios.tcgetattr(slave) == before


def test_a_terminal_that_goes_away_meanwhile_is_no_error() -> None:
    master, slave = pty.openpty()
    with single_keys(slave) as has_keys:
        assert has_keys
        os.close(master)
    os.close(slave)


def test_a_pipe_has_no_keys() -> None:
    reader, writer = os.pipe()
    with single_keys(reader) as has_keys:
        assert not has_keys
    os.close(reader)
    os.close(writer)


def test_a_closed_stdin_has_no_keys() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with single_keys(reader) as has_keys:
        assert not has_keys


def test_plain_lines_are_out_at_once() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    screen = PlainScreen(file, lambda look: [as_json(look), "업비트"])
    screen.open()
    screen.show(LOOK)
    assert isinstance(file.buffer, io.BytesIO)
    assert file.buffer.getvalue().decode() == f"{as_json(LOOK)}\n업비트\n"
    screen.close()


def chosen(fd: int, monkeypatch: pytest.MonkeyPatch, *, term: str | None, is_json: bool = False) -> type[Screen]:
    monkeypatch.setattr("actors.runtime.stdout.STDOUT_FD", fd)
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    return type(screen_for_stdout(is_json=is_json))


@FILE_LEFT_OPEN
def test_only_a_terminal_that_can_be_redrawn_is(terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    _master, slave = terminal
    assert chosen(slave, monkeypatch, term="xterm") is LiveScreen
    assert chosen(slave, monkeypatch, term="dumb") is PlainScreen
    assert chosen(slave, monkeypatch, term=None) is PlainScreen
    assert chosen(slave, monkeypatch, term="xterm", is_json=True) is PlainScreen


@FILE_LEFT_OPEN
def test_a_pipe_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    assert chosen(writer, monkeypatch, term="xterm") is PlainScreen
    os.close(reader)
    os.close(writer)


def test_a_live_screen_puts_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "100", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    file = io.StringIO()
    screen = LiveScreen(file)
    screen.open()
    screen.show(LOOK)
    screen.close()
    shown = file.getvalue()
    assert "upbitd pid 1, running" in shown
    assert (shown.count("\x1b[?1049h"), shown.count("\x1b[?1049l")) == (1, 1)
    assert shown.rindex("\x1b[?1049l") > shown.rindex("q or ^C ends")
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
