"""Import paths of actors (`package.module:function`) and the settings type that each one declares."""

import importlib
import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from protocols.errors import SettingsError

ActorFunction = Callable[..., Awaitable[None]]

_ACTOR_AND_SETTINGS: Final = 2


class Entry(msgspec.Struct, frozen=True):
    """One actor's coroutine function and its settings type; None when it takes no settings."""

    function: ActorFunction
    settings_type: type[Any] | None


def load_entry(path: str) -> Entry:
    """Import an actor's coroutine function by its path.

    Raises:
        SettingsError: the path cannot be imported, or what it names is not `async def run(actor[, settings])`.
    """
    module_name, colon, attribute = path.partition(":")
    if not colon or not module_name or not attribute:
        raise SettingsError(f"start = {path!r}: expected package.module:function")
    try:
        module = import_module(module_name)
    except SettingsError as error:
        raise SettingsError(f"start = {path!r}: {error}") from error
    function = getattr(module, attribute, None)
    if function is None:
        raise SettingsError(f"start = {path!r}: module {module_name} has no {attribute!r}")
    if not inspect.iscoroutinefunction(function):
        raise SettingsError(f"start = {path!r}: {attribute} is not an `async def` function")
    return Entry(function, _settings_type(function, path))


def import_module(name: str) -> object:
    """Import a module by its name.

    Raises:
        SettingsError: there is none, or it raised something, or wants to end the process, or this is a path of a file.
    """
    if name.startswith(".") or "/" in name:
        raise SettingsError(
            "an import path is no path of a file: write the module as Python imports it, such as package.module; "
            "one beside the settings file needs only its name"
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SettingsError(f"no module named {error.name!r}") from error
    except (Exception, SystemExit) as error:  # a foreign module may raise anything while it is imported
        raise SettingsError(f"import failed: {type(error).__name__}: {error}") from error


def _settings_type(function: ActorFunction, path: str) -> type[Any] | None:
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) == 1:
        return None
    if len(parameters) != _ACTOR_AND_SETTINGS:
        raise SettingsError(
            f"start = {path!r}: takes {len(parameters)} parameters; expected (actor) or (actor, settings)"
        )
    name = parameters[1].name
    try:
        declared = typing.get_type_hints(function).get(name)
    except NameError:
        # The annotation of `actor` may name what is imported for type checkers only.
        declared = parameters[1].annotation
    if not (isinstance(declared, type) and issubclass(declared, msgspec.Struct)):
        raise SettingsError(f"start = {path!r}: parameter {name!r} must be annotated with a msgspec.Struct class")
    return declared
