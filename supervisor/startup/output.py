"""What happens when stdout takes no more: a reader that went away is no failure, a full disk is one line."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from actors.runtime.groups import leaves
from actors.runtime.stdout import forget_output
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
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except (OSError, SystemExit, ExceptionGroup) as error:
        failure = _failure_of(error)
        if failure is None:
            raise
        forget_output()
        if isinstance(failure, BrokenPipeError):
            raise SystemExit(_DONE) from None
        raise OutputUnwritable(f"the output cannot be written: {failure.strerror}") from None


def _failure_of(error: BaseException) -> OSError | None:
    """Return the failed write behind an error; None when it is about something else."""
    if isinstance(error, ExceptionGroup):
        found = [_failure_of(leaf) for leaf in leaves(error)]
        return found[0] if found and all(found) else None
    if isinstance(error, SystemExit):
        # click and rich answer a broken pipe by ending the program with 1; commands of ours return or raise.
        return BrokenPipeError() if error.code == 1 else None
    # An error about a file has the file's name.
    if not isinstance(error, OSError) or error.filename is not None:
        return None
    return error if isinstance(error, BrokenPipeError) or error.errno in _UNWRITABLE else None
