"""Rules about tidying up, errors and ends: each with a run that passes, and runs that fail for their own reason."""

import pytest

from actors.learning.grading.endings import (
    judge_async,
    judge_cleanup,
    judge_end,
    judge_guarded,
    judge_long_run,
    judge_quality,
    judge_release,
    judge_running,
)
from actors.learning.grading.evidence import Rule
from actors.learning.grading.findings import PASSED, Verdict, failed
from tests.actors.learning.stories import BTC, TIDY, UNGUARDED, Story, nothing_asked, one_ticker

ALL = [judge_async, judge_cleanup, judge_guarded, judge_quality, judge_release, judge_running]


@pytest.mark.parametrize("rule", ALL)
def test_a_tidy_program_passes(rule: Rule) -> None:
    assert rule(one_ticker().evidence()) is PASSED


@pytest.mark.parametrize("rule", [*ALL, judge_long_run])
def test_a_program_that_asked_for_nothing_fails_with_its_last_error(rule: Rule) -> None:
    assert rule(nothing_asked().evidence()) == failed("nothing_asked_error", error="ValueError: no such name")
    assert rule(Story().evidence(seconds=3)) == failed("nothing_asked", seconds=3)


def test_a_refused_request_is_told_by_the_exchanges_own_name() -> None:
    refused = Story().open(1).frame(2, "", "", '{"error":{"name":"NO_CODES","message":"m"}}')
    assert judge_running(refused.evidence()) == failed("refused", name="NO_CODES", times=1)


def test_what_is_still_asked_for_at_the_end_is_named() -> None:
    held = Story().open(1).ask(1, ticker=[BTC]).evidence()
    assert judge_release(held) == failed("still_held", topics="[ticker/KRW-BTC]")


def test_a_release_long_after_the_end_is_none_of_the_programs() -> None:
    late = Story().open(1).ask(1, ticker=[BTC]).close(13.5)
    assert judge_release(late.evidence()) == failed("released_late", late_s=3.5, limit_s=1.0)
    assert judge_release(Story().open(1).ask(1, ticker=[BTC]).close(10.9).evidence()) is PASSED


@pytest.mark.parametrize("rule", [judge_cleanup, judge_release])
def test_a_source_without_cleanup_fails_also_when_the_end_of_the_process_gave_everything_up(rule: Rule) -> None:
    source = 'client = WebSocketClient("one")\nclient.subscribe_ticker(["KRW-BTC"], print)\n'
    assert rule(one_ticker().evidence(source)) == failed("no_cleanup_call")


@pytest.mark.parametrize("rule", [judge_cleanup, judge_release])
def test_a_cleanup_that_was_not_reached_is_not_judged_and_says_what_to_do(rule: Rule) -> None:
    story = Story().open(1).ask(1, ticker=[BTC]).close(20.3)
    finding = rule(story.evidence(UNGUARDED, seconds=20, ending="interrupted", exit_code=-2, ended_s=20.2))
    assert finding.verdict is Verdict.NOT_JUDGED
    assert (finding.reason, finding.facts) == ("interrupted_before_cleanup", {"seconds": 20, "more": 40})


def test_a_cleanup_before_the_interruption_counts() -> None:
    evidence = one_ticker().evidence(UNGUARDED, seconds=20, ending="interrupted", exit_code=-2, ended_s=20.2)
    assert judge_release(evidence) is PASSED


@pytest.mark.parametrize("rule", [judge_cleanup, judge_release])
def test_an_error_before_an_unguarded_cleanup_fails_both(rule: Rule) -> None:
    story = one_ticker().complain("KeyError: 'price'")
    evidence = story.evidence(UNGUARDED, exit_code=1)
    assert rule(evidence) == failed("crashed_before_cleanup", error="KeyError: 'price'")


@pytest.mark.parametrize("exit_code", [0, 130, -2])
def test_being_interrupted_is_no_fault(exit_code: int) -> None:
    evidence = one_ticker().evidence(ending="interrupted", exit_code=exit_code)
    assert judge_running(evidence) is PASSED
    assert judge_guarded(evidence) is PASSED


def test_a_group_with_a_keyboard_interrupt_is_no_crash_but_an_error_at_the_interruption_is() -> None:
    told = one_ticker().complain("  | KeyboardInterrupt").evidence(ending="interrupted", exit_code=1)
    assert judge_running(told) is PASSED
    crashed = one_ticker().complain("RuntimeError: cleanup failed").evidence(ending="interrupted", exit_code=1)
    assert judge_running(crashed) == failed("crashed", code=1, error="RuntimeError: cleanup failed")


def test_ignoring_ctrl_c_fails_all_rules_about_the_end() -> None:
    killed = one_ticker().evidence(ending="killed", exit_code=-9, seconds=20)
    assert [rule(killed) for rule in ALL] == [failed("killed", seconds=20)] * len(ALL)


def test_an_exit_code_of_its_own_is_told_with_the_last_error() -> None:
    assert judge_end(one_ticker().evidence(exit_code=3)) == failed("crashed", code=3, error="-")


def test_an_unguarded_cleanup_is_no_error_handling() -> None:
    assert judge_guarded(one_ticker().evidence(UNGUARDED)) == failed("not_guarded")


@pytest.mark.parametrize("rule", [judge_async, judge_quality])
def test_a_forgotten_coroutine_is_shown(rule: Rule) -> None:
    line = "p.py:3: RuntimeWarning: coroutine 'WebSocketClient.cleanup' was never awaited"
    assert rule(one_ticker().complain(line).evidence()) == failed("async_faults", line=line, times=1)


def test_a_long_run_is_judged_from_five_minutes_on() -> None:
    short = judge_long_run(one_ticker().evidence(seconds=20))
    assert (short.verdict, short.facts) == (Verdict.NOT_JUDGED, {"seconds": 20, "needed": 300})
    long = one_ticker().evidence(TIDY, seconds=300, ending="interrupted", exit_code=-2)
    assert judge_long_run(long) is PASSED
    refused = one_ticker().frame(5, "", "", '{"error":{"name":"WRONG_FORMAT"}}').evidence(seconds=300)
    assert judge_long_run(refused) == failed("refused", name="WRONG_FORMAT", times=1)
    assert judge_long_run(one_ticker().evidence(seconds=300, exit_code=1)).reason == "crashed"
