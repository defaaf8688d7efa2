"""`make chaos`: random faults against the whole tree under load, and a scorecard; `python -m tests.chaos --help`."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.kinds import BY_NAME
from tests.chaos.run import Options, run_chaos
from tests.chaos.scorecard import as_text


def main() -> int:
    """Run; exit code 0: everything was as it must be, 1: something was not."""
    chosen = _options()
    options = Options(
        seconds=chosen.seconds,
        seed=chosen.seed,
        start_method=chosen.start_method,
        spares=chosen.spares,
        rate=chosen.rate,
        only=tuple(chosen.only),
    )
    print(f"chaos: seed {options.seed}, {options.seconds:g} s, {options.start_method}", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="upbitd-chaos-"))
    try:
        card, stories = run_chaos(options, folder)
    except BaseException:
        print(f"chaos: seed {options.seed}; what there is of the run is in {folder}", file=sys.stderr)
        raise
    print(json.dumps(card.document()) if chosen.json else as_text(card))
    if card.is_good and not chosen.keep:
        shutil.rmtree(folder)
        return 0
    (folder / "scorecard.json").write_text(json.dumps(card.document(), indent=1))
    (folder / "stories.txt").write_text("\n\n".join(stories))
    if not card.is_good:
        print(_failures(card.document()["findings"], stories), file=sys.stderr)
    print(f"chaos: seed {options.seed}; logs, traces and stories are in {folder}", file=sys.stderr)
    return 0 if card.is_good else 1


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="chaos", description=__doc__)
    options.add_argument("--seconds", type=float, default=600.0, help="how long faults go on")
    options.add_argument("--seed", type=int, default=1, help="decides which faults, on whom, in which order")
    options.add_argument("--start-method", choices=("forkserver", "spawn"), default="forkserver")
    options.add_argument("--spares", type=int, default=0, help="warm spares that the tree keeps")
    options.add_argument("--rate", type=float, default=1000.0, help="market events a second of the exchange")
    options.add_argument(
        "--only",
        action="append",
        default=[],
        choices=sorted(BY_NAME),
        metavar="KIND",
        help="only faults of this kind; repeatable",
    )
    options.add_argument("--json", action="store_true", help="print the scorecard as JSON")
    options.add_argument("--keep", action="store_true", help="keep the folder of a run that was good")
    return options.parse_args()


def _failures(findings: object, stories: list[str]) -> str:
    told = "\n\n".join(story[:6000] for story in stories[:5])
    return f"{json.dumps(findings, indent=1)[:6000]}\n\n{told}"


if __name__ == "__main__":
    sys.exit(main())
