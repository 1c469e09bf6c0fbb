"""Accuracy of a membership against truth, from contingency counts: no pair is ever enumerated."""

from typing import Any, Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage.collapse import REGISTRY

_TRUE: Final = "true_person_id"
_PREDICTED: Final = "predicted"
_DIGITS: Final = 9


def _pairs(count: Column) -> Column:
    # Pairs inside a group; a decimal, since a sum over the nation passes no 64 bits but a hot group's square may.
    n = count.cast("decimal(19,0)")
    return F.coalesce(F.sum((n * (n - 1) / 2).cast("decimal(38,0)")), F.lit(0).cast("decimal(38,0)"))


def evaluate_linkage(membership: DataFrame, truth_person: DataFrame, person_record: DataFrame) -> dict[str, Any]:
    """Compare who belongs together with who truly does.

    Args:
        membership: Current rows of ``linkage/membership``: record × person.
        truth_person: One row for each delivered record: ``record_id``, ``true_person_id``.
        person_record: ``silver/person_record``: what quarantine let through.

    Returns:
        ``pairwise``: precision, recall, f1, tp, fp, fn. ``bcubed``: precision, recall, f1, averaged over records
        (Bagga and Baldwin 1998). ``permitted``: recall against the true pairs that I1, I2 and quarantine leave
        possible, and ``ceiling``, the best recall that they allow. ``records``: counted, missing, unknown to the
        truth. A record of the truth without membership counts as a person of its own. Shares are between 0 and 1.
    """
    # 1 : 1, a record has one current person.
    joined = truth_person.select(c.RECORD_ID, _TRUE).join(
        membership.select(c.RECORD_ID, F.col(c.PERSON_ID).alias(_PREDICTED)), c.RECORD_ID, "left"
    )
    missing = F.col(_PREDICTED).isNull()
    cells = (
        joined.withColumn("lone", F.when(missing, F.col(c.RECORD_ID)))
        .groupBy(_TRUE, _PREDICTED, "lone")
        .agg(F.count(F.lit(1)).alias("n"))
    )
    # Windows over one person each: as many cells as a person has records at most.
    sized = cells.withColumn("n_true", F.sum("n").over(Window.partitionBy(_TRUE))).withColumn(
        "n_predicted", F.sum("n").over(Window.partitionBy(_PREDICTED, "lone"))
    )
    n = F.col("n").cast("decimal(19,0)")
    half = F.col("n").cast("decimal(38,0)")
    found = sized.agg(
        F.sum(half).alias("records"),
        F.sum(F.when(missing, half).otherwise(F.lit(0))).alias("missing"),
        _pairs(F.col("n")).alias("tp"),
        # Every cell carries its share of its group's pairs: n (size - 1) / 2.
        (F.sum(n * (F.col("n_true").cast("decimal(19,0)") - 1)) / 2).alias("true_pairs"),
        (F.sum(n * (F.col("n_predicted").cast("decimal(19,0)") - 1)) / 2).alias("predicted_pairs"),
        F.sum(F.round(n * n / F.col("n_predicted"), 12)).alias("precision_sum"),
        F.sum(F.round(n * n / F.col("n_true"), 12)).alias("recall_sum"),
    ).collect()[0]
    records = int(found["records"] or 0)
    tp = int(found["tp"])
    true_pairs, predicted_pairs = int(found["true_pairs"] or 0), int(found["predicted_pairs"] or 0)
    possible = _permitted_pairs(truth_person, person_record)
    counted = membership.join(truth_person, c.RECORD_ID, "left_anti").count()
    return {
        "pairwise": {
            **_scores(_share(tp, predicted_pairs), _share(tp, true_pairs)),
            "tp": tp,
            "fp": predicted_pairs - tp,
            "fn": true_pairs - tp,
        },
        "bcubed": _scores(
            _share(float(found["precision_sum"] or 0), records), _share(float(found["recall_sum"] or 0), records)
        ),
        "permitted": {"recall": _share(tp, possible), "ceiling": _share(possible, true_pairs), "pairs": possible},
        "records": {"counted": records, "missing": int(found["missing"] or 0), "unknown_to_truth": counted},
    }


def _permitted_pairs(truth_person: DataFrame, person_record: DataFrame) -> int:
    """Count the true pairs that I1, I2 and quarantine leave possible.

    A person with several registry rows can be one cluster for each of them: a record that states the NIK of one of
    them is bound to it, all free records can be with one only, best with the largest.
    """
    # 1 : 1, a record is in silver once; what quarantine holds is not there.
    known = truth_person.select(c.RECORD_ID, _TRUE).join(
        person_record.select(c.RECORD_ID, c.SOURCE, c.NIK), c.RECORD_ID
    )
    rows = known.where(F.col(c.SOURCE) == REGISTRY).select(_TRUE, c.NIK, F.lit(True).alias("bound"))
    # n : 1, a NIK is one registry row.
    bound = known.where(F.col(c.NIK).isNotNull()).join(rows, [_TRUE, c.NIK]).groupBy(_TRUE, c.NIK).count()
    groups = bound.groupBy(_TRUE).agg(
        F.sum("count").alias("bound_records"), F.max("count").alias("largest"), _pairs(F.col("count")).alias("inside")
    )
    sizes = known.groupBy(_TRUE).agg(F.count(F.lit(1)).alias("n"))
    # 1 : 1, a person has one row in each.
    persons = sizes.join(groups, _TRUE, "left").na.fill(0, ["bound_records", "largest"])
    free = (F.col("n") - F.col("bound_records")).cast("decimal(19,0)")
    largest = F.col("largest").cast("decimal(19,0)")
    best = F.coalesce("inside", F.lit(0)) + free * (free - 1) / 2 + free * largest
    return int(persons.agg(F.sum(best.cast("decimal(38,0)")).alias("pairs")).collect()[0]["pairs"] or 0)


def _share(part: float, whole: float) -> float:
    return round(part / whole, _DIGITS) if whole else 1.0


def _scores(precision: float, recall: float) -> dict[str, float]:
    total = precision + recall
    f1 = round(2 * precision * recall / total, _DIGITS) if total else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
