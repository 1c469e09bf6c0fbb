"""Codes of two systems and of every edition, led to the current list."""

import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions
from dtsen_spark.regions import AMBIGUOUS, BPS, KEMENDAGRI, MISSING, OK, UNMATCHED

CASES = [
    ("kemendagri", "1101012001", "1101012001", OK),
    ("kemendagri", "31.74.01.1001", "3174011001", OK),
    ("kemendagri", "9101011002", "9301011002", OK),  # Merauke, down to the village
    ("kemendagri", "9101019999", "930101", UNMATCHED),  # its kecamatan moved as a whole
    ("kemendagri", "9101999999", "9301", UNMATCHED),
    ("kemendagri", "9199999999", None, UNMATCHED),  # the old province was divided: nothing is sure
    ("kemendagri", "1199999999", "11", UNMATCHED),
    ("kemendagri", "110101", "110101", OK),
    ("kemendagri", "1101", "1101", OK),
    ("kemendagri", "1172012001", "117201", AMBIGUOUS),  # an earlier edition's village: its kecamatan is sure
    ("kemendagri", "91", None, UNMATCHED),  # four provinces now
    ("kemendagri", "9999999999", None, UNMATCHED),
    ("kemendagri", "text", None, UNMATCHED),
    ("kemendagri", None, None, MISSING),
    ("bps", "9401", "9301", OK),  # through the bridge, then the succession
    ("bps", "1102020004", "111004", AMBIGUOUS),
    ("bps", "9401999999", "9301", UNMATCHED),
    ("bps", "9499999999", None, UNMATCHED),
    ("bps", None, None, MISSING),
]


def test_every_case_reaches_its_code(spark):
    given = spark.createDataFrame([(i, *case[:2]) for i, case in enumerate(CASES)], "i int, system string, raw string")
    found = [
        row
        for system in ("kemendagri", "bps")
        for row in regions.with_current_region(given.where(F.col("system") == system), "raw", system).collect()
    ]
    assert [(row[c.REGION_CODE], row[c.REGION_STATE]) for row in sorted(found, key=lambda row: row["i"])] == [
        case[2:] for case in CASES
    ]


def test_a_bps_village_reaches_its_village_in_divided_papua():
    resolved = regions.load().resolved[BPS]
    papua = [found for code, found in resolved.items() if len(code) == 10 and code.startswith("9401")]
    assert sum(found.state == OK and found.current.startswith("9301") for found in papua) > 0.8 * len(papua)


def test_one_code_means_another_place_in_the_other_system():
    resolved = regions.load().resolved
    assert regions.name_of(resolved[KEMENDAGRI]["1101"].current) == "Kabupaten Aceh Selatan"
    assert regions.name_of(resolved[BPS]["1101"].current) == "Kabupaten Simeulue"
    assert regions.name_of(resolved[BPS]["3171"].current) == "Kota Administrasi Jakarta Selatan"


# Laws 14, 15, 16 and 29 of 2022: regencies of the old provinces 91 and 92, in the order of their new codes.
DIVIDED = {
    "93": "9101 9116 9117 9118",
    "94": "9104 9107 9108 9109 9125 9126 9127 9128",
    "95": "9102 9112 9113 9114 9121 9122 9123 9124",
    "96": "9201 9204 9205 9209 9210 9271",
    "91": "9103 9105 9106 9110 9111 9115 9119 9120 9171",
    "92": "9202 9203 9206 9207 9208 9211 9212",
}


@pytest.mark.parametrize("province", DIVIDED)
def test_regencies_of_divided_papua(province):
    for number, old in enumerate(DIVIDED[province].split(), start=1):
        stays, city = old.startswith(province), old[2:] == "71"
        wanted = old if stays else f"{province}71" if city else f"{province}{number:02}"
        found = regions.load().resolved[KEMENDAGRI][old]
        assert (found.current, found.state) == (wanted, OK)


def test_villages_of_divided_papua_reach_a_village_of_their_regency():
    resolved = regions.load().resolved[KEMENDAGRI]
    old = {code: found for code, found in resolved.items() if len(code) == 10 and code[:2] in {"91", "92"}}
    moved = [code for code, found in old.items() if found.state == OK]
    assert len(moved) > 0.97 * len(old) > 7_000
    # None leaves its regency, and one that is not sure stays in it.
    assert all(found.current.startswith(resolved[code[:4]].current) for code, found in old.items())


def test_a_resolved_code_is_current_or_nothing_and_never_finer_than_what_was_delivered():
    known = regions.load()
    for system, lengths in regions.LENGTHS.items():
        level = {length: number for number, length in enumerate(lengths)}
        current_level = {length: number for number, length in enumerate(regions.LENGTHS[KEMENDAGRI])}
        for code, found in known.resolved[system].items():
            if found.current is None:
                assert found.state == AMBIGUOUS
                continue
            assert found.current in known.names
            assert (current_level[len(found.current)] == level[len(code)]) is (found.state == OK)


def test_a_prefix_of_any_edition_existed():
    assert regions.ever_existed("910101")
    assert regions.ever_existed("930101")
    assert not regions.ever_existed("999999")


def test_frames_of_names_population_and_kab(spark):
    population = {row[c.KAB_CODE]: row[c.REGISTRY_PERSONS] for row in regions.population_kabkota(spark).collect()}
    assert len(population) == 514
    assert population["1101"] == 239629
    assert regions.region_names(spark, deepest=2).count() == 38 + 514
    codes = spark.createDataFrame(
        [("1101", "3174011001"), ("9999", "3174012001"), (None, "3174")], "bps string, village string"
    )
    found = codes.select(
        regions.current_kab(F.col("bps"), "bps").alias("kab"), regions.is_urban(F.col("village")).alias("u")
    )
    assert [tuple(row) for row in found.collect()] == [("1109", True), (None, False), (None, None)]
