"""Whether a batch's files are what its manifest says, and what columns they have; on the driver, without Spark.

The driver streams every byte once for its SHA-256. On a cluster that takes deliveries of terabytes this is the step
to move to the executors (one task a file over binary chunks); everything after it is distributed already.
"""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dtsen_spark.codes import affected_by
from dtsen_spark.config import IngestConfig
from dtsen_spark.ingest.landing import Batch, listing
from dtsen_spark.ingest.manifest import ListedFile, RefusedError
from dtsen_spark.tables import DELTA, OP, LandingTable

_CHUNK: Final = 2**20
_MAX_HEADER_CHARS: Final = 2**20
_MAX_NAME_CHARS: Final = 64
_MAX_SHOWN: Final = 10
_MAX_PRECISION: Final = 38
_MAX_BLANK_LINES: Final = 10_000


class FileKind(StrEnum):
    """Form of a file."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class DeliveredFile:
    """One file that passed: what Spark must know to read it.

    Attributes:
        path: Where it is.
        kind: Its form.
        header: Its column names in order, trimmed, as delivered.
        rows: Records that the manifest claims.
        types: Parquet columns that are not text, with their type.
        blank_lines: Blank lines behind a record (its number from 1, and how many); those before the first record stand
            behind it.
    """

    path: Path
    kind: FileKind
    header: tuple[str, ...]
    rows: int
    types: dict[str, str] = field(default_factory=dict)
    blank_lines: tuple[tuple[int, int], ...] = ()


def verify(batch: Batch, config: IngestConfig) -> list[DeliveredFile]:
    """Check a batch's files against its manifest and the table's columns.

    Args:
        batch: A READY batch.
        config: Limits.

    Returns:
        Its files, by name.

    Raises:
        RefusedError: A file is missing, not listed, no regular file inside the folder, too large, of another SHA-256,
            damaged, or its header does not serve; the reason names the file, never a value.
    """
    manifest = batch.described
    there = {path.name for path in listing(batch.folder)}
    if missing := [file.name for file in manifest.files if file.name not in there]:
        message = f"{len(missing)} listed files are missing, such as {missing[0]}"
        raise RefusedError(message)
    if unlisted := there - {file.name for file in manifest.files}:
        message = f"{len(unlisted)} files are there that the manifest does not list"
        raise RefusedError(message)
    return [_verify_file(batch, file, config) for file in manifest.files]


def drift(table: LandingTable, files: list[DeliveredFile], mode: str) -> str:
    """Return how a batch's columns differ from the contract and what of ours that affects.

    Column names are the deliverer's, cut to 64 characters; they say nothing of a person.

    Returns:
        JSON of sorted names: ``new``, ``missing`` and ``types`` columns, and ``affects``: our columns by a missing or
        differently typed one. An empty object where nothing differs.
    """
    ours = set(table.columns) | ({OP} if mode == DELTA else set())
    new = {name[:_MAX_NAME_CHARS] for file in files for name in file.header if name not in ours}
    missing = {name for file in files for name in table.columns if name not in file.header}
    types = {name[:_MAX_NAME_CHARS]: kind[:_MAX_NAME_CHARS] for file in files for name, kind in file.types.items()}
    affects = {name: list(fed) for name in sorted(missing | set(types)) if (fed := affected_by(table.path, name))}
    found = {"new": sorted(new), "missing": sorted(missing), "types": types, "affects": affects}
    return json.dumps({key: value for key, value in found.items() if value}, sort_keys=True)


def _verify_file(batch: Batch, listed: ListedFile, config: IngestConfig) -> DeliveredFile:
    path = batch.folder / listed.name
    try:
        if path.resolve().parent != batch.folder.resolve() or not path.is_file():
            message = f"{listed.name}: no regular file inside the batch's folder"
            raise RefusedError(message)
        if path.stat().st_size > config.max_file_bytes:
            message = f"{listed.name}: larger than {config.max_file_bytes:,} bytes (ingest.max_file_bytes); split it"
            raise RefusedError(message)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != listed.sha256.lower():
            message = f"{listed.name}: its SHA-256 is not the manifest's"
            raise RefusedError(message)
        is_parquet = listed.name.endswith(".parquet")
        found = _parquet(path, listed) if is_parquet else _csv(path, listed, config.max_file_bytes)
    except (OSError, RuntimeError) as error:
        message = f"{listed.name}: cannot be read ({type(error).__name__})"
        raise RefusedError(message) from None
    _check_header(found, batch.table, batch.described.mode, config.max_columns)
    return found


def _parquet(path: Path, listed: ListedFile) -> DeliveredFile:
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            columns = [file.schema.column(number) for number in range(len(file.schema))]
    except pa.ArrowException:
        message = f"{listed.name}: not a readable Parquet file"
        raise RefusedError(message) from None
    if foreign := sorted({column.path[:_MAX_NAME_CHARS] for column in columns if _is_foreign(column)}):
        message = f"{listed.name}: columns of a type without a text: {', '.join(foreign[:_MAX_SHOWN])}; deliver text"
        raise RefusedError(message)
    if len({name.lower() for name in schema.names}) < len(schema.names):
        message = f"{listed.name}: Parquet columns stand twice, or differ by capital letters only"
        raise RefusedError(message)
    if rows != listed.rows:
        message = f"{listed.name}: {rows:,} rows, the manifest says {listed.rows:,}"
        raise RefusedError(message)
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    types = {column.name: str(column.type) for column in schema if not any(test(column.type) for test in text)}
    return DeliveredFile(path, FileKind.PARQUET, tuple(schema.names), listed.rows, types)


def _is_foreign(column: Any) -> bool:
    """Say whether Spark has no type for a Parquet column: nanoseconds, times of day, half floats, long decimals."""
    logical = json.loads(column.logical_type.to_json())
    kind = logical["Type"]
    is_long = kind == "Decimal" and logical["precision"] > _MAX_PRECISION
    is_nano = kind == "Timestamp" and logical["timeUnit"] == "nanoseconds"
    return is_long or is_nano or kind in {"Time", "Float16", "Interval"}


def _csv(path: Path, listed: ListedFile, max_bytes: int) -> DeliveredFile:
    compressed = listed.name.endswith(".gz")
    try:
        with gzip.open(path) if compressed else path.open("rb") as stream:
            has_blank_lines = _read_through(stream, listed.name, max_bytes)
        with gzip.open(path) if compressed else path.open("rb") as stream:
            # A multi-byte character may be cut at the end of the chunk; a header does not come near it.
            text = stream.read(_MAX_HEADER_CHARS)
            header = _header(text)
            stream.seek(0)
            blank_lines = _blank_lines(stream) if has_blank_lines else ()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        message = f"{listed.name}: damaged gzip file"
        raise RefusedError(message) from None
    except (UnicodeDecodeError, csv.Error):
        message = f"{listed.name}: its header cannot be read as CSV in UTF-8"
        raise RefusedError(message) from None
    return DeliveredFile(path, FileKind.CSV, header, listed.rows, blank_lines=blank_lines)


def _read_through(stream: io.BufferedIOBase, name: str, max_bytes: int) -> bool:
    """Read a file to its end, and say whether a blank line may be in it.

    A truncated gzip file would fail a Spark task in the middle of a table; here it costs one reading.
    """
    size, before, found = 0, b"", False
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            message = f"{name}: more than {max_bytes:,} bytes when unpacked (ingest.max_file_bytes); split it"
            raise RefusedError(message)
        text = before + chunk
        found = found or b"\n\n" in text or b"\n\r\n" in text
        before = chunk[-2:]
    return found


def _blank_lines(stream: io.BufferedIOBase) -> tuple[tuple[int, int], ...]:
    # Spark's reader passes over blank lines without a trace, so that a record's number does not tell its line.
    found: Counter[int] = Counter()
    record = -1  # the header
    lines = csv.reader(line.decode("utf-8", "replace") for line in stream)
    try:
        for row in lines:
            if row:
                record += 1
            else:
                found[max(record, 1)] += 1
            if len(found) > _MAX_BLANK_LINES:
                return ()
    except csv.Error:  # a field beyond the reader's limit: lines are counted without blank ones
        return ()
    return tuple(sorted(found.items()))


def _header(text: bytes) -> tuple[str, ...]:
    # Blank lines are no records, neither for Spark's reader nor here.
    first: Iterator[list[str]] = csv.reader(io.StringIO(_first_lines(text).decode("utf-8-sig"), newline=""))
    names = next((row for row in first if row), [])
    return tuple(name.strip() for name in names)


def _first_lines(text: bytes) -> bytes:
    # Only what the header needs is decoded: a broken byte in a record quarantines that record, not the batch.
    lead = len(text) - len(text.lstrip(b"\xef\xbb\xbf \t\r\n"))
    ends = [position for mark in (b"\n", b"\r") if (position := text.find(mark, lead)) >= 0]
    return text[: min(ends)] if ends else text


def _check_header(file: DeliveredFile, table: LandingTable, mode: str, max_columns: int) -> None:
    name = file.path.name
    if len(file.header) > max_columns:
        message = f"{name}: {len(file.header):,} columns; at most {max_columns:,} (ingest.max_columns)"
        raise RefusedError(message)
    needed = [column for column in table.columns if column not in table.optional]
    if mode == DELTA:
        needed.append(OP)
    if lacking := [column for column in needed if column not in file.header]:
        message = f"{name}: the header lacks {len(lacking)} columns: {', '.join(lacking[:_MAX_SHOWN])}"
        raise RefusedError(message)
    ours = (*table.columns, OP)
    if twice := sorted({column for column in file.header if column in ours and file.header.count(column) > 1}):
        message = f"{name}: columns stand twice in the header: {', '.join(twice)}"
        raise RefusedError(message)
