"""What an actor's coroutine holds in its hands: its name, its log, its socket, its way to the supervisor."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors.runtime.process.black_box import Note, note_nowhere
from actors.runtime.process.counters import Counters
from actors.runtime.process.heartbeat import Progress
from actors.runtime.process.logs import Redaction
from actors.runtime.run_dir import socket_of
from protocols.control.messages import FromChild, Parked, Ready, Unparked

if TYPE_CHECKING:
    from actors.runtime.channel.dialling import Dial
    from actors.runtime.channel.publishing import Publisher


class Secrets(Mapping[str, str]):
    """Values that only this actor may hold, by name; printing the mapping shows the names alone."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{name}=***' for name in self._values)})"


class Actor:
    """One life of one actor.

    Attributes:
        name: its name in the settings.
        pid: its process id.
        incarnation: 1 for the first life of this actor, then 2, 3, ...
        run_dir: where the sockets of all actors are.
        secrets: values from the supervisor's environment that only this actor got.
        log: structlog logger, bound with the actor's name and pid.
        counters: numbers shown by `upbitd status`.
        publisher: topics that this actor serves on its own socket.
        progress: how much input it has consumed.
        note: writes the header of a message into the black box.
    """

    def __init__(
        self,
        *,
        name: str,
        pid: int,
        incarnation: int,
        run_dir: Path,
        secrets: Mapping[str, str],
        log: Any,  # noqa: ANN401 - structlog's bound loggers are made at run time
        counters: Counters,
        publisher: "Publisher",
        tell: Callable[[FromChild], None],
        redaction: Redaction | None = None,
        progress: Progress | None = None,
        note: Note = note_nowhere,
    ) -> None:
        self.name = name
        self.pid = pid
        self.incarnation = incarnation
        self.run_dir = run_dir
        self.secrets = Secrets(secrets)
        self.log = log
        self.counters = counters
        self.publisher = publisher
        self.progress = Progress() if progress is None else progress
        self.note = note
        self._tell = tell
        # The process's own, which its log uses too; an actor that runs alone, as in a test, gets one for itself.
        self._redaction = Redaction(secrets.values()) if redaction is None else redaction
        self._is_ready = False
        self._own_reason = ""
        self._absent: dict[object, str] = {}
        self._parked_for = ""

    def ready(self) -> None:
        """Tell the supervisor that the work has begun; further calls do nothing."""
        if not self._is_ready:
            self._is_ready = True
            self._tell(Ready(pid=self.pid))

    def park(self, reason: str) -> None:
        """Tell the owner, by `upbitd status`, what he must do before this actor can work; it lives on meanwhile.

        An actor that parks is ready first: the rest of the tree has nothing to wait for. The same reason again does
        nothing.
        """
        self.ready()
        self._own_reason = self.redact(reason)
        self._tell_parked()

    def unpark(self) -> None:
        """Take back `park`: the actor works again, unless an actor that it dials does not exist (see `dial`)."""
        self._own_reason = ""
        self._tell_parked()

    def keep_secret(self, value: str) -> None:
        """Mask this value from now on in all that leaves the process as text: log, reasons, last words.

        The `secrets` are masked from the start; this is for those that the actor found by itself, as in a file. It may
        be called as often as they are read.
        """
        self._redaction.learn(value)

    def redact(self, text: str) -> str:
        """Return the text without secrets; for what goes to others by another way than the log and `park`."""
        return self._redaction.text(text)

    def progressed(self, n: int = 1) -> None:
        """Count `n` pieces of input as consumed."""
        self.progress.consumed += n

    def watch_input(self, is_waiting: Callable[[], bool]) -> AbstractContextManager[None]:
        """Count something as input of this actor, within `with`: where it waits and nothing is consumed, it hangs.

        Links made by `dial` are watched already. The supervisor ends an actor whose input has waited for its
        `stall_timeout_s` while it consumed nothing at all.

        Args:
            is_waiting: says whether something waits there now; called once a heartbeat, so it must be quick.
        """
        return self.progress.watch(is_waiting)

    def on_request(self, method: str, handler: Callable[..., Awaitable[object]]) -> None:
        """Answer `method` on this actor's socket; `state` is what `upbitd show` prints."""
        self.publisher.on_request(method, handler)

    def dial(self, server: str, *, bodies: Any = None, setting: str = "") -> "Dial":  # noqa: ANN401 - types
        """Return a link to another actor by its name, to be used with `async with`.

        Args:
            server: who serves the topics.
            bodies: the type of the events' bodies, or a union of types; the exchange's messages when not given.
            setting: which of this actor's settings names the server, if one does.

        Where there is no actor of this name for some seconds, this actor is parked with a line that says so and names
        the setting and the actors that there are; it goes on dialling, and works as soon as the other one was added.

        Whatever is taken from the link counts as progress. A link is there to be read: an actor that takes nothing
        from any of its links for its `stall_timeout_s`, while something waits in one, is held to hang, and ended. So
        one that is busy for longer with a single event, or with a batch of `receive`, calls `progressed` meanwhile;
        one that does not want events for a while closes the link. A link that was never read is not even dialled, so
        nothing waits in it.
        """
        # An actor that dials nobody need not load these.
        from actors.runtime.channel.dialling import Dial  # noqa: PLC0415
        from actors.runtime.channel.presence import Presence  # noqa: PLC0415

        named_by = f"{self.name}.{setting}" if setting else f"the code of {self.name}"
        presence = Presence(self.run_dir, server, named_by, partial(self._note_absence, object()))
        path = socket_of(self.run_dir, server)
        chosen = {} if bodies is None else {"bodies": bodies}
        return Dial(
            path,
            client=self.name,
            counters=self.counters,
            log=self.log,
            progressed=self.progressed,
            watch=self.watch_input,
            note=self.note,
            presence=presence,
            **chosen,
        )

    def _note_absence(self, link: object, reason: str) -> None:
        """An actor that a link dials does not exist, or, with "", is there after all."""
        if reason:
            self.ready()
            self.log.warning("actor.nobody_to_dial", reason=reason)
            self._absent[link] = self.redact(reason)
        else:
            self._absent.pop(link, None)
        self._tell_parked()

    def _tell_parked(self) -> None:
        reasons = dict.fromkeys((self._own_reason, *self._absent.values()))
        reason = "; ".join(filter(None, reasons))
        if reason != self._parked_for:
            self._parked_for = reason
            self._tell(Parked(reason=reason) if reason else Unparked())
