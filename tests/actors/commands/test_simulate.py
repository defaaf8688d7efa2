"""`upbitd simulate` as a process."""

import json
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from websockets.sync.client import connect

from protocols.upbit.tokens import make_token

COMMAND = [sys.executable, "-m", "supervisor.main", "simulate"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_with_0_on_a_signal(ending: signal.Signals) -> None:
    with subprocess.Popen([*COMMAND, "--markets", "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert line["event"] == "listening"
        host, port = line["http"].removeprefix("http://").split(":")
        assert line["ws"] == f"ws://{host}:{port}"
        with socket.create_connection((host, int(port))):
            process.send_signal(ending)
            assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "abc"], "not a valid integer"),
        (["--port", "70000"], "port = 70000"),
        (["--markets", "3"], "from 4 to 855"),
        (["--rate", "-1"], "rate = -1"),
        (["--speed", "nan"], "speed = nan"),
        (["--access-key", "a"], "belong together"),
        (["--replay", "none.jsonl"], "No such file"),
        (["--speed", "2"], "only a recording has a speed"),
        (
            ["--rate", "5", "--replay", "r.jsonl"],
            "--rate: a recording is played as it is; leave out --rate or --replay",
        ),
        (["--no-trader", "--replay", "r.jsonl"], "--trader/--no-trader: a recording is played as it is"),
        # Also with the values that they have anyway.
        (["--seed", "1", "--markets", "60", "--replay", "r.jsonl"], "leave out --markets, --seed or --replay"),
        (["--start", "", "--replay", "r.jsonl"], "--start: a recording is played as it is"),
        (["--host", "no.such.host.invalid"], "cannot listen on host 'no.such.host.invalid'"),
        (["--host", "999.1.1.1"], "choose an address of this machine"),
        (["--host", "a..b"], "cannot listen on host 'a..b'"),
        (["--frobnicate"], "No such option"),
        (["--quirk", "frames=foo"], "quirk frames=foo: choose binary or text"),
        (["--quirk", "mystery=1"], "write NAME=VALUE with one of the names frames, compression"),
        (["--account", "only-one-key"], "write ACCESS_KEY:SECRET_KEY"),
        (["--account", "a:s", "--account", "a:t"], "access key a: 2 accounts have it"),
        (["--journal", "/no/such/place/journal.jsonl"], "there is no directory /no/such/place"),
        (["--idle-close", "0"], "idle_close_s = 0.0: choose a number from 0.1"),
    ],
)
def test_bad_options_get_one_line_and_exit_code_2(options: list[str], words: str, tmp_path: Path) -> None:
    ended = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    if options[0] not in {"--host", "--replay"}:  # Those are right in form, and the help would not help.
        assert ended.stderr.endswith("(see `upbitd simulate --help`)\n")


def test_the_quirks_are_listed_with_what_each_may_be() -> None:
    ended = subprocess.run([*COMMAND, "--list-quirks"], capture_output=True, text=True, timeout=60, check=True)
    lines = ended.stdout.splitlines()
    assert "frames: binary or text (default binary)" in lines
    assert "book_ms: a whole number from 1 to 60000 (default 100)" in lines


def test_a_secret_is_not_repeated_when_an_account_is_written_wrongly() -> None:
    wrong = [*COMMAND, "--account", ":a-secret"]
    ended = subprocess.run(wrong, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "a-secret" not in ended.stderr


def test_quirks_and_accounts_reach_the_exchange() -> None:
    options = ["--markets", "4", "--quirk", "frames=text", "--account", "mine:my-secret", "--no-trader"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["ws"]
        token = make_token("mine", "my-secret", nonce=str(uuid.uuid4()))
        header = {"Authorization": f"Bearer {token}"}
        with connect(f"{address}/websocket/v1/private", additional_headers=header) as client:
            client.send('[{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}]')
            assert client.recv(timeout=10) == '{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"t"}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_a_port_in_use_gets_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


SIGNAL_WHILE_IT_IMPORTS = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Signaller(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "actors.exchange.actor":
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Signaller())
from supervisor.main import run_command
sys.exit(run_command(["simulate", "--markets", "4"]))
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_still_imports_ends_it_with_0(ending: signal.Signals) -> None:
    program = SIGNAL_WHILE_IT_IMPORTS.format(number=int(ending))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
