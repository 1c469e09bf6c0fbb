"""Verified values rank above every source in persons and families."""

from datetime import date

import pytest

from dtsen_spark import columns as c
from dtsen_spark import family, tables
from tests.frames import build_job

CARD, NEW_CARD = "3174010101200001", "3174010101200009"
HOME, AWAY = "3174011001", "3174021002"


def _person(key, relation, **values):
    return {
        c.RECORD_ID: f"dukcapil:{key}",
        c.SOURCE: "dukcapil",
        c.AS_OF: date(2026, 3, 1),
        c.NIK: key,
        c.NO_KK: CARD,
        c.REGION_CODE: HOME,
        c.SEX: "L",
        c.NAME: key,
        c.BIRTH_YEAR: 1980,
        c.RELATION: relation,
        c.REGISTRY_STATUS: "ACTIVE",
        **values,
    }


HEAD, SON, GONE = "3174010101800001", "3174010101990002", "3174010101500003"
VISIT = {c.SOURCE: "regsosek", c.FAMILY_RECORD_ID: "regsosek/keluarga:K1", c.AS_OF: date(2026, 3, 20), c.WORKING: True}


@pytest.fixture(scope="module")
def job(spark, tmp_path_factory):
    people = [_person(HEAD, "HEAD"), _person(SON, "CHILD"), _person(GONE, "PARENT")]
    visits = [{c.RECORD_ID: f"regsosek:{key}", **VISIT} for key in (HEAD, SON, GONE)]
    given = {
        tables.PERSON_RECORD: [*people, *visits],
        tables.MEMBERSHIP: [
            {c.RECORD_ID: f"{source}:{key}", c.PERSON_ID: f"P-{key}", c.MATCH_REASON: "x", c.NIK_GRADE: "V3"}
            for key in (HEAD, SON, GONE)
            for source in ("dukcapil", "regsosek")
        ],
        tables.REVIEW_QUEUE: [],
        tables.FAMILY_RECORD: [
            {
                c.FAMILY_RECORD_ID: "regsosek/keluarga:K1",
                c.SOURCE: "regsosek",
                c.AS_OF: date(2026, 3, 20),
                c.FLOOR: "CERAMIC",
                c.ROOF: "ZINC",
                c.POWER: "VA_900",
            }
        ],
        tables.POWER_CUSTOMER: [{c.CUSTOMER_ID: "1", c.NIK: HEAD, c.POWER_VA: 2200}],
        tables.CORRECTION: [
            {
                c.RECORD_ID: f"dukcapil:{HEAD}",
                c.AS_OF: date(2026, 1, 12),
                c.FLOOR: "EARTH",
                c.POWER: "VA_450",
                c.WORKING: False,
            },
            {c.RECORD_ID: f"dukcapil:{SON}", c.AS_OF: date(2026, 1, 9), c.NO_KK: NEW_CARD, c.REGION_CODE: AWAY},
            {c.RECORD_ID: f"dukcapil:{GONE}", c.AS_OF: date(2026, 1, 9), c.PRESENCE: "DECEASED"},
        ],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DTSEN_ID_KEY", "5a" * 32)
        made = build_job(spark, tmp_path_factory.mktemp("effect"), given, None, "2026Q1")
        family.run(made)
    return made


def test_a_verified_value_stands_above_a_later_delivery_and_says_where_it_came_from(job):
    people = {row[c.PERSON_ID]: row for row in job.read(tables.PERSON_ATTRIBUTE).collect()}
    families = {row[c.FAMILY_ID]: row for row in job.read(tables.FAMILY_ATTRIBUTE).collect()}
    head = people[f"P-{HEAD}"]
    home = families[head[c.FAMILY_ID]]
    assert (head[c.WORKING], home[c.FLOOR], home[c.ROOF], home[c.POWER]) == (False, "EARTH", "ZINC", "VA_450")
    assert '"floor":"correction 2026-01-12"' in home[c.SOURCE_OF]
    assert '"working":"correction 2026-01-12"' in head[c.SOURCE_OF]


def test_a_verified_move_and_a_verified_death_change_who_is_in_the_family(job):
    people = {row[c.PERSON_ID]: row for row in job.read(tables.PERSON).collect()}
    head, son, gone = (people[f"P-{key}"] for key in (HEAD, SON, GONE))
    assert son[c.FAMILY_ID] != head[c.FAMILY_ID]
    assert son[c.REGION_CODE] == AWAY
    assert (gone[c.ALIVE], gone[c.FAMILY_ID]) == (False, None)
    families = {row[c.FAMILY_ID]: row for row in job.read(tables.FAMILY).collect()}
    assert (families[head[c.FAMILY_ID]][c.MEMBERS], families[son[c.FAMILY_ID]][c.NO_KK]) == (1, NEW_CARD)
    assert all(account.balanced for account in job.ledger.accounts)
