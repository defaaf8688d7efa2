"""One WebSocket connection of the simulated exchange: requests in, frames out, with the wire's manners.

What was seen on 2026-09-23 and is kept here: every data, status and error frame is binary; close 1000 follows an error
frame after about 160 ms; one text PING starts `{"status":"UP"}` every 10 s, first after 5.8 to 7.5 s; 60 s of silence
end the connection without a close frame.
"""

import random
import time
from typing import Final

import trio
from wsproto import events
from wsproto.connection import ConnectionState

from actors.exchange.faults.active import Client
from actors.exchange.journal.journal import AnyJournal, NoJournal
from actors.exchange.quirks import DEFAULT_QUIRKS, Quirks
from actors.exchange.sources.source import NO_STREAM, Source, StreamKey
from actors.exchange.wire.handshakes import ServerWebSocket
from actors.exchange.wire.history import KEPT_SAID_BYTES, SaidByClient
from actors.exchange.wire.outgoing import Framing, Outgoing
from actors.exchange.wire.outlet import Outlet
from actors.exchange.wire.pacing import PacedStream
from actors.exchange.wire.subscribing import check_path, follow, list_of, rules_of
from protocols.upbit.encoding import encode_message
from protocols.upbit.limits import SlidingWindow
from protocols.upbit.messages import ErrorFrame, Status
from protocols.upbit.refusals import CLOSE_NORMAL, INVALID_AUTH, TOO_MANY_REQUEST
from protocols.upbit.requests import Format, RequestRefused, Subscription, SubscriptionRequest, parse_request

MAX_MESSAGE_BYTES: Final = 64 * 1024
ERROR_CLOSE_S: Final = 0.16
UP_EVERY_S: Final = 10.0
UP_FIRST_S: Final = (5.8, 7.5)
LINGER_S: Final = 1.0
"""How long the peer has to answer a close frame before the socket is closed all the same."""

NO_JOURNAL: Final = NoJournal()

_READ_BYTES: Final = 16 * 1024


class WebSocketConnection:
    """The server's side of one WebSocket, after the handshake.

    Args:
        number: id of the connection, for `/_simulator`.
        stream: the byte stream.
        websocket: the protocol state that accepted the handshake.
        source: where frames come from.
        path: the path that was asked for.
        peer: the other side, as text.
        access_key: whose account this is; empty on the public path, and on the private one for a bad token that was let
            in to be told so.
        idle_close_s: silence after which it is closed.
        limits: whether messages are counted.
        send_buffer_bytes: what may wait for a slow peer.
        rng: for the phase of the UP series.
        journal: told of requests and frames.
        quirks: manners of the exchange that can be chosen.
    """

    def __init__(
        self,
        *,
        number: int,
        stream: PacedStream,
        websocket: ServerWebSocket,
        source: Source,
        path: str,
        peer: str,
        access_key: str,
        idle_close_s: float,
        limits: bool,
        send_buffer_bytes: int,
        rng: random.Random,
        journal: AnyJournal = NO_JOURNAL,
        quirks: Quirks = DEFAULT_QUIRKS,
    ) -> None:
        self.number = number
        self.path = path
        self.peer = peer
        self.access_key = access_key
        self.format = Format.DEFAULT
        self.opened_s = time.monotonic()
        self.ended = ""
        self._said = SaidByClient()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._stream = stream
        self._websocket = websocket
        self._source = source
        self._idle_close_s = idle_close_s
        self._windows = (SlidingWindow(5, 1.0), SlidingWindow(100, 60.0)) if limits else ()
        self._rng = rng
        self._journal = journal
        self._quirks = quirks
        self._rules = rules_of(quirks)
        limit_bytes = None if quirks.slow_client == "keep" else send_buffer_bytes
        self._outgoing = Outgoing(stream, limit_bytes=limit_bytes, on_failure=self.cut)
        framing = Framing(quirks.frames, is_compressed=websocket.is_compressed)
        self.outlet = Outlet(self._outgoing, framing, on_half=self._reset_when_sent, number=number, journal=journal)
        self._message = bytearray()
        self._is_stalled = self._is_closing = self._is_failing = self._is_unreadable = self._says_up = False
        self._last_received_s = trio.current_time()
        self._goes_on = trio.Event()
        self._nursery: trio.Nursery | None = None
        self.client = Client(number, self.kind, access_key, self._last_received_s)

    @property
    def sent_frames(self) -> int:
        """Frames handed to the socket since the handshake, control frames not counted."""
        return self.outlet.sent_frames

    @property
    def kind(self) -> str:
        """`private` or `public`, by the path."""
        return "private" if self.path.endswith("/private") else "public"

    def report(self, *, said_bytes: int = KEPT_SAID_BYTES) -> dict[str, object]:
        """What `GET /_simulator/state` says about this connection; times are those of the machine's monotonic clock.

        Args:
            said_bytes: how much of what the client said is in it, the newest.
        """
        return {
            "id": self.number,
            "path": self.path,
            "kind": self.kind,
            "peer": self.peer,
            "opened_s": self.opened_s,
            "sent_frames": self.sent_frames,
            "format": self.format.value,
            "subscription": [{"type": sub.type, "codes": sub.codes, "level": sub.level} for sub in self._subscriptions],
            "received_total": self._said.total,
            "received": self._said.report(said_bytes),
            "stalled": self._is_stalled,
            "ended": self.ended,
        }

    async def run(self) -> None:
        """Serve the connection until one side ends it."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._outgoing.run)
                nursery.start_soon(self.outlet.run)
                nursery.start_soon(self._watch_idle)
                if self.kind == "private" and not self.access_key:
                    self._fail(INVALID_AUTH, "authentication information is invalid")
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            self._source.leave(self)
            self._outgoing.end()

    # What a source does.

    def push(self, payload: bytes, stream: StreamKey = NO_STREAM) -> None:
        """Send one frame of a stream soon; a peer that lets too much wait is cut."""
        if not self._is_stalled and not self._is_closing:
            self.outlet.push(payload, stream)

    async def wait_room(self) -> None:
        """Wait until most of what was pushed is sent, or the connection has ended."""
        await self._outgoing.wait_room()

    # What a fault does.

    def stall(self) -> None:
        """Say nothing any more, pongs included, and stay open."""
        if self._is_closing:
            return
        self._is_stalled = True
        self.outlet.forget()
        self._outgoing.drop()

    def go_on(self) -> None:
        """End a stall; what was said meanwhile, on either side, is lost, and the idle time begins anew."""
        if self._is_stalled:
            self._is_stalled = False
            self._last_received_s = trio.current_time()
            self._goes_on.set()
            self._goes_on = trio.Event()

    def set_pace(self, bytes_per_s: int | None) -> None:
        """Send at most so many bytes a second, control frames included; None for full speed."""
        self._stream.set_pace(bytes_per_s)

    def reset(self) -> None:
        """End with a TCP reset."""
        self._stream.make_close_a_reset()
        self.cut("reset")

    def _reset_when_sent(self) -> None:
        self._stream.make_close_a_reset()
        self.ended = self.ended or "reset within a frame"
        self._is_closing = True
        self._outgoing.end_when_sent()

    def say_error(self, name: str, message: str, *, closes: bool) -> None:
        """Send an error frame, and close as after a refused request or stay open."""
        if closes:
            self._fail(name, message)
        else:
            self.push(encode_message(ErrorFrame(name, message), self.format))

    def announcement_wish(self, category: str) -> Subscription | None:
        """The subscription that asks for announcements of a category; None when there is none."""
        for subscription in self._subscriptions:
            if subscription.type == "announcement" and category in (subscription.categories or (category,)):
                return subscription
        return None

    def cut(self, why: str) -> None:
        """End without a close frame; what was not sent is lost."""
        self.ended = self.ended or why
        self._is_closing = True
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame after what is waiting, and end when the peer has answered or a second is over."""
        if self._is_closing or self._nursery is None:
            return
        self.ended = self.ended or f"closed with {code}"
        self._is_stalled = False
        self.outlet.flush()
        self._outgoing.put(self._websocket.send(events.CloseConnection(code=code, reason=reason or None)))
        self._is_closing = True
        self._nursery.start_soon(self._linger)

    # Timers.

    async def _linger(self) -> None:
        await trio.sleep(LINGER_S)
        self.cut("closed")

    async def _watch_idle(self) -> None:
        while (wait_s := self._last_data_s + self._idle_close_s - trio.current_time()) > 0:
            await trio.sleep(wait_s)
            if self._is_stalled:
                await self._goes_on.wait()
        if self._quirks.idle_close_code:
            self.ended = self.ended or "idle"
            self.close(self._quirks.idle_close_code)
        else:
            self.cut("idle")

    @property
    def _last_data_s(self) -> float:
        """When data went last, in either direction."""
        return max(self._last_received_s, self._outgoing.last_sent_s, self._stream.last_sent_s)

    async def _say_up(self) -> None:
        await trio.sleep(self._rng.uniform(*UP_FIRST_S))
        while True:
            self.push(encode_message(Status("UP"), self.format))
            await trio.sleep(UP_EVERY_S)

    # Reading.

    async def _read(self) -> None:
        self._handle_events()
        try:
            while data := await self._stream.receive_some(_READ_BYTES):
                self._last_received_s = trio.current_time()
                if not self._is_unreadable and self._websocket.state is not ConnectionState.CLOSED:
                    self._websocket.receive_data(bytes(data))
                    self._handle_events()
            self.ended = self.ended or "closed by the peer"
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.ended = self.ended or "lost by the peer"
            await trio.lowlevel.checkpoint()

    def _handle_events(self) -> None:
        for event in self._websocket.events():
            if isinstance(event, events.TextMessage | events.BytesMessage):
                self._handle_data(event)
            elif isinstance(event, events.Ping) and not self._is_stalled and not self._is_closing:
                self._outgoing.put(self._websocket.send(event.response()))
            elif isinstance(event, events.CloseConnection):
                self._handle_close(event)

    def _handle_close(self, event: events.CloseConnection) -> None:
        # No close frame came: wsproto says so when the bytes are no WebSocket frames. It would keep what follows.
        self._is_unreadable = self._websocket.state is ConnectionState.OPEN
        if self._is_stalled:
            return
        if self._is_unreadable:
            self.ended = self.ended or f"protocol error: {event.reason}"
            self.close(event.code, event.reason or "")
            return
        if self._websocket.state is ConnectionState.REMOTE_CLOSING:
            self._outgoing.put(self._websocket.send(event.response()))
        self.ended = self.ended or f"closed by the peer with {event.code}"
        self._is_closing = True
        self._outgoing.end_when_sent()
        if self._nursery is not None:
            self._nursery.start_soon(self._linger)

    def _handle_data(self, event: events.TextMessage | events.BytesMessage) -> None:
        data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        self._message += data
        if len(self._message) > MAX_MESSAGE_BYTES:
            self._message.clear()
            if not self._is_stalled:
                self.close(1009, "message too big")
        elif event.message_finished:
            message = bytes(self._message)
            self._message.clear()
            self._handle_message(message)

    def _handle_message(self, message: bytes) -> None:
        now_s = trio.current_time()
        self._said.add(message)
        self._journal.request(self.number, message)
        if self._is_stalled or self._is_closing or self._is_failing:
            return
        if any(window.permit_at_s(now_s) > now_s for window in self._windows):
            self._fail(TOO_MANY_REQUEST, "too many requests on this connection")
            return
        for window in self._windows:
            window.take(now_s)
        if message.strip() == b"PING":
            self._start_up_series()
            return
        try:
            self._follow(parse_request(message, self._rules))
        except RequestRefused as refused:
            self.say_error(refused.name, refused.message, closes=self._quirks.after_error == "close")

    def _start_up_series(self) -> None:
        if not self._says_up and self._nursery is not None:
            self._says_up = True
            self._nursery.start_soon(self._say_up)

    def _follow(self, request: SubscriptionRequest) -> None:
        """Do what a request says.

        Raises:
            RequestRefused: a type of the other path.
        """
        check_path(request, self.kind)
        self.format = request.format
        if request.method is not None:
            self.push(encode_message(list_of(request.ticket, self._subscriptions), self.format))
        change = follow(self._subscriptions, request, self._quirks)
        if change is not None:
            self._subscriptions = change.listed
            self._source.subscribe(self, change.wanted)

    def _fail(self, name: str, message: str) -> None:
        self.push(encode_message(ErrorFrame(name, message), self.format))
        self._is_failing = True
        if self._nursery is not None:
            self._nursery.start_soon(self._close_after_error, name)

    async def _close_after_error(self, name: str) -> None:
        await trio.sleep(ERROR_CLOSE_S)
        if self._is_stalled:
            await self._goes_on.wait()
        self.ended = self.ended or f"closed after {name}"
        self.close(CLOSE_NORMAL)
