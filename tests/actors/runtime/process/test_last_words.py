from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.runtime.process.last_words import MAX_SUMMARY_CHARS, MAX_TRACEBACK_CHARS, cut, verdict
from actors.runtime.process.logs import Redaction
from protocols.channel.framing import MAX_PAYLOAD_BYTES
from protocols.control.exit_codes import EXIT_FAILED, EXIT_MEMORY, EXIT_REFUSED, EXIT_SETTINGS
from protocols.control.messages import Failed
from protocols.errors import ExchangeRefused, HandshakeRefused, SettingsError

SECRET = "QJQ-a-secret-of-many-characters-QJQ"


def judged(error: BaseException) -> tuple[int, Failed]:
    """Raise it, so that it has a traceback, and return the verdict."""

    def fail() -> None:
        raise error

    return judged_of(fail)


def judged_of(fails: Callable[[], None]) -> tuple[int, Failed]:
    try:
        fails()
    except BaseException as raised:  # noqa: BLE001 - whatever it is
        code, failed = verdict(raised, Redaction([SECRET]))
    assert failed is not None
    return code, failed


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "code", "summary"),
    [
        (ValueError("x"), EXIT_FAILED, "ValueError: x"),
        (ValueError(), EXIT_FAILED, "ValueError: "),
        (ValueError("first line\nsecond"), EXIT_FAILED, "ValueError: first line"),
        (KeyError(SECRET), EXIT_FAILED, "KeyError: '***'"),
        (Odd(), EXIT_FAILED, "Odd, which has no text: RuntimeError"),
        (SystemExit("why"), EXIT_FAILED, "SystemExit: why"),
        (KeyboardInterrupt(), EXIT_FAILED, "KeyboardInterrupt: "),
        (MemoryError(), EXIT_MEMORY, "MemoryError: "),
        (SettingsError("bad"), EXIT_SETTINGS, "SettingsError: bad"),
        (HandshakeRefused(403), EXIT_REFUSED, "HandshakeRefused: WebSocket upgrade refused with HTTP 403"),
        (ExchangeRefused("a", "b"), EXIT_REFUSED, "ExchangeRefused: exchange refused: a (error frame): b"),
        (ExceptionGroup("g", [HandshakeRefused(403)]), EXIT_REFUSED, "HandshakeRefused: WebSocket upgrade"),
        (ExceptionGroup("g", [HandshakeRefused(403), ValueError("x")]), EXIT_FAILED, "2 errors, first Handshake"),
        (ExceptionGroup("g", [SettingsError("bad"), ValueError("x")]), EXIT_FAILED, "2 errors, first Settings"),
        (ExceptionGroup("g", [ValueError("x"), MemoryError()]), EXIT_MEMORY, "2 errors, first ValueError: x"),
        (BaseExceptionGroup("g", [SystemExit(3), ValueError("x")]), EXIT_FAILED, "2 errors, first SystemExit: 3"),
    ],
)
def test_each_error_has_its_code_and_one_line(error: BaseException, code: int, summary: str) -> None:
    got, failed = judged(error)
    assert got == code
    assert failed.summary.startswith(summary)
    assert "\n" not in failed.summary
    assert "Traceback (most recent call last)" in failed.traceback


@pytest.mark.parametrize(
    ("error", "code"),
    [(SystemExit(), 0), (SystemExit(0), 0), (SystemExit(7), 7), (BaseExceptionGroup("g", [SystemExit(7)]), 7)],
)
def test_an_actor_that_chose_its_exit_code_has_no_last_words(error: BaseException, code: int) -> None:
    assert verdict(error, Redaction()) == (code, None)


def test_secrets_are_in_no_last_words() -> None:
    _code, failed = judged(ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(f"Bearer {SECRET}")]))
    assert SECRET not in failed.summary + failed.traceback


@given(before=st.integers(0, 2 * MAX_TRACEBACK_CHARS))
@example(before=MAX_SUMMARY_CHARS - len("ValueError: ") - 10)
@settings(max_examples=30)
def test_no_half_of_a_secret_is_left_where_the_words_are_cut(before: int) -> None:
    text = "x" * before + SECRET + "x" * (2 * MAX_TRACEBACK_CHARS)
    _code, failed = judged(ValueError(text))
    assert "QJQ" not in failed.summary + failed.traceback


def test_the_longest_words_still_fit_the_control_link() -> None:
    _code, failed = judged(ValueError("\U0001f600" * MAX_TRACEBACK_CHARS))
    assert len(failed.summary) == MAX_SUMMARY_CHARS
    assert "characters left out" in failed.traceback
    assert len((failed.summary + failed.traceback).encode()) < MAX_PAYLOAD_BYTES


def test_the_traceback_of_a_recursion_is_short() -> None:
    def down() -> None:
        down()

    with pytest.raises(RecursionError) as caught:
        down()
    code, failed = judged(caught.value)
    assert (code, failed.summary) == (EXIT_FAILED, "RecursionError: maximum recursion depth exceeded")
    assert len(failed.traceback) < 5000


def test_what_the_frames_hold_is_let_go_when_memory_is_out() -> None:
    held: list[object] = []

    class Held:
        def __del__(self) -> None:
            held.clear()

    def fill() -> None:
        kept = Held()
        held.append(kept.__class__)
        raise MemoryError

    code, failed = judged_of(fill)
    assert (code, held) == (EXIT_MEMORY, [])
    assert "in fill" in failed.traceback


@given(text=st.text(max_size=200), limit=st.integers(2, 60))
def test_a_cut_text_keeps_both_ends_and_says_what_is_missing(text: str, limit: int) -> None:
    short = cut(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        half = limit // 2
        assert short == f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
