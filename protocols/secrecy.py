"""What nobody may see: which keys have such values, how one is spelt where it was quoted, and what stands for it."""

import json
import re
from collections.abc import Iterator
from typing import Final

MASK: Final = "***"

_WORDS: Final = ("key", "token", "secret", "password", "passphrase", "authorization")

_SECRET_KEY: Final = re.compile(rf"(?s:.*[-_]|.*[a-z0-9](?=[A-Z]))?(?i:{'|'.join(_WORDS)})")
"""The word alone, or as the last one of a name that is written as `api_key`, `api-key` or `apiKey`."""

_BOTH_QUOTES: Final = "\"'"

_ROUNDS: Final = 2
"""A `repr` within a line of JSON, or JSON within JSON. What is quoted a third time nobody writes by accident."""


def is_secret(key: str) -> bool:
    """Whether a key says that its value is a secret: `secret_key`, `apiKey`, `access-token`; `keys_file` is none."""
    # The first look is what nearly all fields of log lines cost.
    return key.lower().endswith(_WORDS) and _SECRET_KEY.fullmatch(key) is not None


def spellings(secret: str) -> set[str]:
    """Return how a text may stand in others: as it is, and as JSON and Python quote it, without the quotes around."""
    found = {secret}
    for _ in range(_ROUNDS):
        found |= {quoted for text in found for quoted in _quoted(text)}
    return found


def _quoted(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    data = text.encode("utf-8", "surrogatepass")
    yield repr(text)[1:-1]
    yield repr(data)[2:-1]
    # Within a text that has quotes of both kinds, `repr` puts a backslash before single ones.
    yield repr(_BOTH_QUOTES + text)[len(repr(_BOTH_QUOTES)) - 1 : -1]
    yield repr(_BOTH_QUOTES.encode() + data)[len(repr(_BOTH_QUOTES.encode())) - 1 : -1]
