"""Exit codes of actors, and what each tells the supervisor."""

from typing import Final

EXIT_OK: Final = 0
"""The work is done, or the actor was asked to stop."""

EXIT_FAILED: Final = 1
"""An error that nobody caught."""

EXIT_SETTINGS: Final = 2
"""Settings or import path are wrong: another try would fail the same way."""

EXIT_ORPHANED: Final = 70
"""The supervisor is gone; nobody is left to read this one (EX_SOFTWARE of sysexits.h)."""

EXIT_MEMORY: Final = 71
"""No more memory could be had (EX_OSERR)."""

EXIT_REFUSED: Final = 75
"""The outside world refused, such as the exchange; it may accept later (EX_TEMPFAIL)."""
