"""A coefficient table made elsewhere: what it becomes, and what each fault says."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark.errors import ConfigError
from dtsen_spark.welfare.loading import read_coefficients

HEADER = "region,indicator,coefficient,standard_error,mean,spread\n"
NATION = "ID,level,13.0,0.01,,\nID,floor,0.1,0.005,3,1.5\nID,smearing,1.1,,,\nID,residual_sd,0.4,,,\n"


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "coefficients.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_place_takes_the_finest_region_that_has_a_row(spark: SparkSession, tmp_path: Path) -> None:
    rows = HEADER + NATION + "32,floor,0.2,,3,1.5\n3201,level,13.5,,,\n3201:U,level,13.8,,,\n"
    model = read_coefficients(table(tmp_path, rows), ["3201:U", "3201:R", "7401:R"])
    assert (model.by_place, model.smearing, model.residual_sd) == (True, 1.1, 0.4)
    assert {name: variant.slopes["floor"] for name, variant in model.variants.items()} == {
        "3201U": 0.002,
        "3201R": 0.002,
        "7401R": 0.001,
    }
    # Theirs is told where every feature is 0, ours at the means: 3 tiers of the floor lie between.
    assert model.variants["3201U"].levels == pytest.approx({"ID": 13.8 + 0.2 * 3})
    assert model.variants["7401R"].levels == pytest.approx({"ID": 13.0 + 0.1 * 3})
    assert model.variants["7401R"].errors == {"floor": 0.00005}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("region,indicator\nID,level\n", "no column coefficient"),
        (HEADER + NATION + "ID,gold_teeth,1,,,\n", "gold_teeth"),
        (HEADER + "3201,level,13,,,\n", "no level for 1 of 2 places with families: 7401:R"),
        (HEADER + NATION + "ID,floor,0.3,,,\n", "line 6: ID, floor stands twice"),
        (HEADER + "ID,level,high,,,\n", "line 2: a coefficient"),
        (HEADER + "ID,level,nan,,,\n", "line 2: a coefficient"),
        (HEADER + "ID,level,13,inf,,\n", "line 2: a coefficient"),
        (HEADER + NATION + "3201:X,level,13,,,\n", "line 6: region 3201:X"),
        (HEADER + NATION + "Bogor,level,13,,,\n", "line 6: region Bogor"),
        (None, "cannot be read"),
    ],
)
def test_a_fault_is_told_by_what_and_where(spark: SparkSession, tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "missing.csv" if text is None else table(tmp_path, text)
    with pytest.raises(ConfigError, match=says):
        read_coefficients(path, ["3201:U", "7401:R"])
