"""Values that nobody may see, known by their keys."""

from typing import Any, Literal

import msgspec
import pytest

from actors.runtime.settings.hiding import hidden, hide_values
from actors.runtime.settings.problems import find_problems
from protocols.errors import SettingsError

VALUE = "MYSECRET1"


def test_what_is_shown_has_everything_but_the_secrets_however_deep() -> None:
    value = {"url": "ws://x", "accounts": [{"name": "a", "secret_key": VALUE}], "token": {"of": VALUE}}
    assert hidden(value) == {"url": "ws://x", "accounts": [{"name": "a", "secret_key": "***"}], "token": "***"}


class Account(msgspec.Struct, frozen=True):
    """A table that quotes its own value, and a word of which msgspec quotes the value."""

    secret_key: str = ""
    token: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.secret_key:
            raise SettingsError(f"secret_key: {self.secret_key!r} is too short")


class AccountSettings(msgspec.Struct, frozen=True):
    """What an actor of an owner may declare."""

    account: Account = Account()
    api_token: Literal["a", "b"] = "a"
    mode: Literal["a", "b"] = "a"


@pytest.mark.parametrize("value", [VALUE, 'with "quotes"', "it's", "bo\"th'", "back\\slash", "한글"])
def test_a_problem_does_not_quote_a_secret(value: str) -> None:
    tables: list[dict[str, Any]] = [
        {"account": {"secret_key": value}},
        {"account": {"token": value}},
        {"api_token": value},
    ]
    for table in tables:
        (problem,) = find_problems(table, AccountSettings, where="mine")
        assert value not in problem
        assert "***" in problem
        assert problem.startswith("mine.")


def test_a_problem_quotes_what_is_no_secret() -> None:
    (problem,) = find_problems({"mode": VALUE}, AccountSettings, where="mine")
    assert VALUE in problem


def test_the_path_of_a_problem_stays_and_so_do_words_that_a_short_secret_is_part_of() -> None:
    line = "mine.key: 'key' is no keyboard, and 3 is not 33"
    assert hide_values(line, {"key": "key", "pin_key": 3}) == "mine.key: '***' is no keyboard, and *** is not 33"


def test_an_empty_secret_hides_nothing() -> None:
    assert hide_values("mine.key: missing", {"key": ""}) == "mine.key: missing"
