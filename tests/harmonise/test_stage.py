"""The stage from accepted rows to silver: joins, accounts and figures."""

from datetime import date

import pytest

from dtsen_spark import columns as c
from dtsen_spark import harmonise, tables
from dtsen_spark.contract import NOT_CONTENT
from tests.frames import build_job

SITI, DJOKO, KK = "3174015208900001", "9101010107800002", "3174010101200001"

GIVEN = {
    "dukcapil/penduduk": [
        {
            "nik": SITI,
            "no_kk": KK,
            "nama": "HJ. SITI AMINAH",
            "jenis_kelamin": "2",
            "tanggal_lahir": "1990-08-12",
            "nik_ibu": "1",
            "alamat": "JL MAWAR",
            "rt": "003",
            "kode_wilayah": "3174011001",
            "status": "1",
        },
        {"nik": DJOKO, "no_kk": "1111111111111111", "nama": "DJOKO", "kode_wilayah": "9101011002", "pekerjaan": "97"},
        {"nik": "3174015208900009", "kode_wilayah": "9901011001"},
        {"nik": "3174015208900010", "kode_wilayah": SITI},
    ],
    "dtks/rumah_tangga": [
        {"id_rt": "R1", "no_kk": KK, "kode_wilayah": "3174011001", "luas_lantai": "36,5"},
    ],
    "dtks/anggota": [
        {"id_art": "A1", "id_rt": "R1", "nama": "SITI", "no_kk": "3174010101200009"},
        {"id_art": "A2", "id_rt": "GONE", "nama": "BUDI"},
        {"id_art": "A3", "id_rt": "R1", "nama": "TONO", "no_kk": "317401010120000"},
    ],
    "regsosek/keluarga": [{"id_keluarga": "K1", "no_kk": KK, "kode_desa_bps": "9401", "r504a": "-1", "r303": "77"}],
    "regsosek/anggota": [
        {"id_anggota": "B1", "id_keluarga": "K1", "tgl_lahir": "98", "thn_lahir": "1955"},
    ],
    "susenas/rumah_tangga": [
        {"id_ruta": "S1", "kode_kab_bps": "1101", "klasifikasi": "2", "penimbang": "12.5", "jml_art": "4"},
    ],
    "susenas/anggota": [{"id_art_ruta": "S1-1", "id_ruta": "S1", "umur": "44", "r409": "2"}],
    "bpjstk/peserta": [{"nik": SITI, "segmen": "pu", "upah": "5000000", "aktif": "1"}, {"nik": "1", "segmen": "PU"}],
    "program/penerima": [{"program": "PKH", "nik": SITI, "sejak": "2024-01-31"}, {"program": "BLT", "nik": SITI}],
    "p3ke/keluarga": [],
}


def _accepted(table, rows):
    landing = tables.LANDING[table]
    carried = {c.AS_OF: date(2025, 12, 31), c.BATCH_ID: "b1", c.STALE_QUARANTINED: False, c.PARENT_GONE: False}
    return [{c.NATIVE_KEY: "|".join(row[name] for name in landing.key), **carried, **row} for row in rows]


@pytest.fixture(scope="module")
def job(spark, tmp_path_factory):
    given = {tables.accepted(tables.LANDING[table]): _accepted(table, rows) for table, rows in GIVEN.items()}
    made = build_job(spark, tmp_path_factory.mktemp("harmonise"), given, None, "2026Q1")
    harmonise.run(made)
    return made


def _rows(job, table):
    return {row[table.key[0]]: row for row in job.read(table).collect()}


def test_members_take_region_from_their_family_row_and_its_kk_where_they_have_none(job):
    people = _rows(job, tables.PERSON_RECORD)
    assert people["dtks:A1"][c.NO_KK] == "3174010101200009"
    assert people["dtks:A1"][c.REGION_CODE] == "3174011001"
    assert people["regsosek:B1"][c.NO_KK] == KK
    assert people["regsosek:B1"][c.REGION_CODE] == "9301"
    # Its birth date comes in three columns; the day is not known.
    assert [people["regsosek:B1"][name] for name in (c.BIRTH_YEAR, c.BIRTH_DAY, c.BIRTH_DATE)] == [1955, None, None]
    assert (people["dtks:A2"][c.REGION_CODE], people["dtks:A2"][c.REGION_STATE]) == (None, "MISSING")


def test_the_registry_family_is_the_kk(job):
    people = _rows(job, tables.PERSON_RECORD)
    assert people[f"dukcapil:{SITI}"][c.FAMILY_RECORD_ID] == f"dukcapil/penduduk:{KK}"
    assert people[f"dukcapil:{DJOKO}"][c.FAMILY_RECORD_ID] is None  # the KK is a dummy
    assert people["dtks:A1"][c.FAMILY_RECORD_ID] == "dtks/rumah_tangga:R1"


def test_what_was_not_taken_is_named_beside_the_row(job):
    people, families = _rows(job, tables.PERSON_RECORD), _rows(job, tables.FAMILY_RECORD)
    assert people[f"dukcapil:{SITI}"][c.VALUE_REASONS] == ["mother_nik:invalid"]
    assert set(people[f"dukcapil:{DJOKO}"][c.VALUE_REASONS]) == {"occupation:unknown_code", "no_kk:dummy"}
    # A number that was not taken is told, though that of the family row stands in its place.
    assert (people["dtks:A3"][c.NO_KK], people["dtks:A3"][c.VALUE_REASONS]) == (KK, ["no_kk:not_16_digits"])
    assert families["dtks/rumah_tangga:R1"][c.VALUE_REASONS] == ["floor_area_m2:not_a_number"]
    assert set(families["regsosek/keluarga:K1"][c.VALUE_REASONS]) == {"cattle:out_of_range", "floor:unknown_code"}


def test_the_survey_speaks_the_same_words(job):
    household = _rows(job, tables.SURVEY_HOUSEHOLD)["S1"]
    assert (household[c.KAB_CODE], household[c.URBAN], household[c.MEMBERS]) == ("1109", False, 4)
    assert _rows(job, tables.SURVEY_MEMBER)["susenas:S1-1"][c.RELATION] == "SPOUSE"


def test_registers_keep_rows_that_name_somebody_and_account_for_the_others(job):
    assert set(_rows(job, tables.EMPLOYMENT_INSURANCE)) == {SITI}
    assert [(row[c.PROGRAM], row[c.SINCE]) for row in job.read(tables.RECIPIENT).collect()] == [
        ("pkh", date(2024, 1, 31))
    ]
    assert job.read(tables.HEALTH_INSURANCE).count() == 0  # never delivered
    accounts = {account.subject: account for account in job.ledger.accounts}
    assert accounts["silver/employment_insurance"].set_aside == {"key_not_taken": 1}
    assert accounts["silver/person_record"].rows_in == accounts["silver/person_record"].rows_out == 8
    assert all(account.balanced for account in accounts.values())


def test_figures_by_rule_table_and_kab(job):
    figures = {
        (row[c.METRIC], row[c.SUBJECT], row[c.RULE], row[c.REGION_CODE]): row[c.VALUE]
        for row in job.lake.read(tables.DQ_METRIC).collect()
    }
    assert figures[("values_not_taken", "regsosek/family_record", "floor:unknown_code", "9301")] == 1
    assert figures[("rows", "dtks/person_record", "", "3174")] == 2
    assert figures[("rows_without_number", "dtks/person_record", c.NIK, "")] == 1
    assert figures[("rows_without_number", "dtks/person_record", c.NO_KK, "")] == 1
    assert figures[("region_states", "dtks/person_record", "MISSING", "")] == 1
    assert figures[("rows", "employment_insurance", "", "")] == 2
    assert figures[("examined", "pkh/recipient", "", "3174")] == 1
    # A code that no list knows is named; what may be somebody's number is not.
    assert not [rule for _, _, rule, _ in figures if SITI in rule]
    assert figures[("region_codes_not_sure", "dukcapil/penduduk", "UNMATCHED:9901011001", "")] == 1
    assert figures[("examined", "dtks/person", "", "3174")] == 2
    entered = {(row[c.METRIC], row[c.SUBJECT], row[c.REGION_CODE]): row for row in job.ledger.drain_metrics()}
    assert entered[("rows_read", "dtks/anggota", "")][c.VALUE] == 3
    # The one active resident of the nation lives in 3174: everywhere else the registry is missing.
    assert entered[("registry_coverage_relative", "dukcapil/penduduk", "3174")][c.VALUE] > 1
    assert entered[("registry_coverage", "dukcapil/penduduk", "3578")][c.VALUE] == 0
    assert entered[("name_rules", "conf/names/rules.csv", "")][c.RULE]


def test_the_same_rows_in_another_order_give_the_same_content(job, spark):
    before = {path: written.content_hash for path, written in job.outputs.items()}
    for table, rows in GIVEN.items():
        contract = tables.accepted(tables.LANDING[table])
        job.lake.write(
            contract, job.read(contract).repartition(3) if rows else job.read(contract), build=job.release_id
        )
    harmonise.run(job)
    assert {path: written.content_hash for path, written in job.outputs.items()} == before
    assert c.VALUE_REASONS not in NOT_CONTENT
