import pytest

from protocols.errors import (
    ConnectionLost,
    DecodeFailure,
    ExchangeError,
    ExchangeRefused,
    HandshakeRefused,
    HeartbeatTimeout,
    UpbitdError,
)


def test_a_decode_failure_shows_the_beginning_and_keeps_the_whole_frame() -> None:
    failure = DecodeFailure("$.tp", "Expected `float`", b"\xff" + b"x" * 1000)
    assert len(failure.frame) == 1001
    assert "frame of 1001 B not understood at $.tp: Expected `float`" in str(failure)
    assert len(str(failure)) < 300


@pytest.mark.parametrize(
    ("error", "text", "kind"),
    [
        (ExchangeRefused("NO_CODES", "why"), "exchange refused: NO_CODES (error frame): why", ExchangeError),
        (ExchangeRefused("404", "why", status=404), "exchange refused: 404 (HTTP 404): why", ExchangeError),
        (
            HeartbeatTimeout("public", 31.24, 30),
            "public: nothing received for 31.2 s (limit 30.0 s); reconnect",
            ConnectionLost,
        ),
        (HandshakeRefused(429, body="slow"), "WebSocket upgrade refused with HTTP 429", ConnectionLost),
        (
            HandshakeRefused(418, retry_after_s=60.0),
            "WebSocket upgrade refused with HTTP 418, retry after 60 s",
            ConnectionLost,
        ),
    ],
)
def test_an_error_says_who_what_and_what_to_do(error: UpbitdError, text: str, kind: type[UpbitdError]) -> None:
    assert str(error) == text
    assert isinstance(error, kind)
