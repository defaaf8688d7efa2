import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.process.logs import Redaction
from supervisor.records.lines import MAX_LINE_BYTES, LineSplitter, Wrapper

LIMIT = 8
PRINTED = st.lists(st.sampled_from([b"\n", b"\n\n", b"a", b"bcd", b"efghijkl", b"\xff", b"\r"]), max_size=40).map(
    b"".join
)


def split(chunks: list[bytes], max_bytes: int = LIMIT) -> tuple[list[bytes], int]:
    splitter = LineSplitter(max_bytes)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + splitter.end(), splitter.cut


def expected(printed: bytes) -> tuple[list[bytes], int]:
    pieces = printed.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    cut = [piece if len(piece) <= LIMIT else piece[:LIMIT] + b" [cut]" for piece in pieces]
    return cut, sum(len(piece) > LIMIT for piece in pieces)


@given(PRINTED, st.data())
def test_lines_do_not_depend_on_chunk_boundaries(printed: bytes, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(printed)), max_size=10).map(sorted))
    chunks = [printed[begin:end] for begin, end in zip([0, *places], [*places, len(printed)], strict=True)]
    assert split(chunks) == expected(printed)


def test_a_line_without_end_is_cut_once_and_takes_no_more_memory() -> None:
    splitter = LineSplitter()
    for _ in range(80):
        assert splitter.feed(b"x" * 65536) == []
    assert len(splitter._pending) < 2 * MAX_LINE_BYTES
    assert splitter.feed(b"the end of it\nnext\n") == [b"x" * MAX_LINE_BYTES + b" [cut]", b"next"]
    assert splitter.cut == 1


def test_what_stands_after_the_last_newline_is_a_line_too() -> None:
    assert split([b"a\nb"]) == ([b"a", b"b"], 0)
    assert split([b"a\n"]) == ([b"a"], 0)


AT = "2026-11-27T07:00:00.000000Z"


def wrapper(*secrets: str) -> Wrapper:
    return Wrapper("public", 7, Redaction(secrets))


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"feed.up","level":"info"}',
        b"{}",
        b'{ "a" : [1, {"b": 12345678901234567890.5e3}], "a": null }',
        '{"event":"시세"}'.encode(),
        b'{"a":1}\r',
    ],
)
def test_a_line_that_is_a_json_object_passes_byte_for_byte(line: bytes) -> None:
    assert wrapper("a-secret").wrap(line, "stderr", AT) == line


@pytest.mark.parametrize(
    "line",
    [
        b"plain",
        b"",
        b"{",
        b'{"a":1} and more',
        b'[{"a":1}]',
        b' {"a":1}',
        b'{"a":NaN}',
        b'{"a":"\x00"}',
        b'{"a":' + b"[" * 60_000,
        "시세".encode(),
    ],
)
def test_any_other_line_becomes_a_json_object_that_says_who_printed_it(line: bytes) -> None:
    wrapped = json.loads(wrapper().wrap(line, "stdout", AT))
    said = {"actor": "public", "pid": 7, "stream": "stdout", "event": line.decode(), "level": "info", "time": AT}
    assert wrapped == said


@pytest.mark.parametrize("line", [b"\xff\xfe", b'{"a":"\xff"}', b'{"\xff":1}', b'{"a":{"b":"\xff"}}'])
def test_bytes_that_are_no_text_are_replaced(line: bytes) -> None:
    wrapped = json.loads(wrapper().wrap(line, "stderr", AT).decode())
    assert wrapped["event"] == line.decode("utf-8", "replace")
    assert wrapped["level"] == "warning"


@given(st.binary(max_size=200).filter(lambda line: b"\n" not in line))
def test_whatever_is_printed_comes_out_as_one_line_of_json(line: bytes) -> None:
    wrapped = wrapper().wrap(line, "stderr", AT)
    assert b"\n" not in wrapped
    assert isinstance(json.loads(wrapped.decode()), dict)


@pytest.mark.parametrize("line", [b"my key is k3y-of-the-owner.", b'{"mine":"k3y-of-the-owner"}'])
def test_a_secret_is_masked_also_in_a_json_object(line: bytes) -> None:
    masked = wrapper("k3y-of-the-owner").wrap(line, "stdout", AT)
    assert b"k3y-of-the-owner" not in masked
    assert b"***" in masked
    json.loads(masked)


def test_a_secret_is_masked_also_where_a_json_object_quotes_it() -> None:
    secret = 'tr"ick\\y-secret'
    masked = wrapper(secret).wrap(json.dumps({"mine": secret, "error": repr(secret)}).encode(), "stdout", AT)
    assert json.loads(masked) == {"mine": "***", "error": "'***'"}


def test_masking_never_leaves_a_broken_json_object() -> None:
    masked = wrapper('":"b').wrap(b'{"a":"bcd"}', "stdout", AT)
    assert json.loads(masked)["event"] == '{"a***cd"}'


@given(st.integers(0, 60))
def test_the_first_part_of_a_secret_before_the_cut_is_not_shown(part: int) -> None:
    secret = "Sq3TnVpXw8Rk5Jm2Lb9Yd4Hg7Fc6Za1EuQ0WiOoPsKt"
    splitter = LineSplitter()
    (line,) = splitter.feed(b"x" * (MAX_LINE_BYTES - part) + secret.encode() + b"y" * 100 + b"\n")
    shown = json.loads(wrapper(secret).wrap(line, "stdout", AT))["event"]
    assert secret[:4] not in shown
    assert shown.endswith("x [cut]")
    assert len(shown) > MAX_LINE_BYTES // 2
