"""The screen and the keyboard of a terminal."""

import io
import os
import pty
import termios

from actors.book.lines import Frame, Line, Span
from actors.book.terminal import Screen, single_keys
from tests.actors.book.emulator import Emulator


class Recorded(io.StringIO):
    """A file in memory that has an encoding, as a terminal's has."""

    encoding = "utf-8"


def frame(*texts: str, width: int = 10) -> Frame:
    lines: list[Line] = [(Span(text.ljust(width)),) for text in texts]
    return Frame(lines, (width, len(lines)))


def written(file: Recorded) -> str:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text


def test_only_lines_that_differ_are_written() -> None:
    file = Recorded()
    screen, terminal = Screen(file), Emulator(10, 3)
    screen.open()
    assert screen.show(frame("one", "two", "three"))
    terminal.feed(written(file))
    assert [line.strip() for line in terminal.lines] == ["one", "two", "three"]
    assert screen.show(frame("one", "2", "three"))
    terminal.writes = 0
    text = written(file)
    terminal.feed(text)
    assert [line.strip() for line in terminal.lines] == ["one", "2", "three"]
    assert terminal.writes == 1
    assert "\x1b[2J" not in text
    assert not screen.show(frame("one", "2", "three"))
    assert written(file) == ""


def test_another_size_draws_everything_anew() -> None:
    file = Recorded()
    screen, terminal = Screen(file), Emulator(20, 3)
    screen.open()
    screen.show(frame("one", "two", "three"))
    screen.show(frame("one", "two", width=20))
    terminal.feed(written(file))
    assert [line.strip() for line in terminal.lines] == ["one", "two", ""]


def test_closing_leaves_the_terminal_as_it_was() -> None:
    file = Recorded()
    screen, terminal = Screen(file), Emulator(10, 3)
    before = set(terminal.modes)
    screen.open()
    screen.show(frame("one", "two", "three"))
    terminal.feed(written(file))
    assert (terminal.is_other, "?25" in terminal.modes) == (True, False)
    screen.close()
    terminal.feed(written(file))
    assert terminal.modes == before


def test_colours_can_be_left_out() -> None:
    line: Line = (Span("up", "rise"), Span("!", "warn"))
    for has_colours, code in ((True, "\x1b[91m"), (False, "\x1b[7m")):
        file = Recorded()
        Screen(file, has_colours=has_colours).show(Frame([line], (3, 1)))
        assert code in file.getvalue()


def test_keys_come_singly_and_the_terminal_is_restored() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with single_keys(slave) as has_keys:
        assert has_keys
        os.write(master, b"q")
        assert os.read(slave, 10) == b"q"
        os.write(master, b"\x1a")
        assert os.read(slave, 10) == b"\x1a"
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_without_a_terminal_there_are_no_keys() -> None:
    reading, writing = os.pipe()
    with single_keys(reading) as has_keys:
        assert not has_keys
    os.close(reading)
    os.close(writing)
