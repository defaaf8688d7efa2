"""Handshakes of WebSockets: who is let in, who is refused and how, and the answer that opens one."""

from typing import Final

import trio
import wsproto
from wsproto import events
from wsproto.utilities import RemoteProtocolError

from actors.exchange.quirks import DEFAULT_QUIRKS, Quirks
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import ORIGIN, WEBSOCKET, RequestLimits, remaining_header
from actors.exchange.rest.messages import HttpAnswer, HttpRequest, error_answer
from actors.exchange.wire.deflate import ServerDeflate
from protocols.upbit.tokens import TokenRefused

PUBLIC_PATH: Final = "/websocket/v1"
PRIVATE_PATH: Final = "/websocket/v1/private"

_LEFT: Final = 3
"""What the exchange says is left for this second, the same for every handshake seen on 2026-09-23."""


class ServerWebSocket(wsproto.WSConnection):
    """The protocol state of one WebSocket of the server.

    Attributes:
        is_compressed: whether permessage-deflate was agreed on.
    """

    def __init__(self) -> None:
        super().__init__(wsproto.ConnectionType.SERVER)
        self.is_compressed = False


class Handshakes:
    """Judges handshakes.

    Args:
        keys: who may use the private path.
        limits: how often an address may connect.
        quirks: what is done about bad tokens, and whether a token opens more than one socket.
    """

    def __init__(self, keys: KeyRing, limits: RequestLimits, quirks: Quirks = DEFAULT_QUIRKS) -> None:
        self._keys = keys
        self._limits = limits
        self._quirks = quirks

    def judge(self, request: HttpRequest, address: str) -> tuple[HttpAnswer | None, str]:
        """Decide on a handshake: a refusal or None, and whose account it is.

        The account is empty on the public path, whatever token is sent there, and for a bad token that is let in to be
        refused by an error frame.
        """
        if request.path not in {PUBLIC_PATH, PRIVATE_PATH}:
            return error_answer(404, "not_found", "no such path"), ""
        # With an Origin header (browsers, some libraries) the limit is 1 in 10 s.
        group = ORIGIN if "origin" in request.headers else WEBSOCKET
        now_s = trio.current_time()
        if self._limits.admit(address, group, now_s) is None:
            return self._limits.refusal(address, group, now_s), ""
        if request.path == PUBLIC_PATH:
            return None, ""
        return self._authenticate(request.headers.get("authorization", ""))

    def _authenticate(self, header: str) -> tuple[HttpAnswer | None, str]:
        try:
            return None, self._keys.authenticate(header, nonce_once=self._quirks.socket_token == "once")  # noqa: S105 - a choice
        except TokenRefused as refused:
            if self._quirks.bad_token == "message":  # noqa: S105 - a choice
                return None, ""
            return error_answer(401, refused.name, str(refused)), ""


def accept(request: HttpRequest, quirks: Quirks = DEFAULT_QUIRKS) -> tuple[ServerWebSocket, bytes]:
    """Make the protocol state of a WebSocket and the answer to its handshake.

    Raises:
        RemoteProtocolError, LocalProtocolError: it is no handshake.
    """
    websocket = ServerWebSocket()
    try:
        websocket.receive_data(request.raw)
    except UnicodeError as error:
        # wsproto reads Host as IDNA and the lists as ASCII, and lets the codec's error through (1.3).
        raise RemoteProtocolError(f"a header of the handshake is not text: {error}") from None
    if not isinstance(next(websocket.events(), None), events.Request):
        raise RemoteProtocolError("no request for a WebSocket")
    deflate = ServerDeflate()
    answer = events.AcceptConnection(
        extensions=[deflate] if quirks.compression else [],
        extra_headers=[
            (name.encode(), value.encode())
            for name, value in (*remaining_header(WEBSOCKET, _LEFT), ("limit-by-ip", "Yes"))
        ],
    )
    data = websocket.send(answer)
    websocket.is_compressed = deflate.enabled()
    return websocket, data
