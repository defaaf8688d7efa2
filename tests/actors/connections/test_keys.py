"""Where the account's keys come from, and that nothing shows them."""

import os
from pathlib import Path

import pytest

from actors.connections.keys import (
    ACCESS_KEY,
    CREDENTIALS_VARIABLE,
    OWN_KEYS_FILE,
    SECRET_KEY,
    Keys,
    find_keys_file,
    load_keys,
)
from protocols.errors import AuthenticationError

SECRET = "very-secret-value-0123456789"


def keys_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = keys_file(tmp_path, 'access_key = "from-file"\nsecret_key = "s"\n')
    keys = load_keys({ACCESS_KEY: "a", SECRET_KEY: "b"}, path)
    assert (keys.access_key, keys.secret_key) == ("a", "b")


def test_the_file_is_read_when_only_its_owner_can(tmp_path: Path) -> None:
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n')
    keys = load_keys({}, path)
    assert (keys.access_key, keys.secret_key) == ("a", SECRET)
    assert SECRET not in repr(keys)
    assert "a" not in str(Keys("a", "b"))[5:]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o644])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n', mode)
    with pytest.raises(AuthenticationError, match="chmod 600") as caught:
        load_keys({}, path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"access_key = {SECRET}", "is not TOML"),
        (f'secret_key = "{SECRET}"\naccess_key = ' + "[" * 10_000, "is not TOML"),
        (f'secret_key = "{SECRET}"\naccess_key = ' + "1" * 5_000, "is not TOML"),
        (f'secret_key = "{SECRET}"', "must hold access_key and secret_key"),
        (f'access_key = ""\nsecret_key = "{SECRET}"', "must hold access_key and secret_key"),
        (f'access_key = 7\nsecret_key = "{SECRET}"', "must hold access_key and secret_key"),
    ],
)
def test_a_file_without_both_keys_is_refused_and_not_quoted(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(AuthenticationError, match=reason) as caught:
        load_keys({}, keys_file(tmp_path, text))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    with pytest.raises(AuthenticationError, match="is not TOML"):
        load_keys({}, path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match="cannot be read"):
        load_keys({}, tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n')
    os.chown(path, 65534, 65534)
    with pytest.raises(AuthenticationError, match="belongs to another user"):
        load_keys({}, path)


def test_no_keys_anywhere_says_where_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match=r"missing\.toml does not exist.*UPBITD_ACCESS_KEY"):
        load_keys({}, tmp_path / "missing.toml")
    with pytest.raises(AuthenticationError, match="no keys_file is set"):
        load_keys({}, None)


@pytest.mark.skipif(os.getuid() == 0, reason="root may enter every folder")
def test_a_file_in_a_folder_that_may_not_be_entered_is_refused(tmp_path: Path) -> None:
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n')
    tmp_path.chmod(0)
    try:
        with pytest.raises(AuthenticationError, match=r"keys\.toml cannot be read: Permission denied"):
            load_keys({}, path)
    finally:
        tmp_path.chmod(0o700)


def test_a_path_that_the_system_refuses_to_look_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match="cannot be read: File name too long"):
        load_keys({}, tmp_path / ("k" * 300))


@pytest.mark.parametrize("path", ["~no-such-user-of-this-machine/keys.toml", "~\0/keys.toml"])
def test_a_home_that_does_not_exist_is_named(path: str) -> None:
    with pytest.raises(AuthenticationError, match="no such home"):
        load_keys({}, Path(path))


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(AuthenticationError, match="is not a path"):
        load_keys({}, Path("a\0b"))


def test_the_owners_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n')
    assert load_keys({}, Path("~/keys.toml")).secret_key == SECRET


@pytest.mark.parametrize(("given", "missing"), [(ACCESS_KEY, SECRET_KEY), (SECRET_KEY, ACCESS_KEY)])
def test_half_a_pair_in_the_environment_is_named(given: str, missing: str, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match=f"{missing} is not set") as caught:
        load_keys({given: SECRET}, tmp_path / "missing.toml")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_a_credential_of_the_service_manager_may_be_readable_by_its_access_list(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(tmp_path))
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n', mode)
    assert load_keys({}, path).secret_key == SECRET


@pytest.mark.parametrize("mode", [0o404, 0o420, 0o644])
def test_a_credential_that_anybody_may_read_or_others_may_write_is_refused(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(tmp_path))
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n', mode)
    with pytest.raises(AuthenticationError, match="open to others"):
        load_keys({}, path)


def test_a_file_elsewhere_is_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(tmp_path / "credentials"))
    path = keys_file(tmp_path, f'access_key = "a"\nsecret_key = "{SECRET}"\n', 0o640)
    with pytest.raises(AuthenticationError, match="open to others"):
        load_keys({}, path)


@pytest.mark.parametrize("chosen", ["/etc/k.toml", ""])
def test_a_choice_of_the_settings_is_not_looked_around(tmp_path: Path, chosen: str) -> None:
    keys_file(tmp_path, "")
    assert find_keys_file(chosen, {CREDENTIALS_VARIABLE: str(tmp_path)}) == (Path(chosen) if chosen else None)


def test_without_a_choice_the_credential_of_the_service_is_the_file(tmp_path: Path) -> None:
    path = keys_file(tmp_path, "")
    assert find_keys_file(None, {CREDENTIALS_VARIABLE: str(tmp_path)}) == path


@pytest.mark.parametrize("folder", [None, "", "{tmp}", "{tmp}/none", "{tmp}/file", "a\0b"])
def test_without_a_credential_either_it_is_the_owners_file(tmp_path: Path, folder: str | None) -> None:
    (tmp_path / "file").touch()
    environment = {} if folder is None else {CREDENTIALS_VARIABLE: folder.format(tmp=tmp_path)}
    assert find_keys_file(None, environment) == OWN_KEYS_FILE


def test_a_credential_that_cannot_be_looked_at_is_told_and_not_passed_over(tmp_path: Path) -> None:
    found = find_keys_file(None, {CREDENTIALS_VARIABLE: str(tmp_path / ("x" * 300))})
    assert found is not None
    with pytest.raises(AuthenticationError, match="cannot be read"):
        load_keys({}, found)
