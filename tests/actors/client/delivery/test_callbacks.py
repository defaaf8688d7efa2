"""Callbacks in every shape, and who keeps them alive."""

import gc
import inspect
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from actors.client.delivery.callbacks import AnyCallback, Callback
from actors.client.errors import SubscriptionError


def plain(event: object) -> object:
    return event


async def plain_async(event: object) -> object:
    return event


class Called:
    def __call__(self, event: object) -> object:
        return event

    def method(self, event: object) -> object:
        return event

    async def async_method(self, event: object) -> object:
        return event

    @classmethod
    def of_class(cls, event: object) -> object:
        return event

    @staticmethod
    def of_nobody(event: object) -> object:
        return event


class CalledAsync:
    async def __call__(self, event: object) -> object:
        return event


def two(first: object, event: object) -> object:
    return event


SHAPES: dict[str, AnyCallback] = {
    "function": plain,
    "lambda": lambda event: event,
    "bound method": Called().method,
    "class method": Called.of_class,
    "static method": Called.of_nobody,
    "partial": partial(two, 1),
    "callable object": Called(),
    "built-in": [].append,
    "class": str,
    "async function": plain_async,
    "async method": Called().async_method,
    "partial of an async function": partial(plain_async),
    "callable object with async __call__": CalledAsync(),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_kept_as_it_is_and_has_a_name(shape: str) -> None:
    callback = Callback(SHAPES[shape], object())
    assert callback.get() is SHAPES[shape] or callback.get() == SHAPES[shape]
    assert callback.name


@pytest.mark.parametrize("shape", SHAPES)
def test_what_surely_gives_something_to_await_is_known_by_its_looks(shape: str) -> None:
    assert Callback(SHAPES[shape], object()).is_async is ("async" in shape)


def test_a_lambda_that_returns_a_coroutine_is_taken_for_plain_until_it_is_called() -> None:
    callback = Callback(lambda event: plain_async([event]), object())
    assert not callback.is_async
    function = callback.get()
    assert function is not None
    returned = function(1)
    assert inspect.isawaitable(returned)
    returned.close()  # type: ignore[attr-defined]  # a coroutine


def no_place() -> None:
    pass


def two_places(first: object, second: object) -> None:
    pass


def only_named(*, event: object) -> None:
    pass


@pytest.mark.parametrize("function", [no_place, two_places, only_named, lambda: None, partial(plain, 1), Called])
def test_a_callback_that_takes_no_event_is_refused_by_name_before_anything_is_sent(function: AnyCallback) -> None:
    with pytest.raises(SubscriptionError, match="cannot be called with one event; give it one parameter"):
        Callback(function, object())


@pytest.mark.parametrize("function", [None, 5, "print", ["KRW-BTC"], object()])
def test_what_cannot_be_called_is_refused(function: Any) -> None:
    with pytest.raises(SubscriptionError, match="give something that can be called with one event"):
        Callback(function, object())


@pytest.mark.parametrize(
    "function", [lambda *events: events, lambda event, n=1: (event, n), lambda event, **n: (event, n)]
)
def test_a_callback_may_take_more_as_long_as_one_event_is_enough(function: AnyCallback) -> None:
    Callback(function, object())


class App:
    """A program's own object, which holds its client."""

    def __init__(self, client: object) -> None:
        self.client = client
        self.seen: list[object] = []

    def on_event(self, event: object) -> None:
        self.seen.append(event)

    def on_other(self, event: object) -> None:
        self.seen.append(event)


class Client:
    pass


def kept(make: Callable[[Client], AnyCallback]) -> tuple[Callback, Client]:
    client = Client()
    return Callback(make(client), client), client


def test_a_bound_method_of_who_holds_the_client_keeps_neither_alive() -> None:
    client = Client()
    app = App(client)
    callback = Callback(app.on_event, client)
    gone, was_collecting = weakref.ref(app), gc.isenabled()
    gc.disable()
    try:
        assert callback.get() == app.on_event
        del app
        assert gone() is None
        assert callback.get() is None
    finally:
        if was_collecting:
            gc.enable()


def test_a_bound_method_of_anybody_else_keeps_its_object() -> None:
    callback = Callback(App(Client()).on_event, Client())
    assert callback.get() is not None


def test_the_same_method_of_the_same_object_is_the_same_callback_each_time_it_is_named() -> None:
    client = Client()
    app, other = App(client), App(client)
    assert Callback(app.on_event, client).is_same(Callback(app.on_event, client))
    assert not Callback(app.on_event, client).is_same(Callback(app.on_other, client))
    assert not Callback(app.on_event, client).is_same(Callback(other.on_event, client))


def test_functions_are_the_same_only_when_they_are_one() -> None:
    assert Callback(plain, None).is_same(Callback(plain, None))
    assert not Callback(lambda event: event, None).is_same(Callback(lambda event: event, None))


def test_a_callback_whose_object_is_gone_is_like_no_other() -> None:
    client = Client()
    first, second = Callback(App(client).on_event, client), Callback(App(client).on_event, client)
    assert first.get() is None
    assert not first.is_same(second)
    assert not first.is_same(first)
