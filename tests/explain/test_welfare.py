"""Why a family stands where it stands, as its reader gets it: from the tables of the release to the words."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import explain, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry
from dtsen_spark.welfare import explained, registry
from dtsen_spark.welfare.change import STEPS
from dtsen_spark.welfare.explanation import rupiah_of
from dtsen_spark.welfare.model import PmtModel, Variant
from tests.frames import Rows, frame

SMEARING = 1.25
PARTS = {"level": 13_600_000, "floor": -210_000, "education": 90_000, "has_fridge": -60_000, "roof": 30_000}
PARTS |= {"wall": 9_000, "water": 8_000, "power": 7_000, "toilet": 6_000}
SCORE = sum(PARTS.values())
CUTS = [13_000_000 + 100_000 * k for k in range(1, 10)]
DECILE = 1 + sum(cut <= SCORE for cut in CUTS)
FAMILY = {
    c.FAMILY_ID: "F",
    c.STATE: "RANKED",
    c.REGION_CODE: "3201012001",
    c.SCORE: SCORE,
    c.DECILE: DECILE,
    c.MEMBERS: 4,
    c.EXPENDITURE_IDR_MONTH: rupiah_of(SCORE, SMEARING),
    c.EXPENDITURE_LOW_IDR_MONTH: 800_000,
    c.EXPENDITURE_HIGH_IDR_MONTH: 1_400_000,
    c.DECILE_STATE: "BORDERLINE",
    c.DECILE_PERMILLE: [0, 0, 0, 155, 600, 245, 0, 0, 0, 0],
}
SCORE_PART = {
    c.FAMILY_ID: "F",
    c.SCORE_PARTS: [{"indicator": name, "points": points} for name, points in sorted(PARTS.items())],
    c.SCORE_INPUTS: [{"indicator": "floor", "source": "regsosek", "as_of": date(2025, 11, 14)}],
}
CHANGE = {
    c.FAMILY_ID: "F",
    c.PREVIOUS_RELEASE: "2025Q4.1",
    c.MOVE: "DOWN",
    c.DECILE_CAUSE: "OWN_DATA",
    c.DECILE_BEFORE: DECILE + 1,
    c.DECILE: DECILE,
    c.EXPENDITURE_BEFORE: rupiah_of(SCORE + 120_000, SMEARING),
    c.EXPENDITURE_IDR_MONTH: FAMILY[c.EXPENDITURE_IDR_MONTH],
    c.REFERENCE_CUT: DECILE,
    c.MARGIN_BEFORE: 25_000,
    c.MARGIN: -100_000,
    **dict(zip((points for points, _ in STEPS.values()), (-150_000, 30_000, 0, -5_000), strict=True)),
    **dict(zip((deciles for _, deciles in STEPS.values()), (-2, 1, 0, 0), strict=True)),
}


def held(**values: Any) -> dict[str, Any]:
    """What a look finds of a family of which only the score is told."""
    nothing = dict.fromkeys(("person", "attributes", "housing", "family"))
    return {
        "release_id": "2026Q1.1",
        **nothing,
        "records": [],
        "pairs": [],
        "links": [],
        "programs": [],
        "score": FAMILY,
        "explanation": explained(FAMILY, SCORE_PART, CHANGE, CUTS, SMEARING),
        "compared": True,
        **values,
    }


def rupiah(line: str) -> list[int]:
    """Amounts of an English line, with their signs."""
    return [int((sign + amount).replace(",", "")) for sign, amount in re.findall(r"([+-]?)Rp ([0-9,]+)", line)]


def line_of(page: str, begin: str) -> str:
    return next(line.strip() for line in page.splitlines() if line.strip().startswith(begin))


@pytest.mark.parametrize("reader", explain.READERS)
def test_the_amounts_of_a_page_add_up(reader: str) -> None:
    page = explain.render(held(), reader, "text", "en")
    names = ["Estimate of an average family", "Lowers", "Raises"]
    # A citizen reads of five on each side: the sixth that raises is in the rest.
    names += ["Everything else"] if reader == explain.CITIZEN else []
    whole = sum(amount for name in names for amount in rupiah(line_of(page, name)))
    assert whole == FAMILY[c.EXPENDITURE_IDR_MONTH] == rupiah(line_of(page, "Predicted"))[0]
    assert re.findall(r"(floor|education|refrigerator|roof|wall)", line_of(page, "The three")) == [
        "floor",
        "education",
        "refrigerator",
    ]

    moved = rupiah(line_of(page, "The estimate moved"))[0]
    causes = ["your family's own data", "who belongs", "the model of", "the limits of"]
    assert moved == CHANGE[c.EXPENDITURE_IDR_MONTH] - CHANGE[c.EXPENDITURE_BEFORE]
    assert sum(rupiah(line_of(page, cause))[0] for cause in causes[:-1]) == moved
    assert line_of(page, causes[-1]).startswith("the limits of the desil: +0.5%, 0 desil")
    deciles = [int(re.search(r", \+?(-?\d+) desil", line_of(page, cause))[1]) for cause in causes]
    assert (sum(deciles), line_of(page, "Desil 6 became")) == (-1, "Desil 6 became 5")


def test_the_next_cuts_are_told_in_rupiah_and_per_cent() -> None:
    line = line_of(explain.render(held(), explain.CITIZEN, "text", "en"), "Distance")
    # The family stands 80,000 points above the cut below it and 20,000 under the cut above.
    down, up = rupiah(line)
    assert FAMILY[c.EXPENDITURE_IDR_MONTH] - down == rupiah_of(CUTS[DECILE - 2] - 1, SMEARING)
    assert FAMILY[c.EXPENDITURE_IDR_MONTH] + up == rupiah_of(CUTS[DECILE - 1], SMEARING)
    assert re.findall(r"[0-9.]+%", line) == ["7.7%", "2.0%"]


@pytest.mark.parametrize(("language", "says"), [("id", "peluang tiap desil: 4: 15,5%"), ("en", "is: 4: 15.5%")])
@pytest.mark.parametrize("form", explain.FORMATS)
def test_every_format_and_language_has_it(form: str, language: str, says: str) -> None:
    page = explain.render(held(), explain.CITIZEN, form, language)
    if form == "json":
        found = json.loads(page)
        assert sum(part["rupiah"] for part in found["explanation"]["parts"]) == found[c.EXPENDITURE_IDR_MONTH]
        assert [part["indicator"] for part in found["explanation"]["leading"]] == ["floor", "education", "has_fridge"]
        assert [step["cause"] for step in found["explanation"]["change"]["steps"]] == list(STEPS)
        assert found[c.DECILE_PERMILLE][4] == 600
        assert "points" not in page, "points of a few families give the model's weights away"
    else:
        assert says in page
        assert "2025Q4.1" in page
    assert "Regsosek, 2025-11-14" in explain.render(held(), explain.AUDITOR, "text", language)
    whole = json.loads(explain.render(held(), explain.AUDITOR, "json", language))
    assert sum(part["points"] for part in whole["explanation"]["parts"]) == SCORE


def test_what_did_not_move_and_who_has_no_rank_is_said() -> None:
    still = explained(FAMILY, SCORE_PART, None, CUTS, SMEARING)
    assert "Nothing changed" in explain.render(held(explanation=still), explain.CITIZEN, "text", "en")
    first = explain.render(held(explanation=still, compared=False), explain.CITIZEN, "text", "en")
    assert "There is no earlier release" in first
    unranked = {**dict.fromkeys(FAMILY), c.FAMILY_ID: "F", c.STATE: "UNRANKED", c.REASON: "NO_REGION"}
    nothing = explained(unranked, {}, None, CUTS, 1.0)
    page = explain.render(held(score=unranked, explanation=nothing), explain.CITIZEN, "text", "id")
    assert "wilayah keluarga tidak diketahui" in page
    assert "Rp" not in page


@pytest.mark.parametrize("move", ["NEW", "RANKED", "UNRANKED", "SAME", "UP", "DOWN"])
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_move_has_words(move: str, language: str) -> None:
    moved = {**CHANGE, c.MOVE: move, c.MARGIN: None}
    told = explained(FAMILY, SCORE_PART, moved, CUTS, SMEARING)
    assert "2025Q4.1" in explain.render(held(explanation=told), explain.CITIZEN, "text", language)


def test_a_look_reads_the_release_that_the_registry_names(
    spark: SparkSession, settings: Config, tmp_path: Path
) -> None:
    lake = Lake(spark, tmp_path / "lake")
    model = PmtModel({"full": Variant({"floor": 0.001}, {}, {"ID": 13.6})}, {"floor": 300}, SMEARING)
    version = registry.register(lake, model)
    of_release = {c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
    cuts = [
        {c.K: k, c.SCORE: cut, c.WEIGHT_BELOW: k, c.UNIT: "person", **of_release} for k, cut in enumerate(CUTS, start=1)
    ]
    rows: dict[TableContract, Rows] = {
        tables.FAMILY: [{c.FAMILY_ID: "F", c.MEMBERS: 4, **of_release}],
        tables.SCORE: [{**FAMILY, c.MODEL_VERSION: version, **of_release}],
        tables.CUTPOINT: cuts,
        tables.WELFARE_CHANGE: [{**CHANGE, **of_release}],
    }
    Registry(lake).adopt("2025Q4.1", {tables.FAMILY.path: lake.write(tables.FAMILY, frame(spark, tables.FAMILY, []))})
    Registry(lake).adopt(
        "2026Q1.1", {table.path: lake.write(table, frame(spark, table, given)) for table, given in rows.items()}
    )
    lake.write(tables.SCORE_PART, frame(spark, tables.SCORE_PART, [SCORE_PART]), build="2026Q1.1")
    # A publication that died half way left newer rows behind.
    lake.write(tables.CUTPOINT, frame(spark, tables.CUTPOINT, [{**cut, c.SCORE: 0} for cut in cuts]))
    lake.write(tables.WELFARE_CHANGE, frame(spark, tables.WELFARE_CHANGE, []))

    found = explain.of_family(lake, settings, "F", explain.Look(explain.CITIZEN, "request 1", "clerk"))

    assert found is not None
    assert found["explanation"] == explained(FAMILY, SCORE_PART, CHANGE, CUTS, SMEARING)
    assert found["compared"]
    assert "The estimate moved by" in explain.render(found, explain.CITIZEN, "text", "en")
    assert explain.of_family(lake, settings, "G", explain.Look(explain.CITIZEN, "request 1", "clerk")) is None
