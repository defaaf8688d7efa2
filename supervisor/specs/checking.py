"""Asking the check process: it imports the children's modules, so that the supervisor never does."""

from collections.abc import Iterator
from typing import Final

import msgspec

from actors.runtime.settings.check import CheckAnswer, CheckRequest, module_of
from protocols.errors import TemporaryFailure
from supervisor.specs.check_process import NoAnswer, run_check

LIMIT_S: Final = 60.0
"""Imports that take longer hang: the whole default tree is imported in less than 2 s."""

REST_S: Final = 10.0
"""How long the others may take after one hung. Nobody should wait a minute for each."""


def ask_check(request: CheckRequest) -> CheckAnswer:
    """Check all children in a process of its own and return what it found.

    A module that ends that process, or never comes back, is a problem of those that name it, and the others are
    checked without it. When a second one hangs, what comes after it is not checked.

    Raises:
        TemporaryFailure: all that was found may be different next time: no process could be made, somebody killed it,
            or an import took too long, as it may on a machine that is busy with its own start.
    """
    passing: list[str] = []
    problems: list[str] = []
    limit_s, has_hung = LIMIT_S, False
    while True:
        try:
            answer = run_check(request, limit_s=limit_s)
        except OSError as error:
            passing.append(f"start: the process that checks the children cannot be started: {error}")
            break
        except NoAnswer as error:
            (passing if error.may_pass else problems).extend(_problems_of(error, request))
            if not error.module or (error.is_hang and has_hung):
                break
            if error.is_hang:
                limit_s, has_hung = REST_S, True
            request = _without(request, error.module)
        else:
            problems += answer.problems
            if passing and not problems:
                break
            return msgspec.structs.replace(answer, problems=[*passing, *problems])
    if not problems:
        raise TemporaryFailure("\n".join(passing))
    return CheckAnswer(problems=[*passing, *problems], takes={})


def _problems_of(error: NoAnswer, request: CheckRequest) -> Iterator[str]:
    """Yield a problem for everything that names the module, in the words of the check itself."""
    if not error.module:
        yield f"start: checking the children failed: {error}"
    for child in request.children:
        if module_of(child.start) == error.module:
            yield f"child {child.name}: start = {child.start!r}: {error}"
    if error.module in request.preload:
        yield f"supervisor.preload: {error.module!r}: {error}"


def _without(request: CheckRequest, module: str) -> CheckRequest:
    return msgspec.structs.replace(
        request,
        children=[child for child in request.children if module_of(child.start) != module],
        preload=[name for name in request.preload if name != module],
        is_complete=False,
    )
