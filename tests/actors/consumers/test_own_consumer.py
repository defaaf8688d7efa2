"""The consumer of docs/own-consumer.md, exactly as it stands there, in a tree against the simulated exchange."""

import re
import time
from pathlib import Path

from tests.tree.exchange_process import simulated_exchange
from tests.tree.running_tree import LIMIT_S, REPOSITORY, running_tree


def block(language: str) -> str:
    document = (REPOSITORY / "docs" / "own-consumer.md").read_text("utf-8")
    found = re.search(rf"```{language}\n(.*?)```", document, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_documented_consumer_has_15_lines() -> None:
    assert len([line for line in block("python").splitlines() if line]) <= 16


def test_the_documented_consumer_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "big_trades.py").write_text(block("python"))
    settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text("utf-8") + "\n" + block("toml")
    with simulated_exchange("--rate", "400") as exchange:
        environment = {
            "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
            "UPBITD_BIG_TRADES__AT_LEAST_KRW": "1.0",
            "UPBITD_PRIVATE__KEYS_FILE": str(tmp_path / "none.toml"),
        }
        with running_tree(tmp_path, settings, environment=environment) as tree:
            tree.wait_for("child_ready", "big_trades")
            deadline_s = time.monotonic() + LIMIT_S
            while "big_trades" not in (child := tree.status()["big_trades"])["counters"]:
                assert time.monotonic() < deadline_s, tree.log
            assert child["state"] == "ready"
            assert '"event":"big.trade"' in tree.log
            assert tree.finish() == 0
