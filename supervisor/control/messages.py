"""What is said on RUN_DIR/control.sock: one JSON object a line, one answer for each request."""

from typing import Final

from msgspec import Struct

from supervisor.control.status import TreeStatus

MAX_LINE_BYTES: Final = 64 * 1024


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """A request: `status`, `stop`, or `restart` with the child's name."""

    verb: str
    name: str = ""


class Answer(Struct, frozen=True, omit_defaults=True):
    """The answer: `error` is empty when it worked.

    Attributes:
        is_unknown_name: the error is that no child has the name in the command.
        state: after `restart`: the state that the child reached.
        status: after `status`.
    """

    error: str = ""
    is_unknown_name: bool = False
    state: str = ""
    status: TreeStatus | None = None
