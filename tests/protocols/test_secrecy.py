"""What nobody may see, and how it is spelt."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.secrecy import is_secret, spellings

TRICKY = "tr\"ick\\y-'secret\n한글"


@pytest.mark.parametrize(
    "key",
    [
        *("access_key", "secret_key", "token", "password", "passphrase", "key", "secret"),
        *("db_password", "refresh_token", "client_secret", "API_KEY", "apiKey", "access-token", "db2Password"),
        *("accessKey", "Authorization", "proxy-authorization"),
    ],
)
def test_such_keys_have_values_that_are_secrets(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key", ["keys_file", "secrets", "markets", "keyboard", "monkey", "tokens_each_s", "source", "author"]
)
def test_other_keys_do_not(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize("secret", [TRICKY, 'tr"ick\\y-secret', "it's"])
@pytest.mark.parametrize("around", ["", "it's ", 'a "word" ', 'it\'s a "word" '])
def test_a_text_is_found_however_it_was_quoted(secret: str, around: str) -> None:
    text = f"{around}{secret}"
    once = [json.dumps(text), msgspec.json.encode(text).decode(), repr(text), repr(text.encode())]
    twice = [spelt for inner in once for spelt in (json.dumps(inner), repr(f"{around}{inner}"))]
    for quoted in (text, *once, *twice):
        assert any(spelling in quoted for spelling in spellings(secret)), quoted


def test_a_text_without_anything_to_quote_has_one_spelling() -> None:
    assert spellings("aB3-secret-key-of-forty-characters-xyzzy") == {"aB3-secret-key-of-forty-characters-xyzzy"}


@given(st.text(st.characters(codec=None)))
def test_every_text_has_a_spelling(text: str) -> None:
    assert text in spellings(text)
