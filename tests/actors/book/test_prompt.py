"""Keys and commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.book.prompt import MAX_TYPED, Command, Go, Prompt, Quit, Step, market_of, read_keys


def typed(data: bytes, prompt: Prompt | None = None) -> list[Command]:
    prompt = prompt or Prompt()
    return [command for key in read_keys(data) if (command := prompt.take(key)) is not None]


@pytest.mark.parametrize(
    ("data", "commands"),
    [
        (b"q", [Quit()]),
        (b"\x04", [Quit()]),
        (b"n", [Step(1)]),
        (b"p", [Step(-1)]),
        (b"\x1b[A\x1b[B\x1bOC\x1bOD", [Step(-1), Step(1), Step(1), Step(-1)]),
        (b"krw-eth\r", [Go("KRW-ETH")]),
        (b"eth\n", [Go("KRW-ETH")]),
        (b"/neo\r", [Go("KRW-NEO")]),
        (b"btc-eth\r", [Go("BTC-ETH")]),
        (b"etx\x7fh\r", [Go("KRW-ETH")]),
        (b"eth\x1b", []),
        (b"eth\x1bq", [Quit()]),
        (b"\r", []),
        (b"/\r", []),
        (b"e\x7fq", [Quit()]),
        (b"\x1b[5~\x1b[1;5Rn", [Step(1)]),
        ("한n".encode(), [Step(1)]),
        (b"xn", []),
    ],
)
def test_keys_make_commands(data: bytes, commands: list[Command]) -> None:
    assert typed(data) == commands


def test_what_is_typed_is_bounded() -> None:
    prompt = Prompt()
    typed(b"a" * 1000, prompt)
    assert prompt.text == "A" * MAX_TYPED


def test_a_currency_alone_means_its_won_market() -> None:
    assert [market_of(text) for text in (" btc ", "krw-btc", "USDT-BTC")] == ["KRW-BTC", "KRW-BTC", "USDT-BTC"]


@given(st.binary(max_size=100))
def test_no_bytes_break_the_prompt(data: bytes) -> None:
    prompt = Prompt()
    typed(data, prompt)
    assert len(prompt.text) <= MAX_TYPED
    assert prompt.is_open or not prompt.text
