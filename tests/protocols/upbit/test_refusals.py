import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.upbit.refusals import Remedy, is_too_many, normal_name, remedy_of


@pytest.mark.parametrize(
    "name",
    ["TOO_MANY_REQUEST", "TOO_MANY_REQUESTS", "Too Many Requests", "I'm a teapot", "I\u2019m a teapot", "429", "418"],
)
def test_every_spelling_of_too_many_means_wait(name: str) -> None:
    assert is_too_many(name)
    assert remedy_of(name) is Remedy.WAIT


@pytest.mark.parametrize("name", ["market_offline", "internal_server_error", "503", "nonce_used"])
def test_an_exchange_that_is_down_means_wait_but_not_too_many(name: str) -> None:
    assert remedy_of(name) is Remedy.WAIT
    assert not is_too_many(name)


@pytest.mark.parametrize(
    "name",
    [
        "INVALID_AUTH",
        "jwt_verification",
        "invalid_access_key",
        "expired_access_key",
        "no_authorization_ip",
        "no_authorization_i_p",
        "no_authorization_token",
        "out_of_scope",
    ],
)
def test_refused_keys_are_for_the_owner(name: str) -> None:
    assert remedy_of(name) is Remedy.CHECK_KEYS


@pytest.mark.parametrize(
    "name",
    ["WRONG_FORMAT", "NO_TICKET", "NO_TYPE", "NO_CODES", "INVALID_PARAM", "invalid_query_payload", "400", "new_name"],
)
def test_what_is_left_is_our_own_fault(name: str) -> None:
    assert remedy_of(name) is Remedy.FIX_REQUEST


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, Remedy.CHECK_KEYS), (429, Remedy.WAIT), (502, Remedy.WAIT), (404, Remedy.FIX_REQUEST)]
)
def test_the_status_decides_where_the_name_says_nothing(status: int, remedy: Remedy) -> None:
    assert remedy_of("", status=status) is remedy


@given(st.text(max_size=20))
def test_normal_names_are_normal(name: str) -> None:
    assert normal_name(normal_name(name)) == normal_name(name)
