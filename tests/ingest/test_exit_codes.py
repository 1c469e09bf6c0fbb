"""``dtsen run`` on a bad delivery: the code that it ends with, and what it says."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import cli, session
from dtsen_spark.errors import ExitCode
from tests.ingest.conftest import MEMBER, PLN, customer
from tests.ingest.deliveries import csv_bytes, deliver, deliver_required, write_delivery

NIK = "3171014107900001"
_ROWS = csv_bytes(("id_pelanggan", "nik", "daya", "kwh_bulan"), [customer(1, nik=NIK), customer(2)])
Run = Callable[..., tuple[int, str]]


def _file(landing: Path, name: str = "part-0.csv", content: bytes = _ROWS, rows: int = 2) -> Path:
    return write_delivery(landing, PLN, "b1", {name: content}, {name: rows})


# What is delivered beside the required tables → the exit code, and a part of what is said.
KINDS: dict[str, tuple[Callable[[Path], object], ExitCode, str]] = {
    "sound": (_file, ExitCode.OK, ""),
    "a row in quarantine": (lambda to: _file(to, content=_ROWS + b",,1,2\n", rows=3), ExitCode.OK, ""),
    "not described yet": (lambda to: (_file(to) / "_manifest.json").unlink(), ExitCode.OK, "PENDING"),
    "after the period": (lambda to: deliver(to, PLN, "b1", [], as_of="2026-04-01"), ExitCode.OK, "WAITING"),
    "cut gzip": (
        lambda to: _file(to, "part-0.csv.gz", gzip.compress(_ROWS)[:-9]),
        ExitCode.REFUSED,
        "pln/pelanggan/b1: part-0.csv.gz: damaged gzip file",
    ),
    "another encoding": (
        lambda to: _file(to, content=_ROWS.decode().encode("utf-16")),
        ExitCode.REFUSED,
        "its header cannot be read as CSV in UTF-8",
    ),
    "another number of rows": (lambda to: _file(to, rows=3), ExitCode.REFUSED, "2 records in its files"),
    "another content": (
        lambda to: (_file(to) / "part-0.csv").write_bytes(_ROWS + b"P3,,1,2\n"),
        ExitCode.REFUSED,
        "its SHA-256 is not the manifest's",
    ),
    "a file more": (
        lambda to: (_file(to) / "part-1.csv").write_bytes(_ROWS),
        ExitCode.REFUSED,
        "1 files are there that the manifest does not list",
    ),
    "a manifest that is none": (
        lambda to: (_file(to) / "_manifest.json").write_text(NIK + "{"),
        ExitCode.REFUSED,
        "manifest: not JSON",
    ),
}


@pytest.fixture
def run(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command over tmp_path/landing: its exit code, and all that it said."""
    monkeypatch.setattr(session, "start", lambda *_: spark)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*more: str) -> tuple[int, str]:
        paths = ["--landing", str(tmp_path / "landing"), "--lake", str(tmp_path / "lake")]
        code = cli.main(["run", *paths, "--period", "2026Q1", *more])
        shown = capfd.readouterr()
        return code, shown.out + shown.err

    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_delivery_ends_with_its_code_and_names_nobody(run: Run, tmp_path: Path, kind: str) -> None:
    write, code, text = KINDS[kind]
    deliver_required(tmp_path / "landing")
    write(tmp_path / "landing")

    ended, said = run("--to", "ingest")

    assert ended == code
    assert text in said
    assert "Traceback" not in said
    assert NIK not in said


@pytest.mark.slow
def test_a_required_table_whose_batches_are_all_refused_stops_the_release(run: Run, tmp_path: Path) -> None:
    deliver_required(tmp_path / "landing", without=[MEMBER])
    deliver(tmp_path / "landing", MEMBER, "b1", [], mode="bad")

    ended, said = run("--publish")

    assert ended == ExitCode.GATE
    assert "dtks/anggota/b1" in said
    assert "Traceback" not in said
