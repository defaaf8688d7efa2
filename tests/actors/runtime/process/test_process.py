"""The life of an actor's process, in real ones: what it leaves behind at each kind of end."""

import signal
from pathlib import Path

import pytest

from protocols.control.black_box import find_stall
from protocols.control.exit_codes import (
    EXIT_FAILED,
    EXIT_MEMORY,
    EXIT_OK,
    EXIT_ORPHANED,
    EXIT_REFUSED,
    EXIT_SETTINGS,
)
from protocols.control.messages import Ready
from tests.actors.runtime.process.entered import entered


def test_an_actor_that_runs_beats_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("slow_to_stop")
        process.phase("running")
        process.until(lambda: process.box().beats > 3)
        process.stop()
        process.phase("stopping")
        (tmp_path / "seen").touch()
        assert process.told() == [Ready(process.pid)]
        assert process.ended() == EXIT_OK


def test_the_collector_lets_imports_alone_and_works_once_the_actor_runs(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("tells_of_the_collector")
        process.until(lambda: process.box().counters.get("while running") == 1)
        assert process.box().counters["while imported"] == 0
        process.stop()
        assert process.ended() == EXIT_OK


def test_sigterm_stops_it_as_a_message_does_and_its_end_tells_that_it_was_not_asked(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("slow_to_stop")
        process.phase("running")
        process.until(lambda: process.box().beats > 0)
        process.process.send_signal(signal.SIGTERM)
        process.phase("stopping")
        (tmp_path / "seen").touch()
        assert process.ended() == -signal.SIGTERM


def test_sigterm_after_a_stop_is_part_of_it(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("slow_to_stop")
        process.phase("running")
        process.stop()
        process.phase("stopping")
        process.process.send_signal(signal.SIGTERM)
        (tmp_path / "seen").touch()
        assert process.ended() == EXIT_OK


def test_an_error_leaves_last_words_without_secrets_and_its_last_counters(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("counts_and_fails", heartbeat_s=600.0)
        failed = process.failed()
        assert process.ended() == EXIT_FAILED
        assert failed.summary == "ValueError: the key was ***"
        assert "in counts_and_fails" in failed.traceback
        assert "hush-hush" not in failed.traceback
        assert process.box().counters["orders"] == 3
        (message,) = process.box().messages
        assert (message.what, message.epoch, message.sequence, message.count) == ("trade/KRW-BTC", 5, 6, 7)


def test_a_group_of_errors_is_told_whole(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("fails_in_a_group")
        failed = process.failed()
        assert process.ended() == EXIT_FAILED
        assert failed.summary == "2 errors, first ValueError: first"
        assert "KeyError: 'second'" in failed.traceback


ENDS = [
    ("exits", {"number": 0}, EXIT_OK, ""),
    ("exits", {"number": 9}, 9, ""),
    ("exits_with_a_text", {}, EXIT_FAILED, "SystemExit: there is nothing to do"),
    ("quits_oddly", {}, EXIT_FAILED, "Quit: enough"),
    ("is_refused", {"number": 0}, EXIT_REFUSED, "ExchangeRefused: exchange refused: busy"),
    ("is_refused", {"number": 1}, EXIT_REFUSED, "HandshakeRefused: WebSocket upgrade refused"),
    ("is_refused", {"number": "x"}, EXIT_SETTINGS, "SettingsError: settings of a: Expected `int`"),
    ("has_wrong_settings", {}, EXIT_SETTINGS, "SettingsError: a: nonsense"),
    ("is_not_there", {}, EXIT_SETTINGS, "SettingsError: "),
]


@pytest.mark.parametrize(("actor", "settings", "code", "summary"), ENDS)
def test_each_kind_of_end_has_its_exit_code(
    tmp_path: Path, actor: str, settings: dict[str, object], code: int, summary: str
) -> None:
    with entered(tmp_path) as process:
        process.start(actor, settings=settings)
        told = process.told()
        assert process.ended() == code
        assert [getattr(message, "summary", "").startswith(summary) for message in told] == [True] * bool(summary)


@pytest.mark.parametrize("actor", ["runs_out_of_memory", "runs_out_of_memory_in_a_task"])
def test_a_process_without_memory_still_says_its_last_words(tmp_path: Path, actor: str) -> None:
    with entered(tmp_path) as process:
        process.start(actor)
        failed = process.failed()
        assert process.ended() == EXIT_MEMORY
        assert "MemoryError" in failed.summary  # Other tasks may have had one too.
        assert "in use_all_memory" in failed.traceback


@pytest.mark.parametrize("actor", ["stands_still_in_c", "stands_still_from_the_first"])
def test_a_loop_that_stands_still_is_ended_by_its_own_timer(tmp_path: Path, actor: str) -> None:
    with entered(tmp_path) as process:
        process.start(actor, dead_man_s=1.0)
        assert process.ended() == -signal.SIGALRM


def test_without_a_limit_no_timer_runs(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("idle", dead_man_s=0.0)
        process.until(lambda: process.box().beats > 10)


def test_a_loop_that_turns_outlives_its_timer(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("idle", dead_man_s=2.0)
        process.until(lambda: process.box().beats > 0)
        first_ns = process.box().beat_ns
        process.until(lambda: process.box().beat_ns - first_ns > 3e9)


def test_a_supervisor_that_is_gone_ends_it_at_once(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("slow_to_stop")
        process.phase("running")
        process.control.close()
        assert process.ended() == EXIT_ORPHANED


def test_input_that_is_left_alone_is_seen_from_outside(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("reads_nothing")
        process.until(lambda: process.box().beat_ns > process.box().waiting_since_ns > 0)
        box = process.box()
        assert find_stall(box, now_ns=box.beat_ns, stall_timeout_s=0) is not None
        (tmp_path / "seen").touch()
        process.until(lambda: (process.box().consumed, process.box().waiting_since_ns) == (5, 0))


def test_all_that_is_printed_and_logged_comes_by_its_own_pipes(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("talks")
        output, errors = process.output(), process.errors().splitlines()
        assert process.ended() == EXIT_OK
        assert output.splitlines() == ["to stdout", "by a program", "by another"]
        assert errors[0] == "to stderr"
        assert '"event":"spoken"' in errors[1]
        assert '"key":"***"' in errors[1]


def test_a_line_of_the_log_that_cannot_be_written_as_meant_ends_no_actor(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("has_a_library_that_logs_badly")
        lines = process.lines()
        assert process.ended() == EXIT_OK
        assert [line["event"] for line in lines] == ["%d items", "notice", "odd"]


def test_errors_of_threads_and_those_that_cannot_be_raised_are_lines_of_the_log(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("errs_elsewhere")
        in_thread, unraisable = process.lines()
        assert process.ended() == EXIT_OK
        assert (in_thread["event"], in_thread["where"], in_thread["actor"]) == ("actor.uncaught", "thread helper", "a")
        assert in_thread["error"] == "ValueError('deliberate ***')"
        assert "in fails_in_a_thread" in in_thread["traceback"]
        assert "hush-hush" not in in_thread["traceback"]
        assert "in __del__" in unraisable["traceback"]


HEAVY = {
    *("rich", "pygments", "click", "structlog.tracebacks.rich", "asyncio"),
    *("trio_websocket", "wsproto", "h11", "httpx2", "httpcore2", "jwt", "cryptography", "msgpack"),
    *("multiprocess", "dill", "psutil", "pytest", "hypothesis", "unittest", "xml", "http.client", "email"),
}
"""What a restarted actor would have to wait for, unless it imports it itself."""


def test_an_idle_actor_imports_nothing_heavy(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("tells_modules")
        modules = process.output().split()
        assert process.ended() == EXIT_OK
        assert {"trio", "structlog"} <= set(modules)
        assert HEAVY & set(modules) == set()
