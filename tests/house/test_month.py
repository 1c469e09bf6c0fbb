"""A month between two quarters: a rebuild from all deliveries gives the same release, and nobody is ranked anew."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import config, evaluation, pipeline, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.linkage import model as linkage_model
from dtsen_spark.release import Registry
from dtsen_spark.release.registry import Release, State
from dtsen_spark.synthetic import generate_next
from dtsen_spark.welfare.frozen import frozen_at
from tests.conftest import SmallLake

MONTH, QUARTER = "2026-04", "2026Q2"
# What was made of deliveries and of stages: a rebuild makes all of it again. The earlier release, its models and the
# key stay.
REBUILT = ("bronze", "quarantine", "build", "ops/batch")
# The fixture alone runs three releases.
_PATIENCE_SECONDS = 3600


class _Published:
    """A registry with one published release and its models."""

    def __init__(self, models: dict[str, str | None]) -> None:
        manifest = {"manifest": {"models": models}, "signature": ""}
        self._release = Release("2026Q1.1", "2026Q1", State.PUBLISHED, manifest=manifest)

    def current(self) -> str:
        return self._release.release_id

    def releases(self) -> dict[str, Release]:
        return {self._release.release_id: self._release}


def test_only_a_quarter_takes_up_what_was_trained_since() -> None:
    registry = cast("Registry", _Published({"linkage": "links-1", "welfare": None}))
    given = config.load()

    month, quarter = (pipeline.with_frozen_models(given, registry, Period.parse(period)) for period in (MONTH, QUARTER))

    assert (month.linkage.model, month.welfare.model) == ("links-1", "latest")
    assert month.linkage.margin == given.linkage.margin
    assert quarter == given


@pytest.fixture(scope="module")
def lakes(
    spark: SparkSession, small_lake: SmallLake, settings: Config, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A quarter, a month with changes and the next quarter, in one lake; copies of it to rebuild the last two in."""
    folder = tmp_path_factory.mktemp("month")
    nation = shutil.copytree(small_lake.nation, folder / "nation")
    lake = shutil.copytree(small_lake.root, folder / "lake")
    # Somebody trains between the releases: the month must not take it up.
    trained = linkage_model.load(lake / linkage_model.MODELS, linkage_model.LATEST)
    assert trained is not None
    other = replace(trained, prior=trained.prior * 0.99)
    other.save(lake / linkage_model.MODELS)
    store = Lake(spark, lake)
    terms = store.read(tables.LINKAGE_TERM).where(F.col(c.MODEL_VERSION) == trained.version)
    renamed = terms.withColumn(c.MODEL_VERSION, F.lit(other.version))
    store.write(tables.LINKAGE_TERM, renamed, slice_values={c.MODEL_VERSION: other.version})
    found = {"nation": nation, "lake": lake}
    for period in (MONTH, QUARTER):
        generate_next(spark, out=nation, period={MONTH: MONTH, QUARTER: "2026-05"}[period], share=0.05)
        found[period] = shutil.copytree(lake, folder / period)
        for part in REBUILT:
            shutil.rmtree(found[period] / part)
        # What was delivered by then; more comes before the rebuild is run.
        found[f"landing {period}"] = shutil.copytree(nation / "landing", folder / f"landing {period}")
        publish(lake, found[f"landing {period}"], period, settings)
    return found


def publish(lake: Path, landing: Path, period: str, settings: Config) -> None:
    request = pipeline.RunRequest(landing, lake, period, publish=True)
    assert pipeline.run(request, settings, lambda _: None).published


def hashes(spark: SparkSession, root: Path, period: str) -> dict[str, tuple[int, str]]:
    """Rows and content hash of every table that the stages of a release wrote, from silver on."""
    written = pipeline.build_tables(Lake(spark, root), f"{period}.1")
    return {path: (one.rows, one.content_hash) for path, one in written.items() if one.content_hash}


def published(spark: SparkSession, root: Path, period: str, table: TableContract) -> DataFrame:
    store = Lake(spark, root)
    version = Registry(store).releases()[f"{period}.1"].tables[table.path].version
    return store.read(table, version=version).where(F.col(c.PERIOD) == period)


@pytest.mark.slow
@pytest.mark.timeout(_PATIENCE_SECONDS)
@pytest.mark.parametrize("period", [MONTH, QUARTER])
def test_an_update_is_what_a_rebuild_from_all_deliveries_gives(
    spark: SparkSession, lakes: dict[str, Path], settings: Config, period: str
) -> None:
    updated = hashes(spark, lakes["lake"], period)

    publish(lakes[period], lakes[f"landing {period}"], period, settings)

    assert updated == hashes(spark, lakes[period], period)
    assert {"silver/person_record", "linkage/membership", "master/family", "welfare/score"} <= set(updated)


@pytest.mark.slow
@pytest.mark.timeout(_PATIENCE_SECONDS)
def test_a_month_ranks_nobody_anew(spark: SparkSession, lakes: dict[str, Path], small_lake: SmallLake) -> None:
    store = Lake(spark, lakes["lake"])
    releases = Registry(store).releases()

    def standing(period: str) -> tuple[str | None, object]:
        versions = {path: one.version for path, one in releases[f"{period}.1"].tables.items()}
        found = frozen_at(store, f"{period}.1", versions)
        return found.model_version, found.cuts

    before, month, after = (standing(period) for period in (small_lake.period, MONTH, QUARTER))
    causes = published(spark, lakes["lake"], MONTH, tables.WELFARE_CHANGE).groupBy(c.DECILE_CAUSE).count().collect()

    assert month == before
    assert after[0] == before[0], "the registered model"
    assert after[1] != before[1], "a quarter ranks"
    assert {row[c.DECILE_CAUSE] for row in causes} <= {None, "OWN_DATA", "MEMBERSHIP"}
    models = [releases[f"{period}.1"].manifest["manifest"]["models"] for period in (small_lake.period, MONTH, QUARTER)]
    assert models[1] == models[0]
    assert models[2]["linkage"] != models[0]["linkage"], "what was trained since"


@pytest.mark.slow
@pytest.mark.timeout(_PATIENCE_SECONDS)
def test_who_stays_keeps_the_id(spark: SparkSession, lakes: dict[str, Path], small_lake: SmallLake) -> None:
    def people(period: str) -> DataFrame:
        members = published(spark, lakes["lake"], period, tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
        return members.select(c.RECORD_ID, c.PERSON_ID)

    truth = spark.read.parquet(str(lakes["nation"] / "truth" / MONTH / "person.parquet")).select(c.RECORD_ID)
    before = people(small_lake.period).where(F.col(c.RECORD_ID).startswith("dukcapil:"))
    now = people(MONTH).withColumnRenamed(c.PERSON_ID, "now")
    both = before.join(now, c.RECORD_ID)
    events = published(spark, lakes["lake"], MONTH, tables.CROSSWALK).groupBy(c.EVENT).count().collect()

    assert both.count() == before.join(truth, c.RECORD_ID).count()
    assert both.where(F.col("now") != F.col(c.PERSON_ID)).count() == 0
    assert "MINTED" in {row[c.EVENT] for row in events}


@pytest.mark.slow
@pytest.mark.timeout(_PATIENCE_SECONDS)
def test_the_month_is_as_true_as_the_quarter(spark: SparkSession, lakes: dict[str, Path]) -> None:
    store = Lake(spark, lakes["lake"])

    figures = evaluation.evaluate(store, lakes["nation"] / "truth" / MONTH, f"{MONTH}.1")

    assert figures["linkage"]["pairwise"]["precision"] >= 0.998
    assert figures["linkage"]["permitted"]["recall"] >= 0.98
    assert figures["stability"]["families"] > 0
