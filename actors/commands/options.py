"""Options that several commands share."""

import click

run_dir_option = click.option(
    "--run-dir",
    metavar="DIR",
    help="Directory of the tree's sockets and history; also UPBITD_RUN_DIR. Default: the user's runtime directory.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
