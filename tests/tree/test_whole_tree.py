"""The main job with real processes: exchange, supervisor, connection actors, consumers; and each of them failing.

Times are printed (`pytest -s`) and bounded only so widely that noise cannot break them.
"""

import contextlib
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.runtime.process import fork_server_guard as guard
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import REPOSITORY, RunningTree, running_tree
from tests.tree.trace import Trace, is_event, trace

CAPTURE = REPOSITORY / "tests" / "data" / "upbit-capture-2021-04-17.jsonl"
KILLS = 50

CHILD = """
[[child]]
name = "{name}"
start = "{start}"
"""
TRACER = """
[[child]]
name = "{name}"
start = "tests.tree.trace_actor:run"
[child.settings]
out = "{out}"
topics = {topics}
"""


def connection_settings(exchange: ExchangeProcess, *names: str) -> str:
    lines = [f'[exchange]\nwebsocket_url = "{exchange.ws}"\n[supervisor]\nlog_level = "warning"\n']
    lines += [CHILD.format(name=name, start=f"actors.connections.{name}:run") for name in names or ("public",)]
    return "".join(lines)


def tracer(traced: Trace, topics: list[str], name: str = "tracer") -> str:
    return TRACER.format(name=name, out=traced.path, topics=json.dumps(topics))


@contextlib.contextmanager
def traced_tree(folder: Path, topics: list[str], *options: str) -> Iterator[tuple[ExchangeProcess, RunningTree, Trace]]:
    """An exchange, the public connection actor, and one consumer that writes down what it gets."""
    with simulated_exchange(*options) as exchange, trace(folder / "trace") as traced:
        settings = connection_settings(exchange) + tracer(traced, topics)
        with running_tree(folder, settings) as tree:
            tree.wait_for("child_ready", "tracer")
            yield exchange, tree, traced


def test_the_449_recorded_frames_arrive_with_every_value_equal(tmp_path: Path) -> None:
    recorded: list[dict[str, Any]] = []
    for line in CAPTURE.read_text().splitlines():
        frame = json.loads(line)
        if frame["from"] == "exchange":
            recorded.append(json.loads(frame["text"]))
    assert len(recorded) == 449
    topics = sorted({f"{frame['ty']}/{frame['cd']}" for frame in recorded})
    with traced_tree(tmp_path, topics, "--replay", str(CAPTURE), "--speed", "0") as (_exchange, _tree, traced):
        events = traced.wait_count(449)
    assert len(events) == 449
    by_topic: dict[str, list[dict[str, Any]]] = {topic: [] for topic in topics}
    for event in events:
        by_topic[event["topic"]].append(event["body"])
    for topic in topics:
        sent = [frame for frame in recorded if f"{frame['ty']}/{frame['cd']}" == topic]
        assert [in_simple(body, topic) for body in by_topic[topic]] == [without_type(frame) for frame in sent], topic


SIMPLE = {
    "code": "cd", "timestamp": "tms", "trade_date": "td", "trade_time": "ttm", "trade_timestamp": "ttms",
    "trade_price": "tp", "trade_volume": "tv", "ask_bid": "ab", "prev_closing_price": "pcp", "change": "c",
    "change_price": "cp", "sequential_id": "sid", "stream_type": "st", "total_ask_size": "tas",
    "total_bid_size": "tbs", "orderbook_units": "obu",
}  # fmt: skip
UNIT = ("ap", "bp", "as", "bs")
NEWER = {"best_ask_price", "best_ask_size", "best_bid_price", "best_bid_size", "level"}
"""Fields that the exchange did not have in 2021."""


def in_simple(body: dict[str, Any], topic: str) -> dict[str, Any]:
    """An event's body in the words of the recording, written out here a second time on purpose."""
    found = {SIMPLE[name]: value for name, value in body.items() if name not in NEWER}
    if topic.startswith("orderbook"):
        found["obu"] = [dict(zip(UNIT, unit, strict=True)) for unit in found["obu"]]
    return found


def without_type(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name != "ty"}


def kill_and_wait(tree: RunningTree, child: str, pid: int) -> int:
    """Kill a child and return the process that took its place, once it is ready."""
    os.kill(pid, signal.SIGKILL)
    exited = tree.wait_for("child_exited", child)
    assert (exited["pid"], exited["cause"], exited["signal"]) == (pid, "signal", signal.SIGKILL)
    ready = tree.wait_for("child_ready", child)
    new_pid: int = ready["pid"]
    return new_pid


def test_a_connection_actor_killed_50_times_in_a_row_comes_back_each_time(tmp_path: Path) -> None:
    outages_ms: list[float] = []
    with traced_tree(tmp_path, ["ticker/KRW-BTC", "trade/KRW-BTC", "orderbook/KRW-BTC"], "--rate", "500") as (
        _exchange, tree, traced,
    ):  # fmt: skip
        pid = tree.status()["public"]["pid"]
        traced.wait_for(is_event())
        for _ in range(KILLS):
            start = traced.mark()
            killed_ns = time.monotonic_ns()
            pid = kill_and_wait(tree, "public", pid)
            traced.wait_for(lambda item: item["kind"] == "Up", start=start)
            first = traced.wait_for(
                lambda item, killed_ns=killed_ns: is_event()(item) and item["received_ns"] > killed_ns, start=start
            )
            outages_ms.append((first["seen_ns"] - killed_ns) / 1e6)
        assert tree.status()["public"]["restarts"] == KILLS
        markers = [item["kind"] for item in traced.items if item["kind"] in {"Up", "Down"}]
        assert tree.finish() == 0
    assert markers == ["Up", *["Down", "Up"] * KILLS], "each outage is told once, and told to be over once"
    median_ms, worst_ms = statistics.median(outages_ms), max(outages_ms)
    print(f"\n{KILLS} kills of the connection actor: first event after {median_ms:.0f} ms, worst {worst_ms:.0f} ms")
    assert median_ms <= 5000


def test_any_actor_killed_50_times_in_a_row_comes_back_each_time(tmp_path: Path) -> None:
    """The default tree under load; the victims take turns, so each of them is killed again and again."""
    with simulated_exchange("--rate", "500", "--access-key", "AK", "--secret-key", "SK") as exchange:
        settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text()
        environment = {
            "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
            "UPBITD_ACCESS_KEY": "AK",
            "UPBITD_SECRET_KEY": "SK",
        }
        with running_tree(tmp_path, settings, environment=environment) as tree:
            tree.wait_for("child_ready", "market_scanner")
            pids = {name: child["pid"] for name, child in tree.status().items()}
            victims = list(pids)
            took_ms: list[float] = []
            for number in range(KILLS):
                victim = victims[number % len(victims)]
                killed_ns = time.monotonic_ns()
                pids[victim] = kill_and_wait(tree, victim, pids[victim])
                took_ms.append((time.monotonic_ns() - killed_ns) / 1e6)
            status = tree.status()
            assert {child["state"] for child in status.values()} == {"ready"}
            assert sum(child["restarts"] for child in status.values()) == KILLS
            assert {name: child["pid"] for name, child in status.items()} == pids, "nobody else was restarted"
            assert tree.finish() == 0
    print(f"\n{KILLS} kills in turn: ready after {statistics.median(took_ms):.0f} ms, worst {max(took_ms):.0f} ms")


TOPICS = ["ticker/KRW-BTC", "trade/KRW-ETH", "orderbook/KRW-XRP", "candle.1s/KRW-BTC", "orderbook.5/KRW-ETH"]


@pytest.mark.parametrize(("kind", "parameters"), [("close", {"code": 1000}), ("close", {"code": 1012}), ("reset", {})])
def test_a_closed_exchange_socket_is_one_down_and_one_up_and_everything_flows_again(
    tmp_path: Path, kind: str, parameters: dict[str, object]
) -> None:
    with traced_tree(tmp_path, TOPICS, "--rate", "500") as (exchange, tree, traced):
        for topic in TOPICS:
            traced.wait_for(is_event(topic))
        start = traced.mark()
        closed_ns = time.monotonic_ns()
        exchange.fault(kind, **parameters)
        up = traced.wait_for(lambda item: item["kind"] == "Up", start=start)
        firsts = [
            traced.wait_for(
                lambda item, topic=topic: is_event(topic)(item) and item["epoch"] == up["epoch"], start=start
            )
            for topic in TOPICS
        ]
        assert tree.finish() == 0
    markers = [item for item in traced.items[start:] if item["kind"] in {"Up", "Down"}]
    assert [item["kind"] for item in markers] == ["Down", "Up"]
    before = {item["epoch"] for item in traced.items[:start] if item["kind"] == "Event"}
    assert up["epoch"] == max(before) + 1
    assert {first["sequence"] for first in firsts} == {1}
    first_ms = (min(first["seen_ns"] for first in firsts) - closed_ns) / 1e6
    all_ms = (max(first["seen_ns"] for first in firsts) - closed_ns) / 1e6
    print(f"\n{kind}: first event after {first_ms:.0f} ms, every topic after {all_ms:.0f} ms")
    assert first_ms <= 5000


def test_a_stalled_exchange_is_noticed_and_left(tmp_path: Path) -> None:
    """Open but silent, without pongs: the half-open link that clients sleep through."""
    with simulated_exchange("--rate", "200") as exchange, trace(tmp_path / "trace") as traced:
        settings = connection_settings(exchange) + tracer(traced, ["trade/KRW-BTC"])
        environment = {"UPBITD_EXCHANGE__QUIET_AFTER_S": "0.5", "UPBITD_EXCHANGE__PING_TIMEOUT_S": "0.5"}
        with running_tree(tmp_path, settings, environment=environment) as tree:
            tree.wait_for("child_ready", "tracer")
            traced.wait_for(is_event())
            start = traced.mark()
            exchange.fault("stall")
            down = traced.wait_for(lambda item: item["kind"] == "Down", start=start)
            traced.wait_for(is_event(), start=start + 1)
            assert tree.finish() == 0
    assert "nothing received for" in down["reason"]


def test_a_refusing_exchange_does_not_stop_anything(tmp_path: Path) -> None:
    with traced_tree(tmp_path, ["trade/KRW-BTC"], "--rate", "200") as (exchange, tree, traced):
        traced.wait_for(is_event())
        exchange.fault("refuse", count=3, status=503)
        start = traced.mark()
        exchange.fault("reset")
        traced.wait_for(is_event(), start=start + 1)
        assert tree.status()["public"]["restarts"] == 0
        assert tree.finish() == 0
    assert [item["kind"] for item in traced.items[start:] if item["kind"] != "Event"] == ["Down", "Up"]


def test_a_garbage_frame_is_counted_and_nothing_else_happens(tmp_path: Path) -> None:
    with traced_tree(tmp_path, ["trade/KRW-BTC"], "--rate", "200") as (exchange, tree, traced):
        traced.wait_for(is_event())
        exchange.fault("garbage")
        start = traced.mark()
        traced.wait_count(sum(item["kind"] == "Event" for item in traced.items[:start]) + 20)
        deadline_s = time.monotonic() + 10
        while "frames_unreadable" not in (counters := tree.status()["public"]["counters"]):
            assert time.monotonic() < deadline_s, counters  # Counters travel with the heartbeat, once a second.
        assert counters["frames_unreadable"] == 1
        assert tree.finish() == 0
    assert {item["kind"] for item in traced.items} == {"Up", "Event"}


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def test_a_frozen_consumer_does_not_slow_the_others(tmp_path: Path) -> None:
    topics = ["ticker/KRW-BTC", "orderbook/KRW-BTC", "orderbook/KRW-ETH", "trade/KRW-BTC", "trade/KRW-ETH"]
    with (
        simulated_exchange("--rate", "1000") as exchange,
        trace(tmp_path / "trace-a") as fast,
        trace(tmp_path / "trace-b") as frozen,
    ):
        settings = connection_settings(exchange) + tracer(fast, topics, "fast") + tracer(frozen, topics, "frozen")
        with running_tree(tmp_path, settings) as tree:
            tree.wait_for("child_ready", "frozen")
            frozen.wait_for(is_event())
            first = fast.mark()
            fast.wait_count(first + 600)
            pid = tree.status()["frozen"]["pid"]
            os.kill(pid, signal.SIGSTOP)
            second = fast.mark()
            fast.wait_count(second + 600)
            third = fast.mark()
            os.kill(pid, signal.SIGCONT)
            assert tree.finish() == 0
        lags = [
            [(item["seen_ns"] - item["received_ns"]) / 1e6 for item in fast.items[begin:end] if is_event()(item)]
            for begin, end in ((first, second), (second, third))
        ]
    before_ms, during_ms = (percentile(lag, 0.99) for lag in lags)
    print(f"\nreceive to callback, p99: {before_ms:.2f} ms before, {during_ms:.2f} ms while another consumer is frozen")
    assert during_ms <= before_ms * 10 + 250
    sequences: dict[tuple[str, int], list[int]] = {}
    for item in fast.items:
        if is_event()(item):
            sequences.setdefault((item["topic"], item["epoch"]), []).append(item["sequence"])
    assert all(numbers == list(range(numbers[0], numbers[0] + len(numbers))) for numbers in sequences.values())


def test_without_keys_private_parks_visibly_and_public_goes_on(tmp_path: Path) -> None:
    with (
        simulated_exchange("--rate", "200", "--access-key", "AK", "--secret-key", "SK") as exchange,
        trace(tmp_path / "trace") as traced,
    ):
        settings = connection_settings(exchange, "public", "private") + (
            f'[child.settings]\nkeys_file = "{tmp_path}/keys.toml"\nretry_parked_s = 0.5\n'
            + tracer(traced, ["trade/KRW-BTC"])
        )
        with running_tree(tmp_path, settings) as tree:
            parked = tree.wait_for("child_parked", "private")
            traced.wait_for(is_event())
            status = tree.status()
            assert (status["private"]["state"], status["public"]["state"]) == ("parked", "ready")
            assert "keys.toml does not exist" in parked["reason"]
            assert "UPBITD_ACCESS_KEY" in status["private"]["reason"]
            # The owner mends it, and nothing needs a restart.
            keys = tmp_path / "keys.toml"
            keys.touch(0o600)
            keys.write_text('access_key = "AK"\nsecret_key = "SK"\n')
            deadline_s = time.monotonic() + 20
            while tree.status()["private"]["state"] != "ready":
                assert time.monotonic() < deadline_s
            assert tree.status()["private"]["restarts"] == 0
            assert tree.finish() == 0


def test_keys_reach_private_alone_and_appear_nowhere(tmp_path: Path) -> None:
    access_key, secret = "ACCESS-0123456789abcdef", "SECRET-fedcba9876543210"
    with simulated_exchange("--rate", "200", "--access-key", access_key, "--secret-key", secret) as exchange:
        settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text()
        environment = {
            "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
            "UPBITD_ACCESS_KEY": access_key,
            "UPBITD_SECRET_KEY": secret,
            "UPBITD_SUPERVISOR__LOG_LEVEL": "debug",
        }
        with running_tree(tmp_path, settings, environment=environment) as tree:
            tree.wait_for("child_ready", "market_scanner")
            assert tree.status()["private"]["state"] == "ready"
            for process in tree.session():
                with contextlib.suppress(psutil.NoSuchProcess):
                    shown = " ".join(process.cmdline()) + json.dumps(process.environ())
                    assert access_key not in shown
                    assert secret not in shown
                    ours = {name for name in process.environ() if name.startswith("UPBITD_")}
                    assert ours <= {"UPBITD_TREE", guard.VARIABLE, guard.IMPORTS, guard.PATH_BEFORE}
            said = tree.ask("status", "--json").stdout + tree.ask("show", "private", "--json").stdout
            exchange.fault("reset", "private")
            assert tree.finish() == 0
            said += tree.log + (tmp_path / "upbitd.toml").read_text() + json.dumps(tree.events)
    assert access_key not in said
    assert secret not in said
    assert "Bearer" not in said


def test_bad_keys_park_private_with_the_exchanges_reason(tmp_path: Path) -> None:
    with simulated_exchange("--access-key", "AK", "--secret-key", "SK") as exchange:
        settings = connection_settings(exchange, "private") + 'secrets = ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]\n'
        environment = {"UPBITD_ACCESS_KEY": "AK", "UPBITD_SECRET_KEY": "wrong"}
        with running_tree(tmp_path, settings, environment=environment) as tree:
            parked = tree.wait_for("child_parked", "private")
            assert "HTTP 401" in parked["reason"]
            assert "wrong" not in parked["reason"]
            assert tree.finish() == 0


def is_running(process: psutil.Process) -> bool:
    """Whether it still runs; where nobody reaps strangers, the ended stay in the table."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_sigkill_of_the_supervisor_leaves_no_process_of_the_default_tree(tmp_path: Path) -> None:
    with simulated_exchange("--access-key", "AK", "--secret-key", "SK") as exchange:
        settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text()
        environment = {"UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws}
        with running_tree(tmp_path, settings, environment=environment) as tree:
            tree.wait_for("child_ready", "market_scanner")
            session = tree.session()
            assert len(session) >= 5
            tree.process.kill()
            _gone, alive = psutil.wait_procs(session, timeout=1.0)
            assert [process for process in alive if is_running(process)] == []


def test_stopping_the_default_tree_goes_in_reverse_order_and_exits_with_0(tmp_path: Path) -> None:
    with simulated_exchange("--access-key", "AK", "--secret-key", "SK") as exchange:
        settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text()
        environment = {
            "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
            "UPBITD_ACCESS_KEY": "AK",
            "UPBITD_SECRET_KEY": "SK",
        }
        with running_tree(tmp_path, settings, environment=environment) as tree:
            tree.wait_for("child_ready", "market_scanner")
            began_s = time.monotonic()
            assert tree.finish() == 0
            took_s = time.monotonic() - began_s
            stopped = [event["child"] for event in tree.events if event["event"] == "child_stopped"]
            assert tree.events[-1]["event"] == "supervisor_stopped"
    assert stopped == ["market_scanner", "order_tracker", "price_monitor", "private", "public"]
    print(f"\nthe default tree stopped within {took_s:.2f} s")
    assert took_s <= 5
