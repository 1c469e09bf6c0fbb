"""Whom targeting errors hit, and whose decile jumps without a reason of its own."""

from collections.abc import Sequence
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare.change import NEW
from dtsen_spark.welfare.scoring import RANKED
from dtsen_spark.welfare.targeting import Cuts, missed

HEAD_WOMAN: Final = "head_woman"
DISABILITY: Final = "disability"
REMOTE: Final = "remote"
MONONYM: Final = "mononym"
NO_NIK: Final = "no_nik"
GROUPS: Final = (HEAD_WOMAN, DISABILITY, REMOTE, MONONYM, NO_NIK)

# Rural families of NTT, Maluku and Papua: where most of the 62 disadvantaged regencies of Perpres 63/2020 lie. A
# stand-in for the list itself, which the project does not hold.
_REMOTE_PROVINCES: Final = ("53", "81", "82", "91", "92", "93", "94", "95", "96", "97")
_SHARE: Final = 4  # tenths: the poorest 40 %
_JUMP: Final = 2  # deciles


def family_groups(attributes: DataFrame, persons: DataFrame, families: DataFrame) -> DataFrame:
    """Say to which groups each family belongs.

    Args:
        attributes: ``master/person_attribute``.
        persons: ``master/person``.
        families: ``master/family_attribute``.

    Returns:
        One row for each family: ``family_id``, ``head_woman``, ``disability`` (of any member), ``remote``, ``mononym``
        (of the head), ``no_nik`` (any member without a verified NIK); null where it is not known.
    """
    head = F.col(c.RELATION) == "HEAD"
    words = F.size(F.split(F.trim(F.col(c.NAME)), r"\s+"))
    members = (
        attributes.where(F.col(c.FAMILY_ID).isNotNull())
        .join(persons.select(c.PERSON_ID, c.NAME), c.PERSON_ID)  # person : person is 1 : 1
        .groupBy(c.FAMILY_ID)
        .agg(
            F.max(F.when(head, F.col(c.SEX) == "P")).alias(HEAD_WOMAN),
            F.max(F.col(c.DISABILITY) != "NONE").alias(DISABILITY),
            F.max(F.when(head, words == 1)).alias(MONONYM),
            F.max(F.col(c.NIK).isNull()).alias(NO_NIK),
        )
    )
    remote = ~F.col(c.URBAN) & F.substring(c.REGION_CODE, 1, 2).isin(*_REMOTE_PROVINCES)
    # family : its members' figures is 1 : 1.
    return members.join(families.select(c.FAMILY_ID, remote.alias(REMOTE)), c.FAMILY_ID)


def errors_by_group(matched: DataFrame, truth: str, cuts: Cuts) -> dict[str, dict[str, dict[str, float]]]:
    """Compare the targeting errors at the poorest 40 % between groups, from one pass.

    Args:
        matched: One row for each family: ``members``, ``score``, the truth and the groups.
        truth: Column of the true log expenditure, millionths.
        cuts: National cuts of truth and score.

    Returns:
        By group, for ``yes`` and ``no``: ``inclusion_error``, ``exclusion_error``, ``families``; ``poor`` and
        ``selected``, the shares of its persons who truly are and who are taken for the poorest 40 %; ``scored_low``,
        by how many log points its scores fall short of the truth (mean over persons). A group that is seldom poor is
        missed more often by any score that is not exact; only ``scored_low`` says that it is scored wrongly.
    """
    true_cuts, our_cuts = cuts
    if not true_cuts:
        return {}
    poor = F.col(truth) < F.lit(true_cuts[_SHARE - 1].score)
    chosen = F.col(c.SCORE) < F.lit(our_cuts[_SHARE - 1].score)
    people = F.col(c.MEMBERS).cast("long")
    sums = {"persons": F.lit(True), "poor": poor, "chosen": chosen, "both": poor & chosen}
    short = (people * (F.col(truth) - F.col(c.SCORE))).cast("decimal(28,0)")
    rows = (
        matched.groupBy(*GROUPS)
        .agg(
            F.count(F.lit(1)).alias("families"),
            F.sum(short).alias("short"),
            *(F.sum(F.when(w, people)).alias(n) for n, w in sums.items()),
        )
        .collect()  # five flags: at most 243 rows
    )
    return {
        group: {
            name: _errors([row for row in rows if row[group] is flag]) for name, flag in (("yes", True), ("no", False))
        }
        for group in GROUPS
    }


def _errors(rows: Sequence[Any]) -> dict[str, float]:
    names = ("poor", "chosen", "both", "families", "persons", "short")
    poor, chosen, both, families, persons, short = (sum(int(row[n] or 0) for row in rows) for n in names)
    of = max(persons, 1)
    return {
        "inclusion_error": missed(both, chosen),
        "exclusion_error": missed(both, poor),
        "families": families,
        "poor": poor / of,
        "selected": chosen / of,
        "scored_low": short / of / 1e6,
    }


def stability(score: DataFrame, change: DataFrame) -> dict[str, float]:
    """Return how many families moved by two deciles or more although none of their own data changed.

    Args:
        score: ``welfare/score`` of a release.
        change: ``welfare/change`` of the same release.

    Returns:
        ``jumped_without_own_data``: their share of the families that both releases ranked; ``families``: those.
    """
    jumped = (F.abs(F.col(c.DECILE) - F.col(c.DECILE_BEFORE)) >= _JUMP) & (F.col(c.OWN_DATA_POINTS) == 0)
    counted = change.agg(F.count_if(jumped), F.count_if(F.col(c.MOVE).isin(NEW, RANKED))).first()
    ranked = score.where(F.col(c.STATE) == RANKED).count()
    moved, entered = (int(counted[0]), int(counted[1])) if counted else (0, 0)
    both = ranked - entered
    return {"jumped_without_own_data": moved / both if both else 0.0, "families": both}
