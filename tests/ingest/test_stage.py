"""The whole stage on hand-written deliveries: outcome of each batch, accounts, accepted state over time."""

import bz2
import gzip
import json
import lzma
import os
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dtsen_spark import columns as c
from dtsen_spark import ingest, tables
from dtsen_spark.accepted import accepted_rows, is_delivered
from tests.ingest.conftest import MEMBER, PARENT, PLN, TICKET, Runner, aside, customer, figures, quarantine, state
from tests.ingest.deliveries import csv_bytes, deliver, deliver_required, parquet_bytes, write_delivery

HEADER = tables.LANDING[PLN].columns


# Name of a batch → (file name, content, records that the manifest claims, quarantined by reason or None = refused).
_ONE = csv_bytes(HEADER, [customer(1)])
_TWO = csv_bytes(HEADER, [customer(1), customer(2)])
_HEAD = b"id_pelanggan,nik,no_kk,daya,kwh_bulan\n"
_PARQUET = parquet_bytes(id_pelanggan=["P1", "P2"], daya=["900", "900"], kwh_bulan=["5", "5"])
_MOMENTS = {"daya": pa.array([1], pa.timestamp("ns"))}
KINDS: dict[str, tuple[str, bytes, int, dict[str, int] | None]] = {
    "plain": ("part-0.csv", _TWO, 2, {}),
    "gzip": ("part-0.csv.gz", gzip.compress(_TWO), 2, {}),
    "gzip-members": ("part-0.csv.gz", gzip.compress(_ONE) + gzip.compress(b"P2,,,1,2\n"), 2, {}),
    "byte-order-mark": ("part-0.csv", b"\xef\xbb\xbf" + _TWO, 2, {}),
    "crlf": ("part-0.csv", _TWO.replace(b"\n", b"\r\n"), 2, {}),
    "no-last-line-end": ("part-0.csv", _TWO.rstrip(b"\n"), 2, {}),
    "blank-lines": ("part-0.csv", _TWO + b"\n\n", 2, {}),
    "header-only": ("part-0.csv", _HEAD, 0, {}),
    "header-without-line-end": ("part-0.csv", _HEAD.rstrip(), 0, {}),
    "other-order": ("part-0.csv", csv_bytes(HEADER[::-1], [customer(1)]), 1, {}),
    "optional-absent": ("part-0.csv", b"id_pelanggan,daya,kwh_bulan\nP1,900,5\n", 1, {}),
    "unknown-column": ("part-0.csv", b"id_pelanggan,daya,kwh_bulan,baru\nP1,900,5,x\n", 1, {}),
    "op-in-full": ("part-0.csv", b"id_pelanggan,daya,kwh_bulan,op\nP1,900,5,X\n", 1, {}),
    "nameless-column": ("part-0.csv", b"id_pelanggan,daya,kwh_bulan,,\nP1,900,5,x,y\n", 1, {}),
    "unknown-twice": ("part-0.csv", b"id_pelanggan,daya,kwh_bulan,z,z,Z\nP1,900,5,x,y,z\n", 1, {}),
    "quoted-line-break": ("part-0.csv", _HEAD + b'"P\n1",,,"9\n00",5\n', 1, {}),
    "quoted-quote": ("part-0.csv", _HEAD + b'"P""1",,,"a,b",5\n', 1, {}),
    "formula": ("part-0.csv", _HEAD + b"\"=cmd|' /C calc'!A0\",,,-1,+5\n", 1, {}),
    "right-to-left": ("part-0.csv", _HEAD + "P\u202e1,,,\u0001,5\n".encode(), 1, {}),
    "emoji": ("part-0.csv", _HEAD + "P😀,,,9,5\n".encode(), 1, {}),
    "huge-number": ("part-0.csv", _HEAD + b"P1,,," + b"9" * 400 + b",-5\n", 1, {}),
    "nested-json": ("part-0.csv", _HEAD + b'P1,,,"{""a"": [",5\n', 1, {}),
    "spaces": ("part-0.csv", _HEAD + b' P1 ,, " " ,900 , 5\n', 1, {}),
    "hash-and-backslash": ("part-0.csv", _HEAD + b"#P1,,,a\\,5\\\n", 1, {}),
    "empty-key": ("part-0.csv", _HEAD + b",,,900,5\nP1,,,900,5\n", 2, {"empty_key": 1}),
    "blank-key": ("part-0.csv", _HEAD + b'"  ",,,900,5\nP1,,,900,5\n', 2, {"empty_key": 1}),
    "too-few": ("part-0.csv", _HEAD + b"P1,,,900\nP2,,,900,5\n", 2, {"field_count": 1}),
    "too-many": ("part-0.csv", _HEAD + b"P1,,,900,5,6\nP2,,,900,5\n", 2, {"field_count": 1}),
    "very-many": ("part-0.csv", _HEAD + b"P1" + b"," * 30_000 + b"\nP2,,,900,5\n", 2, {"field_count": 1}),
    "latin-1": ("part-0.csv", _HEAD + b"P1,,,Jos\xe9,5\nP2,,,900,5\n", 2, {"undecodable": 1}),
    "nul": ("part-0.csv", _HEAD + b"P\x001,,,900,5\nP2,,,900,5\n", 2, {"undecodable": 1}),
    "nul-first": ("part-0.csv", _HEAD + b"\x00P1,,,900,5\nP2,,,900,5\n", 2, {"undecodable": 1}),
    "long-field": ("part-0.csv", _HEAD + b"P1,,," + b"x" * 10_000_000 + b",5\n", 1, {"field_too_long": 1}),
    "repeated": ("part-0.csv", _TWO + b"P1,,,900,50\n", 3, {"repeated": 1}),
    "duplicate": ("part-0.csv", _TWO + b"P1,,,901,50\n", 3, {"duplicate_key": 2}),
    "three-of-a-key": ("part-0.csv", _TWO + b"P1,,,901,50\nP1,,,900,50\n", 4, {"duplicate_key": 3}),
    "repeated-with-spaces": ("part-0.csv", _TWO + b" P1,,, 900,50 \n", 3, {"repeated": 1}),
    "unclosed-quote": ("part-0.csv", _HEAD + b'P1,,,"900,5\nP2,,,900,5\n', 2, None),
    "unclosed-quote-counted": ("part-0.csv", _HEAD + b'P2,,,900,5\nP1,,,"900,5\n', 2, {"field_count": 1}),
    "zero-bytes": ("part-0.csv", b"", 0, None),
    "zero-bytes-gzip": ("part-0.csv.gz", gzip.compress(b""), 0, None),
    "only-line-ends": ("part-0.csv", b"\n\n\n", 0, None),
    "line-ends-of-old": ("part-0.csv", _TWO.replace(b"\n", b"\r"), 2, {}),
    "utf-32": ("part-0.csv", _TWO.decode().encode("utf-32"), 2, None),
    "windows-1252": ("part-0.csv", _HEAD + b"P1,,,\x93Jos\x94,5\nP2,,,900,5\n", 2, {"undecodable": 1}),
    "separator-told": ("part-0.csv", b"sep=,\n" + _TWO, 2, None),
    "tar": ("part-0.csv.gz", gzip.compress(b"part-0.csv".ljust(512, b"\0") + _TWO), 2, None),
    "semicolons": ("part-0.csv", _TWO.replace(b",", b";"), 2, None),
    "tabs": ("part-0.csv", _TWO.replace(b",", b"\t"), 2, None),
    "utf-16": ("part-0.csv", _TWO.decode().encode("utf-16"), 2, None),
    "utf-16-bare": ("part-0.csv", _TWO.decode().encode("utf-16-le"), 2, None),
    "latin-1-header": ("part-0.csv", b"id_pelanggan,daya,kwh_bulan,caf\xe9\nP1,1,1,1\n", 1, None),
    "no-header": ("part-0.csv", b"P1,,,900,5\n", 0, None),
    "upper-case-header": ("part-0.csv", _TWO.replace(_HEAD.strip(), _HEAD.strip().upper()), 2, None),
    "column-lacking": ("part-0.csv", b"id_pelanggan,nik,no_kk,daya\nP1,,,900\n", 1, None),
    "key-lacking": ("part-0.csv", b"nik,no_kk,daya,kwh_bulan\n,,900,5\n", 1, None),
    "column-twice": ("part-0.csv", b"id_pelanggan,daya,daya,kwh_bulan\nP1,1,2,5\n", 1, None),
    "many-columns": ("part-0.csv", _HEAD.strip() + b",x" * 10_000 + b"\n", 0, None),
    "truncated-gzip": ("part-0.csv.gz", gzip.compress(_TWO * 100)[:-20], 2, None),
    "no-gzip": ("part-0.csv.gz", _TWO, 2, None),
    "gzip-named-csv": ("part-0.csv", gzip.compress(_TWO), 2, None),
    "trailing-rubbish": ("part-0.csv.gz", gzip.compress(_TWO) + b"rubbish", 2, None),
    "gzip-bomb": ("part-0.csv.gz", gzip.compress(_HEAD + b"\n" * 30_000_000), 0, None),
    "too-large": ("part-0.csv", _HEAD + b"\n" * 20_000_000, 0, None),
    "no-parquet": ("part-0.parquet", b"PAR1 rubbish PAR1", 1, None),
    "count-too-low": ("part-0.csv", _TWO, 1, None),
    "count-too-high": ("part-0.csv", _TWO, 3, None),
    "count-of-lines": ("part-0.csv", _TWO, 3, None),
    "count-of-nothing": ("part-0.csv", _HEAD, 1, None),
    "quoted-header": ("part-0.csv", b'"id_pelanggan","daya","kwh_bulan"\nP1,900,5\n', 1, {}),
    "header-again": ("part-0.csv", _TWO + _TWO.replace(b"P", b"Q"), 5, {}),
    "year-0-and-9999": ("part-0.csv", _HEAD + b"P1,,,0000-00-00,9999-12-31\n", 1, {}),
    "tab-as-key": ("part-0.csv", _HEAD + b"\t,,,900,5\nP1,,,900,5\n", 2, {"empty_key": 1}),
    "overlong-utf-8": ("part-0.csv", _HEAD + b"P1,,,\xc0\xaf,5\nP2,,,900,5\n", 2, {"undecodable": 1}),
    "cut-character": ("part-0.csv", _HEAD + b"P1,,,900,5\xe2\x82", 1, {"undecodable": 1}),
    "parquet": ("part-0.parquet", _PARQUET, 2, {}),
    "parquet-nested": (
        "part-0.parquet",
        parquet_bytes(
            id_pelanggan=[1, 2], daya=[{"a": [1]}, None], kwh_bulan=[Decimal("1.5"), None], x=[[b"\xff"], []]
        ),
        2,
        {},
    ),
    "parquet-no-key": (
        "part-0.parquet",
        parquet_bytes(id_pelanggan=[float("nan"), 1.0, None], daya=[1, 2, 3], kwh_bulan=[True, False, None]),
        3,
        {"empty_key": 2},
    ),
    "parquet-bytes": (
        "part-0.parquet",
        parquet_bytes(id_pelanggan=[b"P1", b"P2"], daya=[b"\xff\xfe", b"9"], kwh_bulan=["5", "5"]),
        2,
        {"undecodable": 1},
    ),
    "parquet-old-timestamps": (
        "part-0.parquet",
        parquet_bytes(_MOMENTS, use_deprecated_int96_timestamps=True, id_pelanggan=["P1"], kwh_bulan=["5"]),
        1,
        {},
    ),
    "parquet-of-nulls": (
        "part-0.parquet",
        parquet_bytes(id_pelanggan=["P1"], daya=[None], kwh_bulan=pa.array([1], pa.uint64())),
        1,
        {},
    ),
    "parquet-nanoseconds": (
        "part-0.parquet",
        parquet_bytes(_MOMENTS, id_pelanggan=["P1"], kwh_bulan=["5"]),
        1,
        None,
    ),
    "parquet-times-inside": (
        "part-0.parquet",
        parquet_bytes(id_pelanggan=["P1"], daya=[{"at": time(1, 2)}], kwh_bulan=["5"]),
        1,
        None,
    ),
    "parquet-twice": (
        "part-0.parquet",
        parquet_bytes(id_pelanggan=["P1"], daya=["9"], kwh_bulan=["5"], DAYA=["8"]),
        1,
        None,
    ),
    "parquet-cut": ("part-0.parquet", _PARQUET[:-10], 2, None),
    "parquet-counted-wrong": ("part-0.parquet", _PARQUET, 3, None),
    "parquet-key-lacking": ("part-0.parquet", parquet_bytes(daya=["1"], kwh_bulan=["1"]), 1, None),
    "parquet-named-csv": ("part-0.csv", _PARQUET, 2, None),
    "csv-named-parquet": ("part-0.parquet", _TWO, 2, None),
    "bzip2-named-gzip": ("part-0.csv.gz", bz2.compress(_TWO), 2, None),
    "xz-named-gzip": ("part-0.csv.gz", lzma.compress(_TWO), 2, None),
    "spreadsheet": ("part-0.csv", b"PK\x03\x04\x14\x00\x06\x00xl/workbook.xml", 2, None),
    "error-page": ("part-0.csv", b"<html><body>503 Service Unavailable</body></html>\n", 1, None),
    "json-lines": ("part-0.csv", b'{"id_pelanggan": "P1", "daya": "900", "kwh_bulan": "5"}\n', 1, None),
    "pointer-to-large-file": ("part-0.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", 2, None),
    "header-with-open-quote": ("part-0.csv", b'"' + _TWO, 2, None),
    "full-width-header": ("part-0.csv", _TWO.replace(b"id_", "ｉｄ_".encode()), 2, None),
}


def _bend(landing: Path) -> dict[str, str]:
    """Write batches that are bent around their files; the value is a part of the reason."""
    sound = {"part-0.csv": _TWO}
    rows = {"part-0.csv": 2}

    def write(batch_id: str, /, **bent: Any) -> Path:
        return write_delivery(landing, PLN, batch_id, sound, rows, **bent)

    (write("f-missing") / "part-0.csv").unlink()
    (write("f-unlisted") / "part-1.csv").write_bytes(_TWO)
    (write("f-folder") / "inner").mkdir()
    (write("f-changed") / "part-0.csv").write_bytes(_TWO.replace(b"900", b"901"))
    linked = write("f-linked") / "part-0.csv"
    (landing / "elsewhere.csv").write_bytes(_TWO)
    linked.unlink()
    linked.symlink_to(landing / "elsewhere.csv")
    inside = write("f-folder-as-file") / "part-0.csv"
    inside.unlink()
    inside.mkdir()
    pipe = write("f-pipe-as-file") / "part-0.csv"
    pipe.unlink()
    os.mkfifo(pipe)
    write("f-delta-without-op", mode="delta")
    (write("f-cut-manifest") / "_manifest.json").write_text("{")
    write("f-no-as-of", as_of=None)
    write("f-climbs", files=[{"name": "../part-0.csv", "rows": 2, "sha256": "0" * 64}])
    write("f-same-id", batch_id="plain")
    two = {"part-0.csv": _ONE, "part-1.csv": csv_bytes(HEADER, [customer(2), customer(3)])}
    write_delivery(landing, PLN, "f-counts-swapped", two, {"part-0.csv": 2, "part-1.csv": 1})
    return {
        "f-missing": "missing",
        "f-unlisted": "does not list",
        "f-folder": "does not list",
        "f-changed": "SHA-256",
        "f-linked": "no regular file",
        "f-folder-as-file": "no regular file",
        "f-pipe-as-file": "no regular file",
        "f-delta-without-op": "lacks 1 columns: op",
        "f-cut-manifest": "not JSON",
        "f-no-as-of": "as_of",
        "f-climbs": "leaves the batch's folder",
        "f-same-id": "batch_id",
        "f-counts-swapped": "another number of records",
    }


def test_each_bad_delivery_has_its_outcome_and_harms_no_other(
    runner: Runner, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    for name, (file, content, rows, _) in KINDS.items():
        write_delivery(landing, PLN, name, {file: content}, {file: rows})
    reasons = _bend(landing)
    assert len(KINDS) + len(reasons) >= 100
    deliver(landing, PLN, "z-last", [customer(100)])

    job = runner()

    refused = {batch.path.rsplit("/", 1)[1]: batch.reason for batch in ingest.refused_batches(job)}
    assert set(refused) == {name for name, kind in KINDS.items() if kind[3] is None} | set(reasons)
    assert {name: part for name, part in reasons.items() if part not in refused[name]} == {}
    assert "daya" in refused["parquet-nanoseconds"]
    wanted = {name: kind[3] for name, kind in KINDS.items() if kind[3] is not None}
    assert {name: found for name, found in aside(job, PLN).items() if name in wanted} == wanted
    bronze = job.lake.read(tables.bronze(tables.LANDING[PLN])).select(c.BATCH_ID).distinct().collect()
    assert not {row[0] for row in bronze} & set(refused)
    # The last full batch replaces what the others left.
    assert state(job, PLN, "id_pelanggan") == {("P100",)}
    shown = capfd.readouterr()
    assert "Traceback" not in shown.err + shown.out
    assert "900,5" not in shown.err + shown.out


def test_values_arrive_as_delivered_whatever_the_form(runner: Runner, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    quoted = b'daya,kwh_bulan,id_pelanggan\n900,"line\nbreak", P1 \n"a ""b"", c",,P2\n'
    frame = pa.table({"id_pelanggan": ["P3", " P4 "], "daya": [3.0, None], "kwh_bulan": [5, 7], "baru": [[1], None]})
    folder = tmp_path / "x.parquet"
    pq.write_table(frame, folder)
    files = {"part-0.csv": quoted, "part-1.csv": _HEAD + b"P5,,,'1',\\\n", "part-2.parquet": folder.read_bytes()}
    write_delivery(landing, PLN, "b1", files, {"part-0.csv": 2, "part-1.csv": 1, "part-2.parquet": 2})

    job = runner()

    assert state(job, PLN, "id_pelanggan", "daya", "kwh_bulan") == {
        ("P1", "900", "line\nbreak"),
        ("P2", 'a "b", c', None),
        ("P3", "3", "5"),
        ("P4", None, "7"),
        ("P5", "'1'", "\\"),
    }
    row = job.lake.read(tables.BATCH).where("source = 'pln'").first()
    assert row is not None
    drift = json.loads(row[c.DRIFT])
    assert drift["new"] == ["baru"]
    assert drift["missing"] == ["nik", "no_kk"]
    assert drift["types"]["daya"] == "double"
    assert drift["affects"]["daya"] == ["power_va"]
    told = figures(job)
    assert [told["columns_drifted", f"{PLN}/b1", kind] for kind in ("new", "missing")] == [1, 2]


def test_quarantine_names_the_line_where_the_record_starts(runner: Runner, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    first = _HEAD + b'P1,,,"9\n0\n0",5\n,,,bad,5\nP2,,,"a\nb",5\n"",,,"x\ny",5\nP3,,\n'
    files = {"part-0.csv": first, "part-1.csv.gz": gzip.compress(_HEAD + b'P4,,,"9\n\n",5\n\n\n,,,bad,5\n\n')}
    write_delivery(landing, PLN, "b1", files, {"part-0.csv": 5, "part-1.csv.gz": 2})
    deliver(landing, TICKET, "b1", [{"ticket_id": "T1", "reason": text} for text in ("one", "other")])

    job = runner()

    assert quarantine(job, PLN, c.FILE, c.LINE, c.REASONS, c.STATE) == [
        ("part-0.csv", 10, ["field_count"], "OPEN"),
        ("part-0.csv", 5, ["empty_key"], "OPEN"),
        ("part-0.csv", 8, ["empty_key"], "OPEN"),
        ("part-1.csv.gz", 7, ["empty_key"], "OPEN"),
    ]
    raws = [raw for (raw,) in quarantine(job, PLN, c.RAW)]
    assert any("bad" in raw for raw in raws)
    assert "P3,," in raws
    # A delivered column may have the name of one of ours.
    assert quarantine(job, TICKET, c.LINE, c.REASONS) == [(2, ["duplicate_key"]), (3, ["duplicate_key"])]


def test_batches_take_effect_by_as_of_not_by_arrival(runner: Runner, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    kept, dropped, changed = customer(1), customer(2), customer(3)
    gone, broken, seen_broken = customer(4), customer(5), customer(6)
    deliver(landing, PLN, "a", [kept, dropped, changed, gone, broken], as_of="2025-10-31")
    deliver(
        landing, PLN, "c", [changed | {"op": "U", "daya": "2"}, gone | {"op": "D"}], as_of="2025-12-31", mode="delta"
    )
    # Same day as the delta, but full comes first; P5 and P6 are listed with rivals.
    rivals = [broken | {"daya": "7"}, broken | {"daya": "8"}, seen_broken | {"daya": "7"}, seen_broken | {"daya": "8"}]
    deliver(landing, PLN, "d", [kept, changed, gone, *rivals], as_of="2025-12-31")
    deliver(landing, PLN, "e", [customer(7) | {"op": "u"}, customer(8) | {"op": "U"}], as_of="2026-01-31", mode="delta")
    deliver(landing, PLN, "later", [], as_of="2026-04-30")
    wanted = {
        ("P1", "900", "d", False),
        ("P3", "2", "c", False),
        ("P5", "900", "a", True),
        ("P8", "900", "e", False),
    }
    job = runner()

    assert state(job, PLN, "id_pelanggan", "daya", c.BATCH_ID, c.STALE_QUARANTINED) == wanted
    assert aside(job, PLN) == {"a": {}, "c": {}, "d": {"duplicate_key": 4}, "e": {"unknown_op": 1}}
    told = figures(job)
    assert told["volume_change_share", PLN, ""] == pytest.approx(7 / 5 - 1)
    assert told["batches_waiting", "", ""] == 1

    # Offered again, nothing is applied twice; a batch that arrives late takes its place in time.
    deliver(landing, PLN, "b", [customer(9), dropped], as_of="2025-11-30")
    again = runner()
    assert state(again, PLN, "id_pelanggan", "daya", c.BATCH_ID, c.STALE_QUARANTINED) == wanted - {
        ("P5", "900", "a", True)
    }

    # The period after has the later batch, which empties the table.
    assert state(runner("2026Q2"), PLN, "id_pelanggan") == set()


def test_a_state_is_read_from_where_the_last_run_left_it(runner: Runner, tmp_path: Path) -> None:
    landing, stored = tmp_path / "landing", tables.accepted(tables.LANDING[PLN])
    deliver_required(landing)
    rivals = [customer(2), customer(2, daya="1")]
    deliver(landing, PLN, "a", [customer(1), *rivals, customer(3), customer(3)], as_of="2025-10-31")

    # One full batch stands in bronze, less the rows that others set aside.
    job = runner()
    assert not job.has(stored)
    assert state(job, PLN, "id_pelanggan", c.BATCH_ID) == {("P1", "a"), ("P3", "a")}
    assert accepted_rows(job.lake, job.release_id, PLN).count() == job.outputs[stored.path].rows == 2

    deliver(landing, PLN, "b", [customer(4) | {"op": "U"}], as_of="2025-11-30", mode="delta")
    job = runner()
    assert job.has(stored)
    assert state(job, PLN, "id_pelanggan", c.BATCH_ID) == {("P1", "a"), ("P3", "a"), ("P4", "b")}

    # The table of the run before is still there, and nobody reads it.
    deliver(landing, PLN, "c", [customer(5)], as_of="2025-12-31")
    assert state(runner(), PLN, "id_pelanggan", c.BATCH_ID) == {("P5", "c")}

    # A key whose row is rejected keeps what the batch before said: more than one batch has a say.
    deliver(landing, PLN, "d", [customer(5), customer(5, daya="1"), customer(6)], as_of="2026-01-31")
    assert state(runner(), PLN, "id_pelanggan", c.BATCH_ID) == {("P5", "c"), ("P6", "d")}


def test_a_known_batch_with_other_content_is_refused_and_the_old_stays(runner: Runner, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    folder = deliver(landing, PLN, "a", [customer(1)])
    runner()
    (folder / "_manifest.json").unlink()
    for part in folder.iterdir():
        part.unlink()
    folder.rmdir()
    deliver(landing, PLN, "a", [customer(2)])

    job = runner()

    assert [batch.path for batch in ingest.refused_batches(job)] == ["pln/pelanggan/a"]
    assert state(job, PLN, "id_pelanggan") == {("P1",)}


def test_orphans_re_enter_and_members_outlive_their_parent(runner: Runner, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver(landing, PARENT, "r1", [{"id_rt": "R1"}], as_of="2025-12-31")
    members = [{"id_art": f"A{i}", "id_rt": f"R{i}"} for i in (1, 2)] + [{"id_art": "A3"}]
    deliver(landing, MEMBER, "m1", members, as_of="2025-12-31")

    job = runner()
    assert state(job, MEMBER, "id_art", c.PARENT_GONE) == {("A1", False)}
    assert aside(job, MEMBER) == {"m1": {"orphan": 2}}

    deliver(landing, PARENT, "r2", [{"id_rt": "R2", "op": "U"}], as_of="2026-01-31", mode="delta")
    job = runner()
    assert state(job, MEMBER, "id_art", c.PARENT_GONE) == {("A1", False), ("A2", False)}
    assert quarantine(job, MEMBER, c.NATIVE_KEY, c.STATE) == [("A2", "RE_ENTERED"), ("A3", "OPEN")]
    assert aside(job, MEMBER) == {"m1": {"orphan": 1}}
    assert aside(job, f"{MEMBER} quarantine") == {"m1": {"open": 1}}

    # R1 is removed: its member stays, flagged; who is described later without it is an orphan.
    deliver(landing, PARENT, "r3", [{"id_rt": "R2"}], as_of="2026-02-28")
    deliver(landing, MEMBER, "m2", [{"id_art": "A4", "id_rt": "R1", "op": "U"}], as_of="2026-03-01", mode="delta")
    job = runner()
    assert state(job, MEMBER, "id_art", c.PARENT_GONE) == {("A1", True), ("A2", False)}
    assert aside(job, MEMBER) == {"m1": {"orphan": 1}, "m2": {"orphan": 1}}


def test_files_renamed_reordered_and_split_leave_the_same_state(runner: Runner, tmp_path: Path) -> None:
    rows = [customer(i % 40, daya=str(i % 40 // 39 * i)) for i in range(60)]
    for landing, order, parts in (("landing", rows, 1), ("other", rows[::-1], 3)):
        deliver_required(tmp_path / landing)
        deliver(tmp_path / landing, PLN, "a", order, parts=parts)

    one = runner()
    other = runner(lake="other-lake", landing="other")

    path = tables.accepted(tables.LANDING[PLN]).path
    assert one.outputs[path].rows == other.outputs[path].rows > 0
    assert one.outputs[path].content_hash == other.outputs[path].content_hash
    assert aside(one, PLN) == aside(other, PLN)


def test_every_batch_of_a_table_refused_leaves_an_empty_state(runner: Runner, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing, without=[PARENT])
    deliver(landing, PARENT, "a", [], mode="bad")

    job = runner()

    assert state(job, PARENT, "id_rt") == set()
    assert is_delivered(job.lake, job.release_id, PARENT)
    assert not is_delivered(job.lake, job.release_id, PLN)
