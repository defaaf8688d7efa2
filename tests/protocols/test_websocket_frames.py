"""RFC 6455 frames: whatever the chunks, and held against an independent implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from protocols.websocket_frames import NO_STATUS, FrameReader, ProtocolViolation

BINARY, TEXT, CONTINUATION, CLOSE, PING, PONG = 0x82, 0x81, 0x80, 0x88, 0x89, 0x8A


def frame(head: int, payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes((head, len(payload))) + payload
    if len(payload) < 65536:
        return bytes((head, 126)) + len(payload).to_bytes(2, "big") + payload
    return bytes((head, 127)) + len(payload).to_bytes(8, "big") + payload


def feed_in_chunks(reader: FrameReader, stream: bytes, data: st.DataObject) -> tuple[list[bytes], bytes]:
    messages: list[bytes] = []
    control = b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        some, more = reader.feed(stream[:size])
        messages += some
        control += more
        stream = stream[size:]
    return messages, control


PARTS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), st.lists(st.binary(max_size=300), min_size=1, max_size=4)),
        st.tuples(st.just("ping"), st.binary(max_size=125)),
        st.tuples(st.just("pong"), st.binary(max_size=125)),
    ),
    max_size=12,
)


@given(PARTS, st.data())
def test_messages_and_control_frames_do_not_depend_on_chunk_boundaries(
    parts: list[tuple[str, object]], data: st.DataObject
) -> None:
    server = FrameProtocol(client=False, extensions=[])
    stream, messages, control = b"", [], b""
    for kind, content in parts:
        if kind == "message":
            assert isinstance(content, list)
            for number, fragment in enumerate(content):
                stream += server.send_data(fragment, fin=number == len(content) - 1)
                if number < len(content) - 1:
                    # A control frame may stand between the fragments of a message (RFC 6455, 5.4).
                    stream += (between := server.ping(b"between"))
                    control += between
            messages.append(b"".join(content))
        else:
            assert isinstance(content, bytes)
            stream += (part := server.ping(content) if kind == "ping" else server.pong(content))
            control += part
    assert feed_in_chunks(FrameReader(), stream, data) == (messages, control)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
@pytest.mark.parametrize("head", [BINARY, TEXT])
def test_every_length_form_is_read(size: int, head: int) -> None:
    payload = bytes(size)
    assert FrameReader().feed(frame(head, payload)) == ([payload], b"")


def test_a_close_frame_is_passed_on_and_its_code_kept() -> None:
    reader = FrameReader()
    server = FrameProtocol(client=False, extensions=[])
    closing = server.close(1012, "restart")
    assert reader.feed(frame(BINARY, b"last") + closing) == ([b"last"], closing)
    assert reader.close_code == 1012


def test_a_close_frame_without_a_code_reads_as_1005() -> None:
    reader = FrameReader()
    reader.feed(frame(CLOSE, b""))
    assert reader.close_code == NO_STATUS


def test_pings_are_left_out_while_we_close() -> None:
    reader = FrameReader()
    reader.is_closing = True
    closing = frame(CLOSE, b"\x03\xe8")
    assert reader.feed(frame(PING, b"x") + closing) == ([], closing)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (bytes((BINARY, 0x80)) + b"\0" * 4, "masked"),
        (bytes((BINARY, 0xFE)) + b"\0" * 8, "masked"),
        (frame(0xC2, b"x"), "unexpected data frame"),  # a reserved bit
        (frame(0x83, b"x"), "unexpected data frame"),  # a reserved opcode
        (frame(0x8B, b"x"), "bad control frame"),
        (frame(0x09, b"x"), "bad control frame"),  # a fragmented ping
        (frame(PING, b"x" * 126), "bad control frame"),
        (frame(CONTINUATION, b"x"), "unexpected data frame"),  # nothing to continue
        (frame(0x02, b"x") + frame(BINARY, b"y"), "unexpected data frame"),  # a message inside a message
        (frame(0x02, b"x") + frame(0x01, b"y"), "unexpected data frame"),
        (bytes((BINARY, 127)) + (2**40).to_bytes(8, "big"), "limit"),
        (frame(BINARY, b"x" * 1001), "limit"),
        (frame(0x02, b"x" * 600) + frame(CONTINUATION, b"x" * 600), "limit"),
    ],
)
def test_what_the_rfc_forbids_ends_the_connection(stream: bytes, reason: str) -> None:
    with pytest.raises(ProtocolViolation, match=reason):
        FrameReader(max_message_bytes=1000).feed(stream)


def test_the_independent_implementation_agrees_on_opcodes() -> None:
    assert (Opcode.BINARY, Opcode.TEXT, Opcode.CLOSE, Opcode.PING, Opcode.PONG) == (2, 1, 8, 9, 10)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_else(stream: bytes) -> None:
    reader = FrameReader(max_message_bytes=1000)
    try:
        messages, _control = reader.feed(stream)
    except ProtocolViolation:
        return
    assert all(len(message) <= 1000 for message in messages)
