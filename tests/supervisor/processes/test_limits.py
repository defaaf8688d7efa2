import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.processes.limits import MIB, OomCount, apply_limits, resident_bytes
from supervisor.specs.spec import ChildSpec


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as started:
        yield started
        started.kill()


def spec(open_files: int | None = None, memory_limit_mib: float | None = None) -> ChildSpec:
    return ChildSpec(name="a", start="x:y", open_files=open_files, memory_limit_mib=memory_limit_mib)


def test_limits_that_are_not_said_stay_as_they_are(process: subprocess.Popen[bytes]) -> None:
    apply_limits(process.pid, spec())
    for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_DATA):
        assert resource.prlimit(process.pid, which) == resource.getrlimit(which)


def test_the_kernel_refuses_private_memory_beyond_twice_the_limit(process: subprocess.Popen[bytes]) -> None:
    apply_limits(process.pid, spec(memory_limit_mib=100))
    assert resource.prlimit(process.pid, resource.RLIMIT_DATA) == (264 * MIB, 264 * MIB)


def test_no_limit_is_raised_above_what_the_supervisor_may_have(process: subprocess.Popen[bytes]) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (50, 60))
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (MIB, MIB))
    apply_limits(process.pid, spec(open_files=1 << 30, memory_limit_mib=100))
    assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (60, 60)
    assert resource.prlimit(process.pid, resource.RLIMIT_DATA) == (MIB, MIB)


def test_a_process_that_is_gone_has_no_limits_and_no_memory(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    apply_limits(process.pid, spec(open_files=64))
    assert resident_bytes(process.pid) is None


def test_resident_memory_is_what_the_kernel_counts() -> None:
    before = resident_bytes(os.getpid()) or 0
    kept = bytearray(os.urandom(1)) * (64 * MIB)
    assert (resident_bytes(os.getpid()) or 0) - before > 48 * MIB
    assert len(kept) == 64 * MIB


def files(folder: Path, *, group: str, events: str | None, vmstat: str = "nr_free 7\noom_kill 3\n") -> OomCount:
    """A machine with one process: ours, in a control group."""
    proc, cgroups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self/cgroup").write_text(f"4:memory:/other\n0::{group}\n")
    (proc / "vmstat").write_text(vmstat)
    if events is not None:
        (cgroups / group.strip("/")).mkdir(parents=True)
        (cgroups / group.strip("/") / "memory.events").write_text(events)
    return OomCount(proc, cgroups)


def test_out_of_memory_kills_are_those_of_the_own_control_group(tmp_path: Path) -> None:
    assert files(tmp_path, group="/system/upbitd", events="high 1\noom 5\noom_kill 2\noom_group_kill 9\n").read() == 2


def test_without_one_they_are_those_of_the_machine(tmp_path: Path) -> None:
    assert files(tmp_path, group="/", events=None).read() == 3


def test_without_any_count_there_are_none(tmp_path: Path) -> None:
    assert files(tmp_path, group="/", events=None, vmstat="").read() == 0
    assert OomCount(tmp_path / "nothing", tmp_path / "nothing").read() == 0


def test_the_count_of_this_machine_can_be_read() -> None:
    assert OomCount().read() >= 0
