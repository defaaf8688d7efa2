"""The first moments of an actor's process, in real ones."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from actors.runtime.process.child import SPARE
from protocols.control.exit_codes import EXIT_OK, EXIT_ORPHANED, EXIT_SETTINGS
from protocols.control.messages import Ready
from tests.actors.runtime.process.entered import LIMIT_S, entered


def title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]


def signals(pid: int, which: str) -> set[int]:
    """Read a mask of /proc: `SigBlk`, `SigIgn` or `SigCgt`."""
    return signals_in(Path(f"/proc/{pid}/status"), which)


def signals_in(status: Path, which: str) -> set[int]:
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(which))
    mask = int(line.split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_before_it_knows_what_to_do_it_is_safe_already(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.phase("importing")
        process.until(lambda: title(process.pid) == "upbitd: a")
        assert process.box().pid == process.pid
        assert process.link(0) == os.devnull
        assert [process.link(number) for number in (1, 2)] == [
            os.fspath(Path(f"/proc/self/fd/{fd}").readlink()) for fd in (process.stdout_fd, process.stderr_fd)
        ]
        assert signal.SIGINT in signals(process.pid, "SigIgn")
        caught = {signal.SIGTERM, signal.SIGUSR1, signal.SIGSEGV, signal.SIGABRT}
        assert caught <= signals(process.pid, "SigCgt")


def test_signals_that_were_blocked_around_its_start_come_through(tmp_path: Path) -> None:
    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM}
    before = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {set(map(int, numbers))})\n"
    with entered(tmp_path, before=before) as process:
        process.phase("importing")
        assert not numbers & signals(process.pid, "SigBlk")


def test_sigterm_ends_it_while_it_waits_for_its_start(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.phase("importing")
        process.process.send_signal(signal.SIGTERM)
        assert process.ended() == -signal.SIGTERM
        assert process.errors() == ""


def test_sigterm_ends_it_also_within_an_import_that_lets_nothing_through(tmp_path: Path) -> None:
    (tmp_path / "imports_for_ever.py").write_text(
        "import pathlib, time\n"
        "while True:\n"
        "    try:\n"
        f"        pathlib.Path({os.fspath(tmp_path)!r}, 'begun').touch()\n"
        "        time.sleep(60)\n"
        "    except BaseException: pass\n"
    )
    before = f"import sys; sys.path.append({os.fspath(tmp_path)!r})\n"
    with entered(tmp_path, preload=("imports_for_ever",), before=before) as process:
        process.until((tmp_path / "begun").exists)
        process.process.send_signal(signal.SIGTERM)
        assert process.ended() == -signal.SIGTERM


def test_it_ignores_an_interrupt_from_the_terminal(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.phase("importing")
        process.process.send_signal(signal.SIGINT)
        process.start("idle")
        process.phase("running")


BLOCKED_BY_THE_SUPERVISOR = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {1, 2, 15})\n"


def test_a_program_that_an_actor_starts_can_be_ended_by_signals(tmp_path: Path) -> None:
    with entered(tmp_path, before=BLOCKED_BY_THE_SUPERVISOR) as process:
        process.start("starts_a_program")
        assert process.ended() == EXIT_OK
    inherited = signals_in(tmp_path / "status", "SigBlk") | signals_in(tmp_path / "status", "SigIgn")
    assert not {signal.SIGTERM, signal.SIGHUP} & inherited


def test_a_program_that_is_started_by_the_import_of_an_actor_can_be_ended_by_signals(tmp_path: Path) -> None:
    (tmp_path / "starts_when_imported.py").write_text(
        "import pathlib, subprocess\n"
        f"with pathlib.Path({os.fspath(tmp_path)!r}, 'status').open('w') as status:\n"
        "    subprocess.run(['cat', '/proc/self/status'], stdout=status)\n"
        "async def run(actor): pass\n"
    )
    before = BLOCKED_BY_THE_SUPERVISOR + f"import sys; sys.path.append({os.fspath(tmp_path)!r})\n"
    with entered(tmp_path, before=before) as process:
        process.start("", entry="starts_when_imported:run")
        assert process.ended() == EXIT_OK
    inherited = signals_in(tmp_path / "status", "SigBlk") | signals_in(tmp_path / "status", "SigIgn")
    assert not {signal.SIGTERM, signal.SIGHUP} & inherited


def test_sigterm_within_the_import_of_an_actor_stops_it_once_its_loop_turns(tmp_path: Path) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import pathlib, time, trio\n"
        f"folder = pathlib.Path({os.fspath(tmp_path)!r})\n"
        "(folder / 'begun').touch()\n"
        "while not (folder / 'go').exists(): time.sleep(0.002)\n"
        "async def run(actor): await trio.sleep_forever()\n"
    )
    before = f"import sys; sys.path.append({os.fspath(tmp_path)!r})\n"
    with entered(tmp_path, before=before) as process:
        process.start("", entry="slow_to_import:run")
        process.until((tmp_path / "begun").exists)
        process.process.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        assert process.ended() == -signal.SIGTERM
        assert process.box().beats > 0


def test_sigterm_within_an_import_that_fails_cuts_no_last_words(tmp_path: Path) -> None:
    (tmp_path / "fails_to_import.py").write_text(
        "import os, signal\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "raise RuntimeError('no such table')\n"
        "async def run(actor): pass\n"
    )
    before = f"import sys; sys.path.append({os.fspath(tmp_path)!r})\n"
    with entered(tmp_path, before=before) as process:
        process.start("", entry="fails_to_import:run")
        assert process.ended() == EXIT_SETTINGS
        assert "no such table" in process.failed().summary


@pytest.mark.parametrize("ignored", [False, True])
def test_the_end_of_the_terminal_is_no_business_of_its_own(tmp_path: Path, *, ignored: bool) -> None:
    before = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" if ignored else ""
    with entered(tmp_path, before=before) as process:
        process.phase("importing")
        process.process.send_signal(signal.SIGHUP)
        process.start("idle")
        process.phase("running")
        process.process.send_signal(signal.SIGHUP)
        assert (signal.SIGHUP in signals(process.pid, "SigIgn")) == ignored  # What `nohup` wants goes on to programs.
        process.stop()
        assert process.ended() == EXIT_OK


def test_its_stacks_can_be_seen_while_it_waits_for_its_start(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.phase("importing")
        process.process.send_signal(signal.SIGUSR1)
        process.until(lambda: "in enter" in process.dump())


def test_a_supervisor_that_ends_before_it_says_what_to_do_ends_it(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.phase("importing")
        process.control.close()
        assert process.ended() == EXIT_ORPHANED


def test_a_process_whose_parent_is_not_the_expected_one_ends_at_once(tmp_path: Path) -> None:
    with entered(tmp_path, parent=1 << 22) as process:
        assert process.ended() == EXIT_ORPHANED
        assert process.box().pid == 0


def test_a_spare_is_called_so_until_it_learns_its_name(tmp_path: Path) -> None:
    with entered(tmp_path, name=SPARE, preload=("json.tool",)) as process:
        process.until(lambda: title(process.pid) == "upbitd: spare")
        process.start("tells_modules", name="late")
        assert process.ended() == EXIT_OK
        assert "json.tool" in process.output().split()


def test_a_spare_gets_its_title_with_its_name(tmp_path: Path) -> None:
    with entered(tmp_path, name=SPARE) as process:
        process.start("idle", name="late")
        process.phase("running")
        assert title(process.pid) == "upbitd: late"


def test_a_spare_has_as_many_descriptors_as_any_other_once_it_is_an_actor(tmp_path: Path) -> None:
    counts = []
    for name in ("a", SPARE):
        with entered(tmp_path, name=name) as process:
            process.start("idle")
            process.phase("running")
            counts.append(len(list(Path(f"/proc/{process.pid}/fd").iterdir())))
    assert counts[0] == counts[1]


def test_sigterm_ends_a_spare_that_waits(tmp_path: Path) -> None:
    before = (
        "import pathlib\n"
        "from actors.runtime.process import rehearsal\n"
        "def rehearse(*given, rehearse=rehearsal.rehearse):\n"
        "    rehearse(*given)\n"
        f"    pathlib.Path({os.fspath(tmp_path)!r}, 'rehearsed').touch()\n"
        "rehearsal.rehearse = rehearse\n"
    )
    with entered(tmp_path, name=SPARE, before=before) as process:
        process.until((tmp_path / "rehearsed").exists)
        process.process.send_signal(signal.SIGTERM)
        assert process.ended() == -signal.SIGTERM
        assert process.errors() == ""


def test_sigterm_ends_a_spare_also_within_its_rehearsal(tmp_path: Path) -> None:
    before = (
        "import os, signal\n"
        "from actors.runtime.process import rehearsal\n"
        "async def is_signalled(actor): os.kill(os.getpid(), signal.SIGTERM)\n"
        "rehearsal.stand_in = is_signalled\n"
    )
    with entered(tmp_path, name=SPARE, before=before) as process:
        assert process.ended() == -signal.SIGTERM


@pytest.mark.parametrize("content", ["raise ValueError", "import sys; sys.exit(3)", "import nowhere", "nonsense ("])
def test_a_module_that_cannot_be_imported_in_advance_ends_no_spare(tmp_path: Path, content: str) -> None:
    (tmp_path / "cannot_be_imported.py").write_text(content)
    before = f"import sys; sys.path.append({os.fspath(tmp_path)!r})\n"
    with entered(tmp_path, preload=("cannot_be_imported", "json.tool"), before=before) as process:
        process.start("tells_modules")
        assert process.ended() == EXIT_OK
        assert "json.tool" in process.output().split()


def test_a_first_message_that_cannot_be_read_is_told_like_any_error(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.control.sendall(b"\0\0\0\1\0\0\0\0\xc1")
        assert process.ended() == 1
        assert "control link: message not understood" in process.failed().summary


def test_pipes_that_have_the_numbers_of_the_output_itself_become_the_output(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from actors.runtime.process.lifeline import use_output\n"
        "(out, to_out), (err, to_err) = os.pipe(), os.pipe()\n"
        "os.dup2(to_err, 1); os.dup2(to_out, 2)\n"  # As the descriptors of a supervisor that was started without any.
        "os.close(to_out); os.close(to_err)\n"
        "use_output(2, 1)\n"
        "os.write(1, b'out'); os.write(2, b'err')\n"
        "os._exit(0 if (os.read(out, 9), os.read(err, 9)) == (b'out', b'err') else 1)"
    )
    repository = Path(__file__).parents[4]
    done = subprocess.run([os.sys.executable, "-c", program], cwd=repository, timeout=LIMIT_S, check=False)  # type: ignore[attr-defined]  # it is there
    assert done.returncode == 0


def test_it_can_be_told_to_stop_before_it_has_begun(tmp_path: Path) -> None:
    with entered(tmp_path) as process:
        process.start("idle")
        process.stop()
        told = process.told()
        assert process.ended() == EXIT_OK
        assert told in ([Ready(process.pid)], [])
