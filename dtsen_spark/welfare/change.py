"""Why a family stands elsewhere than in the last release: own data, membership, model, cut; the parts add up.

The way from the last release to this one is walked in four steps, one thing changing at each: the values of those who
were members, then who is a member, then the model, then the cuts. What the margin (score less a cut) and the decile
move at a step is that cause's part, so the parts add up to the whole move by construction. The order matters where
causes interact; it is the order in which a family would tell it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare import scoring
from dtsen_spark.welfare.deciles import TENTHS, Cut, decile
from dtsen_spark.welfare.features import UNIT, member_features
from dtsen_spark.welfare.model import PmtModel

OWN_DATA: Final = "OWN_DATA"
MEMBERSHIP: Final = "MEMBERSHIP"
MODEL: Final = "MODEL"
CUT: Final = "CUT"

UP: Final = "UP"
DOWN: Final = "DOWN"
SAME: Final = "SAME"
NEW: Final = "NEW"
GONE: Final = "GONE"

# Causes in the order of the steps, with their columns of points and deciles.
STEPS: Final[Mapping[str, tuple[str, str]]] = {
    OWN_DATA: (c.OWN_DATA_POINTS, c.OWN_DATA_DECILES),
    MEMBERSHIP: (c.MEMBERSHIP_POINTS, c.MEMBERSHIP_DECILES),
    MODEL: (c.MODEL_POINTS, c.MODEL_DECILES),
    CUT: (c.CUT_POINTS, c.CUT_DECILES),
}
# Points of the former members with today's values, under the former model.
KEPT_POINTS: Final = "kept_points"
_BEFORE: Final = "_before"
_HASH_BEFORE: Final = "_hash_before"
_MEMBERS_BEFORE: Final = "_members_before"
_STATE_BEFORE: Final = "_state_before"
_REASON_BEFORE: Final = "_reason_before"
_REGION_BEFORE: Final = "_region_before"


@dataclass(frozen=True)
class Standing:
    """Cuts of the two releases that are compared.

    Attributes:
        before: Cuts of the last release.
        now: Cuts of this one.
    """

    before: Sequence[Cut]
    now: Sequence[Cut]


def side_by_side(now: DataFrame, before: DataFrame) -> DataFrame:
    """Join the scores of two releases.

    Args:
        now: Placed families of this release, with ``member_points``, ``former_score``, ``former_member_points``.
        before: ``welfare/score`` of the last release.

    Returns:
        One row for each family of either: the columns of ``now`` (null where it is gone) and those of before.
    """
    former = before.select(
        F.col(c.FAMILY_ID).alias(_BEFORE),
        F.col(c.SCORE).alias(c.SCORE_BEFORE),
        F.col(c.DECILE).alias(c.DECILE_BEFORE),
        F.col(c.EXPENDITURE_IDR_MONTH).alias(c.EXPENDITURE_BEFORE),
        F.col(c.MEMBER_HASH).alias(_HASH_BEFORE),
        F.col(c.MEMBERS).alias(_MEMBERS_BEFORE),
        F.col(c.STATE).alias(_STATE_BEFORE),
        F.col(c.REASON).alias(_REASON_BEFORE),
        F.col(c.REGION_CODE).alias(_REGION_BEFORE),
    )
    # family now : family before is 0..1 : 0..1.
    return now.join(former, F.col(c.FAMILY_ID) == F.col(_BEFORE), "full_outer")


def kept_members(both: DataFrame, former_members: DataFrame, persons: DataFrame, model: PmtModel) -> DataFrame:
    """Score the former members of families whose membership changed, with today's values, by the former model.

    Args:
        both: As ``side_by_side`` returns it.
        former_members: ``master/family_member`` of the last release.
        persons: ``master/person_attribute`` of this release.
        model: The model of the last release.

    Returns:
        ``family_id``, ``kept_points``: one row for each such family that has a former member left in the register.
    """
    changed = both.where(_membership_changed() & _both_ranked()).select(
        F.col(c.FAMILY_ID).alias(UNIT), c.MODEL_VARIANT, F.col(_MEMBERS_BEFORE).alias(c.MEMBERS)
    )
    # Their place in the family is that of then: today's is to another head.
    roles = former_members.select(F.col(c.FAMILY_ID).alias(UNIT), c.PERSON_ID, c.RELATION)
    values = persons.drop(c.FAMILY_ID, c.RELATION)
    # member : changed family is n : 0..1, a small part of all; member : person is 1 : 0..1 (an id may be retired).
    people = roles.join(changed.select(UNIT), UNIT, "left_semi").join(values, c.PERSON_ID)
    used = scoring.used_features(model)
    aggregated = member_features(people, [f for f in used if f.of_members])
    size = next((f for f in used if f.indicator == c.MEMBERS), None)
    sized = changed if size is None else changed.withColumn(size.column, size.value.cast("long"))
    # changed family : its former members' features is 1 : 0..1.
    points = scoring.member_points(sized.join(aggregated, UNIT), model)
    return points.select(F.col(UNIT).alias(c.FAMILY_ID), F.col(scoring.MEMBER_POINTS).alias(KEPT_POINTS))


def split(both: DataFrame, kept: DataFrame | None, standing: Standing, previous_release: str) -> DataFrame:
    """Split every family's move into its causes.

    Args:
        both: As ``side_by_side`` returns it.
        kept: As ``kept_members`` returns it; None where membership cannot be told.
        standing: Cuts of the two releases, of the configured unit.
        previous_release: The release that is compared with.

    Returns:
        Rows of ``welfare/change``: each family whose score, decile, margin or state differs, that came or went.
    """
    if kept is None:
        joined = both.withColumn(KEPT_POINTS, F.lit(None).cast("long"))
    else:
        # family : its kept points is 1 : 0..1.
        joined = both.join(kept, c.FAMILY_ID, "left")
    ranked = _both_ranked()
    scores = [F.col(c.SCORE_BEFORE), *_steps(), F.col(c.SCORE)]
    before, now = standing.before, standing.now
    deciles = [F.col(c.DECILE_BEFORE), *(decile(score, before) for score in scores[1:]), F.col(c.DECILE)]
    move = _move()
    reference = (
        F.when(move == UP, F.col(c.DECILE_BEFORE))
        .when(move == DOWN, F.col(c.DECILE_BEFORE) - 1)
        .otherwise(F.least(F.col(c.DECILE_BEFORE), F.lit(TENTHS - 1)))
    )
    cut_before, cut_now = (_cut_at(F.col(c.REFERENCE_CUT), cuts) for cuts in (before, now))
    points = [after - ahead for ahead, after in pairwise(scores)]
    points.append(cut_before - cut_now)
    deciles_moved = [after - ahead for ahead, after in pairwise(deciles)]
    told = joined.withColumn(c.MOVE, move).withColumn(c.REFERENCE_CUT, F.when(ranked, reference))
    for (of_points, of_deciles), moved, stepped in zip(STEPS.values(), points, deciles_moved, strict=True):
        told = told.withColumn(of_points, F.when(ranked, moved)).withColumn(of_deciles, F.when(ranked, stepped))
    return (
        told.withColumn(c.MARGIN_BEFORE, F.when(ranked, F.col(c.SCORE_BEFORE) - cut_before))
        .withColumn(c.MARGIN, F.when(ranked, F.col(c.SCORE) - cut_now))
        .withColumn(c.DECILE_CAUSE, _cause())
        .withColumn(c.FAMILY_ID, F.coalesce(c.FAMILY_ID, _BEFORE))
        .withColumn(c.REGION_CODE, F.coalesce(c.REGION_CODE, _REGION_BEFORE))
        .withColumn(c.PREVIOUS_RELEASE, F.lit(previous_release))
        .where((F.col(c.MOVE) != SAME) | ~F.col(c.MARGIN).eqNullSafe(F.col(c.MARGIN_BEFORE)))
    )


def _steps() -> list[Column]:
    """Scores after own data, and after membership: both under the former model."""
    all_data = F.coalesce(scoring.FORMER_SCORE, c.SCORE)
    of_members = F.coalesce(scoring.FORMER_MEMBER_POINTS, scoring.MEMBER_POINTS)
    own_data = (
        F.when(~_membership_changed(), all_data)
        # Nobody of then is in the register any more: all of it is membership.
        .when(F.col(KEPT_POINTS).isNull(), F.col(c.SCORE_BEFORE))
        .otherwise(all_data - of_members + F.col(KEPT_POINTS))
    )
    return [own_data, all_data]


def _membership_changed() -> Column:
    return F.coalesce(F.col(c.MEMBER_HASH) != F.col(_HASH_BEFORE), F.lit(False))


def _both_ranked() -> Column:
    return F.col(c.SCORE).isNotNull() & F.col(c.SCORE_BEFORE).isNotNull()


def _cut_at(k: Column, cuts: Sequence[Cut]) -> Column:
    return F.get(F.array(*(F.lit(cut.score) for cut in cuts)).cast("array<long>"), k - 1)


def _move() -> Column:
    gone, new = F.col(c.FAMILY_ID).isNull(), F.col(_BEFORE).isNull()
    now, before = F.col(c.DECILE), F.col(c.DECILE_BEFORE)
    return (
        F.when(gone, F.lit(GONE))
        .when(new, F.lit(NEW))
        .when(now.isNull() & before.isNull(), F.lit(SAME))
        .when(now.isNull(), F.lit(scoring.UNRANKED))
        .when(before.isNull(), F.lit(scoring.RANKED))
        .when(now > before, F.lit(UP))
        .when(now < before, F.lit(DOWN))
        .otherwise(F.lit(SAME))
    )


def _cause() -> Column:
    """The first cause that moved the decile furthest in the direction of the whole move."""
    whole = F.col(c.DECILE) - F.col(c.DECILE_BEFORE)
    parts = {cause: F.col(name) * F.signum(whole) for cause, (_, name) in STEPS.items()}
    most = F.greatest(*parts.values())
    cause = F.lit(None).cast("string")
    for name, part in reversed(parts.items()):
        cause = F.when(part == most, F.lit(name)).otherwise(cause)
    without_model = scoring.NO_MODEL
    return (
        F.when(F.col(c.MOVE).isin(UP, DOWN), cause)
        .when(F.col(c.MOVE) == scoring.UNRANKED, F.when(F.col(c.REASON) == without_model, MODEL).otherwise(OWN_DATA))
        .when(
            F.col(c.MOVE) == scoring.RANKED,
            F.when(F.col(_REASON_BEFORE) == without_model, MODEL).otherwise(OWN_DATA),
        )
    )
