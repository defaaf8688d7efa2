import msgspec
import pytest

from protocols.control import exit_codes
from protocols.control.messages import Failed, FromChild, Parked, Ready, Start, Stop, ToChild, Unparked

START = Start("a", "m:run", msgspec.Raw(b"\x80"), {"KEY": "hush"}, "/run/x", 3, 1.0, 30.0, "debug")


@pytest.mark.parametrize("message", [START, Stop(2.5)])
def test_what_a_child_is_told_comes_out_as_it_went_in(message: ToChild) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=ToChild) == message


@pytest.mark.parametrize("message", [Ready(7), Parked("no keys"), Unparked(), Failed("ValueError: x", "Traceback")])
def test_what_a_child_tells_comes_out_as_it_went_in(message: FromChild) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=FromChild) == message


def test_exit_codes_are_told_apart_from_each_other_and_from_a_shells() -> None:
    codes = [value for name, value in vars(exit_codes).items() if name.startswith("EXIT_")]
    assert sorted(codes) == [0, 1, 2, 70, 71, 75]
