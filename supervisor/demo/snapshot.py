"""What a demo knows at one moment. It asks the sockets that everybody asks; the screen never waits for an answer."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from actors.runtime.channel.asking import ask
from protocols.errors import UpbitdError
from supervisor.control.messages import Answer, Command
from supervisor.control.status import TreeStatus
from supervisor.demo.place import last_lines
from supervisor.running.run_dir import RunDir

ASK_EVERY_S: Final = 0.25
ANSWER_S: Final = 2.0
READ_BYTES: Final = 65_536
LOG_LINES: Final = 5

ASKED: Final = ("public", "private", "price_monitor", "order_tracker", "market_scanner")

State = Mapping[str, Any]

_decode_answer = msgspec.json.Decoder(Answer).decode


class Answered(msgspec.Struct, frozen=True):
    """What an actor said last, and when; monotonic seconds of trio's clock."""

    state: State
    at_s: float


class Snapshot(msgspec.Struct, frozen=True):
    """What is known now.

    Attributes:
        elapsed_s: since the demo began.
        tree: None before the first answer of the supervisor.
        answers: last answer of each actor that gave one.
        now_s: to tell the age of answers.
        log: last lines of the log, as they are.
    """

    elapsed_s: float
    tree: TreeStatus | None
    answers: Mapping[str, Answered]
    now_s: float
    log: tuple[bytes, ...] = ()

    def state(self, actor: str) -> State:
        """What an actor said last; empty when it has said nothing yet."""
        answer = self.answers.get(actor)
        return {} if answer is None else answer.state

    def age_s(self, actor: str) -> float | None:
        """How old the last answer of an actor is; None when there is none."""
        answer = self.answers.get(actor)
        return None if answer is None else self.now_s - answer.at_s


class Observer:
    """Asks supervisor and actors again and again, each at its own pace: a slow one holds up no other."""

    def __init__(self, run_dir: RunDir, log_file: Path) -> None:
        self._run_dir = run_dir
        self._log_file = log_file
        self._started_s = trio.current_time()
        self._tree: TreeStatus | None = None
        self._answers: dict[str, Answered] = {}

    def snapshot(self) -> Snapshot:
        """Return what is known now."""
        now_s = trio.current_time()
        log = tuple(last_lines(self._log_file, LOG_LINES))
        return Snapshot(now_s - self._started_s, self._tree, dict(self._answers), now_s, log)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_tree)
            for actor in ASKED:
                nursery.start_soon(self._follow_actor, actor)

    async def _follow_tree(self) -> None:
        while True:
            with trio.move_on_after(ANSWER_S):
                self._tree = await ask_status(self._run_dir.control_socket) or self._tree
            await trio.sleep(ASK_EVERY_S)

    async def _follow_actor(self, actor: str) -> None:
        path = self._run_dir.child_socket(actor)
        while True:
            try:
                state = await ask(path, f"demo {os.getpid()}", "state", timeout_s=ANSWER_S)
            except (UpbitdError, OSError):
                pass  # Not there yet, or being restarted; its row of the tree says so.
            else:
                self._answers[actor] = Answered(state, trio.current_time())
            await trio.sleep(ASK_EVERY_S)


async def ask_status(control_socket: Path) -> TreeStatus | None:
    """Ask the supervisor for its status; None when it does not answer."""
    try:
        async with await trio.open_unix_socket(os.fspath(control_socket)) as stream:
            await stream.send_all(msgspec.json.encode(Command("status")) + b"\n")
            line = bytearray()
            while not line.endswith(b"\n"):
                chunk = await stream.receive_some(READ_BYTES)
                if not chunk:
                    return None
                line += chunk
    except (OSError, trio.BrokenResourceError):
        return None
    return _decode_answer(line).status
