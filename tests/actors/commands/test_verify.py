"""`upbitd verify` as its user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.commands.verify import PROGRESS_FROM_BYTES, Progress
from supervisor.main import run_command
from tests.actors.exchange.journal.files import journal_of, ticker, trade, write_trace

TRADES = [trade(number) for number in range(1, 8)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return journal_of(tmp_path / "journal", [*TRADES, *(ticker(number) for number in range(1, 4))])


def test_a_complete_trace_is_clean_and_the_exit_code_0(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = write_trace(tmp_path / "trace", [*TRADES, ticker(1), ticker(2), ticker(3)])
    assert run_command(["verify", str(journal), str(trace)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = {row[0]: row[1:] for row in (line.strip("│┃ ").split() for line in out.splitlines()) if row}
    assert [cell for cell in rows["trade"] if cell != "│"] == ["1", "7", "7", "0", "0", "0", "0", "0"]
    assert [cell for cell in rows["all"] if cell != "│"] == ["2", "10", "10", "0", "0", "0", "0", "0"]
    assert out.splitlines()[-1] == "clean"


def test_each_finding_is_shown_with_its_identity_and_place_and_the_exit_code_is_1(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _, four, five, six, seven = TRADES
    came = [one, two, two, four, trade(5, price=7.5), seven, six, trade(99), trade(7)]
    trace = write_trace(tmp_path / "trace", came)
    assert run_command(["verify", str(journal), str(trace)]) == 1
    told = capsys.readouterr().out.splitlines()
    number = 17_877_285_547_970_000
    who = "trade/KRW-BTC: code KRW-BTC, sequential_id"
    assert f"lost: {who} {number + 3} (line 5 of the journal, frame 3 of connection 1)" in told
    assert f"doubled: {who} {number + 2} (line 3 of the trace)" in told
    assert f"reordered: {who} {number + 7} (line 6 of the trace)" in told
    assert f"altered: {who} {number + 5} (line 5 of the trace, line 7 of the journal)" in told
    assert "    trade_price: sent 109868000.0, received 7.5" in told
    assert f"unknown: {who} {number + 99} (line 8 of the trace)" in told
    assert five.trade_price == 109868000.0
    assert told[-1] == "differences were found"


def test_only_the_first_findings_are_shown_and_the_rest_counted(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = write_trace(tmp_path / "trace", [TRADES[0], TRADES[-1]])
    assert run_command(["verify", str(journal), str(trace), "--show", "2"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("lost: trade/KRW-BTC") for line in told) == 2
    assert "lost: 3 more" in told


def test_json_has_counts_findings_and_notes(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = write_trace(tmp_path / "trace", [TRADES[0], TRADES[2]])
    assert run_command(["verify", str(journal), str(trace), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["is_clean"] is False
    assert document["totals"]["lost"] == document["types"]["trade"]["lost"] == 1
    assert document["findings"]["lost"][0]["sequential_id"] == TRADES[1].sequential_id
    assert document["notes"] == ["streams that were sent and of which the trace has nothing, not compared: 1"]
    assert (document["journal"], document["trace"]) == (str(journal), str(trace))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--type", "ticker"), 0),
        (("--type", "trade"), 1),
        (("--type", "trade", "--merged-ok"), 0),
        (("--code", "KRW-BTC"), 1),
        (("--connection", "1"), 1),
    ],
)
def test_options_choose_what_is_compared(journal: Path, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    trace = write_trace(tmp_path / "trace", [TRADES[0], TRADES[2], ticker(1), ticker(2)])
    assert run_command(["verify", str(journal), str(trace), *options]) == code


@pytest.mark.parametrize(
    ("journal_text", "trace_text", "options", "words"),
    [
        (None, "", [], "journal: No such file or directory"),
        ("", None, [], "trace: No such file or directory"),
        ("{}\n", "", [], "journal, line 1: no line of a journal: "),
        ("", "x\n", [], "trace, line 1: no JSON: "),
        ("", "", [], "trace: no message of the exchange: nothing to compare"),
        ("", "", ["--type", "news"], "unknown type 'news'; there are ticker, "),
        ("", "", ["--connection", "0"], "0 is not in the range x>=1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    *,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    journal_text: str | None,
    trace_text: str | None,
    options: list[str],
    words: str,
) -> None:
    for name, text in (("journal", journal_text), ("trace", trace_text)):
        if text is not None:
            (tmp_path / name).write_text(text)
    assert run_command(["verify", str(tmp_path / "journal"), str(tmp_path / "trace"), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert words in line


def test_a_pipe_is_refused_since_files_are_read_twice(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert run_command(["verify", str(journal), str(tmp_path / "pipe")]) == 2
    assert "a pipe or directory cannot be read twice" in capsys.readouterr().err


def test_progress_of_large_files_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_terminal, size in ((True, PROGRESS_FROM_BYTES - 1), (False, PROGRESS_FROM_BYTES)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        with Progress(size) as silent:
            silent.add(1000)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(PROGRESS_FROM_BYTES) as shown:
        shown.add(PROGRESS_FROM_BYTES + 5_000_000)
    assert "verify: pass 2, 5 of 67 MB" in capsys.readouterr().err


def test_it_is_a_command_of_upbitd(journal: Path, tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "trace", TRADES)
    ended = subprocess.run(
        [sys.executable, "-m", "supervisor.main", "verify", str(journal), str(trace)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("clean\n")
