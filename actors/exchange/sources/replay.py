"""A recording played instead of a simulated market: byte for byte, with its own timing.

The file has one JSON object a line: `received_s` (seconds), `from` (`exchange` or `client`), `text` (the payload).
Each subscriber gets each stream (type and code) from its beginning; a stream that stays subscribed goes on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio
from msgspec import Struct, field

from actors.exchange.sources.source import Sink, StreamKey
from protocols.errors import SettingsError
from protocols.unreadable import UNREADABLE
from protocols.upbit.requests import Subscription, split_depth


class RecordedFrame(NamedTuple):
    """One frame of the exchange: seconds since the first one, the stream it belongs to, and its bytes."""

    offset_s: float
    key: StreamKey
    payload: bytes


class _Line(Struct):
    received_s: float
    text: str
    sender: str = field(name="from")


class _Head(Struct):
    """The fields that say which stream a frame belongs to, by their long and short names."""

    type: str = ""
    ty: str = ""
    code: str = ""
    cd: str = ""


_LINE: Final = msgspec.json.Decoder(_Line)
_HEAD: Final = msgspec.json.Decoder(_Head | list[_Head])


def load_recording(path: Path) -> tuple[RecordedFrame, ...]:
    """Read a recording.

    Raises:
        SettingsError: it cannot be read, a line is not understood, or no frame of the exchange is in it.
    """
    frames: list[RecordedFrame] = []
    begin_s: float | None = None
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"replay file {path}: {error.strerror}") from None
    for number, raw in enumerate(lines, start=1):
        try:
            line = _LINE.decode(raw)
            if line.sender != "exchange":
                continue  # A client may say what is no JSON: PING.
            key = _stream_of(line.text)
        except UNREADABLE as error:
            raise SettingsError(f"replay file {path}, line {number}: {error}") from None
        begin_s = line.received_s if begin_s is None else begin_s
        frames.append(RecordedFrame(line.received_s - begin_s, key, line.text.encode()))
    if not frames:
        raise SettingsError(f'replay file {path}: no frame with "from": "exchange"')
    return tuple(frames)


def _stream_of(text: str) -> StreamKey:
    head = _HEAD.decode(text)
    first = (head[0] if head else _Head()) if isinstance(head, list) else head
    return first.type or first.ty, first.code or first.cd


class Replay:
    """A recording as the source of frames.

    Args:
        frames: the recording.
        speed: how many times faster than recorded; 0 for as fast as possible.
    """

    def __init__(self, frames: Sequence[RecordedFrame], *, speed: float) -> None:
        self._frames = frames
        self._speed = speed
        self._wanted: dict[Sink, dict[StreamKey, int]] = {}
        self._players = 0
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Play to subscribers until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            await trio.sleep_forever()

    def subscribe(self, sink: Sink, subscriptions: Sequence[Subscription]) -> None:
        """Replace what `sink` gets; streams that it did not have start from their beginning."""
        before = self._wanted.get(sink, {})
        keys = dict.fromkeys(key for subscription in subscriptions for key in _keys(subscription))
        self._players += 1
        # Each stream remembers its player: one that was dropped and asked for again is not played twice.
        self._wanted[sink] = {key: before.get(key, self._players) for key in keys}
        if keys.keys() - before.keys() and self._nursery is not None:
            self._nursery.start_soon(self._play, sink, self._players)

    def leave(self, sink: Sink) -> None:
        """Forget a sink; its players end at their next frame."""
        self._wanted.pop(sink, None)

    def markets(self) -> list[tuple[str, str, str]]:
        """The codes of the recording; it does not know their names, so the currency stands for them."""
        codes = dict.fromkeys(code for _, (_, code), _ in self._frames if code)
        return [(code, code.partition("-")[2], code.partition("-")[2]) for code in codes]

    async def _play(self, sink: Sink, player: int) -> None:
        began_s = trio.current_time()
        for offset_s, key, payload in self._frames:
            if self._player_of(sink, key) != player:
                continue
            if self._speed > 0:
                await trio.sleep_until(began_s + offset_s / self._speed)
            await sink.wait_room()
            if self._player_of(sink, key) == player:
                sink.push(payload, key)
        await trio.lowlevel.checkpoint()

    def _player_of(self, sink: Sink, key: StreamKey) -> int | None:
        """Who plays a stream to a sink; a type that was asked for without codes means all of them (`myOrder`)."""
        wanted = self._wanted.get(sink, {})
        return wanted.get(key, wanted.get((key[0], "")))


def _keys(subscription: Subscription) -> list[StreamKey]:
    return [(subscription.type, split_depth(code)[0]) for code in subscription.codes] or [(subscription.type, "")]
