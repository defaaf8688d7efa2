"""TOML as people write it, and what it may do to whoever reads it."""

import tomllib
from typing import Any, Final

from supervisor.specs.problems import SettingsProblems

Tables = dict[str, Any]

MAX_DEPTH: Final = 64
"""Tables and lists within one another. Settings need about 6; what walks through them all may use a call for each."""


class NotToml(SettingsProblems):
    """The text is no TOML at all."""


def parse_toml(text: str, where: object = "") -> Tables:
    """Read a TOML text.

    Args:
        text: as it was written.
        where: its place, which problems begin with; "" when whoever asks puts it there.

    Raises:
        NotToml: it is none.
        SettingsProblems: it is, with numbers too long or tables and lists too deep to be used.
    """
    prefix = f"{where}: " if where else ""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml([f"{prefix}not TOML: {error}"]) from error
    except RecursionError:
        raise SettingsProblems([f"{prefix}{_too_deep()}"]) from None
    except ValueError as error:
        # Of a whole number: its digits cost the square of their count, so Python has a limit. Behind it comes advice
        # for programs.
        raise SettingsProblems([f"{prefix}not TOML that can be read: {str(error).partition(';')[0]}"]) from None
    problems = [f"{prefix}{key}: {problem}" for key, value in tables.items() if (problem := _find_problem(value))]
    if problems:
        raise SettingsProblems(problems)
    return tables


def _too_deep() -> str:
    return f"tables or lists are nested deeper than {MAX_DEPTH} levels"


def _find_problem(value: object) -> str:
    """Say what is wrong within a value, "" when nothing is; by no recursion, as `a.a.a = 1` needs none to be read."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return _too_deep()
        if any(isinstance(item, int) and not _can_be_written(item) for item in level):
            return "a whole number is too long"
        level = [inner for item in level for inner in _inside(item)]
    return ""


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _can_be_written(number: int) -> bool:
    """Whether a number can be told in digits: one that was written in hexadecimal may be too long for that."""
    try:
        str(number)
    except ValueError:
        return False
    return True
