"""Pairs to weights, by Splink: the only module that speaks to it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from splink import Linker, SparkAPI

from dtsen_spark import columns as c
from dtsen_spark.errors import DtsenError
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.comparisons import COMPARISONS
from dtsen_spark.linkage.model import LinkageModel, splink_settings

# Weights are compared with thresholds and with each other: rounded, so that nothing hangs on a last bit.
_WEIGHT_DIGITS: Final = 4
GAMMA: Final = "gamma_"

# Splink reports times and caches through its own loggers; ours says what a stage does.
logging.getLogger("splink").setLevel(logging.WARNING)


def similarity_functions(spark: SparkSession) -> None:
    """Register the similarity functions of Splink's jar and prove that they are there.

    Raises:
        DtsenError: The jar is not on the class path; Splink itself only warns, and a job fails much later.
    """
    spark.udf.registerJavaFunction("jaro_winkler", "uk.gov.moj.dash.linkage.JaroWinklerSimilarity", "double")
    try:
        spark.sql("select jaro_winkler('a', 'a')").collect()
    except PySparkException as error:
        message = "the similarity functions are missing: put the jar of the splink wheel on the class path (make setup)"
        raise DtsenError(message) from error


def score(
    nodes: DataFrame, pairs: DataFrame, model: LinkageModel, scratch: Path, threshold: float | None = None
) -> DataFrame:
    """Score pairs of nodes.

    Args:
        nodes: Node table: one row for each node.
        pairs: ``join_key_l``, ``join_key_r``, ``match_key``: one row for each pair.
        model: The model.
        scratch: Folder of the build for intermediate files, deleted with it.
        threshold: Least match weight that is kept, bits; None = all.

    Returns:
        One row for each kept pair: the two nodes, ``match_key``, ``match_weight`` (bits, prior included, four
        digits) and ``gamma_<comparison>``.
    """
    spark = nodes.sparkSession
    # Splink breaks lineage by files in Spark's checkpoint folder and never deletes them: into our scratch, which we do.
    spark.sparkContext.setCheckpointDir(str(scratch / "splink"))
    partitions = int(spark.conf.get("spark.sql.shuffle.partitions") or "200")
    make_api: Callable[..., Any] = SparkAPI
    api = make_api(spark_session=spark, break_lineage_method="parquet", num_partitions_on_repartition=partitions)
    linker = Linker([api.register(nodes, dataset_display_name="nodes")], splink_settings(model, w.NODE))
    linker.table_management.register_blocked_pairs_for_predict(api.register(pairs, dataset_display_name="pairs"))
    scored: DataFrame = linker.inference.predict(
        threshold_match_weight=threshold, warning_mode="never"
    ).as_spark_dataframe()
    return scored.select(
        F.col(f"{w.NODE}_l").alias(w.LEFT),
        F.col(f"{w.NODE}_r").alias(w.RIGHT),
        w.MATCH_KEY,
        F.round(c.MATCH_WEIGHT, _WEIGHT_DIGITS).alias(c.MATCH_WEIGHT),
        *(GAMMA + one.name for one in COMPARISONS),
    )


def explanation(model: LinkageModel) -> Column:
    """Return the comparison levels of a scored pair as JSON: comparison, level, weight in bits."""
    parts = []
    for comparison in COMPARISONS:
        said: Column = F.lit(None)
        for at, weights in enumerate(reversed(model.comparisons[comparison.name])):
            text = F.struct(
                F.lit(comparison.name).alias("comparison"),
                F.lit(weights.level).alias("level"),
                F.lit(round(weights.weight, 2)).alias("weight"),
            )
            said = F.when(F.col(GAMMA + comparison.name) == at, text).otherwise(said)
        parts.append(said)
    return F.to_json(F.array_compact(F.array(*parts)))
