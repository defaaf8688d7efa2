"""Options that several commands share."""

import math

import click


class Seconds(click.ParamType[float]):
    """A time span above 0, in seconds."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the span; what is no number, not above 0 or endless is refused."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds > 0):
            self.fail(f"{value!r} is not a number of seconds above 0", param, ctx)
        return seconds


run_dir_option = click.option(
    "--run-dir",
    metavar="DIR",
    help="Directory of the tree's sockets and history; also UPBITD_RUN_DIR. Default: the user's runtime directory.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
