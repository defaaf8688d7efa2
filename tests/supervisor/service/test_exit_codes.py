"""What an exit code of `upbitd run` means."""

import typing

import pytest

from supervisor.machine.core import End
from supervisor.service.exit_codes import EXIT_EXHAUSTED, EXIT_STOPPED, exit_code_of


@pytest.mark.parametrize("end", typing.get_args(End))
def test_every_end_of_a_tree_has_a_code(end: str) -> None:
    assert exit_code_of(end) == (EXIT_EXHAUSTED if end == "exhausted" else EXIT_STOPPED)
