"""What is wrong with settings, wherever they come from."""

from collections.abc import Iterable

from protocols.errors import SettingsError


class SettingsProblems(SettingsError):
    """Everything that is wrong with the settings, one line each.

    Attributes:
        lines: the problems, each with its place.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))
