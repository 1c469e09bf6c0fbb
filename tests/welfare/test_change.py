"""Causes of a move add up to it, whatever moved; each cause by itself is told as itself."""

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.welfare import change
from dtsen_spark.welfare.deciles import Cut
from dtsen_spark.welfare.scoring import FORMER_MEMBER_POINTS, FORMER_SCORE, MEMBER_POINTS
from tests.frames import frame

GENERATOR = np.random.default_rng(41)
BEFORE = tuple(Cut(k, 13_000_000 + 100_000 * k, 0) for k in range(1, 10))
NOW = tuple(Cut(k, 13_000_000 + 100_000 * k + 7_000 * (k % 3), 0) for k in range(1, 10))


def decile(score: int | None, cuts: tuple[Cut, ...]) -> int | None:
    return None if score is None else 1 + sum(score >= cut.score for cut in cuts)


def family(name: str, before: int | None, now: int | None, **values: Any) -> dict[str, Any]:
    """A family with its scores then and now; what is not said did not change."""
    told = {"former": None, "hash": (1, 1), "members": 500, "former_members": None, "kept": None, "reason": None}
    told.update(values)
    return {"name": name, "before": before, "now": now, **told}


# 13_150_000 is in decile 2 under both cuts; the cuts are 100_000 apart, and the third did not move.
CASES = [
    family("still", 13_250_000, 13_250_000),
    family("own", 13_150_000, 13_350_000),
    # Of the members' 300_500 points those who were there before make 100_500.
    family("joined", 13_150_000, 13_350_000, hash=(1, 2), members=300_500, kept=100_500),
    family("nobody left", 13_350_000, 13_150_000, hash=(1, 2)),
    family("model", 13_150_000, 12_950_000, former=13_150_000, former_members=500),
    family("cut", 13_200_000, 13_200_000),
    family("unranked", 13_150_000, None, reason="NO_REGION"),
    family("no model", 13_150_000, None, reason="NO_MODEL"),
    family("ranked", None, 13_150_000),
    family("new", None, 13_150_000),
    family("gone", 13_150_000, None),
]
RANDOM = [
    family(
        f"random {i}",
        int(13_500_000 + GENERATOR.normal(0, 400_000)),
        int(13_500_000 + GENERATOR.normal(0, 400_000)),
        former=int(13_500_000 + GENERATOR.normal(0, 400_000)),
        hash=(1, int(GENERATOR.integers(1, 3))),
        former_members=int(GENERATOR.normal(0, 200_000)),
        kept=None if i % 7 == 0 else int(GENERATOR.normal(0, 200_000)),
    )
    for i in range(200)
]


@pytest.fixture(scope="module")
def moves(spark: SparkSession) -> dict[str, dict[str, Any]]:
    former = [
        {
            c.FAMILY_ID: one["name"],
            c.SCORE: one["before"],
            c.DECILE: decile(one["before"], BEFORE),
            c.EXPENDITURE_IDR_MONTH: 500_000,
            c.MEMBER_HASH: one["hash"][0],
            c.STATE: "RANKED" if one["before"] else "UNRANKED",
        }
        for one in CASES + RANDOM
        if one["name"] != "new"
    ]
    rows = [
        (
            one["name"],
            "3201",
            one["now"],
            decile(one["now"], NOW),
            600_000,
            one["hash"][1],
            one["reason"],
            one["members"],
            one["former"],
            one["former_members"],
        )
        for one in CASES + RANDOM
        if one["name"] != "gone"
    ]
    names = (c.FAMILY_ID, c.REGION_CODE, c.SCORE, c.DECILE, c.EXPENDITURE_IDR_MONTH, c.MEMBER_HASH, c.REASON)
    kinds = ("string", "string", "long", "int", "long", "long", "string")
    schema = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    schema += "".join(f", {name} long" for name in (MEMBER_POINTS, FORMER_SCORE, FORMER_MEMBER_POINTS))
    now = spark.createDataFrame(rows, schema)
    kept = spark.createDataFrame(
        [(one["name"], one["kept"]) for one in CASES + RANDOM if one["kept"] is not None],
        f"{c.FAMILY_ID} string, {change.KEPT_POINTS} long",
    )
    both = change.side_by_side(now, frame(spark, tables.SCORE, former))
    found = change.split(both, kept, change.Standing(BEFORE, NOW), "2025Q4.1").collect()
    return {row[c.FAMILY_ID]: row.asDict() for row in found}


def test_points_and_deciles_add_up_for_every_family(moves: dict[str, dict[str, Any]]) -> None:
    split = [row for row in moves.values() if row[c.MARGIN] is not None]
    assert len(split) >= len(RANDOM)
    for row in split:
        points = sum(row[name] for name, _ in change.STEPS.values())
        deciles = sum(row[name] for _, name in change.STEPS.values())
        assert points == row[c.MARGIN] - row[c.MARGIN_BEFORE]
        assert deciles == row[c.DECILE] - row[c.DECILE_BEFORE]
        # The margin is of a cut that the family crossed, if it crossed any.
        crossed = row[c.DECILE] != row[c.DECILE_BEFORE]
        assert crossed == ((row[c.MARGIN] >= 0) != (row[c.MARGIN_BEFORE] >= 0))


@pytest.mark.parametrize(
    ("name", "cause", "deciles", "points"),
    [
        ("own", "OWN_DATA", (2, 0, 0, 0), (200_000, 0, 0)),
        ("joined", "MEMBERSHIP", (0, 2, 0, 0), (0, 200_000, 0)),
        ("nobody left", "MEMBERSHIP", (0, -2, 0, 0), (0, -200_000, 0)),
        ("model", "MODEL", (0, 0, -1, 0), (0, 0, -200_000)),
        ("cut", "CUT", (0, 0, 0, -1), (0, 0, 0)),
    ],
)
def test_one_cause_is_told_as_itself(
    moves: dict[str, dict[str, Any]], name: str, cause: str, deciles: tuple[int, ...], points: tuple[int, ...]
) -> None:
    row = moves[name]
    found = [row[of_deciles] for _, of_deciles in change.STEPS.values()]
    assert row[c.DECILE_CAUSE] == cause
    assert tuple(found) == deciles
    assert tuple(row[of_points] for of_points, _ in list(change.STEPS.values())[:3]) == points


def test_who_came_and_went_and_who_stood_still(moves: dict[str, dict[str, Any]]) -> None:
    assert "still" not in moves
    told = {name: (moves[name][c.MOVE], moves[name][c.DECILE_CAUSE]) for name in ("unranked", "no model", "ranked")}
    assert told == {
        "unranked": ("UNRANKED", "OWN_DATA"),
        "no model": ("UNRANKED", "MODEL"),
        "ranked": ("RANKED", "OWN_DATA"),
    }
    assert (moves["new"][c.MOVE], moves["gone"][c.MOVE]) == ("NEW", "GONE")
    assert moves["gone"][c.DECILE_BEFORE] == 2
    assert all(row[c.PREVIOUS_RELEASE] == "2025Q4.1" for row in moves.values())
