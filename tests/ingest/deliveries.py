"""Hand-written deliveries: batches under the landing contract, sound or bent on purpose."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dtsen_spark import tables

Row = Mapping[str, str | None]


def csv_bytes(header: Sequence[str], rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[row.get(name) or "" for name in header] for row in rows])
    return text.getvalue().encode()


def parquet_bytes(
    typed: Mapping[str, pa.Array] = MappingProxyType({}),
    /,
    *,
    use_deprecated_int96_timestamps: bool = False,
    **columns: Sequence[Any],
) -> bytes:
    file = io.BytesIO()
    table = pa.table({**typed, **columns})
    pq.write_table(table, file, use_deprecated_int96_timestamps=use_deprecated_int96_timestamps)
    return file.getvalue()


def write_delivery(
    landing: Path,
    path: str,
    batch_id: str,
    contents: Mapping[str, bytes],
    rows: Mapping[str, int],
    /,
    *,
    as_of: str = "2025-12-31",
    mode: str = "full",
    **bent: Any,
) -> Path:
    """Write a batch; ``bent`` replaces keys of its manifest."""
    source, table = path.split("/")
    folder = landing / source / table / batch_id
    folder.mkdir(parents=True)
    listed = []
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        listed.append({"name": name, "rows": rows[name], "sha256": hashlib.sha256(content).hexdigest()})
    manifest = {
        "source": source,
        "table": table,
        "batch_id": batch_id,
        "as_of": as_of,
        "mode": mode,
        "schema_version": 1,
        "files": listed,
    }
    (folder / "_manifest.json").write_text(json.dumps(manifest | bent))
    return folder


def deliver(landing: Path, path: str, batch_id: str, rows: Sequence[Row], *, parts: int = 1, **how: Any) -> Path:
    """Write a sound batch of some rows; columns that a row lacks are empty."""
    header = list(tables.LANDING[path].columns) + (["op"] if how.get("mode") == "delta" else [])
    files, counts = {}, {}
    for part in range(parts if rows else 0):
        slice_ = rows[part::parts]
        name = f"part-{part:05d}.csv.gz"
        files[name] = gzip.compress(csv_bytes(header, slice_), mtime=0)
        counts[name] = len(slice_)
    return write_delivery(landing, path, batch_id, files, counts, **how)


def deliver_required(landing: Path, *, without: Sequence[str] = ()) -> None:
    """Write a batch of no rows for every required table."""
    for path, table in tables.LANDING.items():
        if table.required and path not in without:
            deliver(landing, path, "base", [], as_of="2025-01-31")
