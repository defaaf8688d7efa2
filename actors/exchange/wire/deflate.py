"""permessage-deflate (RFC 7692) as the exchange's side of a WebSocket: agreed on when it is offered, never asked for.

Each message is compressed on its own (`server_no_context_takeover`), so that a payload is compressed once for all
connections that get it, and so is each message of the client (`client_no_context_takeover`), so that nothing of it is
kept between messages. The exchange's own parameters are unknown (assumed: these).
"""

import re
import zlib
from functools import lru_cache
from typing import Final

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

MAX_INFLATED_BYTES: Final = 64 * 1024
"""What one message of a client may grow to; more ends the connection with 1009."""

_LEVEL: Final = 1
"""Of zlib: the fastest."""

_TAIL: Final = b"\x00\x00\xff\xff"
"""End of a flushed block, which is left out on the wire (RFC 7692, 7.2.1)."""

_SHARED_PAYLOADS: Final = 256
"""Compressed payloads that are remembered: as many as go out between two connections' turns."""

_WINDOW: Final = re.compile(r'"?(?P<bits>[89]|1[0-5])"?\Z')
_AGREED: Final = "server_no_context_takeover; client_no_context_takeover"


@lru_cache(maxsize=_SHARED_PAYLOADS)
def deflated(payload: bytes) -> bytes:
    """Compress one message by itself, as it stands on the wire. The same payload is compressed only once."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)


class ServerDeflate(Extension):
    """What wsproto asks during a handshake and for each frame of the client. Sending is `Framing`'s business.

    An offer that cannot be met is left unanswered: one with unknown or repeated parameters, or one that wants a smaller
    window than every payload is compressed with.
    """

    name = "permessage-deflate"

    def __init__(self) -> None:
        self._is_agreed = False
        self._inflater: zlib._Decompress | None = None
        self._left = 0
        self._is_control = False

    def enabled(self) -> bool:
        """Whether it was agreed on."""
        return self._is_agreed

    def offer(self) -> bool:
        """A server offers nothing."""
        return False

    def accept(self, offer: str) -> str | None:
        """The parameters to answer one offer with, None to leave it unanswered."""
        if not _is_acceptable(offer):
            return _AGREED if self._is_agreed else None  # An earlier offer of the same client stands.
        self._is_agreed = True
        return _AGREED

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 - wsproto's signature
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,  # noqa: ARG002 - wsproto's signature
    ) -> CloseReason | RsvBits:
        """Begin a frame; the first bit marks a message that is compressed, on its first frame only."""
        self._is_control = opcode.iscontrol()
        if rsv.rsv1 and (self._is_control or opcode is Opcode.CONTINUATION):
            return CloseReason.PROTOCOL_ERROR
        if rsv.rsv1:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            self._left = MAX_INFLATED_BYTES
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 - wsproto's signature
        data: bytes,
    ) -> bytes | CloseReason:
        """Decompress a part of a message, up to the limit."""
        return data if self._inflater is None or self._is_control else self._inflate(data)

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 - wsproto's signature
        fin: bool,
    ) -> bytes | CloseReason | None:
        """End a frame, and with its last frame a message."""
        if self._inflater is None or self._is_control or not fin:
            return None
        rest = self._inflate(_TAIL)
        self._inflater = None
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        assert self._inflater is not None  # noqa: S101 - both callers have looked
        try:
            inflated = self._inflater.decompress(data, self._left + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._left -= len(inflated)
        return CloseReason.MESSAGE_TOO_BIG if self._left < 0 else inflated


def _is_acceptable(offer: str) -> bool:
    """Whether an offer has known parameters with allowed values, each once (RFC 7692, 7.1)."""
    seen: set[str] = set()
    for parameter in offer.split(";")[1:]:
        name, has_value, value = (part.strip() for part in parameter.partition("="))
        if name in seen:
            return False
        seen.add(name)
        match name:
            case "server_no_context_takeover" | "client_no_context_takeover":
                is_allowed = not has_value
            case "client_max_window_bits":
                is_allowed = not has_value or _WINDOW.match(value) is not None
            case "server_max_window_bits":
                is_allowed = value.strip('"') == str(zlib.MAX_WBITS)
            case _:
                is_allowed = False
        if not is_allowed:
            return False
    return True
