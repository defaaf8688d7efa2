"""Callbacks in every shape that Python has: function, lambda, bound method, partial, async function, callable object.

A bound method of an object that holds the client itself is kept weakly. Otherwise the client would keep that object
alive, the object the client, and forgetting both would free nothing until a garbage collection.
"""

import inspect
import weakref
from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

from actors.client.errors import SubscriptionError

AnyCallback = Callable[..., Any]


class Callback:
    """One callback.

    Args:
        function: called with one event; may return an awaitable, which is then awaited.
        client: the object whose subscription it is.

    Raises:
        SubscriptionError: it cannot be called with one argument.
    """

    def __init__(self, function: AnyCallback, client: object) -> None:
        _check(function)
        self.name = _name(function)
        self._function: AnyCallback | None = None
        self._method: weakref.WeakMethod[MethodType] | None = None
        if isinstance(function, MethodType) and _holds(function.__self__, client):
            self._method = weakref.WeakMethod(function)
        else:
            self._function = function

    def get(self) -> AnyCallback | None:
        """The function; None when the object it belonged to is gone."""
        return self._function if self._method is None else self._method()

    def is_same(self, other: "Callback") -> bool:
        """Whether both call the same function of the same object."""
        mine = self.get()
        return mine is not None and mine == other.get()

    @property
    def is_async(self) -> bool:
        """Whether calling it surely gives something to await."""
        return is_async(self.get())


def is_async(function: object) -> bool:
    """Whether calling it surely gives something to await: an async function, also inside a `partial` or an object."""
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def close_unawaited(awaitable: object) -> None:
    """Close what a callback returned and nobody will await; Python complains about coroutines that are just dropped."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()


def _check(function: object) -> None:
    if not callable(function):
        raise SubscriptionError(
            f"callback is {function!r}; give something that can be called with one event, or nothing"
        )
    called: object = function
    while isinstance(called, partial):
        called = called.func
    for plain in (called, getattr(called, "__call__", None)):  # noqa: B004 - its code is looked at
        if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
            raise SubscriptionError(f"callback {_name(function)} has a `yield`: calling it would run nothing of it")
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # Some built-in functions show none; they are taken at their word.
        return
    try:
        signature.bind(object())
    except TypeError:
        raise SubscriptionError(
            f"callback {_name(function)}{signature} cannot be called with one event; give it one parameter"
        ) from None


def _name(function: object) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def _holds(owner: object, client: object) -> bool:
    return any(value is client for value in getattr(owner, "__dict__", {}).values())
