import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from supervisor.demo.place import last_lines, reserved_port, stderr_to, temporary_place


def listen_on(port: int, *, reuse: bool = True) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def test_the_place_is_private_and_gone_afterwards() -> None:
    with temporary_place() as place:
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (place / "run").mkdir()
        (place / "run" / "file").touch()
    assert not place.exists()


def test_the_place_is_gone_after_a_failure_too() -> None:
    with pytest.raises(KeyError), temporary_place() as place:
        raise KeyError
    assert not place.exists()


def test_sockets_fit_below_the_place_however_long_the_usual_path_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with temporary_place() as place:
        assert len(os.fsencode(place / "run" / "market_scanner.sock")) <= 100


def test_a_reserved_port_is_given_to_nobody_else_and_can_be_listened_on_again_and_again() -> None:
    with reserved_port("127.0.0.1") as port:
        with pytest.raises(OSError, match="in use"):
            listen_on(port, reuse=False)
        for _ in range(2):
            with listen_on(port), socket.create_connection(("127.0.0.1", port)):
                pass


def test_what_is_written_to_stderr_lands_in_the_file_also_from_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with stderr_to(log):
        os.write(2, b"own\n")
        subprocess.run([sys.executable, "-c", "import os; os.write(2, b'child\\n')"], check=True)
    assert log.read_bytes() == b"own\nchild\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_after_a_failure_the_end_of_the_log_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with stderr_to(tmp_path / "log"):
            os.write(2, b"".join(b"line %d\n" % n for n in range(50)))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert capfd.readouterr().err.splitlines() == [f"line {n}" for n in range(40, 50)]


def test_last_lines_reads_only_whole_lines_of_the_end(tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert last_lines(file, 3) == []
    file.write_bytes(b"".join(b"%04d\n" % n for n in range(100)) + b"half")
    assert last_lines(file, 2) == [b"0098\n", b"0099\n"]
    assert last_lines(file, 100, max_bytes=22) == [b"0097\n", b"0098\n", b"0099\n"]
