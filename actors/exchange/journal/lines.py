"""The lines of a journal: one JSON object each, told apart by `event`.

Every line has `t_ns`, the machine's monotonic clock when it happened: comparable between processes of one machine, and
with `received_ns` of `upbitd watch --json`. Accounts are named by `disclosure.account_id`, never by a key.
"""

import base64
from typing import Any

from msgspec import Struct


class _Line(Struct, frozen=True, tag_field="event", kw_only=True, omit_defaults=True):
    """What every line has."""

    t_ns: int


class Started(_Line, frozen=True, tag="started"):
    """The exchange began; connections are numbered anew from here on. `wall_ns` is the time of day then, UTC."""

    wall_ns: int
    seed: int
    settings: dict[str, Any]


class ConnectionOpened(_Line, frozen=True, tag="connection_opened"):
    """A WebSocket was accepted; `kind` is `public` or `private`, `account` is empty on the public path."""

    connection: int
    path: str
    kind: str
    peer: str
    account: str = ""


class ConnectionClosed(_Line, frozen=True, tag="connection_closed"):
    """A WebSocket ended, and why."""

    connection: int
    why: str


class Said(_Line, frozen=True, tag="request"):
    """A client's message; `base64` instead of `text` when it is no UTF-8."""

    connection: int
    text: str = ""
    base64: str = ""


class Frame(_Line, frozen=True, tag="frame", gc=False):
    """A data frame handed to a socket: `number` counts from 1 on each connection; what is no stream has no `type`."""

    connection: int
    number: int
    type: str = ""
    code: str = ""
    text: str = ""
    base64: str = ""

    @property
    def payload(self) -> bytes:
        """The frame's bytes.

        Raises:
            ValueError: `base64` holds something else.
        """
        return base64.b64decode(self.base64, validate=True) if self.base64 else self.text.encode()


class Rest(_Line, frozen=True, tag="rest"):
    """A REST call and the status of its answer; `status` 0: no answer was given."""

    address: str
    method: str
    path: str
    status: int
    account: str = ""


class OrderFill(_Line, frozen=True, tag="order_fill"):
    """A fill of one account's order; amounts are text."""

    account: str
    order: str
    fill: Any


class FaultSet(_Line, frozen=True, tag="fault"):
    """A fault was asked for."""

    fault: Any


class Lost(_Line, frozen=True, tag="lost"):
    """So many lines around this place could not be written."""

    lines: int


class Stopped(_Line, frozen=True, tag="stopped"):
    """The exchange ended in order: nothing is missing behind the last line."""


JournalLine = (
    Started | ConnectionOpened | ConnectionClosed | Said | Frame | Rest | OrderFill | FaultSet | Lost | Stopped
)
