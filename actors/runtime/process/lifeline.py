"""The first milliseconds of a child: what must hold before anything slow is imported.

Every line here keeps a child from outliving its supervisor, from reading the supervisor's terminal, or from dying of a
^C that was meant for the supervisor. Only light standard modules may be imported here.
"""

import ctypes
import faulthandler
import os
import signal
import sys
from types import FrameType
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""`prctl` option, from <linux/prctl.h>: the signal to send to this process when its parent's thread ends."""

EXIT_ORPHANED: Final = 70
"""Exit code of a child that found its supervisor gone (EX_SOFTWARE of sysexits.h); nobody is left to read it."""


def arm_parent_death_signal(parent_pid: int) -> None:
    """Ask the kernel to kill this process when the supervisor ends, also while this process is blocked in C.

    The signal is not retroactive: a supervisor that died before this call is found by comparing the parent's pid.

    Source: prctl(2). It follows the parent's *thread*, so the supervisor starts children from its main thread only.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_PDEATHSIG): {os.strerror(code)}")
    if os.getppid() != parent_pid:
        os._exit(EXIT_ORPHANED)


def detach_from_terminal() -> None:
    """Make fd 0 /dev/null: `multiprocess` closes `sys.stdin` only and leaves the supervisor's terminal on fd 0."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def set_signals() -> None:
    """Ignore SIGINT, let SIGTERM end a child that is still booting, dump all stacks on SIGUSR1.

    ^C goes to the whole process group: the supervisor alone decides what it means. The supervisor blocks both signals
    around the start of a child, so this function is also what lets them through.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_while_booting)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _end_while_booting(_signal: int, _frame: FrameType | None) -> None:
    """Nothing is open yet, so the plain end of the interpreter is the clean one."""
    sys.exit(0)
