"""What happens when stdout takes no more: a reader that went away is no failure, a full disk is one line.

A broken pipe or a full disk of anything else is a failure like any other: of `upbitd run`, the supervisor's own.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from actors.runtime.groups import leaves
from actors.runtime.stdout import forget_output, is_about_stdout, marked_stdout
from protocols.errors import UpbitdError

_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_DONE: Final = 0


class OutputUnwritable(UpbitdError):
    """Stdout cannot be written."""


@contextmanager
def unwritable_stdout_told() -> Iterator[None]:
    """Write out stdout at the end; turn what goes wrong with it, now or within, into a quiet end or one line.

    Raises:
        OutputUnwritable: the disk is full, or the terminal is gone.
        SystemExit: with code 0: the reader went away, as `head` does.
    """
    try:
        with marked_stdout():
            try:
                yield
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
    except (OSError, SystemExit, ExceptionGroup) as caught:
        error = _behind(caught)
        failure = _failure_of(error)
        if failure is None:
            if error is caught:
                raise
            raise error from None
        forget_output()
        if isinstance(failure, BrokenPipeError):
            raise SystemExit(_DONE) from None
        raise OutputUnwritable(f"the output cannot be written: {failure.strerror}") from None


def _behind(error: BaseException) -> BaseException:
    """Return what rich has ended the program for: it does so, with 1, for whatever pipe is broken."""
    cause = error.__context__
    is_answer = isinstance(error, SystemExit) and error.code == 1 and isinstance(cause, BrokenPipeError)
    return cause if is_answer and cause is not None else error


def _failure_of(error: BaseException) -> OSError | None:
    """Return the failed write of stdout behind an error; None when it is about something else."""
    if isinstance(error, ExceptionGroup):
        found = [_failure_of(leaf) for leaf in leaves(error)]
        return found[0] if found and all(found) else None
    if not isinstance(error, OSError) or not is_about_stdout(error):
        return None
    return error if isinstance(error, BrokenPipeError) or error.errno in _UNWRITABLE else None
