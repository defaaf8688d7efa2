"""Which language the course speaks: Korean where the locale does, English elsewhere."""

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["ko", "en"]

LANGUAGES: Final[tuple[Language, ...]] = ("ko", "en")

_LOCALE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first one that is set and not empty decides, as POSIX has it."""


def language_of(environment: Mapping[str, str]) -> Language:
    """The language that the locale's variables choose."""
    locale = next((environment[name] for name in _LOCALE_VARIABLES if environment.get(name)), "")
    return "ko" if locale.startswith("ko") else "en"
