"""The first milliseconds of a child: what must hold before anything slow is imported.

Every line here keeps a child from outliving its supervisor, from reading the supervisor's terminal, or from dying of a
^C that was meant for the supervisor. Only light standard modules may be imported here.
"""

import ctypes
import faulthandler
import fcntl
import mmap
import os
import signal
from types import FrameType
from typing import Final, NoReturn

from protocols.control.exit_codes import EXIT_FAILED, EXIT_ORPHANED

PR_SET_PDEATHSIG: Final = 1
"""`prctl` option, from <linux/prctl.h>: the signal to send to this process when its parent's thread ends."""

MARK: Final = "UPBITD_TREE"
"""Variable that every process of the tree inherits, and what it starts too unless it takes care not to."""

PROT_NONE: Final = 0
"""From <sys/mman.h>; `mmap` has no name for it."""


def arm_parent_death_signal(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent ends, also while this process is blocked in C.

    The signal is not retroactive: a parent that died before this call is found by comparing the parent's pid.

    Source: prctl(2). It follows the parent's *thread*, so children are started from main threads only.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_PDEATHSIG): {os.strerror(code)}")
    if os.getppid() != parent_pid:
        os._exit(EXIT_ORPHANED)


def memory_mark(mark: str) -> str:
    """Return the name of the memory that marks a fork, as proc_pid_maps(5) shows it at the end of a line."""
    return f"/memfd:{MARK}={mark} (deleted)"


def keep_mark() -> None:
    """Mark this process and all its forks by a piece of memory too; a process of no tree stays as it is.

    The kernel shows the environment as it was at the start of a program, and the title of a process is written over
    just that. So a program that is started by an actor has the variable, and a fork of the actor has this memory.
    Nobody uses it, and it takes none: what counts is its name. It cannot be lost but on purpose.

    Raises:
        OSError: no descriptor or memory is left.
    """
    mark = os.environ.get(MARK)
    if mark is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
    fd = os.memfd_create(f"{MARK}={mark}", os.MFD_CLOEXEC)
    try:
        # Not an `mmap.mmap`: that would hold a descriptor, and end with the interpreter.
        address = libc.mmap(None, mmap.PAGESIZE, PROT_NONE, mmap.MAP_PRIVATE, fd, 0)
        code = ctypes.get_errno()
    finally:
        os.close(fd)
    if address == ctypes.c_void_p(-1).value:
        raise OSError(code, f"mmap: {os.strerror(code)}")


def arm_dead_man(seconds: float) -> None:
    """End this process after so many seconds unless this is called again; 0 takes the timer away.

    The kernel does it, by SIGALRM with its default action, so it works also while C code holds the interpreter, and
    whoever else lives or does not. Source: setitimer(2).
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


def detach_from_terminal() -> None:
    """Make fd 0 /dev/null: `multiprocess` closes `sys.stdin` only and leaves the supervisor's terminal on fd 0."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def use_output(stdout: int, stderr: int) -> None:
    """Make two pipes of the supervisor the process's output; the descriptors themselves are closed."""
    # Copied first: a supervisor that was started without an output may have got 1 and 2 for the pipes themselves.
    pipes = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in (stdout, stderr)]
    for stream, pipe in zip((1, 2), pipes, strict=True):
        os.dup2(pipe, stream)
    for fd in (*pipes, stdout, stderr):
        if fd > 2:
            os.close(fd)


def set_signals(dump: int) -> None:
    """Take no notice of SIGINT and SIGHUP, let SIGTERM end a child that is still booting, dump all stacks on SIGUSR1.

    They are dumped on a crash too. ^C and the end of the terminal go to the whole process group: the supervisor alone
    decides what they mean. It blocks all three around the start of a child, so this function is also what lets them
    through: a program that an actor starts inherits what is blocked, and could not be ended by it. A fork server
    leaves handlers of its own behind, which go.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # As `nohup` wants it, for us and all that we start.
        # Not ignored: programs that an actor starts would inherit that. A handler they do not.
        signal.signal(signal.SIGHUP, take_no_notice)
        signal.siginterrupt(signal.SIGHUP, False)
    signal.signal(signal.SIGTERM, _end_while_booting)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.enable(dump)
    faulthandler.register(signal.SIGUSR1, file=dump, all_threads=True)
    signal.pthread_sigmask(
        signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1}
    )


def take_no_notice(_signal: int, _frame: FrameType | None) -> None:
    """The supervisor gets it as well, and acts on it."""


def end_by_sigterm() -> NoReturn:
    """End as one that was never taught this signal: who collects the process sees who ended it, and no exit code."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)
    os._exit(EXIT_FAILED)  # Not reached unless the signal is blocked.


def _end_while_booting(_signal: int, _frame: FrameType | None) -> None:
    """Nothing is open yet. It may come within an import, where others catch `SystemExit`."""
    end_by_sigterm()
