"""Accuracy of a release against truth: linkage, families, PMT, targeting (landing contract, section 2.2)."""

from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import pipeline, tables
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.family import evaluate_family
from dtsen_spark.lake import Lake
from dtsen_spark.linkage import evaluate_linkage
from dtsen_spark.release import Registry
from dtsen_spark.welfare import evaluate_welfare

_FILES = ("person", "family", "consumption")


def evaluate(store: Lake, truth: Path, release_id: str | None = None) -> dict[str, Any]:
    """Compare a release with the truth of the nation that it was made from.

    Args:
        store: The lake.
        truth: Folder with ``person.parquet``, ``family.parquet``, ``consumption.parquet``.
        release_id: The release; None = the published one, else the newest build.

    Returns:
        ``release``, ``linkage``, ``family``, ``pmt``, ``targeting``: nested figures, shares between 0 and 1.

    Raises:
        UsageError: A file of the truth is missing, or the lake has no release.
    """
    require_truth(truth)
    release = release_id or Registry(store).current() or pipeline.newest_build(store)
    spark = store.spark
    persons, families, consumption = (spark.read.parquet(str(truth / f"{name}.parquet")) for name in _FILES)

    def read(table: TableContract) -> Any:
        return store.read(table, build=release)

    membership = read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    figures: dict[str, Any] = {
        "release": release,
        "linkage": evaluate_linkage(membership, persons, read(tables.PERSON_RECORD)),
        "family": evaluate_family(read(tables.FAMILY_MEMBER), membership, persons, families),
    }
    figures.update(
        evaluate_welfare(read(tables.SCORE), read(tables.FAMILY_MEMBER), membership, persons, families, consumption)
    )
    return figures


def require_truth(truth: Path) -> None:
    """Check that a folder holds the truth of a nation; touches no Spark.

    Raises:
        UsageError: Files are missing.
    """
    missing = [f"{name}.parquet" for name in _FILES if not (truth / f"{name}.parquet").exists()]
    if missing:
        message = f"{truth}: no {', '.join(missing)}; --truth names the folder that 'dtsen generate' wrote"
        raise UsageError(message)
