"""The command `upbitd`: gathers all commands, each imported when it is called, and turns errors into one line."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from actors.runtime.groups import leaves
from protocols.errors import SettingsError, TemporaryFailure, UpbitdError
from supervisor.service.exit_codes import EXIT_BAD_INPUT, EXIT_FAILED
from supervisor.startup.early_signals import end_quietly_on_signals
from supervisor.startup.output import unwritable_stdout_told

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("supervisor.commands.demo", "The whole tree against the built-in simulated exchange, with a live view."),
    "run": ("supervisor.commands.run", "Run the supervised tree in the foreground."),
    "status": ("supervisor.commands.status", "Show the tree: states, restarts, uptime, memory, counters."),
    "tree": ("supervisor.commands.tree", "Show the tree as a picture of its groups and children."),
    "top": ("supervisor.commands.top", "Show again and again who uses the machine."),
    "why": ("supervisor.commands.why", "Tell the story of a child's last end."),
    "tail": ("supervisor.commands.tail", "Show the last lines that a child wrote."),
    "dump": ("supervisor.commands.dump", "Show what every thread and task of a child is doing now."),
    "start": ("supervisor.commands.start", "Start a child or group that was stopped."),
    "stop": ("supervisor.commands.stop", "Stop the tree in order, or one child or group."),
    "restart": ("supervisor.commands.restart", "Stop and start a child or group."),
    "add": ("supervisor.commands.add", "Add children from a file to the running tree."),
    "remove": ("supervisor.commands.remove", "Stop a child or group and forget it."),
    "reload": ("supervisor.commands.reload", "Read the settings again and change what is different."),
    "show": ("actors.commands.show", "Show an actor's state: prices and alerts, open orders, top turnover."),
    "watch": ("actors.commands.watch", "Attach as one more consumer and print events."),
    "book": ("actors.commands.book", "A market's order book, live in the terminal."),
    "simulate": ("actors.commands.simulate", "Serve a simulated exchange."),
    "verify": ("actors.commands.verify", "Compare what the simulated exchange sent with what a consumer wrote down."),
    "learn": ("actors.commands.learn", "The course: chapters, and checks of your own programs."),
}
"""Name to module and summary; the module has the command as an attribute of the same name."""


class LazyCommands(click.Group):
    """Lists the commands without importing them."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:  # noqa: ANN401 - click's own
        """Read the command line; `--help` is printed here."""
        with _broken_pipes_kept():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with _broken_pipes_kept():
            return super().invoke(ctx)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[name][0]), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[name][0]}.{name} is not a click command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list for `--help` from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_module, summary) in COMMANDS.items()])


@contextmanager
def _broken_pipes_kept() -> Iterator[None]:
    """Bring a broken pipe past click, which ends the program for any without a word; groups it lets pass."""
    try:
        yield
    except BrokenPipeError as error:
        raise ExceptionGroup("a pipe is broken", [error]) from None


@click.group(cls=LazyCommands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="upbitd", prog_name="upbitd")
@click.pass_context
def upbitd(context: click.Context) -> None:
    """Keep one trader's link to the Upbit exchange alive, as a supervised tree of processes."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line. Exit codes: 0 it worked, 1 it failed while running, 2 bad input or settings."""
    end_quietly_on_signals(sys.argv[1:])
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command and return the exit code; expected errors become lines on stderr."""
    try:
        with unwritable_stdout_told():
            result = upbitd.main(arguments, prog_name="upbitd", standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "upbitd"
        return _complain(f"{error.format_message()} (see `{where} --help`)", EXIT_BAD_INPUT)
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except click.Abort:
        return _complain("interrupted", EXIT_FAILED)
    except UpbitdError as error:
        return _complain(str(error), EXIT_BAD_INPUT if _is_bad_input(error) else EXIT_FAILED)
    except ExceptionGroup as group:
        return _complain_of_group(group)
    return result if isinstance(result, int) else 0


def _complain_of_group(group: ExceptionGroup[Exception]) -> int:
    """Report expected errors that came through nurseries; anything else among them is a bug and keeps its traceback."""
    expected, others = group.split(UpbitdError)
    if expected is None or others is not None:
        raise group
    errors = list(leaves(expected))
    is_bad_input = all(map(_is_bad_input, errors))
    return _complain("\n".join(map(str, errors)), EXIT_BAD_INPUT if is_bad_input else EXIT_FAILED)


def _is_bad_input(error: BaseException) -> bool:
    return isinstance(error, SettingsError) and not isinstance(error, TemporaryFailure)


def _complain(text: str, code: int) -> int:
    for line in text.splitlines():
        click.echo(f"upbitd: {line}", err=True)
    return code


if __name__ == "__main__":
    main()
