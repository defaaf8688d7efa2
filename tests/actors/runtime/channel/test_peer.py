import os
import socket
import struct

import trio

from actors.runtime.channel.peer import is_same_user, peer_pid


def test_the_peer_of_a_socket_is_known_by_the_kernel() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_same_user(ours)
        assert peer_pid(ours) == os.getpid()
        with trio.socket.from_stdlib_socket(theirs) as wrapped:
            assert is_same_user(wrapped)


class PeerOf:
    """A socket whose kernel says that this user is at the other end."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        assert (level, optname, buflen) == (socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.pack("3i", 7, self._uid, 0)


def test_root_is_welcome_and_another_user_is_not() -> None:
    assert is_same_user(PeerOf(os.getuid()))
    assert is_same_user(PeerOf(0))
    assert not is_same_user(PeerOf(os.getuid() + 1))
