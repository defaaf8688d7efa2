import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.process.logs import Redaction, configure_logs, get_logger
from protocols.secrecy import MASK

SECRET = "aB3-secret-key-of-forty-characters-xyzzy"
TRICKY = "tr\"ick\\y-'secret"
JWT = "eyJhbGciOiJIUzUxMiJ9.eyJhY2Nlc3Nfa2V5IjoieCJ9.c2lnbmF0dXJl"


Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Unshowable:
    """Fails at whatever shows it."""

    def __repr__(self) -> str:
        raise ValueError("not yet open")


UNSHOWABLE = "<Unshowable, which cannot be shown: ValueError>"


def read(capfd: Capture) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_bound_fields(capfd: Capture) -> None:
    configure_logs(level="info", redaction=Redaction())
    get_logger(actor="public", pid=7).info("feed.reconnect", delay_s=0.5, odd=Path("/x"))
    (line,) = read(capfd)
    assert line.pop("time")
    assert line == {
        "actor": "public",
        "pid": 7,
        "event": "feed.reconnect",
        "delay_s": 0.5,
        "odd": "PosixPath('/x')",
        "level": "info",
    }


def test_lines_below_the_level_are_not_written(capfd: Capture) -> None:
    configure_logs(level="warning", redaction=Redaction())
    get_logger().info("quiet")
    get_logger().warning("loud")
    assert [line["event"] for line in read(capfd)] == ["loud"]


def test_libraries_and_warnings_come_out_the_same_way(capfd: Capture) -> None:
    configure_logs(level="info", redaction=Redaction([SECRET]))
    logging.getLogger("httpx").error("failed with %s", SECRET)
    logging.getLogger("httpx").info("details are not wanted")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("careful", UserWarning, stacklevel=1)
    first, second = read(capfd)
    assert (first["logger"], first["event"], first["level"]) == ("httpx", f"failed with {MASK}", "error")
    assert "careful" in str(second["event"])


def test_a_traceback_is_a_field_without_secrets(capfd: Capture) -> None:
    configure_logs(level="info", redaction=Redaction([SECRET]))
    get_logger().error("broken", exc_info=ValueError(SECRET))
    (line,) = read(capfd)
    assert "ValueError: ***" in str(line["exception"])


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        ("%d items", ("many",), ["many"]),
        ("%s and %s", ("one",), ["one"]),
        ("%(no)s", ({"yes": f"of {SECRET}", "token": "anything"},), {"yes": f"of {MASK}", "token": MASK}),
        ("%s of %s", (1, Unshowable()), [1, UNSHOWABLE]),
    ],
)
def test_a_message_of_a_library_that_does_not_fit_its_arguments_is_written_beside_them(
    capfd: Capture, message: str, arguments: tuple[object, ...], shown: object
) -> None:
    configure_logs(level="info", redaction=Redaction([SECRET]))
    logging.getLogger("lib").warning(message, *arguments)
    (line,) = read(capfd)
    assert (line["event"], line["arguments"]) == (message, shown)
    assert (line["level"], line["logger"]) == ("warning", "lib")


def test_a_message_of_a_library_that_has_no_text_is_named_by_its_type(capfd: Capture) -> None:
    configure_logs(level="info", redaction=Redaction())
    logging.getLogger("lib").warning(Unshowable())
    (line,) = read(capfd)
    assert line["event"] == UNSHOWABLE


@pytest.mark.parametrize(
    ("number", "level"), [(1, "debug"), (15, "debug"), (25, "info"), (35, "warning"), (45, "error"), (60, "critical")]
)
def test_a_level_of_a_librarys_own_counts_as_the_next_lower_one(capfd: Capture, number: int, level: str) -> None:
    configure_logs(level="debug", redaction=Redaction())
    library = logging.getLogger("lib.of_levels")
    library.setLevel(1)
    library.log(number, "notice")
    (line,) = read(capfd)
    assert (line["event"], line["level"]) == ("notice", level)


def test_values_that_cannot_be_shown_cost_a_line_nothing_else(capfd: Capture) -> None:
    configure_logs(level="info", redaction=Redaction([SECRET]))
    within: dict[str, object] = {"token": "anything", "price": 1}
    within["again"] = [within, within]
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    get_logger().info(
        "x", odd=[1, Unshowable()], table={Unshowable(): 1, "\udc80": 2}, within=within, deep=deep, huge=1 << 20_000
    )
    (line,) = read(capfd)
    assert line["odd"] == [1, UNSHOWABLE]
    assert line["table"] == {UNSHOWABLE: 1, "?": 2}
    assert line["within"] == {"token": MASK, "price": 1, "again": ["<dict, within itself>"] * 2}
    assert "<list, too deep to be shown>" in str(line["deep"])
    assert line["huge"] == hex(1 << 20_000)


def test_one_list_that_stands_twice_beside_itself_is_shown_twice() -> None:
    levels = [1, 2]
    assert Redaction().value({"bids": levels, "asks": [levels]}) == {"bids": [1, 2], "asks": [[1, 2]]}


def test_a_reader_that_is_gone_does_not_end_the_writer() -> None:
    code = (
        "from actors.runtime.process.logs import Redaction, configure_logs, get_logger\n"
        "configure_logs(level='info', redaction=Redaction()); get_logger().info('x'); print('on')"
    )
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], stderr=writer, stdout=subprocess.PIPE, check=True, text=True
        )
    finally:
        os.close(writer)
    assert done.stdout == "on\n"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", f"key is {SECRET}!"),
        ("nested", {"list": [("x", SECRET)], "set": {SECRET}}),
        ("odd", ValueError(SECRET)),
        ("header", f"Authorization: Bearer {JWT}"),
        ("jwt", f"sent {JWT} twice"),
        ("access_key", "anything"),
        ("Authorization", ["anything"]),
        ("inner", {"secret_key": "anything", "token": "anything"}),
        ("api_key", "anything"),
        ("password", "anything"),
        ("client", {"secret": "anything", "accessKey": "anything"}),
        (SECRET, "a key of a table"),
    ],
)
def test_secrets_are_masked_wherever_they_stand(field: str, value: object) -> None:
    shown = json.dumps(Redaction([SECRET]).fields({field: value}))
    assert MASK in shown
    for hidden in (SECRET, JWT, "anything"):
        assert hidden not in shown


def test_a_secret_is_masked_however_it_was_quoted(capfd: Capture) -> None:
    configure_logs(level="info", redaction=Redaction([TRICKY]))
    text = json.dumps({"is": TRICKY})
    get_logger().error(text, shown=repr(TRICKY), error=KeyError(TRICKY), twice=json.dumps(text))
    logged = capfd.readouterr().err
    assert "ick" not in logged
    line = json.loads(logged)
    assert line["event"] == f'{{"is": "{MASK}"}}'
    assert line["error"] == f"KeyError('{MASK}')"


def test_a_secret_that_is_no_text_is_masked() -> None:
    assert Redaction(["key-\udcff"]).text("my key-\udcff") == f"my {MASK}"


def test_plain_values_pass_unchanged() -> None:
    fields = {"event": "ticker", "price": 1.5, "count": 3, "none": None, "flag": True, "list": ["a", 1]}
    assert Redaction([SECRET]).fields(fields) == fields


def test_an_empty_or_tiny_secret_does_not_mask_everything() -> None:
    assert Redaction(["", "ab"]).text("abc ab") == "abc ab"


def test_a_secret_that_is_learnt_later_is_masked_from_then_on() -> None:
    redaction = Redaction(["first-secret"])
    for _ in range(2):
        redaction.learn("second-secret")
    redaction.learn("ab")
    assert redaction.text("first-secret second-secret ab") == f"{MASK} {MASK} ab"


@given(
    secrets=st.lists(st.text(st.characters(codec="ascii", exclude_characters="*"), min_size=4), min_size=1, max_size=4),
    around=st.text(max_size=20),
)
def test_no_known_secret_survives(secrets: list[str], around: str) -> None:
    redaction = Redaction(secrets)
    for secret in secrets:
        text = around + secret + around
        assert secret not in redaction.text(text)
        assert json.dumps(secret)[1:-1] not in redaction.text(json.dumps(text))
        assert repr(secret)[1:-1] not in redaction.text(repr(text))
