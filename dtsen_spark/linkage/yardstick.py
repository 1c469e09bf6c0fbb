"""Splink itself, on DuckDB and on Spark, on the same records: what we are timed against, never part of a release.

All records go to Splink, as its documentation shows it: six comparisons, four blocking rules, connected components.
Like ours, its model is trained beforehand.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb
import splink.comparison_library as cl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from splink import DuckDBAPI, Linker, SettingsCreator, SparkAPI, block_on

from dtsen_spark import columns as c
from dtsen_spark.linkage.collapse import prepared

_KEY: Final = "record_number"
_BIRTH: Final = "birth"
_DISTRICT: Final = "district"
# What is compared, as silver has it; the floor moves the same columns.
COMPARED: Final = (
    c.NIK,
    c.NAME_SORTED,
    c.NAME_PHONETIC,
    c.MOTHER_NAME_NORM,
    c.SEX,
    c.BIRTH_YEAR,
    c.BIRTH_MONTH,
    c.BIRTH_DAY,
    c.REGION_CODE,
)
_THRESHOLD: Final = 0.99
_RANDOM_PAIRS: Final = 1_000_000
_MEMORY: Final = "12GB"  # what ours may take; beyond it DuckDB goes to disk
_RECALL_OF_NIK: Final = 0.8  # share of true pairs that an equal NIK finds; only sets the prior


def export_records(silver: DataFrame, folder: Path) -> None:
    """Write what Splink compares, once: one Parquet row for each person record.

    Args:
        silver: ``silver/person_record``.
        folder: Where it goes.
    """
    parts = [F.col(name) for name in (c.BIRTH_YEAR, c.BIRTH_MONTH, c.BIRTH_DAY)]
    known = parts[0].isNotNull() & parts[1].isNotNull() & parts[2].isNotNull()
    day = F.format_string("%04d%02d%02d", *parts)
    prepared(silver).select(
        F.xxhash64(c.RECORD_ID).alias(_KEY),
        c.NIK,
        c.NAME_SORTED,
        c.NAME_PHONETIC,
        c.MOTHER_NAME_NORM,
        c.SEX,
        F.when(known, day).alias(_BIRTH),
        F.left(F.col(c.REGION_CODE), F.lit(6)).alias(_DISTRICT),
    ).write.mode("overwrite").parquet(str(folder))


def train_plainly(records: Path) -> dict[str, Any]:
    """Train Splink on exported records.

    Args:
        records: Folder of ``export_records``.

    Returns:
        Splink's trained settings.
    """
    linker = _linker(records, _settings())
    linker.training.estimate_probability_two_random_records_match([block_on(c.NIK)], recall=_RECALL_OF_NIK)
    linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on(c.NIK))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on(_BIRTH, c.SEX))
    trained: dict[str, Any] = linker.misc.save_model_to_json()
    return trained


def link_plainly(records: Path, settings: dict[str, Any], out: Path) -> int:
    """Predict and cluster with Splink on DuckDB.

    Args:
        records: Folder of ``export_records``.
        settings: ``train_plainly``.
        out: Parquet file for the clusters.

    Returns:
        Rows of the clusters: every record has one.
    """
    linker = _linker(records, settings)
    pairs = linker.inference.predict(threshold_match_probability=_THRESHOLD)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, _THRESHOLD)
    relation: duckdb.DuckDBPyRelation = clusters.as_duckdbpyrelation()
    relation.to_parquet(str(out))
    return len(relation)


def link_plainly_on_spark(spark: SparkSession, records: Path, trained: dict[str, Any], out: Path) -> int:
    """Predict and cluster with Splink on Spark, as it comes.

    Args:
        spark: The session.
        records: Folder of ``export_records``.
        trained: ``train_plainly``; Splink's model file is bound to one backend, so m and u go into settings for Spark.
        out: Folder for the clusters and for what Splink leaves behind.

    Returns:
        Rows of the clusters.
    """
    settings = _settings().create_settings_dict("spark")
    name = "probability_two_random_records_match"
    settings[name] = trained[name]
    for mine, theirs in zip(settings["comparisons"], trained["comparisons"], strict=True):
        for level, known in zip(mine["comparison_levels"], theirs["comparison_levels"], strict=True):
            level.update({m_or_u: known[m_or_u] for m_or_u in ("m_probability", "u_probability") if m_or_u in known})
    spark.sparkContext.setCheckpointDir(str(out / "left_behind"))
    open_api: Callable[..., SparkAPI] = SparkAPI
    api = open_api(spark_session=spark)
    table = api.register(spark.read.parquet(str(records)), dataset_display_name=f"records_{uuid4().hex}")
    linker = Linker([table], settings, log_level=None)
    pairs = linker.inference.predict(threshold_match_probability=_THRESHOLD)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, _THRESHOLD).as_spark_dataframe()
    clusters.write.mode("overwrite").parquet(str(out / "clusters"))
    rows = spark.read.parquet(str(out / "clusters")).count()
    shutil.rmtree(out / "left_behind", ignore_errors=True)
    return rows


def _settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=_KEY,
        blocking_rules_to_generate_predictions=_rules(),
        comparisons=[
            cl.JaroWinklerAtThresholds(c.NAME_SORTED, [0.95, 0.88]).configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds(_BIRTH, 1),
            cl.ExactMatch(c.SEX),
            cl.JaroWinklerAtThresholds(c.MOTHER_NAME_NORM, [0.9]),
            cl.ExactMatch(_DISTRICT),
            cl.LevenshteinAtThresholds(c.NIK, 1),
        ],
    )


def _rules() -> list[Any]:
    return [
        block_on(c.NIK),
        block_on(_BIRTH, c.NAME_PHONETIC),
        block_on(c.NAME_SORTED, _DISTRICT),
        block_on(_BIRTH, c.SEX, _DISTRICT),
    ]


def _linker(records: Path, settings: SettingsCreator | dict[str, Any]) -> Linker:
    spilled = str(records.with_name("spilled"))
    connection = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": spilled})
    api = DuckDBAPI(connection=connection)
    table = connection.read_parquet(f"{records}/*.parquet")
    return Linker([api.register(table, dataset_display_name="records")], settings, log_level=None)
