from pathlib import Path

import pytest
import structlog

from actors.runtime.actor import Actor, Secrets
from actors.runtime.counters import Counters
from actors.runtime.publishing import Publisher
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


def test_progress_adds_up(actor: Actor) -> None:
    actor.progressed()
    actor.progressed(5)
    assert actor.progress.consumed == 6


def test_secrets_can_be_read_and_are_not_printed(actor: Actor) -> None:
    assert actor.secrets["UPBITD_ACCESS_KEY"] == "hidden"
    assert dict(actor.secrets) == {"UPBITD_ACCESS_KEY": "hidden"}
    assert repr(Secrets({"A": "hidden"})) == "Secrets(A=***)"


def test_dial_names_the_servers_socket_in_the_run_directory(actor: Actor) -> None:
    assert actor.dial("public") is not None
