"""Survey of the landing zone, without Spark."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dtsen_spark import tables
from dtsen_spark.errors import DeliveryMissingError
from dtsen_spark.ingest import BatchClass, LandingPlan, survey_landing
from dtsen_spark.ingest.files import DeliveredFile, FileKind, drift
from dtsen_spark.ingest.manifest import RefusedError, parse
from dtsen_spark.job import Period
from tests.ingest.deliveries import deliver, deliver_required

PERIOD = Period.parse("2026Q1")
TABLE = tables.LANDING["pln/pelanggan"]
SOUND: dict[str, Any] = {
    "source": "pln",
    "table": "pelanggan",
    "batch_id": "b1",
    "as_of": "2025-12-31",
    "mode": "full",
    "files": [{"name": "part-0.csv", "rows": 1, "sha256": "0" * 64}],
}


def _file(**bent: Any) -> dict[str, Any]:
    return SOUND | {"files": [SOUND["files"][0] | bent]}


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in SOUND.items() if name != key}


BENT: dict[str, Any] = {
    "array": [SOUND],
    "null": None,
    "number": 7,
    "no source": _without("source"),
    "no as_of": _without("as_of"),
    "no mode": _without("mode"),
    "no files": _without("files"),
    "other source": SOUND | {"source": "dtks"},
    "other table": SOUND | {"table": "pelanggan2"},
    "other batch": SOUND | {"batch_id": "b2"},
    "number as batch": SOUND | {"batch_id": 1},
    "unknown mode": SOUND | {"mode": "append"},
    "upper-case mode": SOUND | {"mode": "FULL"},
    "other version": SOUND | {"schema_version": 2},
    "text version": SOUND | {"schema_version": "1"},
    "true as version": SOUND | {"schema_version": 1.5},
    "as_of number": SOUND | {"as_of": 20251231},
    "as_of compact": SOUND | {"as_of": "20251231"},
    "as_of with time": SOUND | {"as_of": "2025-12-31T00:00:00"},
    "as_of no day": SOUND | {"as_of": "2025-02-30"},
    "as_of year 0": SOUND | {"as_of": "0000-01-01"},
    "files object": SOUND | {"files": {}},
    "file as text": SOUND | {"files": ["part-0.csv"]},
    "file twice": SOUND | {"files": SOUND["files"] * 2},
    "parent folder": _file(name="../part-0.csv"),
    "absolute": _file(name="/etc/part-0.csv"),
    "sub-folder": _file(name="a/part-0.csv"),
    "backslash": _file(name="..\\part-0.csv"),
    "glob": _file(name="part-*.csv"),
    "hidden": _file(name=".part-0.csv"),
    "marker": _file(name="_part-0.csv"),
    "other suffix": _file(name="part-0.xlsx"),
    "other prefix": _file(name="data.csv"),
    "empty name": _file(name=""),
    "line break in name": _file(name="part-0\n.csv"),
    "rows text": _file(rows="1"),
    "rows negative": _file(rows=-1),
    "rows fraction": _file(rows=1.5),
    "rows true": _file(rows=True),
    "rows huge": _file(rows=2**64),
    "rows absent": SOUND | {"files": [{"name": "part-0.csv", "sha256": "0" * 64}]},
    "sha short": _file(sha256="00"),
    "sha no hex": _file(sha256="g" * 64),
}


@pytest.mark.parametrize("bent", BENT.values(), ids=BENT.keys())
def test_a_bent_manifest_is_refused_without_its_values(bent: Any) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(json.dumps(bent).encode(), TABLE, "b1")
    assert "etc" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b'{"rows": ' + b"9" * 10_000 + b"}",
        b"not json",
        json.dumps(SOUND).encode().replace(b'"mode"', b'"batch_id": "b2", "batch_id": "b1", "mode"'),
        json.dumps(SOUND).encode().replace(b'"rows": 1', b'"rows": 2, "rows": 1'),
        json.dumps(SOUND).encode().replace(b'"rows": 1', b'"rows": NaN'),
    ],
    ids=["empty", "cut", "utf-16", "deep", "long number", "text", "key twice", "inner key twice", "no number"],
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedError):
        parse(content, TABLE, "b1")


def test_a_sound_manifest_passes_with_byte_order_mark_and_unknown_keys() -> None:
    manifest = parse(b"\xef\xbb\xbf" + json.dumps(SOUND | {"note": "x"}).encode(), TABLE, "b1")

    assert (manifest.mode, manifest.rows, manifest.as_of.isoformat()) == ("full", 1, "2025-12-31")


def test_each_batch_gets_its_class(tmp_path: Path) -> None:
    deliver_required(tmp_path)
    deliver(tmp_path, "pln/pelanggan", "ready", [])
    deliver(tmp_path, "pln/pelanggan", "last-day", [], as_of="2026-03-31")
    deliver(tmp_path, "pln/pelanggan", "later", [], as_of="2026-04-01")
    deliver(tmp_path, "pln/pelanggan", "year-9999", [], as_of="9999-12-31")
    deliver(tmp_path, "pln/pelanggan", "bad", [], mode="bad")
    deliver(tmp_path, "pln/pelanggan", "it's", [])
    (deliver(tmp_path, "pln/pelanggan", "pending", []) / "_manifest.json").unlink()
    outside = tmp_path.parent / f"{tmp_path.name}-outside.json"
    outside.write_text(json.dumps(SOUND | {"batch_id": "linked", "files": []}))
    linked = deliver(tmp_path, "pln/pelanggan", "linked", []) / "_manifest.json"
    linked.unlink()
    linked.symlink_to(outside)
    looped = deliver(tmp_path, "pln/pelanggan", "looped", []) / "_manifest.json"
    looped.unlink()
    looped.symlink_to(looped)
    pipe = deliver(tmp_path, "pln/pelanggan", "pipe", []) / "_manifest.json"
    pipe.unlink()
    os.mkfifo(pipe)
    (tmp_path / "pln" / "meteran").mkdir()
    (tmp_path / "unknown").mkdir()
    (tmp_path / "README.txt").write_text("x")

    plan = survey_landing(tmp_path, PERIOD)

    found = {batch.batch_id: batch.state for batch in plan.batches if batch.table is TABLE}
    assert found == {
        "ready": BatchClass.READY,
        "last-day": BatchClass.READY,
        "later": BatchClass.WAITING,
        "year-9999": BatchClass.WAITING,
        "bad": BatchClass.REFUSED,
        "it's": BatchClass.REFUSED,
        "pending": BatchClass.PENDING,
        "linked": BatchClass.REFUSED,
        "looped": BatchClass.REFUSED,
        "pipe": BatchClass.REFUSED,
    }
    assert plan.unknown == ("README.txt", "pln/meteran", "unknown")


def test_every_required_table_that_was_never_delivered_is_named(tmp_path: Path) -> None:
    deliver_required(tmp_path, without=["dtks/anggota", "p3ke/individu", "susenas/anggota"])
    (deliver(tmp_path, "p3ke/individu", "b1", []) / "_manifest.json").unlink()
    (tmp_path / "susenas" / "anggota").mkdir()

    with pytest.raises(DeliveryMissingError, match=r"3 required tables.*p3ke/individu \(pending only\)"):
        survey_landing(tmp_path, PERIOD)
    assert survey_landing(tmp_path, PERIOD, frozenset({"dtks/anggota", "p3ke/individu", "susenas/anggota"}))


def test_a_refused_batch_counts_as_delivered(tmp_path: Path) -> None:
    deliver_required(tmp_path, without=["dtks/anggota"])
    deliver(tmp_path, "dtks/anggota", "b1", [], mode="bad")

    assert survey_landing(tmp_path, PERIOD).of(BatchClass.REFUSED)


def test_what_lies_beside_the_batches_is_told(tmp_path: Path) -> None:
    deliver_required(tmp_path)
    (tmp_path / "bpjstk").write_text("x")
    (tmp_path / "pln").mkdir()
    (tmp_path / "pln" / "pelanggan").write_text("x")
    (tmp_path / "dtks" / "anggota" / "siti.csv").write_text("x")

    plan = survey_landing(tmp_path, PERIOD)

    assert plan.unknown == ("bpjstk", "dtks/anggota: 1 files outside of its batches", "pln/pelanggan")


def test_a_source_behind_a_link_is_refused_unless_it_stays_inside(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    deliver(tmp_path / "elsewhere", "pln/pelanggan", "b1", [])
    (landing / "pln").symlink_to(tmp_path / "elsewhere" / "pln")
    deliver(landing / "_kept", "bpjstk/peserta", "b1", [])
    (landing / "bpjstk").symlink_to(landing / "_kept" / "bpjstk")

    plan = survey_landing(landing, PERIOD)

    found = {batch.path: batch.reason for batch in plan.batches if batch.table.source in {"pln", "bpjstk"}}
    assert found["bpjstk/peserta/b1"] == ""
    assert "outside of the landing folder" in found["pln/pelanggan/b1"]


@contextmanager
def _somebody() -> Iterator[Path]:
    """A folder that a user without privileges may read, and that user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _as_somebody(landing: Path) -> LandingPlan:
    # The superuser may read everything.
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        return survey_landing(landing, PERIOD)
    finally:
        if before == 0:
            os.seteuid(before)


def test_a_batch_that_may_not_be_read_is_refused_and_a_table_stops_the_run() -> None:
    with _somebody() as landing:
        deliver_required(landing)
        closed = {0o000: "folder cannot be read", 0o444: "folder cannot be read", 0o755: "manifest: cannot be read"}
        for mode in closed:
            folder = deliver(landing, "pln/pelanggan", f"b{mode}", [])
            (folder / "_manifest.json").chmod(0)
            folder.chmod(mode)

        plan = _as_somebody(landing)

        found = {batch.batch_id: batch.reason for batch in plan.batches if batch.table is TABLE}
        assert {mode: text in found[f"b{mode}"] for mode, text in closed.items()} == dict.fromkeys(closed, True)
        assert "Permission denied" in found["b0"]
        assert _as_somebody(landing).fingerprint == plan.fingerprint

        (landing / "pln").chmod(0)
        with pytest.raises(DeliveryMissingError, match=r"pln: folder cannot be read"):
            _as_somebody(landing)
        (landing / "pln").chmod(0o755)


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_a_landing_that_is_none_stops_the_run(tmp_path: Path, kind: str) -> None:
    landing = tmp_path / "landing"
    if kind == "file":
        landing.write_text("x")
    if kind == "empty":
        landing.mkdir()
    with pytest.raises(DeliveryMissingError, match="landing"):
        survey_landing(landing, PERIOD)


def test_the_fingerprint_follows_content_not_pending_batches(tmp_path: Path) -> None:
    deliver_required(tmp_path)
    before = survey_landing(tmp_path, PERIOD).fingerprint
    pending = deliver(tmp_path, "pln/pelanggan", "b1", []) / "_manifest.json"
    manifest = pending.read_text()
    pending.unlink()
    assert survey_landing(tmp_path, PERIOD).fingerprint == before
    pending.write_text(manifest)
    assert survey_landing(tmp_path, PERIOD).fingerprint != before


def test_a_file_mended_to_the_same_size_is_seen(tmp_path: Path) -> None:
    deliver_required(tmp_path)
    file = deliver(tmp_path, "pln/pelanggan", "b1", [{"id_pelanggan": "P1"}]) / "part-00000.csv.gz"
    before = survey_landing(tmp_path, PERIOD).fingerprint
    assert survey_landing(tmp_path, PERIOD).fingerprint == before
    changed = file.stat().st_mtime_ns + 1_000_000
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(changed, changed))

    assert survey_landing(tmp_path, PERIOD).fingerprint != before


def test_drift_says_what_it_affects() -> None:
    table = tables.LANDING["regsosek/anggota"]
    header = (*(name for name in table.columns if name != "r411"), "r999")
    file = DeliveredFile(Path("part-0.parquet"), FileKind.PARQUET, header, 1, {"r410": "int64", "r999": "double"})

    assert json.loads(drift(table, [file], "full")) == {
        "new": ["r999"],
        "missing": ["r411"],
        "types": {"r410": "int64", "r999": "double"},
        "affects": {"r410": ["pregnant"], "r411": ["has_id_document"]},
    }
