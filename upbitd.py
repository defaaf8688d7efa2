"""The command `upbitd`: sees that the three packages are this project's own, then hands over to `supervisor.main`.

It stands beside them under a name of its own because theirs are common: PyPI's process manager is called `supervisor`
too, and where both are installed the other one may win. Then this says so, instead of failing on an import.
"""

import importlib.util
import sys
from pathlib import Path

PACKAGES = ("protocols", "actors", "supervisor")
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


def find_clash() -> str:
    """Say which package comes from another place, and what to do; "" when all three are ours."""
    home = Path(__file__).resolve().parent
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        folder = None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent
        if folder != home / package:
            return (
                f"the package {package!r} is found in {folder}, not in {home}; remove the other one "
                f"(pip uninstall {package}), or give upbitd an environment of its own and no PYTHONPATH"
            )
    return ""


def main() -> None:
    """Run the command line."""
    try:
        if clash := find_clash():
            sys.stderr.write(f"upbitd: {clash}\n")
            sys.exit(EXIT_BAD_INPUT)
        from supervisor.startup.early_signals import end_quietly_on_signals  # noqa: PLC0415 - only now is it known to be ours

        end_quietly_on_signals(sys.argv[1:])
        from supervisor.main import main as run_command_line  # noqa: PLC0415 - imports for a while: after the signals

        run_command_line()
    except KeyboardInterrupt:
        sys.stderr.write("upbitd: interrupted\n")
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
