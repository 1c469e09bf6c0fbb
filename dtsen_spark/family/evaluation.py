"""Families against truth: are those who live together together?"""

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c

_TRUE_PERSON = "true_person_id"
_TRUE_FAMILY = "true_family_id"


def evaluate_family(
    family_member: DataFrame, membership: DataFrame, persons: DataFrame, families: DataFrame
) -> dict[str, Any]:
    """Compare who shares a family with who truly does, pair by pair.

    A person of the register stands for the true person of most of its records (ties: the smaller id). Pairs
    are counted from the contingency table of families and true families; no pair is ever listed.

    Args:
        family_member: ``master/family_member``.
        membership: Current rows of ``linkage/membership``.
        persons: Truth: ``record_id``, ``true_person_id``.
        families: Truth: ``true_family_id``, ``true_person_id``.

    Returns:
        ``pairwise`` (precision, recall, f1, tp, fp, fn), ``families``, ``true_families``, ``exact`` (share of true
        families that are one family, whole and alone), ``persons``, ``persons_unmatched``.
    """
    # membership : truth is 1 : 0..1.
    votes = (
        membership.join(persons.select(c.RECORD_ID, _TRUE_PERSON), c.RECORD_ID)
        .groupBy(c.PERSON_ID, _TRUE_PERSON)
        .agg(F.count(F.lit(1)).alias("n"))
    )
    true_person = votes.groupBy(c.PERSON_ID).agg(F.min(F.struct(-F.col("n"), F.col(_TRUE_PERSON))).alias("top"))
    truth = true_person.select(c.PERSON_ID, F.col(f"top.{_TRUE_PERSON}").alias(_TRUE_PERSON)).join(
        families.select(_TRUE_FAMILY, _TRUE_PERSON), _TRUE_PERSON
    )
    # member : truth is 1 : 0..1.
    matched = family_member.select(c.FAMILY_ID, c.PERSON_ID).join(truth, c.PERSON_ID, "left")
    cells = matched.groupBy(c.FAMILY_ID, _TRUE_FAMILY).agg(F.count(F.lit(1)).alias("n"))
    known = cells.where(F.col(_TRUE_FAMILY).isNotNull())
    ours = known.groupBy(c.FAMILY_ID).agg(F.sum("n").alias("n"), F.count(F.lit(1)).alias("parts"))
    theirs = known.groupBy(_TRUE_FAMILY).agg(F.sum("n").alias("n"), F.count(F.lit(1)).alias("parts"))
    whole = (
        known.join(ours.where("parts = 1").select(c.FAMILY_ID), c.FAMILY_ID)
        .join(theirs.where("parts = 1").select(_TRUE_FAMILY), _TRUE_FAMILY)
        .agg(F.count(F.lit(1)).alias("exact"))
    )
    pairs = (F.col("n") * (F.col("n") - 1) / 2).cast("long")
    together = known.agg(F.sum(pairs).alias("tp"))
    stated = ours.agg(F.sum(pairs).alias("stated"), F.count(F.lit(1)).alias("families"), F.sum("n").alias("persons"))
    true = theirs.agg(F.sum(pairs).alias("true"), F.count(F.lit(1)).alias("true_families"))
    lost = cells.where(F.col(_TRUE_FAMILY).isNull()).agg(F.sum("n").alias("lost"))
    row = together.crossJoin(stated).crossJoin(true).crossJoin(whole).crossJoin(lost).first()  # one row each
    counts = {name: int(value or 0) for name, value in (row.asDict() if row else {}).items()}
    tp, fp, fn = counts["tp"], counts["stated"] - counts["tp"], counts["true"] - counts["tp"]
    precision, recall = _share(tp, tp + fp), _share(tp, tp + fn)
    return {
        "pairwise": {
            "precision": precision,
            "recall": recall,
            "f1": _share(2 * tp, 2 * tp + fp + fn),
            "tp": tp,
            "fp": fp,
            "fn": fn,
        },
        "families": counts["families"],
        "true_families": counts["true_families"],
        "exact": _share(counts["exact"], counts["true_families"]),
        "persons": counts["persons"],
        "persons_unmatched": counts["lost"],
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
