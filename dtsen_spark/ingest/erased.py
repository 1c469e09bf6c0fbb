"""Rows of erased persons in a delivery: known by the hashes of the tombstones, set aside, nothing of them kept."""

from functools import reduce
from operator import or_
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import privacy, tables, tombstones
from dtsen_spark.contract import local_frame
from dtsen_spark.ingest.rules import ERASED
from dtsen_spark.job import Job
from dtsen_spark.tables import LandingTable

_OWN: Final = ("nik", "subject_nik")
_NAMED: Final = ("nik_ibu", "nik_ayah", "reporter_nik")
_TEXTS: Final = ("reason", "evidence", "changes", "note", c.EXTRA)
_NIK_IN_TEXT: Final = r"\d{16}"
_HASH: Final = "_erased_hash"
_BLOCKED: Final = "_erased_all"


def without_erased(job: Job, table: LandingTable, rows: DataFrame) -> DataFrame:
    """Empty the rows of erased persons, with the reason ``erased``, and the places where others' rows name them.

    Args:
        job: The run; reads ``ops/tombstone``.
        table: The landing table.
        rows: Bronze rows of a batch.

    Returns:
        As many rows, under the same contract: batch, file, record number and operation of an erased person's row stay.
    """
    hashes = tombstones.blocked(job.lake.rows(tables.TOMBSTONE), table)
    if not hashes:
        return rows
    key = privacy.tombstone_key(job.lake.root, job.config.privacy.tombstone_key_file)
    own = [_of_nik(F.col(name)) for name in _OWN if name in table.columns]
    if own and table.source in tables.PERSON_SOURCES:
        own.append(F.concat(F.lit(f"{tombstones.RECORD_MESSAGE}{table.source}:"), F.col(c.NATIVE_KEY)))
    named = {name: _of_nik(F.col(name)) for name in _NAMED if name in table.columns}
    marked = privacy.with_key(rows, key)
    marks: list[Column] = []
    for number, message in enumerate([*own, *named.values()]):
        mark = f"_erased_{number}"
        known = local_frame(rows.sparkSession, [(one, True) for one in hashes], f"{_HASH} string, {mark} boolean")
        # n : at most 1, a hash stands once.
        marked = marked.withColumn(_HASH, privacy.keyed_hash(message)).join(F.broadcast(known), _HASH, "left")
        marked, marks = marked.drop(_HASH), [*marks, F.coalesce(mark, F.lit(False))]
    all_of_them = local_frame(rows.sparkSession, [(hashes,)], f"{_BLOCKED} array<string>")
    marked = marked.crossJoin(F.broadcast(all_of_them))
    is_own = reduce(or_, marks[: len(own)], F.lit(False))
    empty = dict(zip(named, marks[len(own) :], strict=True)) | {name: _is_in_text(name) for name in _TEXTS}

    def kept(name: str) -> Column:
        if name == c.REASONS:
            return F.when(is_own, F.array(F.lit(ERASED))).otherwise(F.col(name)).alias(name)
        if name in {c.NATIVE_KEY, c.CORRUPT}:
            return F.when(~is_own, F.col(name)).alias(name)
        if name in (*table.columns, c.EXTRA):
            return F.when(~(is_own | empty.get(name, F.lit(False))), F.col(name)).alias(name)
        return F.col(name)

    return marked.select(*(kept(name) for name in rows.columns))


def _of_nik(value: Column) -> Column:
    # However it was written: the punctuation of a number is not part of it.
    return F.concat(F.lit(tombstones.NIK_MESSAGE), F.regexp_replace(value, "[^0-9]", ""))


def _is_in_text(name: str) -> Column:
    numbers = F.regexp_extract_all(F.col(name), F.lit(_NIK_IN_TEXT), F.lit(0))
    return F.coalesce(
        F.exists(
            numbers,
            lambda one: F.array_contains(
                F.col(_BLOCKED), privacy.keyed_hash(F.concat(F.lit(tombstones.NIK_MESSAGE), one))
            ),
        ),
        F.lit(False),
    )
