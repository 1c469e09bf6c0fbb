"""Are the weights honest? Of pairs that the model gives 99 %, does 1 % turn out wrong?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import strata
from dtsen_spark.linkage.intervals import share_with_interval

_TRUE: Final = "true_person_id"
_BITS: Final = 2  # width of a bin
_MOST: Final = 24  # bits; beyond that a pair is as good as sure
_DIGITS: Final = 6
_MILLION: Final = 1_000_000
_ALL: Final = ""


def calibration(edges: DataFrame, truth_person: DataFrame, person_record: DataFrame) -> dict[str, Any]:
    """Compare the probabilities of the pairs that were decided on with what is true of them.

    Args:
        edges: ``linkage/edge``: each residue record's best candidates, linked or not.
        truth_person: One row for each delivered record: ``record_id``, ``true_person_id``, perhaps ``error_mode``.
        person_record: ``silver/person_record``.

    Returns:
        ``bins``, by match weight: ``from_bits``, ``pairs``, ``expected`` (mean probability), ``observed`` (share that
        is one person, with its 95 % interval); ``error``: the expected calibration error, the mean distance of the
        two, weighted by pairs (Naeini et al. 2015). ``strata``, by stratum of the residue record
        (``strata.strata_of``): ``pairs``, ``expected``, ``observed``, ``error``.
    """

    def side(record: str, person: str) -> DataFrame:
        return truth_person.select(F.col(c.RECORD_ID).alias(record), F.col(_TRUE).alias(person))

    odds = F.pow(F.lit(2.0), F.least(F.col(c.MATCH_WEIGHT), F.lit(60.0)))
    of_left = strata.strata_of(truth_person, person_record).withColumnRenamed(c.RECORD_ID, c.RECORD_ID_L)
    rows = (
        # n : 1 on either side, a record has one true person, and one list of strata.
        edges.join(side(c.RECORD_ID_L, "left"), c.RECORD_ID_L)
        .join(side(c.RECORD_ID_R, "right"), c.RECORD_ID_R)
        .join(of_left, c.RECORD_ID_L, "left")
        .select(
            (F.floor(F.least(F.col(c.MATCH_WEIGHT), F.lit(_MOST)) / _BITS) * _BITS).alias("bits"),
            (F.col("left") == F.col("right")).alias("true"),
            # Counted in millionths: a sum of doubles hangs on the order of the partitions.
            F.round(odds / (1 + odds) * _MILLION).cast("long").alias("millionths"),
            # Each pair once for itself, without a stratum.
            F.explode(F.concat(F.array(F.lit(_ALL)), F.coalesce(strata.STRATA, F.array().cast("array<string>")))).alias(
                strata.STRATUM
            ),
        )
        .groupBy(strata.STRATUM, "bits")
        .agg(
            F.count(F.lit(1)).alias("pairs"), F.count_if("true").alias("true"), F.sum("millionths").alias("millionths")
        )
        .orderBy(strata.STRATUM, "bits")
        .collect()  # a dozen bins of some eighty strata
    )
    found: dict[str, list[_Bin]] = {}
    for row in rows:
        of_bin = _Bin(*(int(row[name]) for name in ("bits", "pairs", "true", "millionths")))
        found.setdefault(row[strata.STRATUM], []).append(of_bin)
    everything = found.pop(_ALL, [])
    return {
        "bins": [{"from_bits": one.bits, **_told([one])} for one in everything],
        "error": _error(everything),
        "strata": {name: {**_told(bins), "error": _error(bins)} for name, bins in found.items()},
    }


@dataclass(frozen=True)
class _Bin:
    """Pairs of one stratum and weight: how many, how many of them true, sum of their probabilities in millionths."""

    bits: int
    pairs: int
    true: int
    millionths: int


def _told(bins: Sequence[_Bin]) -> dict[str, Any]:
    pairs = sum(one.pairs for one in bins)
    return {
        "pairs": pairs,
        "expected": round(sum(one.millionths for one in bins) / pairs / _MILLION, _DIGITS),
        "observed": share_with_interval(sum(one.true for one in bins), pairs),
    }


def _error(bins: Sequence[_Bin]) -> float:
    off = sum(abs(one.millionths / _MILLION - one.true) for one in bins)
    return round(off / sum(one.pairs for one in bins), _DIGITS) if bins else 0.0
