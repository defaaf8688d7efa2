"""Handshakes of WebSockets: who is let in, who is refused and how, and the answer that opens one."""

from typing import Final

import trio
import wsproto
from wsproto import events
from wsproto.utilities import RemoteProtocolError

from actors.exchange.faults.kinds import Refusals
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import AddressLimits
from actors.exchange.rest.messages import HttpAnswer, HttpRequest, error_answer
from protocols.upbit.tokens import TokenRefused

PUBLIC_PATH: Final = "/websocket/v1"
PRIVATE_PATH: Final = "/websocket/v1/private"


class Handshakes:
    """Judges handshakes.

    Args:
        keys: who may use the private path.
        limits: how often an address may connect.
        refusals: what is refused on demand.
    """

    def __init__(self, keys: KeyRing, limits: AddressLimits, refusals: Refusals) -> None:
        self._keys = keys
        self._limits = limits
        self._refusals = refusals

    def judge(self, request: HttpRequest, address: str) -> tuple[HttpAnswer | None, str]:
        """Decide on a handshake: a refusal or None, and whose account it is."""
        if request.path not in {PUBLIC_PATH, PRIVATE_PATH}:
            return error_answer(404, "not_found", "no such path"), ""
        kind = "private" if request.path == PRIVATE_PATH else "public"
        fault = self._refusals.take(kind)
        if fault is not None:
            wait = () if fault.retry_after_s is None else (("retry-after", f"{fault.retry_after_s:.0f}"),)
            return error_answer(fault.status, "refused", "refused on demand", wait), ""
        # With an Origin header (browsers, some libraries) the limit is 1 in 10 s.
        counted = "origin" if "origin" in request.headers else "websocket"
        if self._limits.admit(address, counted, trio.current_time()) is None:
            return error_answer(429, "too_many_requests", "too many connects from this address"), ""
        if kind == "public":
            return None, ""
        return self._authenticate(request.headers.get("authorization", ""))

    def _authenticate(self, header: str) -> tuple[HttpAnswer | None, str]:
        try:
            return None, self._keys.authenticate(header)
        except TokenRefused as refused:
            return error_answer(401, refused.name, str(refused)), ""


def accept(request: HttpRequest) -> tuple[wsproto.WSConnection, bytes]:
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
