"""What must hold in every release, proven by queries over the build: counts of what breaks it."""

from collections.abc import Sequence
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job
from dtsen_spark.quality.figures import VOLUME, Figure, share

# Families by decile: how many of each the sample has to choose from.
IN_DECILE: Final = "families_in_decile"
NO_DECILE: Final = "none"

_SELECTED: Final = "SELECTED"
_RANKED: Final = "RANKED"
_TENTHS: Final = 10

_RECORDS: Final = "records"
_MEMBERSHIPS: Final = "memberships"
_LIVING: Final = "living"
_PERSONS: Final = "persons"
_FAMILIES: Final = "families"
_PLACES: Final = "places"
_SCORES: Final = "scores"
_WEIGHT: Final = "weight"
_TOP: Final = "top"


def links(job: Job) -> list[Figure]:
    """Prove that every person record belongs to one person now.

    Args:
        job: The run; reads ``silver/person_record`` and ``linkage/membership``.

    Returns:
        Records without a person, with several, and memberships of records that are not there.
    """
    current = job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    # One union and one aggregate instead of two outer joins: both sides shuffle a key and a flag, once.
    arms = _union(
        [
            (job.read(tables.PERSON_RECORD).select(c.RECORD_ID), {_RECORDS: F.lit(1)}),
            (current.select(c.RECORD_ID), {_MEMBERSHIPS: F.lit(1)}),
        ],
        c.RECORD_ID,
        (_RECORDS, _MEMBERSHIPS),
    )
    found = _row(
        arms.agg(
            F.count_if(F.col(_MEMBERSHIPS) == 0).alias("records_without_person"),
            F.count_if(F.col(_MEMBERSHIPS) > 1).alias("records_with_two_persons"),
            F.count_if(F.col(_RECORDS) == 0).alias("memberships_without_record"),
        )
    )
    return [Figure(metric, tables.MEMBERSHIP.path, value) for metric, value in found.items()]


def persons(job: Job, programs: Sequence[str]) -> list[Figure]:
    """Prove that every living person is in one family, and that nobody else is in one or selected.

    Args:
        job: The run; reads ``master/person``, ``master/family_member`` and the decisions.
        programs: Programs that the release decided.

    Returns:
        Counts of what breaks it, persons selected by program and the number of living persons.
    """
    selected = {program: _selected_column(program) for program in programs}
    arms = [
        (job.read(tables.PERSON), {_PERSONS: F.lit(1), _LIVING: F.col(c.ALIVE).cast("int")}),
        (job.read(tables.FAMILY_MEMBER), {_PLACES: F.lit(1)}),
        *((_selected(job, p).where(F.col(c.PERSON_ID).isNotNull()), {selected[p]: F.lit(1)}) for p in programs),
    ]
    one = _union(arms, c.PERSON_ID, (_PERSONS, _LIVING, _PLACES, *selected.values()))
    is_living = F.col(_LIVING) > 0
    found = _row(
        one.agg(
            F.count_if(is_living).alias(VOLUME),
            F.count_if(F.col(_PERSONS) > 1).alias("persons_twice"),
            F.count_if(is_living & (F.col(_PLACES) == 0)).alias("living_without_family"),
            F.count_if(F.col(_PLACES) > 1).alias("persons_in_two_families"),
            F.count_if(~is_living & (F.col(_PLACES) > 0)).alias("members_not_living"),
            *(F.count_if(~is_living & (F.col(name) > 0)).alias(f"dead {p}") for p, name in selected.items()),
            *(F.sum(name).alias(f"all {p}") for p, name in selected.items()),
        )
    )
    figures = [Figure("selected_not_living", p, found.pop(f"dead {p}")) for p in programs]
    figures += [Figure(VOLUME, f"persons selected {p}", found.pop(f"all {p}")) for p in programs]
    figures.append(Figure(VOLUME, "persons living", found.pop(VOLUME)))
    return figures + [Figure(metric, tables.PERSON.path, value) for metric, value in found.items()]


def families(job: Job, programs: Sequence[str]) -> list[Figure]:
    """Prove that every family has members and one score, and that no other family is selected.

    Args:
        job: The run; reads ``master/family``, ``welfare/score`` and the decisions.
        programs: Programs that the release decided.

    Returns:
        Counts of what breaks it, families selected by program and the number of families.
    """
    selected = {program: _selected_column(program) for program in programs}
    arms = [
        (job.read(tables.FAMILY), {_FAMILIES: F.lit(1), _LIVING: (F.col(c.MEMBERS) > 0).cast("int")}),
        (job.read(tables.SCORE), {_SCORES: F.lit(1)}),
        *((_selected(job, p).where(F.col(c.PERSON_ID).isNull()), {selected[p]: F.lit(1)}) for p in programs),
    ]
    one = _union(arms, c.FAMILY_ID, (_FAMILIES, _LIVING, _SCORES, *selected.values()))
    found = _row(
        one.agg(
            F.count_if(F.col(_FAMILIES) > 0).alias(VOLUME),
            F.count_if((F.col(_FAMILIES) > 0) & (F.col(_LIVING) == 0)).alias("families_without_living_member"),
            F.count_if(F.col(_FAMILIES) != F.col(_SCORES)).alias("families_without_one_score"),
            *(
                F.count_if((F.col(_LIVING) == 0) & (F.col(name) > 0)).alias(f"empty {p}")
                for p, name in selected.items()
            ),
            *(F.sum(name).alias(f"all {p}") for p, name in selected.items()),
        )
    )
    figures = [Figure("selected_without_living_member", p, found.pop(f"empty {p}")) for p in programs]
    figures += [Figure(VOLUME, f"families selected {p}", found.pop(f"all {p}")) for p in programs]
    figures.append(Figure(VOLUME, "families", found.pop(VOLUME)))
    return figures + [Figure(metric, tables.FAMILY.path, value) for metric, value in found.items()]


def deciles(job: Job) -> list[Figure]:
    """Prove that each decile holds a tenth of the weight, but for the weight of one tie at its ends.

    Args:
        job: The run; reads ``welfare/score``.

    Returns:
        Families ranked, the share that is not, families by decile, and in a quarter ``share_off_a_tenth`` of each
        decile: between quarters the nation is not ranked again, so its deciles drift.
    """
    weight = F.col(c.MEMBERS).cast("long") if job.config.welfare.unit == "person" else F.lit(1).cast("long")
    is_ranked = F.col(c.STATE) == _RANKED
    scores = job.read(tables.SCORE)
    grouped = scores.groupBy(c.DECILE, is_ranked.alias(c.STATE)).agg(
        F.count(F.lit(1)).alias(c.ROWS), F.sum(weight).alias(_WEIGHT), F.max(c.SCORE).alias(_TOP)
    )
    rows = [row.asDict() for row in grouped.collect()]  # eleven rows
    ranked = [row for row in rows if row[c.STATE]]
    families_ranked = sum(row[c.ROWS] for row in ranked)
    every = sum(row[c.ROWS] for row in rows)
    path = tables.SCORE.path
    figures = [
        Figure("families_ranked", path, families_ranked),
        Figure("share_unranked", path, share(every - families_ranked, every)),
        Figure("ranked_without_decile", path, sum(row[c.ROWS] for row in ranked if row[c.DECILE] is None)),
        *(Figure(IN_DECILE, str(row[c.DECILE] or NO_DECILE), row[c.ROWS]) for row in rows),
    ]
    if not job.period.is_quarter or not ranked:
        return figures
    tops = [row[_TOP] for row in ranked if row[c.DECILE] is not None]
    tied = scores.where(is_ranked & F.col(c.SCORE).isin(tops)).groupBy(c.DECILE).agg(F.sum(weight).alias(_WEIGHT))
    ties = {row[c.DECILE]: row[_WEIGHT] for row in tied.collect()}  # ten rows
    weights = {row[c.DECILE]: row[_WEIGHT] for row in ranked}
    return figures + [Figure("share_off_a_tenth", f"decile {k}", off) for k, off in off_a_tenth(weights, ties).items()]


def off_a_tenth(weights: dict[int, int], ties: dict[int, int]) -> dict[int, float]:
    """Return how far each decile's share is from a tenth, beyond what ties explain.

    Equal scores share a decile, so the cut above decile k can be late by at most the weight of the families whose
    score is the highest of k: a decile is off by less than the heavier of the ties at its two ends.

    Args:
        weights: Weight by decile.
        ties: Weight of the families with the highest score of a decile, by decile.

    Returns:
        Share by decile 1 to 10; 0 where a tie explains it.
    """
    total = sum(weights.values())
    found = {}
    for k in range(1, _TENTHS + 1):
        off = abs(_TENTHS * weights.get(k, 0) - total)  # in tenths of the weight, so that all is exact
        # An empty decile was leapt over by the tie at the end of the last one that is not empty.
        below = max((d for d in ties if d is not None and d < k), default=0)
        tie = _TENTHS * max(ties.get(below, 0), ties.get(k, 0))
        found[k] = off / (_TENTHS * total) if off >= tie else 0.0
    return found


def _selected_column(program: str) -> str:
    return f"_selected_{program}"


def _selected(job: Job, program: str) -> DataFrame:
    return job.read(tables.decision(program)).where(F.col(c.DECISION) == _SELECTED)


def _union(arms: Sequence[tuple[DataFrame, dict[str, Column]]], key: str, counts: Sequence[str]) -> DataFrame:
    """Count several frames by one key in one shuffle.

    Args:
        arms: Frames with the key, and what a row of each counts as.
        key: The key.
        counts: Every count.

    Returns:
        One row for each key of any frame: the key and its counts, 0 where a frame lacks it.
    """
    whole: DataFrame | None = None
    for df, marks in arms:
        arm = df.select(key, *((marks.get(name, F.lit(0))).cast("long").alias(name) for name in counts))
        whole = arm if whole is None else whole.unionByName(arm)
    if whole is None:
        message = "no frame to count"
        raise ValueError(message)
    return whole.groupBy(key).agg(*(F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in counts))


def _row(df: DataFrame) -> dict[str, Any]:
    row = df.first()
    return {name: value or 0 for name, value in row.asDict().items()} if row else {}
