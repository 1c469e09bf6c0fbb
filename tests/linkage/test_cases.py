"""One nation with every case of a wrong, borrowed or missing NIK: who is linked, and who is not."""

import json
from typing import Any

import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import linkage, tables

from .conftest import Lab, Linked, crowd, nik, record

HERE = {c.REGION_CODE: "3201012001"}
KK = {c.NO_KK: "3201010101990001", **HERE}
UNIT = {c.FAMILY_RECORD_ID: "dtks/rumah_tangga:x", **HERE}
WOMAN = {c.SEX: "P"}

HEAD, WIFE, CHILD = nik(7, "1975-04-09"), nik(8, "1978-11-23", "P"), nik(9, "2005-08-14")
TWIN_A, TWIN_B = nik(1, "2012-02-17"), nik(2, "2012-02-17")
VICTIM = nik(3, "1990-06-21")
SLAMET_A, SLAMET_B = nik(4, "1960-07-01"), nik(5, "1960-07-01")
IN_USE, OUT_OF_USE = nik(6, "1988-09-30", "P"), nik(16, "1988-09-30", "P")
MOVER = nik(11, "1983-05-25")
NOBODYS = nik(77, "1999-12-12")
HANDED_OUT = nik(78, "1970-03-14")
FATHER, SON = nik(41, "1962-06-14"), nik(42, "1994-10-23")
BORROWED = nik(31, "1951-05-17")
KEPT_APART, MUST_A, MUST_B = nik(21, "1971-10-03"), nik(22, "1969-01-19"), nik(23, "1944-03-08")


HOT = 1500
LENT = 20
VILLAGES = 60


def hot_keys() -> list[dict[str, Any]]:
    """NIKs that strangers state, and names and birth dates that many bear: in one village, and two in each of many."""
    letters = [chr(65 + i) for i in range(26)]
    strangers = [
        f"Z{letters[i % 26]}Q{letters[i // 26 % 26]} X{letters[i * 7 % 26]}V{letters[i // 60]}" for i in range(HOT)
    ]
    # Every 16th was born on the owner's day, not in his year.
    born = [
        f"{1942 + i % 9}-05-17" if i % 16 == 0 else f"{1940 + i % 70}-{1 + i % 11:02d}-{1 + i % 16:02d}"
        for i in range(HOT)
    ]
    lent = [(strangers[i], f"{1971 + i % 9}-03-14") for i in range(LENT)]
    villages = [f"3201{1 + i % 6:02d}{2001 + i // 6}" for i in range(VILLAGES)]
    return [
        record(f"dukcapil:{BORROWED}", "MARTINUS SAGALA", "1951-05-17", **HERE),
        record("regsosek:owner", "MARTINUS SAGALA", "1951-05-17", **HERE, nik=BORROWED),
        *(record(f"dtks:stranger{i}", name, born[i], nik=BORROWED) for i, name in enumerate(strangers)),
        # In no registry: the first stands for them all.
        *(record(f"regsosek:lent{i:02d}", *of, nik=HANDED_OUT) for i, of in enumerate(lent)),
        record("regsosek:lent00_again", *lent[0], nik=HANDED_OUT),
        *(record(f"p3ke:many{i}", "SITI AMINAH", "1977-08-09", **HERE, **WOMAN) for i in range(HOT)),
        record(f"dukcapil:{nik(32, '1977-08-09', 'P')}", "SITI AMINAH", "1977-08-09", **HERE, **WOMAN),
        *(
            record(f"{source}:unknown{i}", "WARGA TANPA KETERANGAN", "1970-02-02", region_code=village)
            for i, village in enumerate(villages)
            for source in ("dtks", "regsosek")
        ),
    ]


def nation() -> list[dict[str, Any]]:
    return [
        *crowd(600),
        *hot_keys(),
        # The head's NIK for all members of a household, one name misspelt.
        record(f"dukcapil:{HEAD}", "RUDI HERMANSYAH", "1975-04-09", **KK),
        record(f"dukcapil:{WIFE}", "NURUL AZIZAH", "1978-11-23", **KK, **WOMAN),
        record(f"dukcapil:{CHILD}", "FAJAR HERMANSYAH", "2005-08-14", **KK),
        record("dtks:head", "RUDI HERMANSYAH", "1975-04-09", **UNIT, nik=HEAD),
        record("dtks:wife", "NURUL AZIZAH", "1978-11-23", **UNIT, **WOMAN, nik=HEAD),
        record("dtks:child", "FAJAR HERMANSYH", "2005-08-14", **UNIT, nik=HEAD),
        # No NIK and no household.
        record("p3ke:wife", "NURUL AZIZAH", "1978-11-23", **HERE, **WOMAN),
        # Twins with neighbouring serials: one by NIK, both without one.
        record(f"dukcapil:{TWIN_A}", "HASAN MAULANA", "2012-02-17", **KK),
        record(f"dukcapil:{TWIN_B}", "HUSEIN MAULANA", "2012-02-17", **KK),
        record("dtks:twin_b", "HUSEIN MAULANA", "2012-02-17", **HERE, nik=TWIN_B),
        record("p3ke:twin_a", "HASAN MAULANA", "2012-02-17", **HERE),
        record("regsosek:twin_b", "HUSEIN MAULANA", "2012-02-17", **HERE),
        # A family whose source has no NIK: the score links the father, and his family card the son, whose name is cut.
        record(f"dukcapil:{FATHER}", "ABDURRAHMAN WAHID", "1962-06-14", **HERE, no_kk="3201010101990002"),
        record(f"dukcapil:{SON}", "DERMAWAN SUSANTO", "1994-10-23", **HERE, no_kk="3201010101990002"),
        record("p3ke:father", "ABDURRAHMAN WAHID", "1962-06-14", **HERE, family_record_id="p3ke/keluarga:y"),
        record("p3ke:son", "ERMAWA", "1994-10-23", **HERE, family_record_id="p3ke/keluarga:y"),
        # A NIK that was given to another person before: nobody in the registry is this record.
        record(f"dukcapil:{VICTIM}", "YUSRIL MAHENDRA", "1990-06-21", **HERE),
        record("dtks:reuser", "TARMIZI TAHER", "1958-01-30", region_code="1101012001", nik=VICTIM),
        # Mistyped onto that same real person; the right one is there, too.
        record(f"dukcapil:{MOVER}", "OKTAVIANUS SITORUS", "1983-05-25", **HERE),
        record("dtks:mistyped", "OKTAVIANUS SITORUS", "1983-05-25", **HERE, nik=VICTIM),
        # Two mononyms of one heaped birth date in one village: the record could be either.
        record(f"dukcapil:{SLAMET_A}", "SLAMET", "1960-07-01", **HERE),
        record(f"dukcapil:{SLAMET_B}", "SLAMET", "1960-07-01", **HERE),
        record("p3ke:slamet", "SLAMET", "1960-07-01", **HERE),
        # One person twice in the registry, one row out of use.
        record(f"dukcapil:{IN_USE}", "RATNA PUSPITASARI", "1988-09-30", **HERE, **WOMAN),
        record(
            f"dukcapil:{OUT_OF_USE}", "RATNA PUSPITASARI", "1988-09-30", **HERE, **WOMAN, registry_status="INACTIVE"
        ),
        record("regsosek:ratna", "RATNA PUSPITASARI", "1988-09-30", **HERE, **WOMAN),
        # Not in the registry at all, in two sources.
        record("dtks:unregistered", "KAMARUDDIN LATUCONSINA", "1966-02-02", **HERE),
        record("regsosek:unregistered", "KAMARUDDIN LATUCONSINA", "1966-02-02", **HERE),
        # Strangers who state one NIK that nobody has.
        record("dtks:dummy_1", "ZULKIFLI HASIBUAN", "1955-05-05", region_code="1201012001", nik=NOBODYS),
        record("p3ke:dummy_2", "MARLINA WENDA", "1993-10-13", region_code="9101012001", nik=NOBODYS, **WOMAN),
        # The registry's own malformed NIK.
        record("dukcapil:12345", "PETRUS KOGOYA", "1977-07-17", nik=None, **HERE),
        # What people decided.
        record(f"dukcapil:{KEPT_APART}", "BAHARUDDIN LOPA", "1971-10-03", **HERE),
        record("dtks:kept_apart", "BAHARUDDIN LOPA", "1971-10-03", **HERE, nik=KEPT_APART),
        record(f"dukcapil:{MUST_A}", "CORNELIS LAY", "1969-01-19", **HERE),
        record("p3ke:must", "NELIS", None, region_code="5301012001"),
        record(f"dukcapil:{MUST_B}", "SUPARTINI", "1944-03-08", **HERE, **WOMAN),
    ]


LABELS = [
    (f"dukcapil:{KEPT_APART}", "dtks:kept_apart", "CANNOT_LINK"),
    ("p3ke:must", f"dukcapil:{MUST_A}", "MUST_LINK"),
    # Two registry persons: an invariant forbids what the label wants.
    (f"dukcapil:{MUST_A}", f"dukcapil:{MUST_B}", "MUST_LINK"),
]


@pytest.fixture(scope="module")
def linked(lab: Lab) -> Linked:
    # Without the contradictory label: it would hold back the other decision on the same person.
    return lab.run(nation(), LABELS[:2])


@pytest.mark.parametrize(
    "records",
    [
        ("dtks:head", f"dukcapil:{HEAD}"),
        ("dtks:wife", "p3ke:wife", f"dukcapil:{WIFE}"),
        ("dtks:child", f"dukcapil:{CHILD}"),
        ("p3ke:twin_a", f"dukcapil:{TWIN_A}"),
        ("dtks:twin_b", "regsosek:twin_b", f"dukcapil:{TWIN_B}"),
        ("p3ke:father", f"dukcapil:{FATHER}"),
        ("p3ke:son", f"dukcapil:{SON}"),
        ("dtks:mistyped", f"dukcapil:{MOVER}"),
        ("regsosek:ratna", f"dukcapil:{IN_USE}"),
        ("dtks:unregistered", "regsosek:unregistered"),
        ("p3ke:must", f"dukcapil:{MUST_A}"),
    ],
)
def test_one_person(linked: Linked, records: tuple[str, ...]) -> None:
    assert linked.together(*records)


@pytest.mark.parametrize(
    "records",
    [
        (f"dukcapil:{HEAD}", f"dukcapil:{WIFE}"),
        (f"dukcapil:{TWIN_A}", f"dukcapil:{TWIN_B}"),
        ("dtks:reuser", f"dukcapil:{VICTIM}"),
        ("dtks:mistyped", f"dukcapil:{VICTIM}"),
        ("p3ke:slamet", f"dukcapil:{SLAMET_A}"),
        ("p3ke:slamet", f"dukcapil:{SLAMET_B}"),
        (f"dukcapil:{IN_USE}", f"dukcapil:{OUT_OF_USE}"),
        ("dtks:dummy_1", "p3ke:dummy_2"),
        ("dtks:kept_apart", f"dukcapil:{KEPT_APART}"),
    ],
)
def test_different_persons(linked: Linked, records: tuple[str, str]) -> None:
    assert not linked.together(*records)


def test_the_nik_of_another_is_a_claim(linked: Linked) -> None:
    for one, of in (("dtks:wife", HEAD), ("dtks:reuser", VICTIM), ("dtks:mistyped", VICTIM)):
        assert (linked.rows[one][c.NIK_GRADE], linked.rows[one][c.NIK_CLAIMED]) == ("V2", of)
    assert linked.rows["dtks:head"][c.NIK_GRADE] == "V3"
    assert linked.rows["dtks:dummy_1"][c.NIK_GRADE] == "V1"
    assert linked.rows["p3ke:wife"][c.NIK_GRADE] == "V0"


def test_every_record_is_one_person_and_says_why(linked: Linked) -> None:
    assert linked.rows.keys() == {row[c.RECORD_ID] for row in nation()}
    assert linked.reason("dukcapil:12345") == "REGISTRY"
    assert linked.reason("dtks:kept_apart") == "ONLY_RECORD"
    assert linked.reason("dtks:unregistered") == "SCORE_GROUP"
    assert linked.reason("p3ke:son") == "SCORE_HOUSEHOLD"
    assert all(len(row[c.PERSON_ID]) == 25 for row in linked.rows.values())


def test_what_is_unsure_waits_for_a_person(linked: Linked) -> None:
    queue = {row[c.RECORD_ID_L]: row[c.KIND] for row in linked.job.read(tables.REVIEW_QUEUE).collect()}
    assert queue["p3ke:slamet"] == "AMBIGUOUS"
    assert "dtks:wife" not in queue


def test_hot_keys_link_nobody_wrongly(linked: Linked) -> None:
    assert linked.together("regsosek:owner", f"dukcapil:{BORROWED}")
    assert linked.together("regsosek:lent00", "regsosek:lent00_again")
    persons = {linked.person(row[c.RECORD_ID]) for row in hot_keys()}
    assert len(persons) == len(hot_keys()) - 2, "everybody else is alone"


def test_every_link_explains_itself(linked: Linked) -> None:
    wanted = ("dtks:mistyped", "dtks:head", "dtks:unregistered", "p3ke:slamet", "p3ke:must", f"dukcapil:{IN_USE}")
    persons = linked.job.spark.createDataFrame([(linked.person(one),) for one in wanted], f"{c.PERSON_ID} string")
    rows = {
        row[c.RECORD_ID_L]: row
        for row in linkage.explain_links(linked.job.lake, persons, linked.job.release_id).collect()
    }
    assert rows.keys() == {one for one in linked.rows if linked.person(one) in {linked.person(w) for w in wanted}}
    by_rule = rows["dtks:head"]
    assert (by_rule[c.RECORD_ID_R], by_rule[c.STATE]) == (f"dukcapil:{HEAD}", "LINKED")
    assert by_rule[c.HOLDING_RULES][:2] == ["NIK_NAME_BIRTH", "NIK_BIRTH"]
    assert by_rule[c.DECISIVE] == [], "two rules hold it: neither is decisive alone"
    scored = rows["dtks:mistyped"]
    parts = json.loads(scored[c.AGREEMENT])
    total = scored[c.PRIOR_WEIGHT] + sum(part["weight"] for part in parts)
    assert total == pytest.approx(scored[c.MATCH_WEIGHT], abs=0.05)
    without = {part["comparison"]: scored[c.MATCH_WEIGHT] - part["weight"] for part in parts}
    assert scored[c.DECISIVE] == sorted(name for name, left in without.items() if left < scored[c.NEEDED_WEIGHT])
    assert rows["dtks:unregistered"][c.RECORD_ID_R] == "regsosek:unregistered"
    unsure = rows["p3ke:slamet"]
    assert (unsure[c.STATE], unsure[c.DECISIVE]) == ("AMBIGUOUS", [])
    assert unsure[c.MATCH_WEIGHT] == unsure[c.RUNNER_UP_WEIGHT]
    assert rows[f"dukcapil:{IN_USE}"][c.RECORD_ID_R] is None


def test_invariants_and_crowds_are_counted(linked: Linked) -> None:
    figures = {row[c.METRIC]: row[c.VALUE] for row in linked.job.ledger.drain_metrics()}
    assert figures["records_of_crowded_names"] == HOT + 2 * VILLAGES
    assert {name: figures[f"{name}_violations"] for name in ("i1", "i2", "i3", "i4", "i5")} == dict.fromkeys(
        ("i1", "i2", "i3", "i4", "i5"), 0
    )


def test_an_edge_explains_itself(linked: Linked) -> None:
    edge = linked.job.read(tables.EDGE).where(F.col(c.RECORD_ID_L) == "dtks:mistyped").collect()[0]
    assert edge[c.RECORD_ID_R] == f"dukcapil:{MOVER}"
    assert '"comparison":"birth","level":"same date"' in edge[c.AGREEMENT]
    assert edge[c.MATCH_WEIGHT] > 12


def test_next_release_keeps_ids_obeys_labels_and_does_not_hang_on_partitions(lab: Lab, linked: Linked) -> None:
    lab.spark.conf.set("spark.sql.shuffle.partitions", "16")
    try:
        later = lab.run(list(reversed([row for row in nation() if row[c.RECORD_ID] != "p3ke:wife"])), LABELS)
    finally:
        lab.spark.conf.set("spark.sql.shuffle.partitions", "2")
    now = {one: row[c.PERSON_ID] for one, row in later.rows.items() if one != "p3ke:must"}
    before = {one: row[c.PERSON_ID] for one, row in linked.rows.items() if one not in {"p3ke:must", "p3ke:wife"}}
    assert now == before
    assert {row[c.VALID_FROM] for one, row in later.rows.items() if one in now} == {"2026Q1.1"}
    ended = later.membership.where(F.col(c.VALID_TO).isNotNull()).collect()
    assert ("p3ke:wife", "2026Q1.1") in {(row[c.RECORD_ID], row[c.VALID_TO]) for row in ended}
    # The contradictory label: no registry persons merge, and a person sees it.
    queue = later.job.read(tables.REVIEW_QUEUE).where(F.col(c.KIND) == "CONTRADICTION").collect()
    assert (f"dukcapil:{MUST_A}", f"dukcapil:{MUST_B}") in {(row[c.RECORD_ID_L], row[c.RECORD_ID_R]) for row in queue}
    assert not later.together(f"dukcapil:{MUST_A}", f"dukcapil:{MUST_B}")
    # Only the one who left, and records that a block turned for: those of the hot name are not looked at again.
    figures = {row[c.METRIC]: row[c.VALUE] for row in later.job.ledger.drain_metrics()}
    assert 1 <= figures["nodes_scored_again"] < 100
    assert figures["candidate_pairs"] > 100
