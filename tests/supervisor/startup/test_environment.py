"""What others see of the environment of a real supervisor, and of all that it starts."""

from pathlib import Path

import psutil
import pytest

from tests.tree.running_tree import children, running_tree

KEY = "k3y-that-must-never-show"


def environment_block(pid: int) -> dict[str, str]:
    """Return what the kernel shows of the environment of a process."""
    entries = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
@pytest.mark.parametrize("spares", [0, 1])
def test_a_key_is_in_the_environment_of_no_process_of_the_tree(tmp_path: Path, start_method: str, spares: int) -> None:
    settings = children(
        "shows_its_environment", flags=f'start_method = "{start_method}"', child='secrets = ["UPBITD_ACCESS_KEY"]'
    )
    variables = {
        "UPBITD_ACCESS_KEY": KEY,
        "UPBITD_SUPERVISOR__SPARES": str(spares),
        "UPBITD_A__TEXT": KEY,
        "UPBITD_TREE": "of-another-supervisor",
        "OF_THE_OWNER": "stays",
    }
    with running_tree(tmp_path, settings, environment=variables) as tree:
        tree.wait_for("child_ready", "a")
        supervisor = psutil.Process(tree.process.pid)
        processes = [supervisor, *tree.session()]
        titles = [process.cmdline()[0] for process in processes]
        for process in processes:
            for place in ("environ", "cmdline"):
                assert KEY.encode() not in Path(f"/proc/{process.pid}/{place}").read_bytes()
        block = environment_block(supervisor.pid)
        shown = supervisor.cmdline()
        assert tree.finish() == 0
    assert "upbitd: a" in titles
    assert (block["UPBITD_ACCESS_KEY"], block["UPBITD_A__TEXT"]) == ("*" * len(KEY), "*" * len(KEY))
    # What is around them stays as it was: for who looks, and for the supervisor of a tree that this one is a part of.
    assert (block["UPBITD_TREE"], block["OF_THE_OWNER"]) == ("of-another-supervisor", "stays")
    assert "run" in shown
    assert str(tree.run_dir) in shown
    assert f"environment of a: stays, {len(KEY)} characters" in tree.log
