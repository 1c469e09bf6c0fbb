"""The report of a release: one file that opens without a network, in two languages, from statistics alone."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from dtsen_spark import columns as c
from dtsen_spark import report, tables
from dtsen_spark.config import conf_dir
from dtsen_spark.errors import UsageError
from dtsen_spark.report import charts, facts, render
from dtsen_spark.wording import LANGUAGES, Wording
from tests.conftest import SmallLake


class Page(HTMLParser):
    """What a page asks of its reader: addresses, scripts, pictures without words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.silent = 0
        self.pictures = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "link", "img", "iframe"}:
            self.fetched.append(tag)
        self.fetched += [v for k, v in values.items() if k in {"src", "href"} and v and not v.startswith("#")]
        if tag == "svg":
            self.pictures += 1
            self.silent += not values.get("aria-label")


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_file_needs_no_network_and_says_its_pictures_in_words(
    small_lake: SmallLake, tmp_path: Path, language: str
) -> None:
    out = report.write(small_lake.root, small_lake.period, tmp_path / "report.html", language)

    text = out.read_text()
    page = Page(text)
    assert (page.fetched, page.silent) == ([], 0)
    assert page.pictures >= 6
    assert small_lake.outcome.release_id in text
    assert f'<html lang="{language}">' in text
    for anchor in ("accounts", "sources", "linkage", "pmt", "deciles", "regions", "programs", "objections", "compare"):
        assert f'id="{anchor}"' in text
    # Coordinates of drawings have as many digits behind a point.
    assert not re.search(r"(?<![\d.])\d{16}(?!\d)", text)
    nation = next(
        row for row in facts.read(small_lake.root, small_lake.period).stats["region"] if not row["region_level"]
    )
    assert Wording(language).number(nation[c.PERSONS]) in text


def test_the_comparison_shows_the_release_before(small_lake: SmallLake) -> None:
    found = facts.read(small_lake.root, small_lake.period)
    before = {name: [{**row} for row in rows] for name, rows in found.stats.items()}
    twice = facts.Facts(**{**vars(found), "previous": "2025Q4.1", "before": before})
    page = render.render(twice, Wording("en"))
    assert "2025Q4.1" in page
    assert "there is none to compare with" not in page


def test_a_period_or_language_that_is_not_there_is_said(small_lake: SmallLake, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no release in"):
        report.write(small_lake.root, "2031Q1", tmp_path / "r.html")
    with pytest.raises(UsageError, match="--lang fr"):
        report.write(small_lake.root, small_lake.period, tmp_path / "r.html", "fr")
    with pytest.raises(UsageError, match="no lake here"):
        report.write(tmp_path, small_lake.period, tmp_path / "r.html")


@pytest.mark.parametrize("name", ["report", "explain"])
def test_every_text_has_both_languages(name: str) -> None:
    texts = yaml.safe_load((conf_dir() / "bi" / f"{name}.yaml").read_text())
    assert all(set(entry) == set(LANGUAGES) for part in texts.values() for entry in part.values())


def test_numbers_are_written_as_the_language_does() -> None:
    assert [Wording(language).number(1234567.5, 1) for language in LANGUAGES] == ["1.234.567,5", "1,234,567.5"]
    assert (Wording("id").number(None), Wording("en").percent(0.256)) == ("—", "25.6%")


def test_a_chart_escapes_what_it_is_told() -> None:
    chart = charts.histogram([{"bits": 1, "n": 2, "part": "a"}], "n", "part", "x", charts.numbers(None))
    assert 'aria-label="a &lt;b&gt; &quot;c&quot;"' in charts.svg(chart, 'a <b> "c"', "id")


def test_a_share_is_taken_of_regions_that_are_shown_whole() -> None:
    def row(code: str, decile: int, persons: int | None) -> dict[str, object]:
        return {
            c.REGION_CODE: code, c.REGION_LEVEL: 1, c.REGION_NAME: code, c.DECILE: decile, c.PERSONS: persons,
            c.SUPPRESSED: persons is None,
        }  # fmt: skip

    rows = [row("31", 1, 20), row("31", 9, 60), row("32", 1, None), row("32", 2, 30)]
    shares = render.poor_shares(rows, 1)
    assert {code: one["share"] for code, one in shares.items()} == {"31": 0.25}


def test_every_province_has_a_tile_of_its_own() -> None:
    tiles = render.tiles()
    assert len({tile["province_code"] for tile in tiles}) == len({(t["column"], t["row"]) for t in tiles}) == 38
    assert tables.STATS_DECILE in tables.STATS
