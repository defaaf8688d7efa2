"""Sends encoded frames to one client as fast as it takes them, or at a fixed rate; never the bottleneck.

`python -m bench.replay_server KIND COUNT RATE` prints its port, waits for one client's subscription, and sends COUNT
frames: RATE a second, or flat out in large writes when RATE is 0.
"""

import base64
import hashlib
import socket
import sys
import time

from bench.frames import NO_TIME, encode

POOL = 10_000
CHUNK_BYTES = 262_144
SETTLE_S = 0.3


def shake_hands(client: socket.socket) -> None:
    """Answer the upgrade and wait for the first frame of the client: its subscription."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(65536)
    lines = head.decode("latin-1").split("\r\n")
    key = next(line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("sec-websocket-key:"))
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode(), usedforsecurity=False).digest()
    accept = base64.b64encode(digest)
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    client.settimeout(20)
    while client.recv(65536)[0] & 0x0F != 1:  # A ping may come before the text frame.
        pass
    client.settimeout(None)


def send_flat(client: socket.socket, frames: list[bytes], count: int) -> None:
    """Send `count` frames as fast as the client reads."""
    chunks, chunk, size = [], [], 0
    for frame in frames:
        chunk.append(frame)
        size += len(frame)
        if size >= CHUNK_BYTES:
            chunks.append((len(chunk), b"".join(chunk)))
            chunk, size = [], 0
    sent = 0
    while sent < count:
        for frames_in_chunk, data in chunks:
            if sent + frames_in_chunk > count:
                client.sendall(b"".join(frames[: count - sent]))
                return
            client.sendall(data)
            sent += frames_in_chunk


def send_paced(client: socket.socket, frames: list[bytes], count: int, rate: float) -> None:
    """Send `count` frames at fixed times, each stamped with the time of its sending."""
    began_ns = time.monotonic_ns()
    for number in range(count):
        due_ns = began_ns + int(number * 1e9 / rate)
        wait_ns = due_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)
        stamp = b"%019d" % (10**18 + time.monotonic_ns())
        client.sendall(frames[number % len(frames)].replace(NO_TIME, stamp, 1))


def main() -> None:
    """Serve one client."""
    kind, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    frames = encode(kind, min(POOL, count))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    shake_hands(client)
    time.sleep(SETTLE_S)
    if rate:
        send_paced(client, frames, count, rate)
    else:
        send_flat(client, frames, count)
    client.settimeout(30)
    try:
        while client.recv(65536):  # Stay until the client leaves.
            pass
    except OSError:
        pass


if __name__ == "__main__":
    main()
