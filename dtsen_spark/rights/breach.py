"""Who was affected where a table leaked (UU 27/2022 art. 46: notice to subject and agency within 3 x 24 hours)."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import dictionary, rotation, tables
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake

_OWNER_ONLY: Final = 0o700


@dataclass(frozen=True)
class Breach:
    """What a notice has to say.

    Attributes:
        table: The table.
        versions: Its Delta versions that could be read in the window.
        persons: Persons whose rows stood in them.
        exposed: Columns by privacy class.
        folder: CSV files with person id, NIK and region of each; only its owner may read it.
    """

    table: str
    versions: tuple[int, ...]
    persons: int
    exposed: dict[str, list[str]]
    folder: Path


def affected(store: Lake, table: str, since: datetime, until: datetime, out: Path) -> Breach:
    """List the persons whose rows a table held at any moment of a window.

    Args:
        store: The lake.
        table: Path such as ``master/person``.
        since: Begin of the window, UTC.
        until: End of the window, UTC.
        out: Folder for the list; must not be there yet.

    Returns:
        Counts, and where the list is.

    Raises:
        UsageError: The table is unknown or holds nobody, was not there in the window, or ``out`` exists.
    """
    contract = dictionary.contracts().get(table)
    if contract is None or not store.exists(contract):
        message = f"--table {table}: no such table in {store.root}; 'dtsen dictionary' lists them"
        raise UsageError(message)
    if out.exists():
        message = f"--out {out}: it is there already; name a folder that is not"
        raise UsageError(message)
    versions = store.versions_between(contract, since, until)
    if not versions:
        message = f"--table {table}: it held nothing that can still be read between {since} and {until}"
        raise UsageError(message)
    # A version of before a change of the id key holds old ids.
    of_version = [
        _persons(store, rotation.translated(store, store.read(contract, version=version)), table)
        for version in versions
    ]
    persons = reduce(DataFrame.union, of_version)
    known = _read(store, tables.PERSON).select(c.PERSON_ID, c.NIK, c.REGION_CODE)
    out.mkdir(parents=True, mode=_OWNER_ONLY)
    out.chmod(_OWNER_ONLY)  # whatever the process's mask is
    # Persons 1 : 1 master; who has left the register since is listed without a NIK.
    persons.distinct().join(known, c.PERSON_ID, "left").write.mode("overwrite").option("header", True).csv(
        str(out / "persons")
    )
    count = store.spark.read.option("header", True).csv(str(out / "persons")).count()
    exposed: dict[str, list[str]] = {}
    for field in contract.fields:
        exposed.setdefault(field.column.privacy.value, []).append(field.name)
    return Breach(table, tuple(versions), count, exposed, out)


def _persons(store: Lake, df: DataFrame, table: str) -> DataFrame:
    """The persons that rows are about: by person id, record, family or NIK, the first that the table has."""
    if c.PERSON_ID in df.columns and c.FAMILY_ID not in df.columns:
        return df.select(c.PERSON_ID).where(F.col(c.PERSON_ID).isNotNull())
    if c.PERSON_ID in df.columns:
        direct = df.where(F.col(c.PERSON_ID).isNotNull()).select(c.PERSON_ID)
        return direct.union(_of_families(store, df.where(F.col(c.PERSON_ID).isNull())))
    if c.FAMILY_ID in df.columns:
        return _of_families(store, df)
    if c.RECORD_ID in df.columns:
        members = _read(store, tables.MEMBERSHIP).select(c.RECORD_ID, c.PERSON_ID)
        return df.join(members, c.RECORD_ID).select(c.PERSON_ID)  # records n : 1 persons
    if c.NIK in df.columns:
        return df.join(_read(store, tables.PERSON).select(c.NIK, c.PERSON_ID), c.NIK).select(c.PERSON_ID)  # n : 1
    message = f"--table {table}: it holds nothing of a person"
    raise UsageError(message)


def _read(store: Lake, table: TableContract) -> DataFrame:
    return rotation.translated(store, store.read(table))


def _of_families(store: Lake, df: DataFrame) -> DataFrame:
    members = _read(store, tables.FAMILY_MEMBER).select(c.FAMILY_ID, c.PERSON_ID)
    return df.select(c.FAMILY_ID).distinct().join(members, c.FAMILY_ID).select(c.PERSON_ID)  # 1 : n members
