"""Where a person stands in the lake: every Delta table, of every layer, is asked in one job.

A row is the person's *own* where its person id, record id or native key is his; another's row may *mention* his NIK
(a child's row names the mother's). Keys enter Spark as columns of a one-row frame.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import local_frame
from dtsen_spark.lake import Lake
from dtsen_spark.privacy import looked_up

OWN: Final = "own"
MENTIONS: Final = "mentions"
DIGEST: Final = "digest"

_NIK: Final = "_subject_nik"
_RECORDS: Final = "_subject_records"
_PERSONS: Final = "_subject_persons"
_PATH: Final = "path"
_RECORD_COLUMNS: Final = (c.RECORD_ID, c.RECORD_ID_L, c.RECORD_ID_R, c.ANCHOR_RECORD_ID, c.SUBJECT_RECORD_ID)
_NODE_COLUMNS: Final = (c.NODE, c.NODE_L, c.NODE_R)
_PERSON_COLUMNS: Final = (c.PERSON_ID, c.OTHER_PERSON_ID)
# Layers of delivered rows: their folder is <source>_<table>, and their key is the source's own.
_DELIVERED: Final = frozenset({"bronze", "accepted", "quarantine"})
_KEY_PARTS: Final = "|"


@dataclass(frozen=True)
class Keys:
    """What a person is found by.

    Attributes:
        nik: The NIK.
        record_ids: Records that were ever linked to the person.
        person_ids: Ids of the person.
    """

    nik: str
    record_ids: tuple[str, ...]
    person_ids: tuple[str, ...]

    def frame(self, spark: SparkSession) -> DataFrame:
        """The keys as one row, to be joined with anything."""
        strings = ArrayType(StringType())
        schema = StructType(
            [StructField(_NIK, StringType()), StructField(_RECORDS, strings), StructField(_PERSONS, strings)]
        )
        return F.broadcast(local_frame(spark, [(self.nik, list(self.record_ids), list(self.person_ids))], schema))


@dataclass(frozen=True)
class Trace:
    """What one table holds on a person.

    Attributes:
        path: The table, from the lake's root.
        own: The person's own rows.
        mentions: Rows of others that name the NIK.
        digest: Sum of the hashes of the own rows, as text.
    """

    path: str
    own: int
    mentions: int
    digest: str


def flagged(table: str, df: DataFrame, keys: DataFrame) -> DataFrame:
    """Return a table with the keys beside each row (1 : n), and whether it is the person's own or mentions the NIK.

    Args:
        table: Path of the table from the lake's root.
        df: Its rows.
        keys: As of ``Keys.frame``.
    """
    return df.crossJoin(keys).withColumns({OWN: _own(table, df), MENTIONS: _any(_mention(n) for n in text_columns(df))})


def text_columns(df: DataFrame) -> list[str]:
    """Columns that can hold a NIK in their text: strings, and arrays of strings."""
    return [f.name for f in df.schema.fields if f.dataType in {StringType(), ArrayType(StringType())}]


def without_mention(df: DataFrame, name: str) -> Column:
    """A text column that says nothing where it names the NIK."""
    return F.when(~_mention(name), F.col(name)).alias(name, metadata=df.schema[name].metadata)


def _mention(name: str) -> Column:
    text = F.coalesce(F.concat_ws(" ", F.col(name)), F.lit(""))
    return text.contains(F.col(_NIK))


def _own(table: str, df: DataFrame) -> Column:
    layer, name = table.split("/")[-2:]
    found = [F.array_contains(_RECORDS, F.col(col)) for col in _RECORD_COLUMNS if col in df.columns]
    found += [F.array_contains(_PERSONS, F.col(col)) for col in _PERSON_COLUMNS if col in df.columns]
    # Nodes of the linkage are numbers; that of a registry row is its NIK.
    found += [F.col(col) == F.col(_NIK).try_cast("bigint") for col in _NODE_COLUMNS if col in df.columns]
    if layer in _DELIVERED and c.NATIVE_KEY in df.columns:
        source = name.partition("_")[0]
        found.append(F.array_contains(_RECORDS, F.concat(F.lit(f"{source}:"), F.col(c.NATIVE_KEY))))
        found.append(F.array_contains(F.split(c.NATIVE_KEY, f"\\{_KEY_PARTS}"), F.col(_NIK)))
    elif c.NIK in df.columns and not found:
        # A register that knows persons by their NIK alone.
        found.append(F.col(c.NIK) == F.col(_NIK))
    return _any(F.coalesce(one, F.lit(False)) for one in found)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(or_, conditions, F.lit(False))


def traces(store: Lake, keys: Keys) -> list[Trace]:
    """Return every table of the lake that holds something on a person.

    Args:
        store: The lake.
        keys: What the person is found by.
    """
    frame = keys.frame(store.spark)
    counted = None
    for folder in store.folders():
        path = relative(store, folder)
        df = store.read_folder(folder)
        # Plain names only: bronze may hold columns whose names Spark would take for paths.
        hashed = F.when(F.col(OWN), F.xxhash64(*(F.col(f"`{name}`") for name in df.columns)).cast("decimal(38,0)"))
        part = flagged(path, df, frame).agg(
            F.lit(path).alias(_PATH),
            F.count_if(OWN).alias(OWN),
            F.count_if(F.col(MENTIONS) & ~F.col(OWN)).alias(MENTIONS),
            F.coalesce(F.sum(hashed), F.lit(0)).cast("string").alias(DIGEST),
        )
        counted = part if counted is None else counted.unionByName(part)
    rows = counted.collect() if counted is not None else []  # one for each table
    found = [Trace(row[_PATH], row[OWN], row[MENTIONS], row[DIGEST]) for row in rows if row[OWN] or row[MENTIONS]]
    return sorted(found, key=lambda trace: trace.path)


def relative(store: Lake, folder: Path) -> str:
    """Path of a table from the lake's root."""
    return folder.relative_to(store.root).as_posix()


def keys_of(store: Lake, nik: str) -> Keys:
    """Return what a person is found by, from every layer that links records to persons.

    Args:
        store: The lake.
        nik: 16 digits.
    """
    frame = F.broadcast(local_frame(store.spark, [(nik,)], f"{c.NIK} string"))
    persons: set[str] = set()
    records: set[str] = {f"dukcapil:{nik}"}
    for folder in store.folders():
        layer, name = folder.parts[-2:]
        if (layer, name) == ("master", "person"):
            rows = store.read_folder(folder).join(frame, c.NIK, "left_semi").select(c.PERSON_ID).collect()  # one or two
            persons |= {row[0] for row in rows}
    known = sorted(persons | _other_ids(store, persons))
    if known:
        ids = F.broadcast(local_frame(store.spark, [(one,) for one in known], f"{c.PERSON_ID} string"))
        for folder in store.folders():
            if folder.parts[-2:] == ("linkage", "membership"):
                rows = store.read_folder(folder).join(ids, c.PERSON_ID, "left_semi").select(c.RECORD_ID).collect()
                records |= {row[0] for row in rows}  # a person's records
    return Keys(nik, tuple(sorted(records)), tuple(known))


def _other_ids(store: Lake, persons: Iterable[str]) -> set[str]:
    """The ids that the same persons had or have under other keys: a few."""
    if not store.exists(tables.ID_CROSSWALK):
        return set()
    walk = store.read(tables.ID_CROSSWALK)

    def across(source: str, ids: Iterable[str], target: str) -> set[str]:
        found = walk.join(looked_up(store.spark, source, ids), source, "left_semi").select(target).collect()
        return {row[0] for row in found}

    since = across(c.OLD_ID, persons, c.NEW_ID)
    return since | across(c.NEW_ID, since | set(persons), c.OLD_ID)
