"""Bodies: one flat JSON object becomes parameters in its own order; some older clients send a form with GET.

Numbers keep their spelling, so that `1.50` and `"1.50"` are the same parameter and hash to the same text.
"""

import json
from typing import Final, Never

from actors.exchange.rest.errors import BAD_REQUEST, RestRefused
from actors.exchange.rest.messages import HttpRequest

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

BodyPairs = tuple[tuple[str, str | None], ...]
"""Names and values of a body; a list is its name with `[]`, once for each entry; None stands for `null`."""


class _Number(str):
    """A number as it was spelled."""

    __slots__ = ()


def read_body(request: HttpRequest) -> BodyPairs:
    """The parameters of a POST; none for an empty body.

    Raises:
        RestRefused: 400: it is no JSON by its content type (forms are not taken since 2022-03), too long, not UTF-8,
            nested, has a key twice, or is no object.
    """
    if request.is_oversized:
        raise _bad("the body is too long")
    if not request.body:
        return ()
    if _content_type(request) != JSON_TYPE:
        raise _bad(f"the body must be {JSON_TYPE}")
    return tuple(pair for name, value in _read_object(request.body) for pair in _pairs_of(name, value))


def is_form(request: HttpRequest) -> bool:
    """Whether the body is a form by its content type."""
    return _content_type(request) == FORM_TYPE


def read_form(request: HttpRequest) -> str:
    """A form as it was sent, which is a query.

    Raises:
        RestRefused: 400: it is too long or not UTF-8.
    """
    if request.is_oversized:
        raise _bad("the body is too long")
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise _bad("the body is not UTF-8") from None


def _content_type(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read_object(body: bytes) -> list[tuple[str, object]]:
    try:
        members = json.loads(
            body.decode("utf-8"),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_Members,
        )
    except UnicodeDecodeError:
        raise _bad("the body is not UTF-8") from None
    except ValueError:
        raise _bad("the body is no JSON") from None
    except RecursionError:
        raise _bad("the body is nested too deep") from None
    if not isinstance(members, _Members):
        raise _bad("the body is no JSON object")
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        raise _bad("the body has a key twice")
    return members


class _Members(list[tuple[str, object]]):
    """The members of a JSON object in their order."""


def _pairs_of(name: str, value: object) -> list[tuple[str, str | None]]:
    _checked(name)
    if isinstance(value, list) and not isinstance(value, _Members):
        list_name = name if name.endswith("[]") else f"{name}[]"
        return [(list_name, _text_of(name, entry)) for entry in value]
    return [(name, _text_of(name, value))]


def _text_of(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _checked(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    raise _bad(f"{name[:64]} is neither text nor number nor a list of these")


def _checked(text: str) -> str:
    """Refuse an escape that is half of a surrogate pair: it is no text and could not be said back."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _bad("the body has half a surrogate pair") from None
    return text


def _refuse_constant(constant: str) -> Never:
    raise _bad(f"{constant} is no JSON number")


def _bad(message: str) -> RestRefused:
    return RestRefused(400, BAD_REQUEST, message)
