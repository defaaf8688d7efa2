import errno
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.runtime.process.logs import Redaction
from supervisor.records import crash_reports
from supervisor.records.crash_reports import CrashReport, CrashReports, Losses
from tests.supervisor.records.reports import ENDED, noted, report


def at(second: float, child: str = "private", **fields: Any) -> CrashReport:
    moment = ENDED + timedelta(seconds=second)
    return report(child, **{"ended_at": moment.isoformat(timespec="milliseconds"), **fields})


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_report_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = report(
        code=None,
        signal=11,
        summary="it broke",
        traceback="Traceback\n  ...",
        dump="Thread 0x1",
        waited_s=1.5,
        counters={"seen": 5, "lag_ms": 0.5},
        messages=(noted(1), noted(2, count=7)),
        log_tail=('{"event":"시세"}',),
        rung="sigkill",
    )
    reports = CrashReports(tmp_path / "crashes", keep=5)
    reports.add(whole)
    assert reports.last("private") == [whole]
    assert (reports.lost, reports.unreadable) == (0, 0)


def test_only_the_owner_can_read_reports(tmp_path: Path) -> None:
    folder = tmp_path / "crashes"
    CrashReports(folder, keep=5).add(report())
    assert mode(folder) == 0o700
    assert [(path.name, mode(path)) for path in folder.iterdir()] == [("20261126T093000250Z.private.3.json", 0o600)]


def test_the_newest_reports_of_a_child_come_first(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path, keep=10)
    for second in (3, 1, 2):
        reports.add(at(second, incarnation=second))
        reports.add(at(second, "public"))
    assert [found.incarnation for found in reports.last("private", 2)] == [3, 2]
    assert len(reports.last("private", 99)) == 3
    assert reports.last("nobody", 99) == []
    assert reports.children() == ["private", "public"]


def test_reports_that_have_too_many_bytes_together_are_left_out_and_counted(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path, keep=10)
    for second in range(5):
        reports.add(at(second, incarnation=second, dump="x" * 5000))
        reports.add(at(second, "public", dump="x" * 5000))
    for count, max_bytes, incarnations, left_out in (
        (9, 12_000, [4, 3], 3),
        (4, 12_000, [4, 3], 2),
        (2, 12_000, [4, 3], 0),
        (9, 100, [4], 4),
        (9, 99_999, [4, 3, 2, 1, 0], 0),
    ):
        ends = reports.fitting("private", count, max_bytes=max_bytes)
        assert ([found.incarnation for found in ends.reports], ends.left_out) == (incarnations, left_out)
    assert reports.fitting("nobody", 9, max_bytes=100) == ([], 0)


def test_reports_of_another_offset_or_precision_are_in_order_too(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path, keep=10)
    for incarnation, moment in enumerate(["2026-11-26T18:30:01+09:00", "2026-11-26T09:30:02.5Z"]):
        reports.add(report(incarnation=incarnation, ended_at=moment))
    assert [found.incarnation for found in reports.last("private", 9)] == [1, 0]


def test_there_is_no_report_where_there_is_no_folder(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path / "none", keep=5)
    assert reports.last("private") == []
    assert reports.children() == []


def test_a_crash_loop_does_not_push_out_the_last_report_of_its_neighbour(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path, keep=4)
    reports.add(at(0, "public"))
    for second in range(1, 20):
        reports.add(at(second, "private"))
    assert len(reports.last("public", 99)) == 1
    kept = [found.ended_at for found in reports.last("private", 99)]
    assert kept == [at(second).ended_at for second in (19, 18, 17)]


def test_more_children_than_files_keep_the_newest_of_all(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path, keep=2)
    for second, child in enumerate("abc"):
        reports.add(at(second, child))
    assert reports.children() == ["b", "c"]


@given(st.lists(st.sampled_from("aaaaabbc"), max_size=40), st.integers(1, 6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_folder_is_bounded_and_fair(tmp_path_factory: pytest.TempPathFactory, ended: list[str], keep: int) -> None:
    reports = CrashReports(tmp_path_factory.mktemp("crashes"), keep=keep)
    for second, child in enumerate(ended):
        reports.add(at(second, child))
    kept = Counter({child: len(reports.last(child, 99)) for child in reports.children()})
    assert sum(kept.values()) == min(keep, len(ended))
    if keep >= len(set(ended)):
        assert set(kept) == set(ended)
    for child in kept:
        newest = [second for second, name in enumerate(ended) if name == child][::-1][: kept[child]]
        assert [found.ended_at for found in reports.last(child, 99)] == [at(second).ended_at for second in newest]


def test_the_folder_is_bounded_in_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_reports, "MAX_FOLDER_BYTES", 20_000)
    reports = CrashReports(tmp_path, keep=100)
    for second in range(20):
        reports.add(at(second, dump="x" * 5000))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    assert len(reports.last("private", 99)) == 3


def test_files_that_are_not_ours_are_neither_read_nor_removed(tmp_path: Path) -> None:
    for name in ("notes.txt", "private.json", "20261126T093000250Z.UPPER.1.json"):
        (tmp_path / name).write_text("mine")
    reports = CrashReports(tmp_path, keep=1)
    for second in range(3):
        reports.add(at(second))
    assert len(reports.last("private", 9)) == 1
    assert len(list(tmp_path.iterdir())) == 4
    assert reports.unreadable == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"{}",
        b"[" * 100_000,
        b'"\xff"',
        msgspec.json.encode(report(ended_at="yesterday")),
        msgspec.json.encode(report(ended_at="2026-11-26T09:30:00")),
        msgspec.json.encode(report(pid="many")),
    ],
)
def test_a_report_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path, content: bytes) -> None:
    reports = CrashReports(tmp_path, keep=5)
    reports.add(at(0))
    (tmp_path / "20261126T093001000Z.private.4.json").write_bytes(content)
    assert reports.last("private", 2) == [at(0)]
    assert reports.unreadable == 1


def test_a_report_of_a_later_version_can_be_read(tmp_path: Path) -> None:
    newer = {**msgspec.to_builtins(report()), "mood": "bad"}
    (tmp_path / "20261126T093001000Z.private.4.json").write_bytes(msgspec.json.encode(newer))
    assert CrashReports(tmp_path, keep=5).last("private") == [report()]


def test_a_full_disk_is_counted_and_told_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    reports = CrashReports(tmp_path, keep=5)
    reports.add(at(0))
    with monkeypatch.context() as disk, structlog.testing.capture_logs() as logged:
        disk.setattr(Path, "replace", full)
        for second in (1, 2):
            reports.add(at(second))
    assert [(line["event"], line["child"], line["lost"]) for line in logged] == [
        ("crash_report.lost", "private", 1),
        ("crash_report.lost", "private", 2),
    ]
    assert "No space left" in logged[0]["error"]
    assert reports.losses("private") == Losses(2, "[Errno 28] No space left on device")
    assert reports.losses("public") is None
    assert [path.name for path in tmp_path.iterdir()] == ["20261126T093000250Z.private.3.json"]
    reports.add(at(3))
    assert len(reports.last("private", 9)) == 2
    assert (reports.losses("private"), reports.lost) == (None, 2)


def test_a_folder_that_cannot_be_made_costs_the_report_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "crashes").touch()
    reports = CrashReports(tmp_path / "crashes", keep=5)
    with structlog.testing.capture_logs() as logged:
        reports.add(report())
    assert [line["event"] for line in logged] == ["crash_report.lost"]
    assert reports.last("private") == []


def test_a_run_directory_that_was_removed_is_not_made_again_by_a_report(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path / "run" / "crashes", keep=5)
    with structlog.testing.capture_logs() as logged:
        reports.add(report())
    assert [line["event"] for line in logged] == ["crash_report.lost"]
    assert not (tmp_path / "run").exists()


def test_what_a_killed_supervisor_left_half_written_does_not_pile_up(tmp_path: Path) -> None:
    (tmp_path / ".part").write_bytes(b'{"child"')
    reports = CrashReports(tmp_path, keep=5)
    assert reports.last("private") == []
    reports.add(report())
    assert len(list(tmp_path.iterdir())) == 1


def test_no_secret_is_in_a_report_and_what_the_supervisor_wrote_stays(tmp_path: Path) -> None:
    secret = "k3y-of-the-owner"
    texts = dict.fromkeys(("summary", "traceback", "dump", "decision"), f"with {secret}.")
    reports = CrashReports(tmp_path, keep=5, redaction=Redaction([secret]))
    reports.add(
        report(
            **texts,
            log_tail=(secret,),
            counters={secret: 1, "token": 5},
            messages=(msgspec.structs.replace(noted(1), what=f"order/{secret}"),),
        )
    )
    assert secret.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    (found,) = reports.last("private")
    assert found.summary == "with ***."
    assert found.counters == {"***": 1, "token": 5}
    assert found.messages[0].what == "order/***"
