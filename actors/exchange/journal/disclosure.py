"""What a journal may say of keys: whose account, but no key and no secret."""

import hashlib
import re
from typing import Any, Final

import msgspec
from msgspec import Struct

from protocols.secrecy import MASK, is_secret

_ID_DIGITS: Final = 12
_KEY_NAMES: Final = frozenset({"access_key"})
_PARAMETER: Final = re.compile(r"(?:^|(?<=[?&]))(?P<name>[^=&?]+)=[^&]*")


def account_id(access_key: str) -> str:
    """Name an account without its key: the first digits of the key's SHA-256; empty for no account."""
    return hashlib.sha256(access_key.encode()).hexdigest()[:_ID_DIGITS] if access_key else ""


def public_settings(settings: Struct) -> dict[str, Any]:
    """Return settings as plain values: secrets masked, access keys as account ids."""
    plain = msgspec.to_builtins(settings)
    return {name: _public(name, value) for name, value in plain.items()}


def _public(name: str, value: Any) -> Any:  # noqa: ANN401 - plain values, nested
    if isinstance(value, dict):
        return {inner: _public(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_public(name, item) for item in value]
    if name in _KEY_NAMES:
        return account_id(value)
    if is_secret(name):
        return MASK if value else ""
    return value


def public_path(path: str) -> str:
    """Return a path with its query, the values of parameters that name a secret masked."""
    return _PARAMETER.sub(_public_parameter, path) if "=" in path else path


def _public_parameter(parameter: re.Match[str]) -> str:
    return f"{parameter['name']}={MASK}" if is_secret(parameter["name"]) else parameter[0]
