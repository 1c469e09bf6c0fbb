"""Accuracy of a membership against truth, from counts by record: no pair is ever enumerated."""

from typing import Any, Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import bound, strata
from dtsen_spark.linkage.collapse import REGISTRY
from dtsen_spark.linkage.intervals import share

TRUE_PERSON: Final = "true_person_id"
_PREDICTED: Final = "predicted"
_LONE: Final = "lone"
IN_TRUE: Final = "n_true"
IN_PREDICTED: Final = "n_predicted"
IN_BOTH: Final = "n_both"


def evaluate_linkage(membership: DataFrame, truth_person: DataFrame, person_record: DataFrame) -> dict[str, Any]:
    """Compare who belongs together with who truly does.

    Args:
        membership: Current rows of ``linkage/membership``: record × person.
        truth_person: One row for each delivered record: ``record_id``, ``true_person_id`` and, where it is known,
            ``error_mode`` (comma text).
        person_record: ``silver/person_record``: what quarantine let through.

    Returns:
        ``pairwise``: precision, recall, f1, tp, fp, fn. ``bcubed``: precision, recall, f1, averaged over records
        (Bagga and Baldwin 1998). ``clusters``: persons of the truth, those found exactly, over-split (in several
        clusters), and clusters over-merged (of several persons). ``permitted``: recall against the true pairs that
        I1, I2 and quarantine leave possible, and ``ceiling``, the best recall that they allow. ``bound``: what no
        information can separate (``bound.inseparable``). ``strata``: by kind of record (``strata.by_stratum``).
        ``records``: counted, missing, unknown to the truth. A record of the truth without membership counts as a
        person of its own. Shares are between 0 and 1.
    """
    placed = places(membership, truth_person)
    half = F.col(IN_BOTH).cast("decimal(38,0)")

    def per_record(name: str) -> Column:
        return F.sum((F.col(name) - 1).cast("decimal(38,0)"))

    exact = (F.col(IN_BOTH) == F.col(IN_TRUE)) & (F.col(IN_BOTH) == F.col(IN_PREDICTED))
    n = F.col(IN_BOTH).cast("decimal(19,0)")
    found = placed.agg(
        F.count(F.lit(1)).alias("records"),
        F.count_if(F.col(_PREDICTED).isNull()).alias("missing"),
        per_record(IN_BOTH).alias("tp"),
        per_record(IN_TRUE).alias("true_pairs"),
        per_record(IN_PREDICTED).alias("predicted_pairs"),
        F.sum(F.round(n / F.col(IN_PREDICTED), 12)).alias("precision_sum"),
        F.sum(F.round(n / F.col(IN_TRUE), 12)).alias("recall_sum"),
        F.count_distinct(TRUE_PERSON).alias("persons"),
        F.count_distinct(F.when(exact, F.col(TRUE_PERSON))).alias("exact"),
        F.count_distinct(F.when(half < F.col(IN_TRUE), F.col(TRUE_PERSON))).alias("over_split"),
        F.count_distinct(F.when(half < F.col(IN_PREDICTED), F.col(_PREDICTED))).alias("over_merged"),
    ).collect()[0]
    records = int(found["records"] or 0)
    # Every pair is seen from both of its records.
    tp, true_pairs, predicted_pairs = (int(found[name] or 0) // 2 for name in ("tp", "true_pairs", "predicted_pairs"))
    possible = _permitted_pairs(truth_person, person_record)
    unknown = membership.join(truth_person, c.RECORD_ID, "left_anti").count()
    return {
        "pairwise": {
            **_scores(share(tp, predicted_pairs), share(tp, true_pairs)),
            "tp": tp,
            "fp": predicted_pairs - tp,
            "fn": true_pairs - tp,
        },
        "bcubed": _scores(
            share(float(found["precision_sum"] or 0), records), share(float(found["recall_sum"] or 0), records)
        ),
        "clusters": {name: int(found[name]) for name in ("persons", "exact", "over_split", "over_merged")},
        "permitted": {"recall": share(tp, possible), "ceiling": share(possible, true_pairs), "pairs": possible},
        "bound": bound.inseparable(placed, person_record, tp=tp, possible=possible),
        "strata": strata.by_stratum(placed, truth_person, person_record),
        "records": {"counted": records, "missing": int(found["missing"] or 0), "unknown_to_truth": unknown},
    }


def places(membership: DataFrame, truth_person: DataFrame) -> DataFrame:
    """Return how many records each record is together with, truly and by the membership.

    Args:
        membership: As of ``evaluate_linkage``.
        truth_person: As of ``evaluate_linkage``.

    Returns:
        One row for each record of the truth: ``record_id``, ``true_person_id``, ``predicted`` (null where it is
        missing), ``n_true``, ``n_predicted`` and ``n_both``: records of its person, of its cluster, of both.
    """
    # 1 : 1, a record has one current person.
    joined = truth_person.select(c.RECORD_ID, TRUE_PERSON).join(
        membership.select(c.RECORD_ID, F.col(c.PERSON_ID).alias(_PREDICTED)), c.RECORD_ID, "left"
    )
    lone = F.when(F.col(_PREDICTED).isNull(), F.col(c.RECORD_ID))

    def together(*keys: str) -> Column:
        # Windows over one person each: as many rows as a person has records.
        return F.count(F.lit(1)).over(Window.partitionBy(*keys))

    return (
        joined.withColumn(_LONE, lone)
        .withColumn(IN_TRUE, together(TRUE_PERSON))
        .withColumn(IN_BOTH, together(TRUE_PERSON, _PREDICTED, _LONE))
        .withColumn(IN_PREDICTED, together(_PREDICTED, _LONE))
        .drop(_LONE)
    )


def _pairs(count: Column) -> Column:
    # Pairs inside a group; a decimal, since a sum over the nation passes no 64 bits but a hot group's square may.
    n = count.cast("decimal(19,0)")
    return F.coalesce(F.sum((n * (n - 1) / 2).cast("decimal(38,0)")), F.lit(0).cast("decimal(38,0)"))


def _permitted_pairs(truth_person: DataFrame, person_record: DataFrame) -> int:
    """Count the true pairs that I1, I2 and quarantine leave possible.

    A person with several registry rows can be one cluster for each of them: a record that states the NIK of one of
    them is bound to it, all free records can be with one only, best with the largest.
    """
    # 1 : 1, a record is in silver once; what quarantine holds is not there.
    known = truth_person.select(c.RECORD_ID, TRUE_PERSON).join(
        person_record.select(c.RECORD_ID, c.SOURCE, c.NIK), c.RECORD_ID
    )
    rows = known.where(F.col(c.SOURCE) == REGISTRY).select(TRUE_PERSON, c.NIK, F.lit(True).alias("bound"))
    # n : 1, a NIK is one registry row.
    bound_ = known.where(F.col(c.NIK).isNotNull()).join(rows, [TRUE_PERSON, c.NIK]).groupBy(TRUE_PERSON, c.NIK).count()
    groups = bound_.groupBy(TRUE_PERSON).agg(
        F.sum("count").alias("bound_records"), F.max("count").alias("largest"), _pairs(F.col("count")).alias("inside")
    )
    sizes = known.groupBy(TRUE_PERSON).agg(F.count(F.lit(1)).alias("n"))
    # 1 : 1, a person has one row in each.
    persons = sizes.join(groups, TRUE_PERSON, "left").na.fill(0, ["bound_records", "largest"])
    free = (F.col("n") - F.col("bound_records")).cast("decimal(19,0)")
    largest = F.col("largest").cast("decimal(19,0)")
    best = F.coalesce("inside", F.lit(0)) + free * (free - 1) / 2 + free * largest
    return int(persons.agg(F.sum(best.cast("decimal(38,0)")).alias("pairs")).collect()[0]["pairs"] or 0)


def _scores(precision: float, recall: float) -> dict[str, float]:
    total = precision + recall
    f1 = round(2 * precision * recall / total, 9) if total else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
