"""The report of a release: one file that opens without a network, in two languages, from statistics alone."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest
import yaml

from dtsen_spark import columns as c
from dtsen_spark import report, tables
from dtsen_spark.config import conf_dir
from dtsen_spark.corrections import intake, terms
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
    assert [Wording("en").signed(one, 1) for one in (0.04, -0.04, 0.06, -2, None)] == [
        "0.0",
        "0.0",
        "+0.1",
        "-2.0",
        "—",
    ]


def test_a_chart_escapes_what_it_is_told() -> None:
    chart = charts.histogram([{"bits": 1, "n": 2, "part": "a"}], "n", "part", "x", charts.numbers(None))
    assert 'aria-label="a &lt;b&gt; &quot;c&quot;"' in charts.svg(chart, 'a <b> "c"', "id")


def test_numbers_on_an_axis_are_shortened_in_the_words_of_the_language() -> None:
    data = [{"bits": bits, "n": 3_000_000 * bits, "part": "a"} for bits in range(3)]
    drawn = {
        language: charts.svg(charts.histogram(data, "n", "part", "x", charts.numbers(None, "~s")), "x", language)
        for language in LANGUAGES
    }
    # A million is "juta"; M would be read as "miliar", a thousand times as much.
    assert ">2 jt<" in drawn["id"]
    assert ">2m<" in drawn["en"]
    assert all(">0<" in one and "M<" not in one for one in drawn.values())


def nation(**values: object) -> dict[str, object]:
    return {c.REGION_LEVEL: 0, c.REGION_CODE: "00", c.SUPPRESSED: False, **values}


def told(**stats: list[dict[str, object]]) -> facts.Facts:
    empty = {table.name: [] for table in tables.STATS}
    return facts.Facts(
        release_id="2026Q1.1", period="2026Q1", state="PUBLISHED", failed=[], previous=None, stats={**empty, **stats},
        before=empty, trend=stats.get("trend", []), accounts=[], metrics=[], batches=[],
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chapter_of_objections_tells_kinds_ends_waits_and_days(language: str) -> None:
    def ticket(outcome: str, action: str, late: bool, tickets: int | None) -> dict[str, object]:
        return nation(
            channel="desa", outcome=outcome, action=action, overdue=late, tickets=tickets, median_days=5.5,
            p90_days=9.0, suppressed=tickets is None,
        )  # fmt: skip

    def figure(topic: str, subject: str, metric: str, value: float) -> dict[str, object]:
        return {c.TOPIC: topic, c.SUBJECT: subject, c.METRIC: metric, c.VALUE: value}

    found = told(
        objection=[
            ticket("REJECTED", "MUSDES_REJECT", False, 14),
            ticket("OPEN", "SUBMIT", False, 61),
            ticket("OPEN", "SUBMIT", True, None),
        ],
        figure=[
            figure("objection", "all", "all", 87),
            figure("objection", "MOVE", "REJECTED", 14),
        ],
        step=[
            nation(channel=channel, state_before=state, median_step_days=2.5, p90_step_days=7.5)
            for channel, state in (("desa", "AGREED"), ("portal", "SUBMITTED"), ("desa", "SUBMITTED"))
        ],
    )
    w = Wording(language)
    parts = render._objections(found, w)
    assert [label for label, _, _ in parts["counted"]] == [w.text("all_tickets"), w.code("ticket_MOVE")]
    assert [(row[c.ACTION], row[c.TICKETS]) for row in parts["ended"]] == [("MUSDES_REJECT", 14)]
    assert [(row["in_time"], row[c.OVERDUE]) for row in parts["waiting"]] == [(61, None)]
    assert [(row[c.STATE_BEFORE], row[c.CHANNEL], row["working_days"]) for row in parts["steps"]] == [
        ("SUBMITTED", "desa", 3),
        ("SUBMITTED", "portal", 3),
        ("AGREED", "desa", 14),
    ]
    page = render.render(found, w)
    days = f">{w.number(7.5, 1)}<"
    assert all(words in page for words in (w.code("step_MUSDES_REJECT"), w.code("role_OPERATOR_DESA"), ">61<", days))


@pytest.mark.parametrize("language", LANGUAGES)
def test_objections_that_are_too_few_to_be_shown_are_not_told_as_none(language: str) -> None:
    def ticket(outcome: str | None) -> dict[str, object]:
        # Where no total may be shown either, a cell says neither how the tickets ended nor by which step.
        return nation(
            channel="desa", outcome=outcome, action=outcome and "SUBMIT", overdue=outcome and False, tickets=None,
            median_days=None, p90_days=None, suppressed=True,
        )  # fmt: skip

    w = Wording(language)
    too_few, none = w.text("objections_left_out"), w.text("no_objections")
    pages = [render.render(told(objection=cells), w) for cells in ([ticket(None)], [ticket("OPEN")], [])]
    assert [(too_few in page, none in page) for page in pages] == [(True, False), (False, False), (False, True)]
    assert w.code("step_SUBMIT") in pages[1]


@pytest.mark.parametrize(
    ("language", "coverage"),
    [
        ("id", ("0,0007%", "0,0008%", "+0,0001 poin persen")),
        ("en", ("0.0007%", "0.0008%", "+0.0001 percentage points")),
    ],
)
def test_a_release_is_compared_in_the_words_of_its_headline(language: str, coverage: tuple[str, ...]) -> None:
    def region(persons: int, share: float) -> list[dict[str, object]]:
        return [nation(persons=persons, families=None, coverage=share)]

    found = replace(told(region=region(2015, 8e-6)), previous="2025Q4.1")
    found.before["region"] = region(2014, 7e-6)
    w = Wording(language)
    rows = {label: figures for label, *figures in render._compared(found, w)}
    assert rows[w.text("coverage")] == list(coverage)
    assert rows[w.text("persons")] == [w.number(2014), w.number(2015), "+1"]
    assert rows[w.text("families")] == [w.number(None)] * 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_payments_that_disagree_with_decisions_are_told(language: str) -> None:
    figures = [
        {c.TOPIC: "payment", c.SUBJECT: "pkh 2026Q1.1", c.METRIC: state, c.VALUE: units}
        for state, units in (("NO_ANSWER", 31.0), ("REFUSED", 12.0))
    ]
    w = Wording(language)
    page = render.render(told(figure=figures), w)
    heads = [page.index(f">{w.code('payment_' + state)}<") for state in ("REFUSED", "NO_ANSWER")]
    assert heads == sorted(heads)
    assert page.index(">12<") < page.index(">31<")
    assert "payment_" not in page
    assert w.text("payments") not in render.render(told(), w)


def test_the_series_is_drawn_from_two_periods_on() -> None:
    def persons(period: str, value: float | None) -> dict[str, object]:
        return nation(period=period, metric="persons", subject="all", value=value)

    w = Wording("en")
    series = [persons("2025Q4", 200.0), persons("2026Q1", 210.0)]
    (title, drawn), *more = render._trend(told(trend=series), w)
    assert (title, more) == ("Persons and families", [])
    assert "2025Q4 Persons 200; 2026Q1 Persons 210" in drawn
    assert render._trend(told(trend=[persons("2025Q4", None), series[1]]), w) == []


def test_the_series_ends_with_the_release_that_is_told_of(tmp_path: Path) -> None:
    def rows(*periods: str) -> list[dict[str, object]]:
        return [{c.PERIOD: period, c.METRIC: "persons", c.VALUE: 1.0} for period in periods]

    place = tmp_path / tables.STATS_TREND.path
    for number, periods in enumerate((("2025Q3", "2025Q4"), ("2025Q3", "2025Q4", "2026Q1"), ("2031Q1",))):
        deltalake.write_deltalake(place, pa.Table.from_pylist(rows(*periods)), mode="overwrite")
        assert deltalake.DeltaTable(place).version() == number
    # The registry names the second version; the third was never published.
    events = [{c.TABLES_JSON: json.dumps({tables.STATS_TREND.path: {"version": 1}})}, {c.TABLES_JSON: None}]

    def periods(own: list[dict[str, object]]) -> list[object]:
        return [row[c.PERIOD] for row in facts._series(tmp_path, own, events)]

    assert periods(rows("2026-02")) == ["2025Q3", "2025Q4", "2026-02"], "a build stands after what is published"
    assert periods(rows("2025Q4")) == ["2025Q3", "2025Q4"], "what came later is not told"
    assert periods([]) == []


def test_every_step_of_an_objection_has_words() -> None:
    rules = terms.load()
    codes = yaml.safe_load((conf_dir() / "bi" / "report.yaml").read_text())["code"]
    opened = [state for state in rules.states.values() if state.outcome == "OPEN" and state.name != terms.START]
    named = [
        *(f"step_{step.action}" for step in rules.transitions),
        *(f"state_{state.name}" for state in opened),
        *(f"role_{state.waits_for}" for state in opened),
        *(f"ticket_{kind}" for kind in intake.KINDS),
        *(f"ticket_{channel}" for channel in ("desa", "portal")),
    ]
    assert [name for name in named if name not in codes] == []


NAMES = {"31": "DKI Jakarta", "32": "Jawa Barat"}


def test_a_share_is_taken_of_regions_that_are_shown_whole() -> None:
    def row(code: str, decile: int, persons: int | None) -> dict[str, object]:
        return {
            c.REGION_CODE: code, c.REGION_LEVEL: 1, c.REGION_NAME: NAMES.get(code), c.DECILE: decile,
            c.PERSONS: persons, c.SUPPRESSED: persons is None,
        }  # fmt: skip

    rows = [row("31", 1, 20), row("31", 9, 60), row("32", 1, None), row("32", 2, 30), row("99", 1, 30)]
    shares = render.poor_shares(rows, 1)
    assert {code: one["share"] for code, one in shares.items()} == {"31": 0.25, "99": 1.0}
    # A delivery may hold a code that no list names.
    assert [one[c.REGION_NAME] for one in shares.values()] == ["DKI Jakarta", "99"]


def test_every_province_has_a_tile_of_its_own() -> None:
    tiles = render.tiles()
    assert len({tile["province_code"] for tile in tiles}) == len({(t["column"], t["row"]) for t in tiles}) == 38
    assert tables.STATS_DECILE in tables.STATS
