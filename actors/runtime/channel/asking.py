"""Asking a serving actor one question, on a link of its own: for `upbitd show`, and for actors that need an answer."""

import os
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.channel.messages import Hello, Reply, Request, ServerMessage
from protocols.errors import ChannelError, UpbitdError
from protocols.unreadable import UNREADABLE

READ_BYTES: Final = 65536
TIMEOUT_S: Final = 10.0

Arguments = dict[str, str | int | float | bool | list[str] | None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ServerMessage).decode


async def ask(
    path: Path, client: str, method: str, arguments: Arguments | None = None, *, timeout_s: float = TIMEOUT_S
) -> Any:  # noqa: ANN401 - what the method returns, as plain msgpack values
    """Ask the actor that serves on `path` one question and return its answer.

    Raises:
        UpbitdError: the actor answered with an error, ended the link, sent something unreadable, or did not answer
            within `timeout_s`; the message says which.
        OSError: nobody serves there.
    """
    with trio.move_on_after(timeout_s):
        async with await trio.open_unix_socket(str(path)) as stream:
            try:
                reply = await _exchange(stream, client, Request(1, method, arguments or {}))
                answer = None if reply is None or reply.error else msgspec.msgpack.decode(reply.result)
            except trio.BrokenResourceError:
                reply = None
            except (ChannelError, *UNREADABLE) as error:
                raise UpbitdError(f"{path.stem} answered {method!r} with something unreadable: {error}") from None
        if reply is None:
            raise UpbitdError(f"{path.stem} ended the link without an answer to {method!r}; ask again")
        if reply.error:
            raise UpbitdError(reply.error)
        return answer
    raise UpbitdError(f"{path.stem} did not answer {method!r} within {timeout_s} s; see `upbitd status`")


async def _exchange(stream: trio.SocketStream, client: str, question: Request) -> Reply | None:
    """Greet, ask, and wait for the reply among whatever else comes; None when the link ends before."""
    await stream.send_all(pack_frame(_encode(Hello(client, os.getpid()))) + pack_frame(_encode(question)))
    splitter = FrameSplitter()
    while chunk := await stream.receive_some(READ_BYTES):
        for payload, _merged in splitter.feed(chunk):
            message = _decode(payload)
            if isinstance(message, Reply):
                return message
    return None
