import signal

import pytest

from supervisor.machine.causes import Cause, Exit
from supervisor.processes.process import ExitStatus
from supervisor.processes.watching import UNKNOWN, Coroner


class Kernel:
    """Counts its kills."""

    def __init__(self) -> None:
        self.kills = 7

    def __call__(self) -> int:
        return self.kills


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def coroner(kernel: Kernel) -> Coroner:
    return Coroner(kernel)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, Exit(code=0, signal=None, summary="words")),
        (255, Exit(code=255, signal=None, summary="words")),
        (-11, Exit(code=None, signal=11, summary="words")),
        (None, Exit(code=None, signal=None, summary="words")),
    ],
)
def test_a_status_is_an_exit_code_or_a_signal_or_unknown(coroner: Coroner, status: int | None, expected: Exit) -> None:
    assert coroner.classify(ExitStatus(status), "words") == expected


def test_an_unknown_end_says_so(coroner: Coroner) -> None:
    assert coroner.classify(ExitStatus(None)) == Exit(code=None, signal=None, summary=UNKNOWN)


def cause_of(coroner: Coroner, number: int = signal.SIGKILL) -> Cause:
    return coroner.classify(ExitStatus(-number)).cause


def test_a_sigkill_is_somebody_at_work_unless_the_kernel_has_killed(coroner: Coroner, kernel: Kernel) -> None:
    assert cause_of(coroner) is Cause.KILLED
    kernel.kills += 1
    assert cause_of(coroner) is Cause.MEMORY
    assert cause_of(coroner) is Cause.KILLED  # One kill explains one end.


@pytest.mark.parametrize("number", [None, -signal.SIGKILL])
def test_a_fork_server_that_the_kernel_chose_explains_the_ends_of_its_children(
    coroner: Coroner, kernel: Kernel, number: int | None
) -> None:
    kernel.kills += 1
    assert coroner.classify(ExitStatus(number, is_server_lost=True)).cause is Cause.FORK_SERVER_LOST
    assert coroner.classify(ExitStatus(-signal.SIGSEGV, is_server_lost=True)).cause is Cause.SIGNAL
    assert coroner.classify(ExitStatus(2, is_server_lost=True)).cause is Cause.SETTINGS


def test_two_kills_at_once_explain_two_ends(coroner: Coroner, kernel: Kernel) -> None:
    kernel.kills += 2
    assert [cause_of(coroner) for _ in range(3)] == [Cause.MEMORY, Cause.MEMORY, Cause.KILLED]


def test_no_other_signal_is_for_want_of_memory(coroner: Coroner, kernel: Kernel) -> None:
    kernel.kills += 1
    assert cause_of(coroner, signal.SIGSEGV) is Cause.SIGNAL


@pytest.mark.parametrize(("looks", "expected"), [(0, Cause.MEMORY), (1, Cause.MEMORY), (2, Cause.KILLED)])
def test_a_kill_of_long_ago_explains_nothing(coroner: Coroner, kernel: Kernel, looks: int, expected: Cause) -> None:
    kernel.kills += 1
    for _ in range(looks):
        coroner.look()
    assert cause_of(coroner) is expected
