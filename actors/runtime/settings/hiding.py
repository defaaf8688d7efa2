"""Values of settings that nobody may see, known by their keys: what shows settings to people shows them as `***`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

HIDDEN: Final = "***"

_SECRET: Final = re.compile(r"(.*_)?(key|token|secret|password|passphrase)")

_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret(key: str) -> bool:
    """Whether a key says that its value is a secret: `secret_key`, `apiKey`, `access-token`; `keys_file` is none."""
    return _SECRET.fullmatch(_CAPITAL.sub("_", key).lower().replace("-", "_")) is not None


def hidden(value: object) -> object:
    """Return a value of settings to be shown: each secret in its tables, however deep, is `***`."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if is_secret(str(key)) else hidden(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(inner) for inner in value]
    return value


def hide_values(line: str, table: Mapping[str, Any]) -> str:
    """Hide each secret of a table in a problem, `path: text`, that may quote its values. The path stays as it is."""
    path, colon, text = line.partition(":")
    spellings = {spelling for value in _secrets(table) for spelling in _spellings(value)} - {""}
    if not spellings:
        return line
    # The longer one first, should one secret be part of another one. Whole words only: a secret of one letter would
    # leave nothing of the text.
    either = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    return path + colon + re.sub(rf"(?<!\w)(?:{either})(?!\w)", HIDDEN, text)


def _secrets(value: object, *, is_within: bool = False) -> Iterator[object]:
    """Yield the single values that belong to keys of secrets, or to tables and lists that do."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, is_within=is_within or is_secret(str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, is_within=is_within)
    elif is_within:
        yield value


def _spellings(value: object) -> set[str]:
    """Return how messages quote a value; a text is found with and without its quotes."""
    if isinstance(value, str):
        return {value, repr(value)[1:-1], msgspec.json.encode(value).decode()[1:-1]}
    return {str(value), repr(value)}
