"""No person leaves by the side door: everything that a run leaves behind is searched for everybody of the nation."""

import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import cli, report, tables
from dtsen_spark import columns as c
from dtsen_spark.config import Config
from dtsen_spark.synthetic import generate

CANARY_NAME = "ZUBRIAH KANARIWATI RAHASIA"
CANARY_ADDRESS = "JALAN BURUNG KENARI 4711"
_LEAST_NAME = 12
_NUMBER = re.compile(r"(?<!\d)\d{16}(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Persons:
    """What must be found nowhere."""

    numbers: frozenset[str]
    record_ids: frozenset[str]
    names: frozenset[tuple[str, ...]]
    texts: tuple[str, ...]

    def found(self, text: str) -> set[str]:
        """Everything of a person that a text holds, by kind: a test's output must not hold it either."""
        upper = text.upper()
        hits = {"number" for number in _NUMBER.findall(text) if number in self.numbers}
        hits |= {"record id" for one in re.findall(r"[a-z0-9]+:[\w|]+", text) if one in self.record_ids}
        hits |= {"planted text" for one in self.texts if one in upper}
        words = _WORD.findall(upper)
        pairs = set(itertools.pairwise(words))
        near = [name for name in self.names if all(pair in pairs for pair in itertools.pairwise(name))]
        if near:
            line = f" {' '.join(words)} "
            hits |= {"full name" for name in near if f" {' '.join(name)} " in line}
        return hits


def plant(batch: Path) -> None:
    """Give one registered resident a name and an address that nobody else has."""
    file = sorted(batch.glob("part-*.csv.gz"))[0]
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode())))
    rows[5] |= {"nama": CANARY_NAME, "alamat": CANARY_ADDRESS}
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes(gzip.compress(text.getvalue().encode()))
    manifest = batch / "_manifest.json"
    content = json.loads(manifest.read_text())
    entry = next(one for one in content["files"] if one["name"] == file.name)
    entry |= {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "rows": len(rows)}
    manifest.write_text(json.dumps(content))


def everybody(lake: Path, release: str) -> Persons:
    records = pl.read_delta(str(lake / "build" / release / tables.PERSON_RECORD.path))
    numbers = {v for name in (c.NIK, c.NO_KK, c.MOTHER_NIK, c.FATHER_NIK) for v in records[name].drop_nulls()}
    names = {tuple(_WORD.findall(name.upper())) for name in records[c.NAME].drop_nulls() if len(name) >= _LEAST_NAME}
    return Persons(
        frozenset(numbers),
        frozenset(records[c.RECORD_ID]),
        frozenset(name for name in names if len(name) >= 2),
        (CANARY_NAME, CANARY_ADDRESS),
    )


@dataclass(frozen=True)
class Ran:
    lake: Path
    landing: Path
    release: str
    output: str
    events: Path


@pytest.fixture(scope="module")
def ran(spark: SparkSession, settings: Config, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A whole job in a process of its own, as talkative as it can be."""
    folder = tmp_path_factory.mktemp("leaks")
    generate(spark, settings, persons=2000, seed=11, out=folder / "nation", profile="documented")
    landing, lake, events = folder / "nation" / "landing", folder / "lake", folder / "events"
    events.mkdir()
    plant(next((landing / "dukcapil" / "penduduk").iterdir()))
    script = "import sys; from dtsen_spark.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [
        sys.executable, "-c", script, "run", "--landing", landing, "--lake", lake, "--period",
        settings.generate.quarter, "--publish", "--set", f"spark.event_log_dir={events.as_uri()}",
        "--set", "spark.shuffle_partitions=2", "--set", "spark.driver_memory=2g",
    ]  # fmt: skip
    environment = os.environ | {"DTSEN_LOG": "DEBUG"}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=840, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Ran(lake, landing, f"{settings.generate.quarter}.1", done.stdout + done.stderr, events)


def left_behind(ran: Ran, period: str, report_file: Path) -> Iterator[tuple[str, str]]:
    """Every text that outsiders or operators may see."""
    yield "output", ran.output
    for path in ran.events.rglob("*"):
        if path.is_file():
            yield "event log", path.read_text(errors="replace")
    for path in (ran.lake / "ops" / "data_docs").rglob("*"):
        if path.is_file():
            yield f"data docs {path.name}", path.read_text(errors="replace")
    for language in ("id", "en"):
        yield "report", report.write(ran.lake, period, report_file, language).read_text()
    public = [*tables.STATS, tables.LEDGER, tables.RUN, tables.RELEASE, tables.DQ_METRIC, tables.BATCH]
    for table in public:
        frame = pl.read_delta(str(ran.lake / table.path))
        yield table.path, "\n".join(str(row) for row in frame.iter_rows())
        for path in (ran.lake / table.path / "_delta_log").glob("*.json"):
            yield f"{table.path} log", path.read_text()
    for path in (ran.lake / "models").rglob("*.json"):
        yield f"model {path.name}", path.read_text()


@pytest.mark.slow
def test_nothing_that_a_run_leaves_behind_holds_a_person(ran: Ran, settings: Config, tmp_path: Path) -> None:
    persons = everybody(ran.lake, ran.release)
    assert len(persons.numbers) > 2000
    assert persons.found(f"the search works: {CANARY_NAME}") == {"planted text", "full name"}
    planted = pl.read_delta(str(ran.lake / tables.PERSON.path)).filter(pl.col(c.NAME) == CANARY_NAME)
    assert planted.height == 1, "the planted person went through the whole job"

    leaks = [
        (where, kind)
        for where, text in left_behind(ran, settings.generate.quarter, tmp_path / "report.html")
        for kind in sorted(persons.found(text))
    ]

    assert leaks == []


def failures(nik: str, lake: Path, landing: Path) -> Iterable[list[str]]:
    """Commands that go wrong before Spark, each with a NIK where a careless user may put one."""
    root, period = str(lake), "2026Q1"
    yield ["explain", "--lake", root, "--nik", nik]
    yield ["explain", "--lake", root]
    yield ["erase", "--lake", root, "--nik", nik]
    yield ["access-report", "--lake", root, "--nik", nik]
    yield ["explain", "--lake", root, "--nik", "-", "--format", "pdf"]
    yield ["explain", "--lake", root, "--nik", "-", "--for", "neighbour"]
    yield ["run", "--landing", str(landing), "--lake", root, "--period", "2026"]
    yield ["run", "--landing", str(landing / "nothing"), "--lake", root + "x", "--period", period]
    yield ["run", "--landing", str(landing), "--lake", root, "--period", period, "--from", "nowhere"]
    yield ["run", "--landing", str(landing), "--lake", root, "--period", period, "--set", "welfare.unit=village"]
    yield ["run", "--landing", str(landing), "--lake", root, "--period", period, "--set", "welfare"]
    yield ["run", "--landing", str(landing), "--lake", root, "--period", period, "--config", "/nothing.yaml"]
    yield ["report", "--lake", root, "--period", "2031Q1", "--out", str(lake.parent / "r.html")]
    yield ["report", "--lake", root, "--period", period, "--lang", "fr", "--out", str(lake.parent / "r.html")]
    yield ["report", "--lake", str(lake.parent), "--period", period, "--out", str(lake.parent / "r.html")]
    yield ["dictionary", "--table", "master/nobody"]
    yield ["train", "nothing", "--lake", root]
    yield ["serve", "--lake", str(lake.parent)]
    yield ["evaluate", "--lake", root, "--truth", str(lake)]
    yield ["diff", "--lake", root, "--program", "pkh", "--from", "x"]


@pytest.mark.slow
def test_errors_hold_no_person(
    ran: Ran, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, spark: SparkSession
) -> None:
    persons = everybody(ran.lake, ran.release)
    one = pl.read_delta(str(ran.lake / tables.PERSON.path)).drop_nulls(c.NIK).row(3, named=True)
    nik, name = one[c.NIK], CANARY_NAME
    codes = []
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{nik}7\n"))
    for arguments in failures(nik, ran.lake, ran.landing):
        codes.append(cli.main(arguments))
        told = "".join(capfd.readouterr())
        assert persons.found(told) == set(), arguments[0]

    records = spark.read.format("delta").load(str(ran.lake / "build" / ran.release / tables.PERSON_RECORD.path))
    provoked = [
        lambda: records.select(F.col(c.NAME).cast("int")).collect(),
        lambda: records.select(F.to_date(c.NIK)).collect(),
        lambda: records.select(F.raise_error(c.NAME)).collect(),
        lambda: records.select(F.element_at(F.split(c.NAME, " "), 99)).collect(),
        lambda: records.select(F.col(c.NIK).cast("int")).collect(),
        lambda: records.where(F.col(nik) == 1).collect(),
        lambda: records.withColumn("n", F.assert_true(F.col(c.SEX) == "x", c.NAME)).collect(),
        lambda: (_ for _ in ()).throw(ValueError(f"bad value {nik} {name}")),
        lambda: (_ for _ in ()).throw(PermissionError(f"/landing/{nik}")),
        lambda: (_ for _ in ()).throw(OSError(28, "No space left on device", nik)),
    ]
    for provoke in provoked:
        monkeypatch.setattr(cli.report, "write", lambda *_, provoke=provoke: provoke())
        arguments = ["report", "--lake", str(ran.lake), "--period", "2026Q1", "--out", str(ran.lake.parent / "r.html")]
        codes.append(cli.main(arguments))
        told = "".join(capfd.readouterr())
        assert persons.found(told) == set()
        assert nik not in told
    assert len(codes) == 30
    assert 0 not in codes


def test_the_search_finds_each_kind() -> None:
    persons = Persons(
        frozenset({"3201010101700001"}),
        frozenset({"dtks:AR1"}),
        frozenset({("SRI", "WAHYUNINGSIH")}),
        (CANARY_ADDRESS,),
    )
    told = "nik 3201010101700001, dtks:AR1; Sri Wahyuningsih of Jalan Burung Kenari 4711"
    assert persons.found(told) == {"number", "record id", "full name", "planted text"}
    assert persons.found("32010101017000012 SRI and WAHYUNINGSIH") == set()
