"""Checking the arguments that a piece is made with; each refusal is one line that names the argument and the limit."""

import math

from actors.client.delivery.callbacks import is_async


def whole_number(name: str, value: object, *, least: int = 1) -> int:
    """Return `value` when it is an int of at least `least`.

    Raises:
        ValueError: it is not.
    """
    # A bool is an int for Python, and a slip of the pen for us.
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value


def number(name: str, value: object, *, above: float = -math.inf, least: float = -math.inf) -> float:
    """Return `value` as a float when it is finite, more than `above`, and at least `least`.

    Raises:
        ValueError: it is not.
    """
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and above < value
        and least <= value
    ):
        return float(value)
    limit = f"above {above:g}" if above > -math.inf else f"of at least {least:g}"
    raise ValueError(f"{name} must be a number {limit}, not {value!r}")


def margin_within(name: str, value: object, limit_name: str, limit: float) -> float:
    """Return a hysteresis that lets an alert come again: more than 0 and less than its limit.

    Raises:
        ValueError: it is not.
    """
    margin = number(name, value, above=0)
    if margin >= limit:
        raise ValueError(f"{name} must be less than {limit_name} ({limit:g}), not {value!r}; else no alert comes again")
    return margin


def check_function(name: str, value: object, *, optional: bool = False) -> None:
    """Check what will be called later.

    Raises:
        ValueError: it cannot be called, and is not an optional None.
    """
    if not callable(value) and not (optional and value is None):
        raise ValueError(f"{name} must be a function, not {value!r}")


def check_plain_function(name: str, value: object, *, optional: bool = False) -> None:
    """Check what will be called later, where nobody can wait for it.

    Raises:
        ValueError: it cannot be called, and is not an optional None; or it is async.
    """
    check_function(name, value, optional=optional)
    if is_async(value):
        raise ValueError(f"{name} must be a plain function, not the async {value!r}: nobody would await it")
