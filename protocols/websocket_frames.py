"""RFC 6455 frames from a server, cut out of the byte stream in one pass per read.

The unit of work is the read: one call takes the 64 KiB that arrived and returns every whole message in it. Data frames
come out as payloads; ping, pong and close frames come out as bytes, untouched, for the library that speaks the rest of
the protocol. Source: RFC 6455 sections 5.2 (framing), 5.4 (fragments), 5.5 (control frames), 7.1.5 (close code).
"""

from typing import Final

from protocols.errors import ConnectionLost

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""Largest message accepted; the largest of the exchange is a 30-level book of about 3 kB."""

ABNORMAL_CLOSURE: Final = 1006
NO_STATUS: Final = 1005

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN: Final = 0x80
_SHORT_ABOVE: Final = 1 << 16
"""No frame with a length of 16 bits is as long."""

_WHOLE: Final = frozenset((_FIN | _TEXT, _FIN | _BINARY))


class ProtocolViolation(ConnectionLost):
    """The server sent a frame that RFC 6455 forbids, or one above the limit; the connection is of no further use."""


class FrameReader:
    """Cut a server's byte stream into messages; any division into chunks gives the same messages.

    Attributes:
        close_code: from the server's close frame, None until one came; 1005 when it carried no code.
        is_closing: set by who closes; pings are then left out, since a closing side may not answer them any more.
    """

    def __init__(self, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._rest = b""
        self._max_message_bytes = max_message_bytes
        self._fragments: list[bytes] | None = None
        self._fragment_bytes = 0
        self.close_code: int | None = None
        self.is_closing = False

    def feed(self, chunk: bytes) -> tuple[list[bytes], bytes]:
        """Take bytes as they came; return the payloads of whole messages, and the control frames' own bytes.

        Raises:
            ProtocolViolation: a masked frame, reserved bits or opcodes, a broken fragment order, a control frame that
                is fragmented or above 125 B, or a message above the limit. Messages before it in the same chunk are
                lost with the connection.
        """
        data = self._rest + chunk if self._rest else chunk
        messages: list[bytes] = []
        control = b""
        start, end, limit, whole = 0, len(data), self._max_message_bytes, _WHOLE
        is_plain = limit >= _SHORT_ABOVE and self._fragments is None
        while end - start >= 2:
            length = data[start + 1]
            if length == 126 and data[start] == _FIN | _BINARY and is_plain and end - start >= 4:
                # What nearly every frame of the exchange is, by the shortest way; the same as below.
                stop = start + 4 + (data[start + 2] << 8 | data[start + 3])
                if stop > end:
                    break
                messages.append(data[start + 4 : stop])
                start = stop
                continue
            body = start + 2
            if length >= 126:
                if length > 127:
                    raise ProtocolViolation("server sent a masked frame (RFC 6455, 5.1)")
                body += 2 if length == 126 else 8
                if body > end:
                    break
                length = int.from_bytes(data[start + 2 : body], "big")
            if length > limit:
                raise ProtocolViolation(f"message of {length} B (limit {limit} B)")
            stop = body + length
            if stop > end:
                break
            head = data[start]
            if head in whole and self._fragments is None:
                messages.append(data[body:stop])
            elif head & 0x08:
                self._read_control(head, data[body:stop])
                if head != _FIN | _PING or not self.is_closing:
                    control += data[start:stop]
            else:
                self._read_fragment(head, data[body:stop], messages)
                is_plain = limit >= _SHORT_ABOVE and self._fragments is None
            start = stop
        self._rest = data[start:]
        return messages, control

    def _read_control(self, head: int, payload: bytes) -> None:
        if head not in {_FIN | _CLOSE, _FIN | _PING, _FIN | _PONG} or len(payload) > 125:
            raise ProtocolViolation(f"bad control frame: first byte 0x{head:02x}, {len(payload)} B")
        if head == _FIN | _CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_STATUS

    def _read_fragment(self, head: int, payload: bytes, messages: list[bytes]) -> None:
        """Handle a data frame that is not a whole message, or that comes while a fragmented one is open."""
        opcode = head & 0x0F
        begins = opcode in {_TEXT, _BINARY}
        if head & 0x70 or not (begins or opcode == _CONTINUATION) or begins is (self._fragments is not None):
            raise ProtocolViolation(f"unexpected data frame: first byte 0x{head:02x}")
        if self._fragments is None:
            self._fragments, self._fragment_bytes = [], 0
        self._fragments.append(payload)
        self._fragment_bytes += len(payload)
        if self._fragment_bytes > self._max_message_bytes:
            raise ProtocolViolation(f"message of {self._fragment_bytes} B (limit {self._max_message_bytes} B)")
        if head & _FIN:
            messages.append(b"".join(self._fragments))
            self._fragments = None
