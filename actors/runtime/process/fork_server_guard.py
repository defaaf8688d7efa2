"""Imported by the fork server itself: ties its life to the supervisor's, so that its children's lives are tied too.

Under a fork server the actors' parent is the fork server. A parent-death signal follows the parent, so the chain is:
the supervisor ends, the kernel kills the fork server, and then the actors. Anywhere else this module does nothing.

It also imports what children are to inherit. A module that cannot be imported is left out, whatever its error is: the
fork server must not end by it, and the child that needs the module says what is wrong. One that is never through is
another matter: nobody can be served meanwhile, so the kernel ends the process at a limit.
"""

import contextlib
import gc
import importlib
import os
from typing import Final

from actors.runtime.process.lifeline import arm_dead_man, arm_parent_death_signal

VARIABLE: Final = "UPBITD_FORK_SERVER_OF"
"""The supervisor's pid, set around the start of the fork server alone."""

IMPORTS: Final = "UPBITD_FORK_SERVER_IMPORTS"
"""Names of the modules to import, with spaces between them."""

LIMIT_S: Final = "UPBITD_FORK_SERVER_LIMIT_S"
"""How many seconds all imports together may take."""

PATH_BEFORE: Final = "UPBITD_FORK_SERVER_PATH_BEFORE"
"""What PYTHONPATH was before it was set for the fork server's imports; the actors' own programs must not see that."""


def _guard(supervisor: int) -> None:
    arm_parent_death_signal(supervisor)
    from setproctitle import getproctitle  # noqa: PLC0415 - after the lifeline

    getproctitle()  # It looks for the memory of titles once, and finds none where the environment was changed before.
    before = os.environ.pop(PATH_BEFORE, "")
    if before:
        os.environ["PYTHONPATH"] = before
    else:
        os.environ.pop("PYTHONPATH", None)
    arm_dead_man(float(os.environ.pop(LIMIT_S, "0")))
    for module in os.environ.pop(IMPORTS, "").split():
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(module)
    arm_dead_man(0)
    # What was imported stays for good. A collector that looked at it would write into each of its pages, and the
    # children, whose collectors leave it alone from here on, would no longer share them.
    gc.collect()
    gc.freeze()


if VARIABLE in os.environ:
    _guard(int(os.environ.pop(VARIABLE)))
