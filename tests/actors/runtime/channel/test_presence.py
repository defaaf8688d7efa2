import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.runtime.channel.dialling import Dial
from actors.runtime.channel.presence import ABSENT_AFTER_S, MAX_NAMED, Presence
from actors.runtime.process.counters import Counters
from tests.actors.runtime.channel.channel_pair import capturing_log, listening_socket


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def presence(tmp_path: Path, told: list[str]) -> Presence:
    (tmp_path / "private.sock").touch()
    (tmp_path / "control.sock").touch()
    return Presence(tmp_path, "public", "scanner.source", told.append)


def test_an_absence_is_told_once_when_it_has_lasted(presence: Presence, told: list[str], tmp_path: Path) -> None:
    presence.no_answer(now_s=100.0)
    presence.no_answer(now_s=100.0 + ABSENT_AFTER_S - 0.1)
    assert told == []
    presence.no_answer(now_s=100.0 + ABSENT_AFTER_S)
    presence.no_answer(now_s=1000.0)
    (line,) = told
    assert line == (
        f"scanner.source names 'public', and there is no such actor in {tmp_path}; there are: private. "
        "Correct the name, or add the actor (`upbitd add`); trying on"
    )


def test_an_actor_that_is_there_after_all_is_told_and_the_next_absence_again(
    presence: Presence, told: list[str], tmp_path: Path
) -> None:
    for now_s in (0.0, 10.0):
        presence.no_answer(now_s=now_s)
    (tmp_path / "public.sock").touch()
    presence.no_answer(now_s=11.0)
    presence.settle()
    assert told[1:] == [""]
    (tmp_path / "public.sock").unlink()
    for now_s in (20.0, 20.0 + ABSENT_AFTER_S):
        presence.no_answer(now_s=now_s)
    assert [bool(line) for line in told] == [True, False, True]


def test_an_actor_that_exists_and_does_not_answer_is_never_called_absent(
    presence: Presence, told: list[str], tmp_path: Path
) -> None:
    (tmp_path / "public.sock").touch()
    for now_s in (0.0, 10.0, 100.0):
        presence.no_answer(now_s=now_s)
    assert told == []


def test_of_very_many_actors_some_are_named(presence: Presence, told: list[str], tmp_path: Path) -> None:
    for n in range(MAX_NAMED + 4):
        (tmp_path / f"x{n:03}.sock").touch()
    for now_s in (0.0, 10.0):
        presence.no_answer(now_s=now_s)
    assert f"x{MAX_NAMED - 2:03} and 5 more." in told[0]


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_nothing_is_known_of_an_actor(presence: Presence, told: list[str]) -> None:
    with no_descriptor_left():
        for now_s in (0.0, 10.0, 20.0):
            presence.no_answer(now_s=now_s)
    assert told == []
    presence.no_answer(now_s=30.0)
    assert told == [], "an absence counts from the first look at it"


async def test_a_link_of_an_actor_without_descriptors_is_dialled_until_there_are_some(
    tmp_path: Path, told: list[str], autojump_clock: MockClock
) -> None:
    log, logged = capturing_log()
    presence = Presence(tmp_path, "public", "scanner.source", told.append)
    with listening_socket(tmp_path / "public.sock"):
        feed = Dial(tmp_path / "public.sock", "client", Counters(), log, presence=presence)
        async with feed, trio.open_nursery() as nursery:
            with no_descriptor_left():
                nursery.start_soon(feed.receive)
                await trio.sleep(10.0)
            await trio.sleep(10.0)
            attached = feed.is_attached
            nursery.cancel_scope.cancel()
    assert attached
    assert os.strerror(errno.EMFILE) in logged.entries[0]["reason"]
    assert told == []
