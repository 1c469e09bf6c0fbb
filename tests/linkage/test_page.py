"""The page of an evaluation: every figure is on it, and nothing is fetched."""

from dtsen_spark.evaluation import page

SHARE = {"value": 0.99, "low": 0.98, "high": 0.995}
FIGURES = {
    "release": "2026Q1.1",
    "linkage": {
        "pairwise": {"precision": 0.99999, "tp": 1234567},
        "strata": {"mononym": {"records": 7, "recall": SHARE}, "error: <moved>": {"records": 8, "recall": SHARE}},
        "calibration": {"bins": [{"from_bits": 4, "pairs": 42, "observed": SHARE}], "error": 0.01234},
    },
    "pmt": {"r2": 0.5},
}


def test_page_holds_every_figure() -> None:
    text = page(FIGURES)
    for wanted in ("2026Q1.1", "0.99999", "1,234,567", "mononym", "0.99000 (0.98000 to 0.99500)", "0.01234", "42"):
        assert wanted in text
    assert "error: &lt;moved&gt;" in text
    assert "http" not in text
