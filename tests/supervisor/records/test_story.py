from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.records.crash_reports import CrashReport
from supervisor.records.story import LOG_LINES, MESSAGES, TRACE_LINES, plain_lines, tell
from tests.supervisor.records.reports import ENDED, noted, report

NOW = ENDED + timedelta(seconds=12)


def story(told: CrashReport, *, is_full: bool = False) -> list[str]:
    return list(tell(told, now=NOW, is_full=is_full))


def test_the_story_of_an_error_is_whole() -> None:
    told = report(
        summary="KeyError: 'KRW-BTC'",
        traceback="Traceback (most recent call last):\n  File \"x.py\", line 3, in f\nKeyError: 'KRW-BTC'\n",
        messages=(noted(4210, before_s=1.5, count=12), noted(4211)),
        log_tail=(
            '{"actor":"a","pid":1,"market":"KRW-BTC","event":"up","level":"info","time":"2026-11-26T09:29:59.658Z"}',
        ),
    )
    assert story(told) == [
        "private (pid 123, 3rd life) ended 12.0 s ago, after 3 min 4 s: exit code 1",
        "  cause      exit",
        "  said       KeyError: 'KRW-BTC'",
        "  was        running; its loop turned last 0.4 s before; 52,118 inputs consumed by then",
        "  input      ticker/KRW-BTC epoch 17 no. 4210, the newest of 12, 1.500 s before the end",
        "  last input ticker/KRW-BTC epoch 17 no. 4211, 0.020 s before the end",
        "  traceback",
        "    Traceback (most recent call last):",
        '      File "x.py", line 3, in f',
        "    KeyError: 'KRW-BTC'",
        "  log",
        "    09:29:59.658 info up market=KRW-BTC",
        "  decision   restarted at once (cause exit, 1 of 5 within 60 s)",
    ]


def test_the_story_of_a_hang_tells_who_ended_it_and_shows_the_stacks() -> None:
    told = report(
        code=None,
        signal=9,
        cause="hang",
        summary="its loop stood still for 10.2 s (limit 10 s)",
        dump="Current thread 0x7f (most recent call first):\n  File a\n",
        beat_age_s=10.3,
        waited_s=10.1,
        rung="sigkill",
    )
    lines = story(told)
    assert lines[0].endswith(": signal SIGKILL")
    assert lines[1:4] == [
        "  cause      hang (ended by the supervisor: sigkill)",
        "  said       its loop stood still for 10.2 s (limit 10 s)",
        (
            "  was        running; its loop turned last 10.3 s before; 52,118 inputs consumed by then, "
            "input had waited for 10.1 s"
        ),
    ]
    assert lines[4:7] == ["  stacks", "    Current thread 0x7f (most recent call first):", "      File a"]


def test_the_story_of_a_child_that_had_not_begun_says_so() -> None:
    told = report(code=None, phase="", beat_age_s=None, consumed=0, cause="", decision="")
    assert story(told) == [
        "private (pid 123, 3rd life) ended 12.0 s ago, after 3 min 4 s: nobody knows how",
        "  cause      not known",
        "  was        not begun; its loop had not begun to turn; 0 inputs consumed by then",
        "  decision   none: it was being stopped",
    ]


@pytest.mark.parametrize(("number", "name"), [(11, "SIGSEGV"), (34, "SIGRTMIN"), (35, "35"), (63, "63")])
def test_signals_without_a_name_have_a_number(number: int, name: str) -> None:
    assert story(report(code=None, signal=number))[0].endswith(f": signal {name}")


def test_a_clock_that_was_set_back_tells_no_future() -> None:
    assert "ended 0.0 s ago" in next(tell(report(), now=ENDED - timedelta(hours=1)))


def test_only_the_end_of_what_is_long_is_shown_unless_asked() -> None:
    told = report(
        traceback="\n".join(f"line {number}" for number in range(100)),
        dump="\n".join(f"frame {number}" for number in range(TRACE_LINES)),
        messages=tuple(noted(number) for number in range(32)),
        log_tail=tuple(f"log {number}" for number in range(40)),
    )
    short, whole = story(told), story(told, is_full=True)
    assert f"  traceback ({TRACE_LINES} of 100 lines; --full shows all)" in short
    assert "  stacks" in short
    assert sum("epoch 17" in line for line in short) == MESSAGES
    assert [line for line in short if line.startswith("    log ")] == [
        f"    log {40 - LOG_LINES + n}" for n in range(5)
    ]
    assert "  traceback" in whole
    assert {f"    line {number}" for number in range(100)} <= set(whole)
    assert {f"    log {number}" for number in range(40)} <= set(whole)
    assert sum("epoch 17" in line for line in whole) == 32


def stack(title: str, *frames: str) -> str:
    return "\n".join((f"{title} (most recent call first):", *(f"  File {frame}" for frame in frames), ""))


OTHER = stack("Thread 0x1", "wait", "run")
TASKS = "\n".join((stack("Main task", "sleep", "actor"), stack("Task feed", "read")))
ASKED = "\n".join((OTHER, stack("Current thread 0x2", "asked", "run")))


@pytest.mark.parametrize(
    ("dump", "shown"),
    [
        (stack("Current thread 0x2", "newest", "run"), ["Current thread 0x2", "newest", "run"]),
        (ASKED + ASKED.replace("asked", "hang"), ["Current thread 0x2", "hang", "run"]),
        (
            f"{ASKED}Fatal Python error: Segmentation fault\n\n{ASKED.replace('asked', 'crash')}\nExtension modules: x",
            ["Fatal Python error: Segmentation fault", "Current thread 0x2", "crash", "run"],
        ),
        (
            f"Fatal Python error: Aborted\n\n{ASKED}{ASKED.replace('asked', 'hang')}",
            ["Current thread 0x2", "hang", "run"],
        ),
        (OTHER, ["Thread 0x1", "wait", "run"]),
        (f"{ASKED}\n{TASKS}", ["Main task", "sleep", "actor"]),
        (f"{ASKED}\n{TASKS}{ASKED.replace('asked', 'hang')}", ["Current thread 0x2", "hang", "run"]),
    ],
)
def test_the_newest_call_of_the_thread_that_mattered_is_shown_first(dump: str, shown: list[str]) -> None:
    lines = story(report(dump=dump))
    begin = next(index for index, line in enumerate(lines) if line.startswith("  stacks"))
    told = [
        line.strip().removeprefix("File ").removesuffix(" (most recent call first):") for line in lines[begin + 1 : -1]
    ]
    assert told == shown


def test_a_deep_stack_shows_its_newest_calls() -> None:
    deep = stack("Current thread 0x2", *(str(number) for number in range(100)))
    lines = story(report(dump=deep))
    assert f"  stacks ({TRACE_LINES} of 101 lines; --full shows all)" in lines
    assert "      File 0" in lines
    assert "      File 99" not in lines


def test_a_log_line_with_a_traceback_is_shown_whole_beneath_it() -> None:
    line = msgspec.json.encode(
        {"event": "failed", "exception": "Traceback:\n  deep\nKeyError\n", "level": "error", "n": [1, None], "ok": True}
    )
    assert list(plain_lines(line.decode())) == [
        "error failed n=[1,null] ok=true",
        "  Traceback:",
        "    deep",
        "  KeyError",
    ]


@pytest.mark.parametrize("line", ["plain", "[1]", "{", "5", "[" * 50_000])
def test_a_line_that_is_no_object_is_shown_as_it_is(line: str) -> None:
    assert list(plain_lines(line)) == [line]


ODD_TEXT = st.text(st.sampled_from("a\n\t\x1b\x07\x00\x9b\r\u2028é"), max_size=12)


def is_calm(line: str) -> bool:
    """Whether a terminal would only show it."""
    return all(char == "\t" or char.isprintable() or char == "\u2028" for char in line)


@given(ODD_TEXT, ODD_TEXT)
def test_nothing_that_was_printed_controls_the_terminal(event: str, value: str) -> None:
    logged = msgspec.json.encode({"event": event, "x": value, "level": "info"}).decode()
    told = report(
        summary=event, traceback=value, dump=event, phase=value, log_tail=(logged, event), decision=value, cause=event
    )
    for line in (*story(told, is_full=True), *plain_lines(logged), *plain_lines(event)):
        assert is_calm(line.replace("\n", "")), repr(line)
        assert "\n" not in line
