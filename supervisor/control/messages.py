"""What is said on RUN_DIR/control.sock: one JSON object a line, one answer for each request; `follow` has many."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from supervisor.control.status import TreeStatus
from supervisor.records.crash_reports import CrashReport, Losses
from supervisor.specs.plan import Change

MAX_LINE_BYTES: Final = 256 * 1024
"""Of a request; the longest is the text of `add`."""

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Of an answer. One that has more is cut, so that it can be used all the same; what a follower may be behind always
fits, also when each of its bytes needs a backslash."""

VERBS: Final = (
    "status",
    "why",
    "dump",
    "tail",
    "follow",
    "start",
    "stop",
    "restart",
    "add",
    "remove",
    "plan",
    "reload",
)

NEED_A_NAME: Final = frozenset({"why", "dump", "tail", "follow", "start", "restart", "remove"})


class Command(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request.

    Attributes:
        verb: one of `VERBS`. `stop` without a name stops the whole tree.
        name: of the child or group that is meant.
        count: how many lines (`tail`) or reports (`why`).
        text: TOML with `[[child]]` and `[[group]]` tables (`add`).
        group: where those belong that do not say it themselves (`add`).
    """

    verb: str
    name: str = ""
    count: Annotated[int, Meta(ge=0)] = 1
    text: str = ""
    group: str = ""


class Answer(Struct, frozen=True, omit_defaults=True):
    """The answer.

    Attributes:
        error: empty when it worked; several problems of settings are one line each.
        is_unknown_name: the error is that nothing has the name in the command.
        is_bad_input: the error is in what the command or the settings say.
        state: after `start`, `stop NAME`, `restart`: the state that was reached, as `status` calls it.
        reason: why it is that one, where there is something to say.
        status: after `status`.
        reports: after `why`, the newest first; their longest texts may be cut.
        left_out: how many older reports there are that did not fit into this answer.
        lost: after `why`, when ends after the newest report have none, since it could not be written.
        lines: after `tail` and `follow`: JSON objects as texts.
        text: after `dump`.
        names: after `add`.
        changes: after `plan` and `reload`.
    """

    error: str = ""
    is_unknown_name: bool = False
    is_bad_input: bool = False
    state: str = ""
    reason: str = ""
    status: TreeStatus | None = None
    reports: tuple[CrashReport, ...] = ()
    left_out: int = 0
    lost: Losses | None = None
    lines: tuple[str, ...] = ()
    text: str = ""
    names: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
