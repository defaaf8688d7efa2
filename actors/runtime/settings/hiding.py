"""Values of settings that nobody may see, known by their keys: what shows settings to people shows them as `***`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from protocols.secrecy import MASK, is_secret, spellings


def hidden(value: object) -> object:
    """Return a value of settings to be shown: each secret in its tables, however deep, is `***`."""
    if isinstance(value, Mapping):
        return {key: MASK if is_secret(str(key)) else hidden(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(inner) for inner in value]
    return value


def hide_values(line: str, table: Mapping[str, Any]) -> str:
    """Hide each secret of a table in a problem, `path: text`, that may quote its values. The path stays as it is."""
    path, colon, text = line.partition(":")
    found = {spelling for value in _secrets(table) for spelling in _spellings(value)} - {""}
    if not found:
        return line
    # The longer one first, should one secret be part of another one. Whole words only: a secret of one letter would
    # leave nothing of the text.
    either = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
    return path + colon + re.sub(rf"(?<!\w)(?:{either})(?!\w)", MASK, text)


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
    return spellings(value) if isinstance(value, str) else {str(value), repr(value)}
