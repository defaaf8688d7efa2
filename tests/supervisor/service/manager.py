"""The service manager's side of sd_notify(3): a socket that keeps what was said to it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT_S = 20.0


class Manager:
    """Reads datagrams; `said` are those that came until now."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(LIMIT_S)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    @property
    def variables(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address}

    def hear(self) -> list[str]:
        """Return all that is there already, without waiting."""
        self._socket.setblocking(False)
        came = []
        try:
            while True:
                came.append(self._socket.recv(65536).decode())
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(LIMIT_S)
        self.said += came
        return came

    def wait_for(self, beginning: str) -> str:
        """Return the next datagram that begins so; those before it are kept in `said`."""
        while True:
            message = self._socket.recv(65536).decode()
            self.said.append(message)
            if message.startswith(beginning):
                return message

    def close(self) -> None:
        self._socket.close()


@contextmanager
def manager_at(folder: Path) -> Iterator[Manager]:
    manager = Manager(str(folder / "notify"))
    try:
        yield manager
    finally:
        manager.close()
