"""Asking the check process."""

import errno
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from actors.runtime.settings.check import CheckRequest, ChildToCheck
from protocols.errors import TemporaryFailure
from supervisor.specs import check_process, checking
from supervisor.specs.checking import ask_check


def test_a_check_process_that_cannot_be_started_is_nothing_that_the_owner_wrote(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    refused = rf"start: the process that checks the children cannot be started: .*No such file or directory: '{python}'"
    with pytest.raises(TemporaryFailure, match=refused):
        ask_check(CheckRequest(children=[], shared={}))


def test_a_check_for_which_there_is_no_room_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def temporary_file() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(check_process.tempfile, "TemporaryFile", temporary_file)
    with pytest.raises(TemporaryFailure, match="No space left on device"):
        ask_check(CheckRequest(children=[], shared={}))


MODULES = {
    "fine": "VALUE = 1",
    "raises": "raise RuntimeError('no licence')",
    "starts_a_thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "opens_a_file": "import os\nKEPT = open(os.devnull)",
    "hangs": "import time\ntime.sleep(600)",
    "hangs_too": "import time\ntime.sleep(600)",
    "exits": "raise SystemExit(5)",
    "ends": "import os\nos.write(2, b'no licence')\nos._exit(3)",
    "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "told_to_end": (
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\nos.kill(os.getpid(), signal.SIGTERM)"
    ),
    "ends_by_a_signal_without_a_name": "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 3)",
    "leaves_a_thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nasync def run(actor): ..."
    ),
    "leaves_a_process": (
        "import os, time\nif not (PID := os.fork()): time.sleep(600)\n"
        "open(__file__ + '.pid', 'w').write(str(PID))\nasync def run(actor): ..."
    ),
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"{name}_when_imported.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fine", ""),
        ("raises", "import failed: RuntimeError: no licence"),
        ("missing", "no module named 'missing_when_imported'"),
        ("starts_a_thread", "starts a thread or opens a file when it is imported"),
        ("opens_a_file", "starts a thread or opens a file when it is imported"),
    ],
)
def test_modules_for_the_fork_server_are_tried_before_anything_starts(modules: None, name: str, problem: str) -> None:
    problems = ask_check(CheckRequest(children=[], shared={}, preload=[f"{name}_when_imported"])).problems
    if not problem:
        assert problems == []
        return
    (found,) = problems
    assert found.startswith(f"supervisor.preload: '{name}_when_imported'")
    assert problem in found


def test_one_that_hangs_while_it_is_imported_is_given_up(modules: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LIMIT_S", 5.0)
    with pytest.raises(TemporaryFailure, match=r"^supervisor\.preload: .*: not imported within 5 s$"):
        ask_check(CheckRequest(children=[], shared={}, preload=["hangs_when_imported"]))


def child(name: str) -> ChildToCheck:
    return ChildToCheck(name=name, start=f"{name}_when_imported:run", settings={})


def asked(*names: str, preload: tuple[str, ...] = ()) -> list[str]:
    return ask_check(CheckRequest(children=[child(name) for name in names], shared={}, preload=list(preload))).problems


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("exits", "import failed: SystemExit: 5"),
        ("ends", "the import ended its process (exit code 3): no licence"),
        ("crashes", f"the import ended its process ({signal.SIGSEGV.name})"),
        ("ends_by_a_signal_without_a_name", f"the import ended its process ({signal.SIGRTMIN + 3})"),
    ],
)
def test_an_import_that_ends_the_process_is_told_with_its_child_and_hides_nothing_about_others(
    modules: None, name: str, why: str
) -> None:
    problems = asked("missing", name, "raises")
    assert sorted(problems) == sorted(
        [
            "child missing: start = 'missing_when_imported:run': no module named 'missing_when_imported'",
            f"child {name}: start = '{name}_when_imported:run': {why}",
            "child raises: start = 'raises_when_imported:run': import failed: RuntimeError: no licence",
        ]
    )


def test_all_that_name_a_module_which_ends_the_process_are_told(modules: None) -> None:
    name = "ends_when_imported"
    request = CheckRequest(
        children=[ChildToCheck("a", f"{name}:run", {}), ChildToCheck("b", f"{name}:walk", {})],
        shared={"exchange": {}},
        preload=[name],
    )
    why = "the import ended its process (exit code 3): no licence"
    assert ask_check(request).problems == [
        f"child a: start = '{name}:run': {why}",
        f"child b: start = '{name}:walk': {why}",
        f"supervisor.preload: '{name}': {why}",
    ]


def test_of_several_that_hang_two_are_waited_for(modules: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LIMIT_S", 5.0)
    monkeypatch.setattr(checking, "REST_S", 4.0)
    with pytest.raises(TemporaryFailure) as failure:
        asked("hangs", "raises", "hangs_too", "ends")
    assert str(failure.value).splitlines() == [
        "child hangs: start = 'hangs_when_imported:run': not imported within 5 s",
        "child hangs_too: start = 'hangs_too_when_imported:run': not imported within 4 s",
    ]


@pytest.mark.parametrize("name", ["killed", "told_to_end"])
def test_a_check_process_that_somebody_ended_is_no_fault_of_the_module(modules: None, name: str) -> None:
    with pytest.raises(TemporaryFailure, match=rf"child {name}: .*: the import ended its process \(SIG(KILL|TERM)\)"):
        asked("leaves_a_thread", name)


def test_what_may_pass_hides_nothing_that_the_owner_has_to_mend(modules: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LIMIT_S", 5.0)
    assert asked("hangs", "killed", "missing") == [
        "child hangs: start = 'hangs_when_imported:run': not imported within 5 s",
        "child killed: start = 'killed_when_imported:run': the import ended its process (SIGKILL)",
        "child missing: start = 'missing_when_imported:run': no module named 'missing_when_imported'",
    ]


def test_an_import_that_takes_long_is_told_while_it_is_waited_for(
    modules: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checking, "LIMIT_S", 5.0)
    monkeypatch.setattr(check_process, "SLOW_S", 0.5)
    monkeypatch.setattr(check_process, "are_logs_configured", lambda: False)
    with pytest.raises(TemporaryFailure):
        asked("hangs")
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(";")[0] for line in told] == ["upbitd: importing hangs_when_imported takes long"]


@pytest.mark.parametrize("name", ["leaves_a_thread", "leaves_a_process"])
def test_what_an_import_leaves_behind_is_not_waited_for(modules: None, name: str, tmp_path: Path) -> None:
    started_s = time.monotonic()
    assert asked(name) == []
    assert time.monotonic() - started_s < checking.LIMIT_S / 2
    pid_file = tmp_path / f"{name}_when_imported.py.pid"
    if pid_file.exists():
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_a_running_supervisor_logs_what_takes_long(modules: None, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[str, object]] = []

    class Log:
        def warning(self, event: str, **fields: object) -> None:
            logged.append((event, fields["module"]))

    monkeypatch.setattr(checking, "LIMIT_S", 5.0)
    monkeypatch.setattr(check_process, "SLOW_S", 0.5)
    monkeypatch.setattr(check_process, "are_logs_configured", lambda: True)
    monkeypatch.setattr(check_process, "get_logger", Log)
    with pytest.raises(TemporaryFailure):
        asked("hangs")
    assert logged == [("settings.import_takes_long", "hangs_when_imported")]
