"""Pairs to weights, by Splink: the only module that speaks to it."""

from collections.abc import Callable
from uuid import uuid4

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from splink import Linker, SparkAPI

from dtsen_spark import columns as c
from dtsen_spark.errors import DtsenError
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.comparisons import COMPARISONS
from dtsen_spark.linkage.levels import GAMMA, WEIGHT_DIGITS
from dtsen_spark.linkage.model import LinkageModel, splink_settings


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


class _LazyApi(SparkAPI):
    """Splink's Spark backend without its files: a prediction stays a plan that the stage stores itself.

    Splink would shuffle each prediction once more and write it into Spark's checkpoint folder, where nothing ever
    deletes it; and it hands comparison levels out only together with every compared value.
    """

    def _break_lineage_and_repartition(self, spark_df: DataFrame, templated_name: str, physical_name: str) -> DataFrame:
        if templated_name != "__splink__df_predict":
            as_splink_does: Callable[..., DataFrame] = super()._break_lineage_and_repartition
            return as_splink_does(spark_df, templated_name, physical_name)
        return spark_df.select(
            F.col(f"{w.NODE}_l").alias(w.LEFT),
            F.col(f"{w.NODE}_r").alias(w.RIGHT),
            w.MATCH_KEY,
            F.round(c.MATCH_WEIGHT, WEIGHT_DIGITS).alias(c.MATCH_WEIGHT),
            *(GAMMA + one.name for one in COMPARISONS),
        )


def score(nodes: DataFrame, pairs: DataFrame, model: LinkageModel) -> DataFrame:
    """Score pairs of nodes.

    Args:
        nodes: Node table: one row for each node.
        pairs: ``join_key_l``, ``join_key_r``, ``match_key``: one row for each pair.
        model: The model.

    Returns:
        One row for each pair: the two nodes, ``match_key``, ``match_weight`` (bits, prior included, four
        digits) and ``gamma_<comparison>``. Lazy; store it before it is filtered: a condition on the weight would be
        pushed below the comparisons, and each of them evaluated once more for each of its levels.
    """
    open_api: Callable[..., SparkAPI] = _LazyApi
    api = open_api(spark_session=nodes.sparkSession, register_udfs_automatically=False)
    # Views of one session must differ in name, and an earlier prediction may still be read.
    token = uuid4().hex
    linker = Linker(
        [api.register(nodes, dataset_display_name=f"nodes_{token}")], splink_settings(model, w.NODE), log_level=None
    )
    blocked = api.register(pairs, dataset_display_name=f"pairs_{token}")
    linker.table_management.register_blocked_pairs_for_predict(blocked)
    scored: DataFrame = linker.inference.predict(warning_mode="never").as_spark_dataframe()
    return scored
