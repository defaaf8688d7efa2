from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.exchange.quirks import Quirks, describe_quirks, read_quirks
from actors.exchange.settings import AccountSettings, SimulatorSettings
from protocols.errors import SettingsError
from tests.actors.exchange.conftest import START_MS

NAMES = [field.name for field in msgspec.structs.fields(Quirks)]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"port": 70_000}, "port = 70000: choose a number from 0 to 65535"),
        ({"rate": float("nan")}, "rate = nan: choose a number from 0.0 to 100000.0"),
        ({"access_key": "a"}, "access_key and secret_key belong together: give both or neither"),
        ({"speed": 2.0}, "speed = 2.0: only a recording has a speed; name one by replay"),
        ({"replay": "r.jsonl", "rate": 5.0}, "rate = 5.0: a recording is played as it is; leave out rate or replay"),
        ({"replay": "r.jsonl", "seed": 2}, "seed = 2: a recording is played as it is"),
        ({"replay": "r.jsonl", "markets": 4}, "markets = 4: a recording is played as it is"),
        ({"replay": "r.jsonl", "start": "2026-09-21"}, "start = 2026-09-21: a recording is played as it is"),
        ({"replay": "r.jsonl", "trader": False}, "trader = False: a recording is played as it is"),
        ({"accounts": (AccountSettings("a", ""),)}, "an account needs an access key and a secret key"),
        (
            {"access_key": "a", "secret_key": "s", "accounts": (AccountSettings("a", "t"),)},
            "access key a: 2 accounts have it; give each its own",
        ),
        (
            {"accounts": (AccountSettings("a", "s", balances={"KRW": Decimal(-1)}),)},
            "account a: KRW -1 cannot be owned; choose 0 or more",
        ),
        ({"start": "yesterday"}, "start = yesterday: write a time as 2026-09-21T09:00:00Z"),
        ({"start": "1970-01-01"}, "start = 1970-01-01: choose a time from 2000 to 2100"),
        ({"journal": "/no/such/place/j.jsonl"}, "journal = /no/such/place/j.jsonl: there is no directory"),
    ],
)
def test_each_mistake_is_one_clear_line(changes: dict[str, object], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SimulatorSettings(**changes).check()  # type: ignore[arg-type]  # settings of a test
    assert str(caught.value).startswith(line)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "start", ["2026-09-21T14:13:20Z", "2026-09-21 14:13:20", "2026-09-21T23:13:20+09:00", "20260921T141320Z"]
)
def test_a_start_is_read_in_any_form_of_iso_8601_and_is_utc_without_an_offset(start: str) -> None:
    assert SimulatorSettings(start=start).start_ms == START_MS


def test_a_recording_goes_with_everything_that_is_not_of_a_market() -> None:
    SimulatorSettings(replay="r.jsonl", speed=2.0, access_key="a", secret_key="s", limits=False).check()


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        SimulatorSettings(markets=3, idle_close_s=0.0, secret_key="s", journal=str(tmp_path)).check()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "markets", "idle_close_s", "access_key", "journal",
    ]  # fmt: skip


def test_good_settings_pass_and_the_first_account_comes_first(tmp_path: Path) -> None:
    settings = SimulatorSettings(
        access_key="a", secret_key="s", accounts=(AccountSettings("b", "t"),), journal=str(tmp_path / "journal.jsonl")
    )
    settings.check()
    assert [account.access_key for account in settings.all_accounts] == ["a", "b"]


def test_quirks_are_read_from_text_and_the_last_choice_for_a_name_counts() -> None:
    chosen = read_quirks(
        [
            "frames=text",
            "idle_close_code=1001",
            "compression=false",
            "trade_reorder=0.25",
            "book_ms=290",
            "frames=binary",
        ]
    )
    assert chosen == Quirks(idle_close_code=1001, compression=False, trade_reorder=0.25, book_ms=290)
    assert read_quirks([]) == Quirks()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("frames=foo", "quirk frames=foo: choose binary or text"),
        ("idle_close_code=7", "quirk idle_close_code=7: choose 0 or 1000 or 1001"),
        ("compression=maybe", "quirk compression=maybe: choose true or false"),
        ("trade_reorder=1.5", "quirk trade_reorder=1.5: choose a number from 0.0 to 1.0"),
        ("book_ms=0", "quirk book_ms=0: choose a whole number from 1 to 60000"),
        ("frames", f"quirk 'frames': write NAME=VALUE with one of the names {', '.join(NAMES)}"),
        ("mystery=1", f"quirk 'mystery=1': write NAME=VALUE with one of the names {', '.join(NAMES)}"),
    ],
)
def test_a_bad_choice_gets_one_line_with_what_is_allowed(choice: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_quirks([choice])
    assert str(caught.value) == words


def test_every_quirk_can_be_listed_with_its_default() -> None:
    lines = describe_quirks()
    assert [line.split(":")[0] for line in lines] == NAMES
    assert "idle_close_code: 0 or 1000 or 1001 (default 0)" in lines
    assert "compression: true or false (default true)" in lines
