import socket
from pathlib import Path

import msgspec
import pytest
import structlog
import trio

from actors.runtime.actor import Actor, Secrets
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.serving import serve_channel
from actors.runtime.process.counters import Counters
from protocols.channel.messages import Event, Up
from protocols.control.messages import FromChild, Parked, Ready, Unparked


@pytest.fixture
def told() -> list[FromChild]:
    return []


@pytest.fixture
def actor(told: list[FromChild]) -> Actor:
    counters = Counters()
    return Actor(
        name="tracker",
        pid=7,
        incarnation=1,
        run_dir=Path("/run/x"),
        secrets={"UPBITD_ACCESS_KEY": "hidden"},
        log=structlog.get_logger(),
        counters=counters,
        publisher=Publisher("tracker", 1, counters),
        tell=told.append,
    )


def test_ready_is_told_once(actor: Actor, told: list[FromChild]) -> None:
    actor.ready()
    actor.ready()
    assert told == [Ready(7)]


def test_parking_makes_ready_and_is_told_once_for_each_reason(actor: Actor, told: list[FromChild]) -> None:
    for reason in ("no keys", "no keys", "bad keys"):
        actor.park(reason)
    actor.unpark()
    actor.unpark()
    assert told == [Ready(7), Parked("no keys"), Parked("bad keys"), Unparked()]


def test_a_kept_secret_is_masked_in_what_the_supervisor_is_told(actor: Actor, told: list[FromChild]) -> None:
    for _ in range(2):
        actor.keep_secret("key-of-a-keys-file")
    actor.park("the exchange refused key-of-a-keys-file")
    assert told == [Ready(7), Parked("the exchange refused ***")]
    assert actor.redact("Bearer key-of-a-keys-file") == "Bearer ***"


def test_progress_adds_up(actor: Actor) -> None:
    actor.progressed()
    actor.progressed(5)
    assert actor.progress.consumed == 6


def test_secrets_can_be_read_and_are_not_printed(actor: Actor) -> None:
    assert actor.secrets["UPBITD_ACCESS_KEY"] == "hidden"
    assert dict(actor.secrets) == {"UPBITD_ACCESS_KEY": "hidden"}
    assert repr(Secrets({"A": "hidden"})) == "Secrets(A=***)"


class Sighting(msgspec.Struct, frozen=True):
    """A report of an actor's own."""

    what: str


async def test_a_dial_reads_the_named_bodies_and_counts_them_as_progress(actor: Actor, tmp_path: Path) -> None:
    actor.run_dir = tmp_path
    publisher = Publisher("own", 1, Counters())
    publisher.offer(["sighting"])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "own.sock"))
        listener.listen()
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_channel, listener, publisher, structlog.get_logger())
            async with actor.dial("own", bodies=Sighting) as feed:
                await feed.want_topics("sighting")
                with trio.fail_after(10):
                    while not isinstance(item := await anext(feed), Event):
                        if isinstance(item, Up):
                            while publisher.wanted != {"sighting"}:
                                await trio.lowlevel.checkpoint()
                            publisher.announce("sighting", Sighting("a whale"))
                assert item.body == Sighting("a whale")
                assert actor.progress.consumed == 1
            nursery.cancel_scope.cancel()
