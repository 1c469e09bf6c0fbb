"""The score against true consumption, and whom a program by deciles would miss."""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare.equity import errors_by_group
from dtsen_spark.welfare.targeting import cuts_of_both, errors_at_shares

_TRUE_PERSON: Final = "true_person_id"
_TRUE_FAMILY: Final = "true_family_id"
TRUTH: Final = "truth"


def evaluate_welfare(
    score: DataFrame,
    family_member: DataFrame,
    membership: DataFrame,
    persons: DataFrame,
    families: DataFrame,
    consumption: DataFrame,
    groups: DataFrame | None = None,
) -> dict[str, Any]:
    """Compare scores with the truth of the nation.

    A family stands for the true family of most of its members, a person for the true person of most of its
    records; ties go to the smaller id.

    Args:
        score: ``welfare/score``.
        family_member: ``master/family_member``.
        membership: Current rows of ``linkage/membership``.
        persons: Truth: ``record_id``, ``true_person_id``.
        families: Truth: ``true_family_id``, ``true_person_id``.
        consumption: Truth: ``true_family_id``, ``log_expenditure``.
        groups: ``equity.family_groups``; None = do not tell whom the errors hit.

    Returns:
        ``pmt``: ``r2``, ``rmse`` (log points), ``families`` (person-weighted, over ranked families with a truth);
        ``targeting``: by share of persons, ``inclusion_error`` and ``exclusion_error``; ``equity``: the same at the
        poorest 40 %, by group of families.
    """
    truths = true_expenditure(score, family_member, membership, persons, families, consumption)
    # family : its groups is 1 : 0..1.
    matched = (truths if groups is None else truths.join(groups, c.FAMILY_ID, "left")).persist()
    try:
        weight = F.col(c.MEMBERS).cast("decimal(10,0)")
        error = (F.col(TRUTH) - F.col(c.SCORE)).cast("decimal(12,0)")
        true = F.col(TRUTH).cast("decimal(12,0)")
        row = matched.agg(
            F.count(F.lit(1)).alias("families"),
            F.sum(weight).alias("w"),
            F.sum((weight * error * error).cast("decimal(28,0)")).alias("ee"),
            F.sum((weight * true).cast("decimal(22,0)")).alias("t"),
            F.sum((weight * true * true).cast("decimal(28,0)")).alias("tt"),
        ).first()
        sums = {name: int(value or 0) for name, value in (row.asDict() if row else {}).items()}
        people = F.col(c.MEMBERS)
        cuts = cuts_of_both(matched, TRUTH, c.SCORE, people)
        targeting = errors_at_shares(matched, TRUTH, c.SCORE, people, cuts)
        hit = {} if groups is None else errors_by_group(matched, TRUTH, cuts)
    finally:
        matched.unpersist()
    spread = sums["tt"] * sums["w"] - sums["t"] ** 2
    return {
        "pmt": {
            "r2": 1 - sums["ee"] * sums["w"] / spread if spread else 0.0,
            "rmse": (sums["ee"] / sums["w"]) ** 0.5 / 1e6 if sums["w"] else 0.0,
            "families": sums["families"],
        },
        "targeting": targeting,
        "equity": hit,
    }


def true_expenditure(
    score: DataFrame,
    family_member: DataFrame,
    membership: DataFrame,
    persons: DataFrame,
    families: DataFrame,
    consumption: DataFrame,
) -> DataFrame:
    """Put the true log expenditure on every ranked family that stands for a true one; arguments as above.

    Returns:
        ``family_id``, ``members``, ``score``, ``truth`` (millionths of log rupiah): one row for each such family.
    """

    def most(df: DataFrame, key: str, value: str) -> DataFrame:
        votes = df.groupBy(key, value).agg(F.count(F.lit(1)).alias("n"))
        top = votes.groupBy(key).agg(F.min(F.struct(-F.col("n"), F.col(value))).alias("top"))
        return top.select(key, F.col(f"top.{value}").alias(value))

    # membership : truth is 1 : 0..1; person : true family is n : 0..1; family : consumption is n : 1.
    person = most(membership.join(persons.select(c.RECORD_ID, _TRUE_PERSON), c.RECORD_ID), c.PERSON_ID, _TRUE_PERSON)
    home = person.join(families.select(_TRUE_FAMILY, _TRUE_PERSON), _TRUE_PERSON).select(c.PERSON_ID, _TRUE_FAMILY)
    family = most(family_member.select(c.FAMILY_ID, c.PERSON_ID).join(home, c.PERSON_ID), c.FAMILY_ID, _TRUE_FAMILY)
    truth = consumption.select(
        _TRUE_FAMILY, F.floor(F.col(c.LOG_EXPENDITURE).cast("double") * 1_000_000 + 0.5).alias(TRUTH)
    )
    ranked = score.where(F.col(c.SCORE).isNotNull()).select(c.FAMILY_ID, c.MEMBERS, c.SCORE)
    return (
        ranked.join(family, c.FAMILY_ID)
        .join(truth.where(F.col(TRUTH).isNotNull()), _TRUE_FAMILY)
        .select(c.FAMILY_ID, c.MEMBERS, c.SCORE, TRUTH)
    )
