"""What a fault may be, and what is said of one that may not."""

import inspect
import json
from typing import Any, get_args

import msgspec
import pytest

from actors.exchange.faults.catalogue import explain, kinds_document
from actors.exchange.faults.kinds import Fault, decode_fault
from protocols.unreadable import UNREADABLE

KINDS = {kind.__struct_config__.tag: kind for kind in get_args(Fault)}


def document_of(kind: str) -> dict[str, Any]:
    (document,) = (document for document in kinds_document() if document["kind"] == kind)
    return document


def refused(body: bytes) -> str:
    with pytest.raises(UNREADABLE) as caught:
        decode_fault(body)
    return explain(body, caught.value)


def test_the_catalogue_lists_every_kind_and_every_parameter_of_it() -> None:
    listed = {
        document["kind"]: [parameter["name"] for parameter in document["parameters"]] for document in kinds_document()
    }
    assert listed == {name: list(kind.__struct_fields__) for name, kind in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_happens_and_what_each_parameter_may_be(kind: str) -> None:
    document = document_of(kind)
    assert document["what_happens"].endswith(".")
    assert document["what_happens"] == (inspect.getdoc(KINDS[kind]) or "").splitlines()[0]
    for parameter in document["parameters"]:
        assert parameter["type"] in {"integer", "number", "text", "flag", "choice"}
        if parameter["type"] in {"integer", "number"}:
            assert parameter["minimum"] < parameter["maximum"]
        if parameter["type"] == "choice":
            assert parameter["default"] in parameter["choices"]
        if parameter["type"] == "text":
            assert parameter["longest"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_of_the_catalogue_make_a_fault(kind: str) -> None:
    defaults = {parameter["name"]: parameter["default"] for parameter in document_of(kind)["parameters"]}
    assert decode_fault(json.dumps({"kind": kind, **defaults}).encode()) == decode_fault(
        json.dumps({"kind": kind}).encode()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_at_the_edge_is_taken_and_beyond_it_refused(kind: str) -> None:
    for parameter in document_of(kind)["parameters"]:
        if parameter["type"] not in {"integer", "number"} or parameter["name"] in {"connection", "code"}:
            continue
        for edge, step in (("minimum", -1), ("maximum", 1)):
            body = {"kind": kind, parameter["name"]: parameter[edge]}
            assert getattr(decode_fault(json.dumps(body).encode()), parameter["name"]) == parameter[edge]
            beyond = json.dumps({**body, parameter["name"]: parameter[edge] + step}).encode()
            assert parameter["name"] in refused(beyond)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["kinds: close, reset"]),
        (b"[]", ["array", "kinds: close"]),
        (b"{}", ["`kind`", "kinds: close"]),
        (b'{"kind":"earthquake"}', ["earthquake", "kinds: close"]),
        (b"\xff", ["kinds: close"]),
        (b"[" * 60_000, ["kinds: close"]),
        (b'{"kind":"close","code":1006}', ["1006 is never sent", "code (integer 1000 to 4999)"]),
        (b'{"kind":"accept_then_close","code":1005}', ["1005 is never sent"]),
        (b'{"kind":"mute","target":"rest"}', ["'rest'", "target (all | private | public)"]),
        (b'{"kind":"rest_status","target":"public"}', ["'public'", "target (rest)"]),
        (b'{"kind":"rest_status","status":200}', ["400", "status (integer 400 to 599)"]),
        (b'{"kind":"delay","target":"rest","connection":3}', ["goes not with the target rest"]),
        (b'{"kind":"refuse","connection":3}', ["has no connection yet"]),
        (b'{"kind":"accept_then_close","connection":3}', ["waits for connections to come"]),
        (b'{"kind":"maintenance","target":"public"}', ["'public'", "target (all)"]),
        (b'{"kind":"delay","milliseconds":3}', ["milliseconds", "ms (integer 0 to 600000)"]),
        (b'{"kind":"announce","category":"gossip"}', ["gossip", "maintenance"]),
    ],
)
def test_a_bad_fault_is_told_what_is_wrong_and_what_would_be_right(body: bytes, words: list[str]) -> None:
    message = refused(body)
    assert all(word in message for word in words), message


def test_every_kind_of_fault_can_be_written_and_read_again() -> None:
    for kind in KINDS:
        fault = decode_fault(json.dumps({"kind": kind}).encode())
        assert decode_fault(msgspec.json.encode(fault)) == fault
