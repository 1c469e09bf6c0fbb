"""The traps of the four code systems, through the lists that Spark uses, in plain Python."""

from pathlib import Path

import pytest

from dtsen_spark import codes
from dtsen_spark import columns as c
from dtsen_spark.codes import Level
from dtsen_spark.errors import ConfigError
from dtsen_spark.tables import FAMILY_INDICATORS, LANDING, PERSON_INDICATORS

DTKS, REGSOSEK, P3KE = "dtks/rumah_tangga", "regsosek/keluarga", "p3ke/keluarga"
DTKS_PERSON, REGSOSEK_PERSON, P3KE_PERSON = "dtks/anggota", "regsosek/anggota", "p3ke/individu"
DUKCAPIL = "dukcapil/penduduk"

TRAPS = [
    # Floor: 8 and 9 change their meaning.
    (c.FLOOR, REGSOSEK, {"r303": "8"}, "EARTH"),
    (c.FLOOR, DTKS, {"lantai": "8"}, "WOOD_LOW"),
    (c.FLOOR, DTKS, {"lantai": "9"}, "EARTH"),
    (c.FLOOR, REGSOSEK, {"r303": "9"}, "OTHER"),
    (c.FLOOR, P3KE, {"lantai": "2"}, "CEMENT_OR_WOOD"),
    # Roof: asbestos and zinc change places.
    (c.ROOF, REGSOSEK, {"r305": "3"}, "ZINC"),
    (c.ROOF, REGSOSEK, {"r305": "4"}, "ASBESTOS"),
    (c.ROOF, DTKS, {"atap": "5"}, "ASBESTOS"),
    (c.ROOF, DTKS, {"atap": "6"}, "ZINC"),
    (c.ROOF, P3KE, {"atap": "2"}, "ZINC_OR_ASBESTOS"),
    (c.ROOF, REGSOSEK, {"r305": "2"}, "TILE"),
    (c.ROOF, DTKS, {"atap": "4"}, "CLAY_TILE"),
    # Wall: the same order, with a condition of its own in one form; coarse in the third.
    (c.WALL, DTKS, {"dinding": "5", "dinding_kondisi": "2"}, "LOG"),
    (c.WALL, REGSOSEK, {"r304": "5"}, "LOG"),
    (c.WALL, P3KE, {"dinding": "2"}, "WOOD_OR_ZINC"),
    # Water: shifted by one from code 4.
    (c.WATER, REGSOSEK, {"r306a": "4"}, "BOREHOLE"),
    (c.WATER, DTKS, {"air_minum": "4"}, "PIPED_RETAIL"),
    (c.WATER, DTKS, {"air_minum": "5"}, "BOREHOLE"),
    (c.WATER, DTKS, {"air_minum": "12"}, "OTHER"),
    (c.WATER, REGSOSEK, {"r306a": "11"}, "OTHER"),
    # Disposal: 3 and 4 are swapped.
    (c.SEWAGE, REGSOSEK, {"r310": "3"}, "WATER_BODY"),
    (c.SEWAGE, DTKS, {"tinja": "3"}, "PIT"),
    (c.SEWAGE, DTKS, {"tinja": "4"}, "WATER_BODY"),
    (c.SEWAGE, P3KE, {"jamban": "2"}, "NOT_SEPTIC_TANK"),
    # Unmetered power stands in different items.
    (c.LIGHTING, REGSOSEK, {"r307a": "2"}, "GRID_UNMETERED"),
    (c.LIGHTING, DTKS, {"penerangan": "1", "daya": "6"}, "GRID_UNMETERED"),
    (c.LIGHTING, DTKS, {"penerangan": "1", "daya": "2"}, "GRID_METERED"),
    (c.LIGHTING, DTKS, {"penerangan": "1"}, "GRID"),
    (c.LIGHTING, DTKS, {"penerangan": "2", "daya": "6"}, "NON_GRID"),
    (c.POWER, REGSOSEK, {"r307a": "2", "r307b": "1"}, "UNMETERED"),
    (c.POWER, REGSOSEK, {"r307a": "1", "r307b": "1"}, "VA_450"),
    (c.POWER, REGSOSEK, {"r307a": "4"}, "NO_GRID"),
    (c.POWER, DTKS, {"penerangan": "1", "daya": "6"}, "UNMETERED"),
    (c.POWER, P3KE, {"penerangan": "1"}, "UP_TO_900"),
    # Fuel: 3 kg gas and firewood have other numbers.
    (c.COOKING_FUEL, REGSOSEK, {"r308": "4"}, "LPG_3KG"),
    (c.COOKING_FUEL, DTKS, {"bahan_bakar": "3"}, "LPG_3KG"),
    (c.COOKING_FUEL, REGSOSEK, {"r308": "10"}, "FIREWOOD"),
    (c.COOKING_FUEL, DTKS, {"bahan_bakar": "8"}, "FIREWOOD"),
    (c.TOILET, DTKS, {"fas_bab": "4"}, "NONE"),
    (c.TOILET, REGSOSEK, {"r309a": "4"}, "PUBLIC"),
    (c.CLOSET, REGSOSEK, {"r309a": "6"}, "NONE"),
    (c.CLOSET, REGSOSEK, {"r309a": "1", "r309b": "4"}, "PIT"),
    (c.CLOSET, DTKS, {"kloset": "3"}, "PIT"),
    # Yes and no alternate by position in one form; motorcycle and bicycle stand in another order.
    (c.HAS_FRIDGE, DTKS, {"ada_kulkas": "3"}, "YES"),
    (c.HAS_FRIDGE, DTKS, {"ada_kulkas": "4"}, "NO"),
    (c.HAS_GAS_CYLINDER, DTKS, {"ada_gas": "2"}, "NO"),
    (c.HAS_MOTORCYCLE, DTKS, {"ada_sepeda": "1", "ada_motor": "4"}, "NO"),
    (c.HAS_MOTORCYCLE, REGSOSEK, {"r502i": "1", "r502j": "2"}, "YES"),
    (c.HAS_OTHER_HOUSE, DTKS, {"rumah_lain": "3"}, "YES"),
    (c.HAS_FRIDGE, REGSOSEK, {"r502b": "3"}, None),
    # Elsewhere yes and no are 1 and 0.
    (c.ACTIVE, "bpjstk/peserta", {"aktif": "0"}, "NO"),
    (c.ACTIVE, "bpjstk/peserta", {"aktif": "2"}, None),
    (c.CATASTROPHIC, "bpjskes/peserta", {"kronis": "1"}, "YES"),
    # Sums of bits.
    (c.HAS_ID_DOCUMENT, REGSOSEK_PERSON, {"r411": "0"}, "NO"),
    (c.HAS_ID_DOCUMENT, REGSOSEK_PERSON, {"r411": "5"}, "YES"),
    (c.HEALTH_COVER, REGSOSEK_PERSON, {"r431a": "3"}, "PBI"),
    (c.HEALTH_COVER, REGSOSEK_PERSON, {"r431a": "6"}, "EMPLOYER"),
    (c.HEALTH_COVER, P3KE_PERSON, {"jkn": "4"}, "NONE"),
    # Contributions paid by the state stand in three sources.
    (c.SEGMENT, "bpjskes/peserta", {"segmen": "pbi"}, "PBI"),
    (c.HEALTH_COVER, P3KE_PERSON, {"jkn": "1"}, "PBI"),
    (c.EMPLOYMENT_COVER, REGSOSEK_PERSON, {"r431f": "12"}, "NO"),
    (c.EMPLOYMENT_COVER, REGSOSEK_PERSON, {"r431f": "6"}, "YES"),
    (c.EMPLOYMENT_COVER, REGSOSEK_PERSON, {"r431f": "99"}, None),
    # Three lists of relations.
    (c.RELATION, DUKCAPIL, {"shdk": "4"}, "CHILD"),
    (c.RELATION, REGSOSEK_PERSON, {"r409": "4"}, "CHILD_IN_LAW"),
    (c.RELATION, P3KE_PERSON, {"hub": "4"}, "NOT_HEAD_SPOUSE_CHILD"),
    (c.RELATION, DUKCAPIL, {"shdk": "8"}, "PARENT"),
    (c.RELATION, DTKS_PERSON, {"hub_krt": "8"}, "OTHER"),
    # Lists of schooling: level and grade, level attended, level completed, both in one.
    (c.EDUCATION, REGSOSEK_PERSON, {"r412": "1"}, "NONE"),
    (c.EDUCATION, REGSOSEK_PERSON, {"r412": "3", "r413": "8", "r414": "8"}, "LOWER_SECONDARY"),
    (c.EDUCATION, REGSOSEK_PERSON, {"r412": "2", "r413": "8", "r414": "2"}, "PRIMARY"),
    (c.EDUCATION, REGSOSEK_PERSON, {"r412": "2", "r413": "21", "r414": "1"}, "TERTIARY"),
    (c.SCHOOL_LEVEL, REGSOSEK_PERSON, {"r412": "2", "r413": "8", "r414": "2"}, "LOWER_SECONDARY"),
    (c.SCHOOL_LEVEL, REGSOSEK_PERSON, {"r412": "3", "r413": "8", "r414": "2"}, None),
    (c.EDUCATION, DTKS_PERSON, {"sekolah": "1", "pendidikan": "4"}, "PRIMARY"),
    (c.EDUCATION, DTKS_PERSON, {"sekolah": "2", "pendidikan": "4"}, "LOWER_SECONDARY"),
    (c.EDUCATION, DTKS_PERSON, {"pendidikan": None}, "NONE"),
    (c.EDUCATION, DUKCAPIL, {"pendidikan": "4"}, "LOWER_SECONDARY"),
    (c.EDUCATION, P3KE_PERSON, {"pendidikan": "7"}, "LOWER_SECONDARY"),
    (c.IN_SCHOOL, P3KE_PERSON, {"pendidikan": "7"}, "YES"),
    # Disability counts down: 1 is the worst, and the worst difficulty counts.
    (c.DISABILITY, REGSOSEK_PERSON, {"r428a": "4", "r428i": "1"}, "SEVERE"),
    (c.DISABILITY, REGSOSEK_PERSON, {"r428a": "4", "r428b": "4"}, "NONE"),
    (c.DISABILITY, REGSOSEK_PERSON, {"r428a": "7", "r428b": "3"}, "MODERATE"),
    (c.DISABILITY, DTKS_PERSON, {"cacat": "0"}, "NONE"),
    (c.CHRONIC, REGSOSEK_PERSON, {"r430": "1"}, "NO"),
    (c.CHRONIC, DTKS_PERSON, {"penyakit_kronis": "1"}, "YES"),
    # Jobs, sex, state.
    (c.OCCUPATION, DUKCAPIL, {"pekerjaan": "20"}, "AGRICULTURE"),
    (c.OCCUPATION, DUKCAPIL, {"pekerjaan": "5"}, "STATE"),
    (c.OCCUPATION, P3KE_PERSON, {"pekerjaan": "5"}, "STATE"),
    (c.EMPLOYMENT_STATUS, REGSOSEK_PERSON, {"r418": "5"}, "STATE_EMPLOYEE"),
    (c.WORKING, P3KE_PERSON, {"pekerjaan": "9"}, "NO"),
    (c.SEX, P3KE_PERSON, {"jenis_kelamin": "p"}, "P"),
    (c.MARITAL, DUKCAPIL, {"status_kawin": "5"}, "MARRIED"),
    (c.HAS_BUSINESS, REGSOSEK_PERSON, {"r420": "0"}, "NO"),
    (c.STUNTED, REGSOSEK_PERSON, {"r427": "8"}, None),
    (c.PRESENCE, REGSOSEK, {"r205": "5"}, "MOVED"),
    (c.PRESENCE, REGSOSEK_PERSON, {"r404": "2"}, "DECEASED"),
    # The survey is coded as Regsosek is; zeros in front and spaces do not count.
    (c.FLOOR, "susenas/rumah_tangga", {"r303": " 08 "}, "EARTH"),
    (c.FAMILY_PART, REGSOSEK, {"r115": "00"}, "AS_LISTED"),
    (c.FLOOR, REGSOSEK, {"r303": "10"}, None),
    (c.FLOOR, REGSOSEK, {}, None),
]


@pytest.mark.parametrize(("name", "table", "row", "wanted"), TRAPS)
def test_a_source_code_reaches_our_code(name, table, row, wanted):
    assert codes.code_list(name).ours(table, row) == wanted


def test_indicators_are_39_and_every_survey_variable_can_be_answered():
    declared = codes.indicators()
    assert [i.level for i in declared].count(Level.PERSON) == 13
    assert len(declared) == 39
    assert len({i.name for i in declared}) == 39


def test_every_silver_value_has_a_list_or_a_range():
    ranges = {field.name for field in codes.numbers()}
    assert not [n for n in (*PERSON_INDICATORS, *FAMILY_INDICATORS) if n not in codes.code_lists() and n not in ranges]


def test_every_source_column_of_a_list_is_delivered():
    delivered = {(t.source, column) for t in LANDING.values() for column in t.columns}
    listed = {(s.source, column) for lst in codes.code_lists().values() for s in lst.sources for column in s.columns}
    conditions = {
        (s.source, s.only_if.column)
        for lst in codes.code_lists().values()
        for s in lst.sources
        if s.only_if is not None
    }
    assert listed | conditions <= delivered


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("regsosek,r303,,1,NOT_OURS,x,,list", "not a code of ours"),
        ("regsosek,r303,,01,EARTH,x,,list\nregsosek,r303,,1,EARTH,x,,list", "mapped twice"),
        ("dtsen,,,CLAY,x,,list", "too few or too many fields"),
        ("dtsen,,,,CLAY,x,,list", "no tier"),
        ("dtsen,,,,EARTH,x,1,list", "declared twice"),
    ],
)
def test_a_broken_list_stops_the_job(tmp_path: Path, line, fault):
    header = "source,source_column,only_if,source_code,code,label,tier,list_source\n"
    path = tmp_path / "floor.csv"
    path.write_text(f"{header}dtsen,,,,EARTH,Tanah,0,list\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=fault):
        codes.parse_list(path)
