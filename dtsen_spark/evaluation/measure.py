"""Accuracy of a release: linkage, families, PMT, targeting (landing contract, section 2.2)."""

from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import pipeline, tables
from dtsen_spark.config import Config, WelfareConfig
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.family import evaluate_family
from dtsen_spark.lake import Lake
from dtsen_spark.linkage import calibration, evaluate_linkage, hide_nik_test
from dtsen_spark.release import Registry, previous_in
from dtsen_spark.welfare import (
    against_oracle,
    evaluate_welfare,
    family_design,
    family_groups,
    oracle,
    stability,
    true_expenditure,
)

_FILES = ("person", "family", "consumption")


def evaluate(
    store: Lake,
    truth: Path | None,
    release_id: str | None = None,
    *,
    config: Config | None = None,
    hide_nik_of: str | None = None,
    with_oracle: bool = False,
) -> dict[str, Any]:
    """Measure a release against the truth of the nation that it was made from, by hidden NIKs, or both.

    Args:
        store: The lake.
        truth: Folder with ``person.parquet``, ``family.parquet``, ``consumption.parquet``; None = there is none.
        release_id: The release; None = the published one, else the newest build.
        config: The configuration; needed for the hide-NIK test and the oracle.
        hide_nik_of: Source whose NIKs are hidden for a second linkage of the same records; None = no such test.
        with_oracle: Compare the score with a model that is fitted on the whole truth, which takes as long as training
            on as many households.

    Returns:
        ``release``; with truth ``linkage``, ``family``, ``pmt``, ``targeting``, ``equity``, perhaps ``oracle``, and
        after the first release ``stability``, those of the stages that were run; with the test ``hide_nik``: nested
        figures, shares between 0 and 1.

    Raises:
        UsageError: A file of the truth is missing, or the lake has no release.
    """
    release = release_id or Registry(store).current() or pipeline.newest_build(store)
    figures: dict[str, Any] = {"release": release}
    if truth is not None:
        against = config.welfare if with_oracle and config is not None else None
        figures.update(_against_truth(store, truth, release, against))
    if hide_nik_of is not None and config is not None:
        figures["hide_nik"] = hide_nik_test(pipeline.job_of_build(store, config, release), hide_nik_of)
    return figures


def _against_truth(store: Lake, truth: Path, release: str, against: WelfareConfig | None) -> dict[str, Any]:
    require_truth(truth)
    persons, families, consumption = (store.spark.read.parquet(str(truth / f"{name}.parquet")) for name in _FILES)

    def read(table: TableContract) -> DataFrame:
        return store.read(table, build=release)

    membership = read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    records = read(tables.PERSON_RECORD)
    linked = evaluate_linkage(membership, persons, records)
    figures: dict[str, Any] = {"linkage": {**linked, "calibration": calibration(read(tables.EDGE), persons, records)}}
    if store.exists(tables.FAMILY_MEMBER, build=release):
        figures["family"] = evaluate_family(read(tables.FAMILY_MEMBER), membership, persons, families)
    if not store.exists(tables.SCORE, build=release):
        return figures
    groups = family_groups(read(tables.PERSON_ATTRIBUTE), read(tables.PERSON), read(tables.FAMILY_ATTRIBUTE))
    score, members = read(tables.SCORE), read(tables.FAMILY_MEMBER)
    figures.update(evaluate_welfare(score, members, membership, persons, families, consumption, groups))
    if against is not None:
        truths = true_expenditure(score, members, membership, persons, families, consumption)
        design = family_design(read(tables.FAMILY_ATTRIBUTE), read(tables.PERSON_ATTRIBUTE))
        figures["oracle"] = against_oracle(figures, oracle(design, truths, against))
    # The first release has nothing before it that it could be as stable as.
    if previous_in(Registry(store).published_chain(), release) is not None:
        figures["stability"] = stability(score, read(tables.WELFARE_CHANGE))
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
