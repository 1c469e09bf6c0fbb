"""A family keeps its id from release to release, and no id ever stands for two families."""

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import tables
from dtsen_spark.family.carry import carried, minted
from tests.frames import frame

KEY = bytes(range(32))
CARDS = {name: letter * 16 for name, letter in (("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"), ("E", "5"))}


def members(spark: SparkSession, families: dict[str, str]) -> object:
    """Persons (one letter each) by basis."""
    rows = [(person, basis) for basis, persons in families.items() for person in persons]
    return spark.createDataFrame(rows, "person_id string, basis string")


@pytest.fixture(scope="module")
def ids(spark: SparkSession) -> dict[str, str]:
    card = {name: f"kk:{number}" for name, number in CARDS.items()}
    before = {card["A"]: "abc", card["B"]: "defg", card["C"]: "hi", "person:j": "j"}
    old = {basis: f"F-{basis}" for basis in before}
    minted_before = {
        row["basis"]: row["family_id"]
        for row in minted(members(spark, before), KEY).select("basis", "family_id").collect()
    }
    old[card["C"]] = minted_before[card["C"]]
    families = [
        {"family_id": old[b], "no_kk": b[3:] if b.startswith("kk:") else None, "members": len(p)}
        for b, p in before.items()
    ]
    rows = [{"family_id": old[b], "person_id": person} for b, persons in before.items() for person in persons]
    now = {
        card["A"]: "abx",  # same card
        card["D"]: "defy",  # new card, three of four came along
        card["B"]: "g",  # the old card with the one who stayed: the card keeps the id
        card["E"]: "hi",  # new card, everybody came along, and the old card is gone
        "person:j": "j",  # no card, same person
        "person:z": "z",  # born since
    }
    found = carried(
        members(spark, now),
        frame(spark, tables.FAMILY, families),
        frame(spark, tables.FAMILY_MEMBER, rows),
        KEY,
    )
    collected = found.collect()
    assert len(collected) == sum(map(len, now.values()))
    by_basis = {row["basis"]: row["family_id"] for row in collected}
    assert len({(row["basis"], row["family_id"]) for row in collected}) == len(now)
    return {**by_basis, "old": str(sorted(old.values()))} | {
        f"old {basis}": family_id for basis, family_id in old.items()
    }


def test_a_card_keeps_its_family(ids: dict[str, str]) -> None:
    for name in ("A", "B"):
        assert ids[f"kk:{CARDS[name]}"] == ids[f"old kk:{CARDS[name]}"]


def test_a_new_card_keeps_the_family_of_most(ids: dict[str, str]) -> None:
    assert ids[f"kk:{CARDS['E']}"] == ids[f"old kk:{CARDS['C']}"]
    assert ids["person:j"] == ids["old person:j"]


def test_those_who_left_a_living_card_are_a_new_family(ids: dict[str, str]) -> None:
    assert ids[f"kk:{CARDS['D']}"] not in ids["old"]
    assert ids["person:z"] not in ids["old"]


def test_an_id_in_use_is_not_minted_again(spark: SparkSession) -> None:
    # The family of card A moved to card B and kept its id; strangers now hold card A again.
    first = minted(members(spark, {"kk:" + "1" * 16: "a"}), KEY).first()
    families = frame(spark, tables.FAMILY, [{"family_id": first["family_id"], "no_kk": "2" * 16, "members": 2}])
    rows = [{"family_id": first["family_id"], "person_id": person} for person in "ab"]
    now = members(spark, {"kk:" + "2" * 16: "ab", "kk:" + "1" * 16: "xy"})
    found = carried(now, families, frame(spark, tables.FAMILY_MEMBER, rows), KEY).collect()
    assert len({row["family_id"] for row in found}) == 2
    assert {row["person_id"] for row in found if row["family_id"] == first["family_id"]} == {"a", "b"}
