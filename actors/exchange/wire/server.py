"""The simulated exchange on one port: WebSockets, REST, and a small control surface for tests and drills.

One client can neither stop the server nor hurt another: each has a bounded request, a bounded send buffer and its own
tasks, and whatever it sends wrong ends its own connection only.
"""

import random
from contextlib import suppress
from typing import Final

import h11
import trio
import wsproto
from wsproto import events
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Source
from actors.exchange.wire.connection import WebSocketConnection
from actors.exchange.wire.faults import Close, Fault, Garbage, Refusals, Refuse, Reset, Stall, decode_fault
from actors.exchange.wire.history import KEPT_ENDED_SAID_BYTES, EndedConnections
from actors.exchange.wire.http import (
    ANSWER_DEADLINE_S,
    AddressLimits,
    HttpAnswer,
    HttpLink,
    HttpRequest,
    error_answer,
    json_answer,
    remaining_header,
)
from actors.exchange.wire.keys import KeyRing
from protocols.unreadable import UNREADABLE
from protocols.upbit.tokens import TokenRefused

PUBLIC_PATH: Final = "/websocket/v1"
PRIVATE_PATH: Final = "/websocket/v1/private"


class ExchangeServer:
    """Serves one source of frames.

    Args:
        settings: limits and keys.
        source: the simulated market or the recording.
    """

    def __init__(self, settings: SimulatorSettings, source: Source) -> None:
        self._settings = settings
        self._source = source
        self._limits = AddressLimits(enabled=settings.limits)
        self._refusals = Refusals()
        self._rng = random.Random(f"{settings.seed}/connections")  # noqa: S311 - phases of timers, not a secret
        self._keys = KeyRing({settings.access_key: settings.secret_key} if settings.access_key else {})
        self._ended = EndedConnections()
        self._connections: dict[int, WebSocketConnection] = {}
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
                refusal, access_key = self._judge_handshake(request, address)
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

    # Handshakes.

    def _judge_handshake(self, request: HttpRequest, address: str) -> tuple[HttpAnswer | None, str]:
        """Decide on a handshake: a refusal or None, and whose account it is."""
        self.handshakes += 1
        if request.path not in {PUBLIC_PATH, PRIVATE_PATH}:
            return error_answer(404, "not_found", "no such path"), ""
        kind = "private" if request.path == PRIVATE_PATH else "public"
        fault = self._refusals.take(kind)
        if fault is not None:
            wait = () if fault.retry_after_s is None else (("retry-after", f"{fault.retry_after_s:.0f}"),)
            return error_answer(fault.status, "refused", "refused on demand", wait), ""
        if not self._admit(request, address, "websocket")[0]:
            return error_answer(429, "too_many_requests", "too many connects from this address"), ""
        if kind == "public":
            return None, ""
        return self._authenticate(request.headers.get("authorization", ""))

    def _authenticate(self, header: str) -> tuple[HttpAnswer | None, str]:
        try:
            return None, self._keys.authenticate(header)
        except TokenRefused as refused:
            return error_answer(401, refused.name, str(refused)), ""

    def _admit(self, request: HttpRequest, address: str, group: str) -> tuple[bool, tuple[tuple[str, str], ...]]:
        """Count a request; with an Origin header (browsers, some libraries) the limit is 1 in 10 s."""
        counted = "origin" if "origin" in request.headers else group
        left = self._limits.admit(address, counted, trio.current_time())
        return left is not None, remaining_header(counted, left or 0)

    async def _serve_websocket(self, stream: trio.abc.Stream, request: HttpRequest, peer: str, access_key: str) -> None:
        number = self.handshakes  # Before anything is awaited: the next handshake counts on.
        websocket, accepted = _accept(request)
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

    # Plain requests.

    def _answer(self, request: HttpRequest, address: str) -> HttpAnswer:
        route = (request.method, request.path)
        if route == ("GET", "/v1/market/all"):
            return self._market_all(request, address)
        if route == ("GET", "/_simulator/state"):
            return json_answer(200, self.report())
        if route == ("POST", "/_simulator/faults"):
            return self._take_fault(request.body)
        return error_answer(404, "not_found", "no such path")

    def _market_all(self, request: HttpRequest, address: str) -> HttpAnswer:
        admitted, headers = self._admit(request, address, "market")
        if not admitted:
            return error_answer(429, 429, "Too many API requests.", headers)
        details = request.query.get("is_details", request.query.get("isDetails", ["false"]))[-1].lower()
        if details not in {"true", "false"}:
            return error_answer(400, 400, "Type mismatch error. Check the parameters type!", headers)
        documents = [_market_document(*names, details=details == "true") for names in self._source.markets()]
        return json_answer(200, documents, headers)

    def report(self) -> dict[str, object]:
        """What `GET /_simulator/state` answers."""
        return {
            "handshakes": self.handshakes,
            "refused": self.refused,
            "connections": [connection.report() for connection in self._connections.values()],
            "ended": self._ended.reports(),
        }

    def _take_fault(self, body: bytes) -> HttpAnswer:
        try:
            fault = decode_fault(body)
        except UNREADABLE as error:
            return error_answer(400, "invalid_fault", str(error))
        return json_answer(200, {"applied_to": self.apply_fault(fault)})

    def apply_fault(self, fault: Fault) -> int:
        """Let a fault happen; return how many connections it hit."""
        if isinstance(fault, Refuse):
            self._refusals.add(fault)
            return 0
        hit = [connection for connection in self._connections.values() if _is_target(fault, connection)]
        for connection in hit:
            match fault:
                case Close():
                    connection.close(fault.code, fault.reason)
                case Reset():
                    connection.reset()
                case Stall():
                    connection.stall()
                case Garbage():
                    connection.push(fault.text.encode())
        return len(hit)


def _accept(request: HttpRequest) -> tuple[wsproto.WSConnection, bytes]:
    """Make the protocol state of a WebSocket and the answer to its handshake.

    Raises:
        RemoteProtocolError, LocalProtocolError: it is no handshake.
    """
    websocket = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    try:
        websocket.receive_data(request.raw)
    except UnicodeError as error:
        # wsproto reads Host as IDNA and the lists as ASCII, and lets the codec's error through (1.3).
        raise RemoteProtocolError(f"a header of the handshake is not text: {error}") from None
    if not isinstance(next(websocket.events(), None), events.Request):
        raise RemoteProtocolError("no request for a WebSocket")
    headers = [(b"remaining-req", b"group=websocket; min=300; sec=3"), (b"limit-by-ip", b"Yes")]
    return websocket, websocket.send(events.AcceptConnection(extra_headers=headers))


def _is_target(fault: Fault, connection: WebSocketConnection) -> bool:
    return fault.target in {"all", connection.kind} and fault.connection in {None, connection.number}


def _names_of(stream: trio.abc.Stream) -> tuple[str, str]:
    """Address and full name of the peer; a stream in memory has none."""
    if not isinstance(stream, trio.SocketStream):
        return "memory", "memory"
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "gone", "gone"  # It hung up between accept and here; the first read will tell.
    return str(host), f"{host}:{port}"


def _market_document(code: str, korean_name: str, english_name: str, *, details: bool) -> dict[str, object]:
    document: dict[str, object] = {"market": code, "korean_name": korean_name, "english_name": english_name}
    if details:
        flags = (
            "PRICE_FLUCTUATIONS", "TRADING_VOLUME_SOARING", "DEPOSIT_AMOUNT_SOARING",
            "GLOBAL_PRICE_DIFFERENCES", "CONCENTRATION_OF_SMALL_ACCOUNTS",
        )  # fmt: skip
        document["market_event"] = {"warning": False, "caution": dict.fromkeys(flags, False)}
    return document
