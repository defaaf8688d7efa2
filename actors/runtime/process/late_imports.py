"""Keeping what a library imports, and nobody here uses, out of every process: it costs each of them time and memory."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _LateModule(ModuleType):
    """Stands for a module until something of it is asked for; then it is imported."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        if name.startswith("__"):  # Asked for by the import system itself.
            raise AttributeError(name)
        found = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, found)
        return found


@contextmanager
def imported_late(name: str) -> Iterator[None]:
    """Let what is imported within have a module, by `import NAME`, that is imported at its first use only.

    Who imports it afterwards gets the module itself. One that is there already is used as it is.
    """
    with _standing_in(name, _LateModule(name)):
        yield


@contextmanager
def not_imported(name: str) -> Iterator[None]:
    """Let what is imported within not find a module that it can do without; one that is there already is found."""
    with _standing_in(name, None):
        yield


@contextmanager
def _standing_in(name: str, stand_in: ModuleType | None) -> Iterator[None]:
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in  # type: ignore[assignment]  # None is how an import is made to fail
    try:
        yield
    finally:
        del sys.modules[name]
