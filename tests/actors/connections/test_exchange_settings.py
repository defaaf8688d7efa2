"""What the table `[exchange]` refuses, and what it makes of the addresses."""

import re

import msgspec
import pytest

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.private import PrivateSettings
from actors.runtime.settings.check import CheckRequest, ChildToCheck, check
from protocols.errors import SettingsError

ABOVE_ZERO = (
    "connect_timeout_s", "ping_interval_s", "quiet_after_s", "ping_timeout_s", "snapshot_timeout_s", "backoff_first_s",
    "backoff_cap_s",
)  # fmt: skip
NO_TIME = (float("nan"), float("inf"), float("-inf"), -1.0, 1e9)


def problems(table: dict[str, object], own: dict[str, object] | None = None) -> list[str]:
    """What `upbitd run` says of a settings file with both connection actors before it starts anything."""
    children = [
        ChildToCheck("public", "actors.connections.public:run", {}),
        ChildToCheck("private", "actors.connections.private:run", own or {}),
    ]
    return check(CheckRequest(children, {"exchange": table})).problems


@pytest.mark.parametrize("name", [*ABOVE_ZERO, "audit_interval_s"])
@pytest.mark.parametrize("value", NO_TIME)
def test_a_time_that_is_none_is_named_in_one_line(name: str, value: float) -> None:
    (line,) = problems({name: value})
    assert line.startswith(f"exchange.{name}: Expected float ")
    assert "\n" not in line


@pytest.mark.parametrize("name", ABOVE_ZERO)
def test_a_time_must_be_above_zero(name: str) -> None:
    assert problems({name: 0}) == [f"exchange.{name}: Expected float > 0.0"]


def test_audits_can_be_switched_off() -> None:
    assert problems({"audit_interval_s": 0}) == []


@pytest.mark.parametrize("value", [*NO_TIME, 0])
def test_a_time_to_try_parked_keys_again_must_be_one(value: float) -> None:
    (line,) = problems({}, {"retry_parked_s": value})
    assert line.startswith("private.retry_parked_s: Expected float ")


def test_every_wrong_time_is_named_at_once() -> None:
    lines = problems({"ping_interval_s": 0, "backoff_cap_s": -1})
    assert [line.partition(":")[0] for line in lines] == ["exchange.ping_interval_s", "exchange.backoff_cap_s"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ws://h:99999", "its port must be a number from 1 to 65535"),
        ("ws://h:0", "its port must be a number from 1 to 65535"),
        ("ws://h:x", "its port must be a number from 1 to 65535"),
        ("ws://h:²", "it holds a space or a character outside ASCII"),
        ("ws://h/a b", "it holds a space or a character outside ASCII"),
        ("ws://h\n/", "it holds a space or a character outside ASCII"),
        ("ws://[::1", "it names no valid host"),
        (f"ws://{'a' * 64}.com", "it names no valid host"),
        ("ws://a..b", "it names no valid host"),
        ("ws:///path", "it must begin with ws:// or wss:// and a host"),
        ("http://h", "it must begin with ws:// or wss:// and a host"),
        ("", "it must begin with ws:// or wss:// and a host"),
    ],
)
def test_an_address_that_cannot_be_dialled_is_named_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(
        SettingsError, match=f"^exchange.websocket_url: {re.escape(repr(url))} cannot be used: {reason}$"
    ):
        ExchangeSettings(websocket_url=url)
    assert problems({"websocket_url": url}) == [f"exchange.websocket_url: {url!r} cannot be used: {reason}"]


def test_an_address_that_cannot_be_dialled_hides_no_other_mistake() -> None:
    lines = problems({"websocket_url": "http://h"}, {"retry_parked_s": 0})
    assert [line.partition(":")[0] for line in lines] == ["exchange.websocket_url", "private.retry_parked_s"]


def test_an_address_in_the_table_of_one_child_is_named_with_that_child() -> None:
    (line,) = problems({}, {"exchange": {"websocket_url": "http://h"}})
    assert line.startswith("private.exchange.websocket_url: 'http://h' cannot be used: ")


@pytest.mark.parametrize("url", ["ws://h", "http://h:99999", "http://[::1", "https://"])
def test_the_address_of_rest_is_checked_too(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^exchange\.rest_url: "):
        ExchangeSettings(rest_url=url)


@pytest.mark.parametrize(
    ("url", "public", "rest"),
    [
        ("wss://api.upbit.com/websocket/v1", "wss://api.upbit.com/websocket/v1", "https://api.upbit.com"),
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/websocket/v1", "http://127.0.0.1:8080"),
        ("ws://[::1]:65535/", "ws://[::1]:65535/websocket/v1", "http://[::1]:65535"),
    ],
)
def test_the_other_addresses_follow_from_the_one(url: str, public: str, rest: str) -> None:
    settings = ExchangeSettings(websocket_url=url)
    assert (settings.public_url, settings.private_url, settings.rest_base) == (public, f"{public}/private", rest)


def test_the_defaults_pass_their_own_checks() -> None:
    defaults = msgspec.to_builtins(PrivateSettings())
    assert msgspec.convert(defaults, PrivateSettings) == PrivateSettings()
