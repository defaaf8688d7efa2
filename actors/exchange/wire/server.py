"""The simulated exchange on one port: WebSockets, REST, and a small control surface for tests and drills.

One client can neither stop the server nor hurt another: each has a bounded request, a bounded send buffer and its own
tasks, and whatever it sends wrong ends its own connection only.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

import h11
import trio
from wsproto import events
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from actors.exchange.faults.kinds import AcceptThenClose, Fault
from actors.exchange.faults.plan import Plan
from actors.exchange.journal.journal import AnyJournal, NoJournal
from actors.exchange.journal.ledger import ledger_document
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import RequestLimits
from actors.exchange.rest.messages import HttpAnswer, HttpRequest
from actors.exchange.rest.service import RestService, served_routes
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Source
from actors.exchange.trading.venue import Venue
from actors.exchange.wire.connection import WebSocketConnection
from actors.exchange.wire.control import PREFIX, Control
from actors.exchange.wire.fault_answers import MAINTENANCE_REFUSAL, handshake_refusal
from actors.exchange.wire.handshakes import PRIVATE_PATH, PUBLIC_PATH, Handshakes, ServerWebSocket, accept
from actors.exchange.wire.history import KEPT_ENDED_SAID_BYTES, EndedConnections
from actors.exchange.wire.http import ANSWER_DEADLINE_S, HttpLink
from actors.exchange.wire.injector import Injector
from actors.exchange.wire.pacing import PacedStream
from actors.exchange.wire.rest_calls import RestCalls

_NO_JOURNAL: Final = NoJournal()
_KIND_OF_PATH: Final = {PUBLIC_PATH: "public", PRIVATE_PATH: "private"}


class _Upgrade(NamedTuple):
    """A handshake: its number, `public` or `private` (empty for another path), and who asks."""

    number: int
    path: str
    kind: str
    address: str
    peer: str


def machine_ms() -> int:
    """The machine's wall clock, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class ExchangeServer:
    """Serves one source of frames.

    Args:
        settings: limits and keys.
        source: the simulated market or the recording.
        venue: markets and accounts for REST; None for a recording.
        journal: told of everything that happens.
        now_ms: the exchange's time, in milliseconds since the epoch; the venue's if there is one.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        source: Source,
        venue: Venue | None = None,
        *,
        journal: AnyJournal = _NO_JOURNAL,
        now_ms: Callable[[], int] = machine_ms,
    ) -> None:
        self._settings = settings
        self._source = source
        self._venue = venue
        self._journal = journal
        self._now_ms = now_ms
        self._rng = self._seeded("connections")
        self._ended = EndedConnections()
        self._connections: dict[int, WebSocketConnection] = {}
        self._keys = KeyRing(settings.all_accounts)
        self._limits = RequestLimits(enabled=settings.limits, is_plain=settings.quirks.limit_body == "plain")
        self._handshakes = Handshakes(self._keys, self._limits, settings.quirks)
        self._plan = Plan()
        self._injector = Injector(
            self._plan,
            self._connections,
            journal=journal,
            now_ms=now_ms,
            on_maintenance=self._on_maintenance,
            rng=self._seeded("faults"),
        )
        routes = served_routes(source, venue, settings.quirks, self._seeded("answers"))
        self._service = RestService(routes, venue, self._keys, self._limits)
        self._rest = RestCalls(self._service, self._plan, self._injector, journal)
        self._control = Control({"state": self.report, "ledger": self.ledger}, self._plan, self._injector)
        self.handshakes = 0
        self.refused = 0

    @property
    def connections(self) -> int:
        """How many WebSockets are open."""
        return len(self._connections)

    def summary(self) -> dict[str, int]:
        """Numbers for a status line.

        Handshakes, refused ones, open connections and data frames sent since the start; and what was forgotten because
        too many addresses, accounts or tokens came: allowances and blocks of requests, and nonces.
        """
        sent = sum(connection.sent_frames for connection in self._connections.values())
        return {
            "handshakes": self.handshakes,
            "refused": self.refused,
            "connections": self.connections,
            "sent_frames": self._ended.sent_frames + sent,
            **self._forgotten(),
        }

    def report(self) -> dict[str, object]:
        """What `GET /_simulator/state` answers."""
        return {
            "handshakes": self.handshakes,
            "refused": self.refused,
            "connections": [connection.report() for connection in self._connections.values()],
            "ended": self._ended.reports(),
            **self._forgotten(),
        }

    def _forgotten(self) -> dict[str, int]:
        return {"limits_forgotten": self._limits.forgotten, "nonces_forgotten": self._keys.forgotten_nonces}

    def ledger(self) -> dict[str, object]:
        """What `GET /_simulator/ledger` answers: the truth about all accounts as of now; a recording has none."""
        if self._venue is None:
            return {"accounts": []}
        self._venue.catch_up()
        return ledger_document(self._venue.simulation.desk)

    def apply_fault(self, fault: Fault) -> int:
        """Let a fault happen; return how many connections it hit.

        Raises:
            FaultRefused: it is aimed at nothing that is there, or too many go on.
        """
        return self._injector.apply(fault).connections

    async def run(self) -> None:
        """Begin and end faults when they are due, until cancelled."""
        await self._injector.run()

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one accepted byte stream until it ends."""
        try:
            await self._serve_http(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass  # The peer is gone or too slow: nothing is left to be said to it.
        except (h11.RemoteProtocolError, h11.LocalProtocolError, RemoteProtocolError, LocalProtocolError):
            await self._send_bad_request(stream)
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve_http(self, stream: trio.abc.Stream) -> None:
        paced = PacedStream(stream)
        link = HttpLink(paced, wall_s=self._wall_s)
        address, peer = _names_of(stream)
        while (request := await link.read_request()) is not None:
            if request.is_upgrade:
                await self._serve_upgrade(link, paced, request, address, peer)
                return
            if request.path.startswith(PREFIX):
                paced.set_pace(None)
                may_go_on = await link.answer(self._control.answer(request))
            else:
                may_go_on = await self._rest.serve(link, paced, request, address)
            if not may_go_on:
                return

    async def _serve_upgrade(
        self, link: HttpLink, paced: PacedStream, request: HttpRequest, address: str, peer: str
    ) -> None:
        self.handshakes += 1
        # Before anything is awaited: the next handshake counts on.
        upgrade = _Upgrade(self.handshakes, request.path, _KIND_OF_PATH.get(request.path, ""), address, peer)
        refusal, access_key = self._judge(upgrade, request)
        if refusal is not None:
            self.refused += 1
            self._journal.rest(address, request.method, request.path, refusal.status, access_key)
            await link.answer(refusal)
            return
        websocket, accepted = accept(request, self._settings.quirks)
        with trio.fail_after(ANSWER_DEADLINE_S):
            await paced.send_all(accepted)
        self._journal.opened(upgrade.number, upgrade.path, upgrade.kind, peer, access_key)
        early = self._plan.take_early_close(upgrade.kind, trio.current_time())
        if early is None:
            await self._serve_websocket(paced, websocket, upgrade, access_key)
        else:
            await _close_early(paced, websocket, early)
            self._journal.closed(upgrade.number, "closed at once, on demand")

    def _judge(self, upgrade: _Upgrade, request: HttpRequest) -> tuple[HttpAnswer | None, str]:
        """Decide on a handshake, faults first: a refusal or None, and whose account it is."""
        now_s = trio.current_time()
        fault = self._plan.take_refusal(upgrade.kind, now_s) if upgrade.kind else None
        if fault is not None:
            return handshake_refusal(fault), ""
        if self._plan.maintenance(now_s) is not None:
            return MAINTENANCE_REFUSAL, ""
        return self._handshakes.judge(request, upgrade.address)

    async def _serve_websocket(
        self, paced: PacedStream, websocket: ServerWebSocket, upgrade: _Upgrade, access_key: str
    ) -> None:
        number = upgrade.number
        connection = WebSocketConnection(
            number=number,
            stream=paced,
            websocket=websocket,
            source=self._source,
            path=upgrade.path,
            peer=upgrade.peer,
            access_key=access_key,
            idle_close_s=self._settings.idle_close_s,
            limits=self._settings.limits,
            send_buffer_bytes=self._settings.send_buffer_bytes,
            rng=self._rng,
            journal=self._journal,
            quirks=self._settings.quirks,
        )
        self._connections[number] = connection
        self._injector.opened(connection)
        try:
            await connection.run()
        finally:
            del self._connections[number]
            self._injector.closed(connection)
            self._journal.closed(number, connection.ended)
            # Its report and not the connection itself, whose buffers would stay with it.
            report = connection.report(said_bytes=KEPT_ENDED_SAID_BYTES)
            self._ended.add(report, sent_frames=connection.sent_frames)

    async def _send_bad_request(self, stream: trio.abc.Stream) -> None:
        answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError), trio.fail_after(1.0):
            await stream.send_all(answer)
        await trio.lowlevel.checkpoint()

    def _on_maintenance(self, is_down: bool) -> None:
        self._service.offline = is_down
        if not is_down and self._venue is not None:
            self._venue.simulation.desk.resume_after_maintenance(self._venue.catch_up())

    def _wall_s(self) -> float:
        """What the `Date` header says: off by as much as all other times that are said."""
        return (self._now_ms() + self._plan.clock_offset_ms(trio.current_time())) / 1000

    def _seeded(self, purpose: str) -> random.Random:
        return random.Random(f"{self._settings.seed}/{purpose}")  # noqa: S311 - phases of timers, not a secret


async def _close_early(paced: PacedStream, websocket: ServerWebSocket, fault: AcceptThenClose) -> None:
    """Say goodbye with a close frame, or not at all; the stream is closed by who opened it."""
    if fault.code is None:
        await trio.lowlevel.checkpoint()
        return
    with trio.fail_after(ANSWER_DEADLINE_S):
        await paced.send_all(websocket.send(events.CloseConnection(code=fault.code)))


def _names_of(stream: trio.abc.Stream) -> tuple[str, str]:
    """Address and full name of the peer; a stream in memory has none."""
    if not isinstance(stream, trio.SocketStream):
        return "memory", "memory"
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "gone", "gone"  # It hung up between accept and here; the first read will tell.
    return str(host), f"{host}:{port}"
