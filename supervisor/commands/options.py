"""Options that several commands share."""

import os

import click

from supervisor.run_dir import RunDir, find_run_dir

run_dir_option = click.option(
    "--run-dir",
    metavar="DIR",
    help="Directory of sockets and history, mode 0700; also UPBITD_RUN_DIR. Default: the user's runtime directory.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def running_tree(run_dir: str | None) -> RunDir:
    """Return the run directory of a tree that is to be asked something; nothing is created."""
    return RunDir(find_run_dir(run_dir, os.environ))
