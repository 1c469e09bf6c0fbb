"""Rank inside the kab/kota, exact, in one shuffle without a hot task.

A window over a whole kab/kota would put its two million families on one task. Instead the score is cut into cells: the
families of lower cells are counted (a small table, broadcast), and only those of one cell are sorted.
"""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c

_CELL: Final = 4096  # scores of one cell: kab/kota × cells are a few hundred thousand rows
_KAB_DIGITS: Final = 4
_KAB: Final = "_kab"
_IN: Final = "_cell"


def with_kab_rank(scored: DataFrame) -> DataFrame:
    """Add the rank of each ranked family inside its kab/kota.

    Args:
        scored: One row for each family: ``family_id``, ``region_code``, ``score`` (null where unranked).

    Returns:
        The rows with ``kab_rank`` (1 + ranked families of the kab/kota with a lower score; equal scores share it) and
        ``kab_families``; both null where unranked.
    """
    ranked = F.col(c.SCORE).isNotNull()
    # Unranked rows get a cell each: one key for all of them would be one hot task.
    cell = F.coalesce(F.floor(F.col(c.SCORE) / F.lit(_CELL)), F.xxhash64(c.FAMILY_ID))
    kab = F.substring(c.REGION_CODE, 1, _KAB_DIGITS)
    counted = scored.where(ranked).groupBy(kab.alias(_KAB), cell.alias(_IN)).agg(F.count(F.lit(1)).alias("_n"))
    of_kab = Window.partitionBy(_KAB)
    before = of_kab.orderBy(_IN).rowsBetween(Window.unboundedPreceding, -1)
    lower = counted.select(
        _KAB,
        _IN,
        F.coalesce(F.sum("_n").over(before), F.lit(0)).alias("_lower"),
        F.sum("_n").over(of_kab).alias(c.KAB_FAMILIES),
    )
    in_cell: Column = F.rank().over(Window.partitionBy(_KAB, _IN).orderBy(c.SCORE))
    # family : its cell is n : 0..1 (the unranked have none), broadcast.
    return (
        scored.withColumns({_KAB: kab, _IN: cell})
        .withColumn("_in_cell", in_cell)
        .join(F.broadcast(lower), [_KAB, _IN], "left")
        .withColumn(c.KAB_RANK, F.when(ranked, F.col("_lower") + F.col("_in_cell")))
        .drop(_KAB, _IN, "_in_cell", "_lower")
    )
