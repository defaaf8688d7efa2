"""Frames as bytes, and permessage-deflate, without a socket."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, RsvBits

from actors.exchange.wire.deflate import MAX_INFLATED_BYTES, ServerDeflate, deflated
from actors.exchange.wire.outgoing import Framing
from protocols.websocket_frames import FrameReader

NO_BITS = RsvBits(False, False, False)
BOOK = b'{"type":"orderbook","orderbook_units":[' + b'{"ask_price":127.0,"bid_price":126.0},' * 30 + b"]}"


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 100_000])
@pytest.mark.parametrize("opcode", ["binary", "text"])
def test_a_frame_is_one_whole_message_of_its_opcode(opcode: str, length: int) -> None:
    payload = b"x" * length
    frame = Framing(opcode).frame(payload)  # type: ignore[arg-type]  # one of the two
    assert frame[0] == {"binary": 0x82, "text": 0x81}[opcode]
    assert FrameReader().feed(frame) == ([payload], b"")


@given(payload=st.binary(max_size=400))
@settings(max_examples=40)
def test_a_compressed_frame_is_read_by_a_client_that_is_not_ours(payload: bytes) -> None:
    client = PerMessageDeflate()
    client.finalize("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    reader = FrameProtocol(client=True, extensions=[client])
    framing = Framing(is_compressed=True)
    for _ in range(2):  # Each message by itself: nothing of the first is needed for the second.
        reader.receive_bytes(framing.frame(payload))
        assert b"".join(bytes(frame.payload) for frame in reader.received_frames()) == payload  # type: ignore[arg-type]  # binary


def test_a_book_gets_much_smaller_and_is_compressed_once_for_all_connections() -> None:
    first, second = Framing(is_compressed=True), Framing("text", is_compressed=True)
    before = deflated.cache_info().misses
    frames = [framing.frame(BOOK + b"shared") for framing in (first, second, first)]
    assert deflated.cache_info().misses == before + 1
    assert [frame[0] for frame in frames] == [0xC2, 0xC1, 0xC2]
    assert frames[0][1:] == frames[1][1:]
    assert len(frames[0]) < len(BOOK) / 3


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=9; client_no_context_takeover; server_no_context_takeover",
        'permessage-deflate; client_max_window_bits="8"',
    ],
)
def test_an_offer_that_can_be_met_is_accepted_without_context_in_either_direction(offer: str) -> None:
    deflate = ServerDeflate()
    assert deflate.accept(offer) == "server_no_context_takeover; client_no_context_takeover"
    assert deflate.enabled()


@pytest.mark.parametrize(
    "parameters",
    [
        "server_max_window_bits=9",
        "server_max_window_bits",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=x",
        "client_max_window_bits; client_max_window_bits",
        "server_no_context_takeover=1",
        "mystery",
        "",
    ],
)
def test_an_offer_that_cannot_be_met_is_left_unanswered(parameters: str) -> None:
    deflate = ServerDeflate()
    assert deflate.accept(f"permessage-deflate; {parameters}") is None
    assert not deflate.enabled()
    assert deflate.accept("permessage-deflate") is not None
    assert deflate.accept("permessage-deflate; mystery") is not None  # The one before it stands.


def packed(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def begun(*, compressed: bool = True) -> ServerDeflate:
    deflate = ServerDeflate()
    deflate.frame_inbound_header(None, Opcode.TEXT, RsvBits(compressed, False, False), 1)  # type: ignore[arg-type]  # not looked at
    return deflate


def test_a_message_in_fragments_is_inflated_also_with_a_ping_in_between() -> None:
    deflate, data = begun(), packed(b"hello, hello, hello")
    read = deflate.frame_inbound_payload_data(None, data[:3])  # type: ignore[arg-type]  # not looked at
    assert isinstance(read, bytes)
    assert deflate.frame_inbound_complete(None, fin=False) is None  # type: ignore[arg-type]  # not looked at
    deflate.frame_inbound_header(None, Opcode.PING, NO_BITS, 2)  # type: ignore[arg-type]  # not looked at
    assert deflate.frame_inbound_payload_data(None, b"hi") == b"hi"  # type: ignore[arg-type]  # not looked at
    assert deflate.frame_inbound_complete(None, fin=True) is None  # type: ignore[arg-type]  # not looked at
    deflate.frame_inbound_header(None, Opcode.CONTINUATION, NO_BITS, 1)  # type: ignore[arg-type]  # not looked at
    rest = deflate.frame_inbound_payload_data(None, data[3:])  # type: ignore[arg-type]  # not looked at
    end = deflate.frame_inbound_complete(None, fin=True)  # type: ignore[arg-type]  # not looked at
    assert isinstance(rest, bytes)
    assert isinstance(end, bytes)
    assert read + rest + end == b"hello, hello, hello"


def test_a_message_that_grows_past_the_limit_is_refused_and_never_unpacked_whole() -> None:
    bomb = packed(b"\0" * (64 * 1024 * 1024))
    assert begun().frame_inbound_payload_data(None, bomb) is CloseReason.MESSAGE_TOO_BIG  # type: ignore[arg-type]  # not looked at
    just = packed(b"\0" * MAX_INFLATED_BYTES)
    assert begun().frame_inbound_payload_data(None, just) == b"\0" * MAX_INFLATED_BYTES  # type: ignore[arg-type]  # not looked at


def test_what_is_not_compressed_passes_and_what_is_broken_is_refused() -> None:
    assert begun(compressed=False).frame_inbound_payload_data(None, b"plain") == b"plain"  # type: ignore[arg-type]  # not looked at
    assert begun().frame_inbound_payload_data(None, b"\xff\xff") is CloseReason.INVALID_FRAME_PAYLOAD_DATA  # type: ignore[arg-type]  # not looked at
    marked = RsvBits(True, False, False)
    for opcode in (Opcode.PING, Opcode.CONTINUATION):
        answer = ServerDeflate().frame_inbound_header(None, opcode, marked, 0)  # type: ignore[arg-type]  # not looked at
        assert answer is CloseReason.PROTOCOL_ERROR
