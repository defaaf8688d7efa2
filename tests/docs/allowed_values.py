"""What each setting may be, in words, read off the types that the settings are checked with."""

import json
from typing import Any

import msgspec
from msgspec import inspect


def as_toml(value: object) -> str:
    """A value as one would write it in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {as_toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(str(value)) if isinstance(value, str) else str(value)


def allowed(kind: Any) -> str:
    """What a setting of this type may be.

    Raises:
        TypeError: nobody has said yet how such a type is called; a new kind of setting needs a word here.
    """
    return _in_words(inspect.type_info(kind))


def within(lowest: float, highest: float) -> str:
    """A range with both of its ends."""
    return f"{_number(lowest)} to {_number(highest)}"


def _in_words(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType():
            return _joined("whole number", _bounds(kind))
        case inspect.FloatType() | inspect.DecimalType():
            return _joined("number", _bounds(kind) if isinstance(kind, inspect.FloatType) else "")
        case inspect.StrType(pattern=pattern):
            return _joined("text", f"`{pattern}`" if pattern else "")
        case inspect.BoolType():
            return "`true`, `false`"
        case inspect.LiteralType(values=values):
            return ", ".join(f"`{as_toml(value)}`" for value in values)
        case inspect.EnumType(cls=enum_class):
            return ", ".join(f"`{as_toml(member.value)}`" for member in enum_class)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return f"list of: {_in_words(item)}"
        case inspect.DictType(value_type=value):
            return f"table of: {_in_words(value)}"
        case inspect.UnionType(types=types):
            return " or ".join(_in_words(inner) for inner in types if not isinstance(inner, inspect.NoneType))
    raise TypeError(f"settings of the type {kind} have no name in docs/settings.md yet")


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    low = f"{_number(kind.ge)} or more" if kind.ge is not None else ""
    low = f"more than {_number(kind.gt)}" if kind.gt is not None else low
    high = f"{_number(kind.le)} at most" if kind.le is not None else ""
    high = f"less than {_number(kind.lt)}" if kind.lt is not None else high
    if kind.ge is not None and kind.le is not None:
        return within(kind.ge, kind.le)
    return _joined(low, high)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _number(value: float) -> str:
    # Not as it is: equal annotations are one object, so a bound may be 0 or 0.0, by who was imported first.
    return f"{value:,.10g}"


def default_of(setting: msgspec.structs.FieldInfo) -> object:
    """What holds when a setting is left out."""
    return setting.default if setting.default_factory is msgspec.NODEFAULT else setting.default_factory()
