"""A simulated exchange and a real tree on it, for the clients of one test module, and views of both past the client."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import trio

from actors.client import WebSocketClient
from actors.runtime.channel.asking import ask
from actors.runtime.run_dir import socket_of
from tests.actors.client.both_loops import until
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import RunningTree, running_tree

KEYS: Final = {"UPBITD_ACCESS_KEY": "a key of the tests", "UPBITD_SECRET_KEY": "a secret of the tests, 64 bytes or not"}

SETTINGS: Final = """
[supervisor]
log_level = "warning"
[exchange]
websocket_url = "{url}"
"""

CHILDREN: Final = {
    "public": '[[child]]\nname = "public"\nstart = "actors.connections.public:run"\n',
    "private": '[[child]]\nname = "private"\nstart = "actors.connections.private:run"\n'
    'secrets = ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]\n',
}


class House:
    """One running tree."""

    def __init__(self, exchange: ExchangeProcess, tree: RunningTree) -> None:
        self.exchange = exchange
        self.tree = tree
        self.run_dir = tree.run_dir

    def client(self, name: str = "test") -> WebSocketClient:
        """A client of this tree."""
        return WebSocketClient(name, run_dir=self.run_dir)

    def shown(self, actor: str = "public") -> dict[str, Any]:
        """What `upbitd show` prints of an actor."""
        return asked(self.run_dir, actor, "state")

    def wanted(self, actor: str = "public") -> set[str]:
        """Topics that anybody wants of an actor."""
        return set(self.shown(actor)["wanted"])

    async def wait_wanted(self, *topics: str, actor: str = "public") -> None:
        """Wait until exactly these topics are wanted."""
        await until(lambda: self.wanted(actor) == set(topics))

    def requests(self, kind: str = "public") -> list[str]:
        """Every request that the exchange got on the connections that stand."""
        connections = self.exchange.state()["connections"]
        return [got["text"] for known in connections if known["kind"] == kind for got in known["received"]]


def asked(run_dir: Path, actor: str, question: str) -> Any:
    """Ask an actor past the client; in a thread of its own, as it works out of any loop."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(trio.run(ask, socket_of(run_dir, actor), "test", question)))
    thread.start()
    thread.join()
    (answer,) = answers
    return answer


@contextlib.contextmanager
def house(
    folder: Path, *, keys: dict[str, str] | None = None, actors: tuple[str, ...] = ("public", "private")
) -> Iterator[House]:
    """Run an exchange whose account has `KEYS`, and a tree that has the keys given, or none."""
    account = ("--access-key", KEYS["UPBITD_ACCESS_KEY"], "--secret-key", KEYS["UPBITD_SECRET_KEY"])
    children = "".join(CHILDREN[actor] for actor in actors)
    with (
        simulated_exchange("--rate", "400", *account) as exchange,
        running_tree(folder, SETTINGS.format(url=exchange.ws) + children, environment=keys) as tree,
    ):
        tree.wait_for("child_ready", "public")
        yield House(exchange, tree)
