"""The simulated exchange on one port: WebSockets, REST, and a small control surface for tests and drills.

One client can neither stop the server nor hurt another: each has a bounded request, a bounded send buffer and its own
tasks, and whatever it sends wrong ends its own connection only.
"""

import random
from contextlib import suppress

import h11
import trio
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from actors.exchange.faults.kinds import Fault, Refusals
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import AddressLimits
from actors.exchange.rest.messages import HttpAnswer, HttpRequest
from actors.exchange.rest.service import RestService
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Source
from actors.exchange.wire.connection import WebSocketConnection
from actors.exchange.wire.control import PREFIX, Control
from actors.exchange.wire.handshakes import Handshakes, accept
from actors.exchange.wire.history import KEPT_ENDED_SAID_BYTES, EndedConnections
from actors.exchange.wire.http import ANSWER_DEADLINE_S, HttpLink


class ExchangeServer:
    """Serves one source of frames.

    Args:
        settings: limits and keys.
        source: the simulated market or the recording.
    """

    def __init__(self, settings: SimulatorSettings, source: Source) -> None:
        self._settings = settings
        self._source = source
        self._rng = random.Random(f"{settings.seed}/connections")  # noqa: S311 - phases of timers, not a secret
        self._ended = EndedConnections()
        self._connections: dict[int, WebSocketConnection] = {}
        limits, refusals = AddressLimits(enabled=settings.limits), Refusals()
        keys = KeyRing({settings.access_key: settings.secret_key} if settings.access_key else {})
        self._handshakes = Handshakes(keys, limits, refusals)
        self._rest = RestService(source, limits)
        self._control = Control(self._connections, self.report, refusals)
        self.handshakes = 0
        self.refused = 0

    @property
    def connections(self) -> int:
        """How many WebSockets are open."""
        return len(self._connections)

    def summary(self) -> dict[str, int]:
        """Numbers for a status line: handshakes, refused ones, open connections, data frames sent since the start."""
        sent = sum(connection.sent_frames for connection in self._connections.values())
        return {
            "handshakes": self.handshakes,
            "refused": self.refused,
            "connections": self.connections,
            "sent_frames": self._ended.sent_frames + sent,
        }

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
        link = HttpLink(stream)
        address, peer = _names_of(stream)
        while (request := await link.read_request()) is not None:
            if request.is_upgrade:
                self.handshakes += 1
                refusal, access_key = self._handshakes.judge(request, address)
                if refusal is None:
                    await self._serve_websocket(stream, request, peer, access_key)
                    return
                self.refused += 1
                await link.answer(refusal)
                return
            if not await link.answer(self._answer(request, address)):
                return

    async def _send_bad_request(self, stream: trio.abc.Stream) -> None:
        answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError), trio.fail_after(1.0):
            await stream.send_all(answer)
        await trio.lowlevel.checkpoint()

    async def _serve_websocket(self, stream: trio.abc.Stream, request: HttpRequest, peer: str, access_key: str) -> None:
        number = self.handshakes  # Before anything is awaited: the next handshake counts on.
        websocket, accepted = accept(request)
        with trio.fail_after(ANSWER_DEADLINE_S):
            await stream.send_all(accepted)
        connection = WebSocketConnection(
            number=number,
            stream=stream,
            websocket=websocket,
            source=self._source,
            path=request.path,
            peer=peer,
            access_key=access_key,
            idle_close_s=self._settings.idle_close_s,
            limits=self._settings.limits,
            send_buffer_bytes=self._settings.send_buffer_bytes,
            rng=self._rng,
        )
        self._connections[number] = connection
        try:
            await connection.run()
        finally:
            del self._connections[number]
            # Its report and not the connection itself, whose buffers would stay with it.
            report = connection.report(said_bytes=KEPT_ENDED_SAID_BYTES)
            self._ended.add(report, sent_frames=connection.sent_frames)

    def _answer(self, request: HttpRequest, address: str) -> HttpAnswer:
        if request.path.startswith(PREFIX):
            return self._control.answer(request)
        return self._rest.answer(request, address)

    def report(self) -> dict[str, object]:
        """What `GET /_simulator/state` answers."""
        return {
            "handshakes": self.handshakes,
            "refused": self.refused,
            "connections": [connection.report() for connection in self._connections.values()],
            "ended": self._ended.reports(),
        }

    def apply_fault(self, fault: Fault) -> int:
        """Let a fault happen; return how many connections it hit."""
        return self._control.apply_fault(fault)


def _names_of(stream: trio.abc.Stream) -> tuple[str, str]:
    """Address and full name of the peer; a stream in memory has none."""
    if not isinstance(stream, trio.SocketStream):
        return "memory", "memory"
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "gone", "gone"  # It hung up between accept and here; the first read will tell.
    return str(host), f"{host}:{port}"
