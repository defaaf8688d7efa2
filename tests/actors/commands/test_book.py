"""`upbitd book` as an owner calls it: in a process, into a pipe and on a terminal, against a simulated exchange."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.book.emulator import Emulator
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import REPOSITORY, UPBITD, RunningTree, child_environment, running_tree, upbitd

LIMIT_S = 60.0
WIDTH, HEIGHT = 80, 24

SETTINGS = """
[supervisor]
log_level = "warning"
[exchange]
websocket_url = "{url}"
[[child]]
name = "public"
start = "actors.connections.public:run"
"""


@pytest.fixture(scope="module")
def exchange() -> Iterator[ExchangeProcess]:
    with simulated_exchange("--rate", "500") as running:
        yield running


@pytest.fixture(scope="module")
def tree(exchange: ExchangeProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTree]:
    with running_tree(tmp_path_factory.mktemp("tree"), SETTINGS.format(url=exchange.ws)) as running:
        running.wait_for("child_ready", "public")
        yield running


class BookOnTerminal:
    """The command on a terminal of its own."""

    def __init__(self, run_dir: Path, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self._slave = slave
        self.attributes_before = termios.tcgetattr(slave)
        self.screen = Emulator(WIDTH, HEIGHT)
        self._modes_before = set(self.screen.modes)
        self.process = subprocess.Popen(
            [*UPBITD, "book", *arguments, "--run-dir", str(run_dir)],
            cwd=REPOSITORY,
            env=child_environment({"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}),
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._rest = b""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Return the screen as soon as it is so."""
        deadline_s = time.monotonic() + LIMIT_S
        while not (self.screen.is_other and condition(self.screen.lines)):
            self._read(max(0.0, deadline_s - time.monotonic()))
            assert time.monotonic() < deadline_s, "\n".join(self.screen.lines)
        return self.screen.lines

    def end(self) -> int:
        """Wait for the end, and see that the terminal is as it was before."""
        deadline_s = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s
            self._read(0.05)
        while self._read(0.0):
            pass
        assert self.screen.modes == self._modes_before
        assert termios.tcgetattr(self._slave) == self.attributes_before
        return self.process.returncode

    def close(self) -> str:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            said = stream.read().decode()
        os.close(self._master)
        os.close(self._slave)
        return said

    def _read(self, within_s: float) -> bool:
        if not select.select([self._master], [], [], within_s)[0]:
            return False
        # A frame may be cut anywhere; its synchronized end is where it can be understood.
        data = self._rest + os.read(self._master, 65536)
        end = max(data.rfind(b"\x1b[?2026l") + 8, data.rfind(b"\x1b[?1049l") + 8, data.rfind(b"\x1b[2J") + 4)
        end = end if data.rfind(b"\x1b") >= 0 and end > 8 else 0
        self.screen.feed(data[:end].decode())
        self._rest = data[end:]
        return True


@pytest.fixture
def start_book(tree: RunningTree) -> Iterator[Callable[..., BookOnTerminal]]:
    started: list[BookOnTerminal] = []

    def start(*arguments: str) -> BookOnTerminal:
        started.append(BookOnTerminal(tree.run_dir, *arguments))
        return started[-1]

    yield start
    for one in started:
        assert "Traceback" not in one.close()


def has_book(symbol: str) -> Callable[[list[str]], bool]:
    return lambda lines: lines[0].startswith(f" {symbol} ") and "spread" in lines[11] and "live" in lines[22]


def lines_of_notice(lines: list[str]) -> str:
    return " ".join(" ".join(lines[22:]).split())


def prices_of(lines: list[str]) -> list[float]:
    return [float(line.split()[0].replace(",", "")) for line in (*lines[2:11], *lines[12:21])]


def test_the_window_shows_the_book_switches_and_leaves(start_book: Callable[..., BookOnTerminal]) -> None:
    shown = start_book("KRW-BTC")
    lines = shown.wait_for(has_book("KRW-BTC"))
    prices = prices_of(lines)
    assert len(prices) == 18
    assert prices == sorted(prices, reverse=True)
    shown.type("eth\r")
    assert prices_of(shown.wait_for(has_book("KRW-ETH")))[0] < prices[-1]
    shown.type("\x1b[C")
    shown.wait_for(lambda lines: not lines[0].startswith(" KRW-ETH ") and "spread" in lines[11])
    shown.type("\x1b[D")
    shown.wait_for(has_book("KRW-ETH"))
    shown.type("ethx\r")
    shown.wait_for(lambda lines: "no market 'KRW-ETHX'" in lines[22] and "spread" in lines[11])
    assert lines_of_notice(shown.screen.lines).endswith("KRW-ETH goes on: type a market to try again")
    shown.type("q")
    assert shown.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_terminal_back(number: int, start_book: Callable[..., BookOnTerminal]) -> None:
    shown = start_book("KRW-BTC")
    shown.wait_for(has_book("KRW-BTC"))
    shown.process.send_signal(number)
    assert shown.end() == 0


def test_it_ends_after_its_seconds(start_book: Callable[..., BookOnTerminal]) -> None:
    shown = start_book("btc", "--seconds", "1", "--units", "5", "--fps", "10")
    shown.wait_for(has_book("KRW-BTC"))
    assert shown.end() == 0


def test_an_outage_is_marked_until_the_next_book(
    exchange: ExchangeProcess, start_book: Callable[..., BookOnTerminal]
) -> None:
    shown = start_book("KRW-BTC")
    shown.wait_for(has_book("KRW-BTC"))
    exchange.fault("refuse", count=2)
    exchange.fault("reset")
    lines = shown.wait_for(lambda lines: "down for" in lines[22])
    assert "STALE" in lines[11]
    assert len(prices_of(lines)) == 18
    shown.wait_for(lambda lines: has_book("KRW-BTC")(lines) and "STALE" not in lines[11])
    shown.type("q")
    assert shown.end() == 0


def test_into_a_pipe_each_change_is_a_line(tree: RunningTree) -> None:
    done = upbitd("book", "KRW-BTC", "--seconds", "2", "--fps", "20", "--run-dir", str(tree.run_dir))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    # 2 s of 20 frames, and one at either end.
    assert 2 <= len(lines) <= 42
    assert all(line.split()[1] == "KRW-BTC" for line in lines)
    assert " | spread " in lines[-1]
    assert lines[-1].endswith("| live")


def test_a_reader_that_goes_away_ends_it_quietly(tree: RunningTree) -> None:
    command = [*UPBITD, "book", "KRW-BTC", "--run-dir", str(tree.run_dir)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(LIMIT_S) == 0


def test_an_unknown_market_is_refused_with_what_was_meant(tree: RunningTree) -> None:
    done = upbitd("book", "KRW-BTCC", "--run-dir", str(tree.run_dir))
    assert done.returncode == 2
    assert done.stderr == ("upbitd: book: orderbook: the exchange has no market 'KRW-BTCC'; did you mean 'KRW-BTC'?\n")


def test_a_level_that_the_market_does_not_have_is_refused_at_once_with_those_it_has(tree: RunningTree) -> None:
    done = upbitd("book", "KRW-BTC", "--level", "7", "--seconds", "60", "--run-dir", str(tree.run_dir))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "upbitd: book: orderbook: KRW-BTC cannot be grouped by 7; choose a level of 10000, 100000, 1000000, 10000000, "
        "100000000, or leave it out\n"
    )


def test_a_level_that_the_market_has_groups_its_book(start_book: Callable[..., BookOnTerminal]) -> None:
    shown = start_book("KRW-BTC", "--level", "10000")
    lines = shown.wait_for(has_book("KRW-BTC"))
    assert "grouped by 10,000" in lines[11]
    assert all(price % 10_000 == 0 for price in prices_of(lines))
    shown.type("q")
    assert shown.end() == 0


@pytest.mark.parametrize("options", [("--units", "7"), ("--fps", "0"), ("--level", "-1"), ("--seconds", "0")])
def test_options_that_cannot_be_are_refused(options: tuple[str, str], tmp_path: Path) -> None:
    done = upbitd("book", "KRW-BTC", *options, "--run-dir", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert options[0] in done.stderr


def test_without_a_tree_it_connects_by_itself_and_says_so(exchange: ExchangeProcess, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    environment: dict[str, Any] = {"UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws, "XDG_STATE_HOME": str(tmp_path)}
    done = upbitd("book", "KRW-BTC", "--seconds", "1", "--run-dir", str(run_dir), environment=environment)
    assert done.returncode == 0
    assert done.stderr == f"upbitd book: no tree runs in {run_dir}; it needs connections of its own\n"
    assert "| live" in done.stdout


def test_where_no_tree_may_be_started_it_says_what_to_do(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    done = upbitd("book", "KRW-BTC", "--run-dir", str(run_dir), environment={"UPBITD_AUTOSTART": "0"})
    assert done.returncode == 1
    assert "start it with `upbitd run`" in done.stderr.splitlines()[-1]
