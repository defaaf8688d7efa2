"""What libraries import, and nobody here uses, stays out of the process."""

import subprocess
import sys
from pathlib import Path

import pytest

from actors.runtime.process.late_imports import imported_late, not_imported


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "seldom_used.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "seldom_used", raising=False)
    return "seldom_used"


def test_a_module_is_imported_at_its_first_use(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with imported_late(module):
        import seldom_used  # type: ignore[import-not-found]
    assert module not in sys.modules
    assert seldom_used.ANSWER == 42
    assert sys.modules[module].ANSWER == 42
    with pytest.raises(AttributeError):
        _ = seldom_used.QUESTION
    monkeypatch.delitem(sys.modules, module)


def test_a_module_is_not_found(module: str) -> None:
    with not_imported(module), pytest.raises(ImportError):
        import seldom_used  # noqa: F401
    assert module not in sys.modules


def test_a_module_that_is_there_is_used_as_it_is() -> None:
    with imported_late("json"), not_imported("subprocess"):
        import json
        import subprocess as found
    assert json is sys.modules["json"]
    assert found is subprocess


def test_an_import_that_fails_leaves_nothing_behind(module: str) -> None:
    with pytest.raises(ModuleNotFoundError), imported_late(module):
        import there_is_no_such_module  # type: ignore[import-not-found]  # noqa: F401
    assert module not in sys.modules


def test_the_methods_of_the_log_that_are_to_be_awaited_in_a_loop_of_asyncio_still_are() -> None:
    program = """
import sys
from actors.runtime.process.logs import Redaction, configure_logs, get_logger
assert "asyncio" not in sys.modules
configure_logs(level="info", redaction=Redaction())
import asyncio
asyncio.run(get_logger().ainfo("said"))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")
    assert '"event":"said"' in done.stderr
