"""Are the weights honest? Of pairs that the model gives 99 %, does 1 % turn out wrong?"""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage.intervals import share_with_interval

_TRUE: Final = "true_person_id"
_BITS: Final = 2  # width of a bin
_MOST: Final = 24  # bits; beyond that a pair is as good as sure
_DIGITS: Final = 6


def calibration(edges: DataFrame, truth_person: DataFrame) -> dict[str, Any]:
    """Compare the probabilities of the pairs that were decided on with what is true of them.

    Args:
        edges: ``linkage/edge``: each residue record's best candidates, linked or not.
        truth_person: One row for each delivered record: ``record_id``, ``true_person_id``.

    Returns:
        ``bins``, by match weight: ``from_bits``, ``pairs``, ``expected`` (mean probability), ``observed`` (share that
        is one person, with its 95 % interval); ``error``: the expected calibration error, the mean distance of the
        two, weighted by pairs (Naeini et al. 2015).
    """

    def side(record: str, person: str) -> DataFrame:
        return truth_person.select(F.col(c.RECORD_ID).alias(record), F.col(_TRUE).alias(person))

    odds = F.pow(F.lit(2.0), F.least(F.col(c.MATCH_WEIGHT), F.lit(60.0)))
    # Counted in millionths: a sum of doubles hangs on the order of the partitions.
    millionths = F.round(odds / (1 + odds) * 1_000_000).cast("long")
    rows = (
        # n : 1 on either side, a record has one true person.
        edges.join(side(c.RECORD_ID_L, "left"), c.RECORD_ID_L)
        .join(side(c.RECORD_ID_R, "right"), c.RECORD_ID_R)
        .groupBy((F.floor(F.least(F.col(c.MATCH_WEIGHT), F.lit(_MOST)) / _BITS) * _BITS).alias("bits"))
        .agg(
            F.count(F.lit(1)).alias("pairs"),
            F.count_if(F.col("left") == F.col("right")).alias("true"),
            F.sum(millionths).alias("millionths"),
        )
        .orderBy("bits")
        .collect()  # a dozen bins
    )
    bins = [
        {
            "from_bits": int(row["bits"]),
            "pairs": int(row["pairs"]),
            "expected": round(row["millionths"] / row["pairs"] / 1_000_000, _DIGITS),
            "observed": share_with_interval(int(row["true"]), int(row["pairs"])),
        }
        for row in rows
    ]
    total = sum(row["pairs"] for row in bins)
    off = sum(row["pairs"] * abs(row["expected"] - row["observed"]["value"]) for row in bins)
    return {"bins": bins, "error": round(off / total, _DIGITS) if total else 0.0}
