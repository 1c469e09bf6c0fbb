"""What the stages counted, put into figures."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dtsen_spark import columns as c
from dtsen_spark.quality.figures import (
    ACCOUNTED,
    Figure,
    account_figures,
    batch_figures,
    between_stages,
    change_figures,
    contradiction_figures,
    metric_figures,
)
from dtsen_spark.quality.proofs import off_a_tenth


def account(
    stage: str, subject: str, rows: tuple[int, int, int], *, run: str = "r1", minute: int = 0
) -> dict[str, Any]:
    return {
        c.STAGE: stage,
        c.SUBJECT: subject,
        c.BATCH_ID: None,
        c.RUN_ID: run,
        c.ROWS_IN: rows[0],
        c.ROWS_OUT: rows[1],
        c.ROWS_SET_ASIDE: rows[2],
        c.RECORDED_AT: datetime(2026, 1, 1, 0, minute, tzinfo=UTC),
    }


def values(figures: list[Figure], metric: str) -> dict[str, float]:
    return {one.subject: one.value for one in figures if one.metric == metric}


def test_a_lost_row_is_a_figure_with_its_account() -> None:
    rows = [account("family", "master/person", (10, 8, 1)), account("linkage", "linkage/membership", (10, 10, 0))]

    found = values(account_figures(rows), "rows_unaccounted")

    assert found == {"family master/person": 1, "linkage linkage/membership": 0}


def test_of_a_stage_that_was_run_again_the_last_run_counts() -> None:
    rows = [
        account("ingest", "dtks/anggota", (10, 4, 0), run="r1", minute=1),
        account("ingest", "dtks/anggota", (10, 9, 1), run="r2", minute=2),
        # An earlier stage of the first run stays: it was not done again.
        account("harmonise", "silver/person_record", (9, 9, 0), run="r1", minute=1),
    ]

    found = account_figures(rows)

    assert set(values(found, "rows_unaccounted").values()) == {0}
    assert len(values(found, "rows_unaccounted")) == 2
    assert values(found, "share_quarantined") == {"dtks/anggota": 0.1}


def test_a_stage_without_account_is_seen() -> None:
    rows = [account(stage, "x", (1, 1, 0)) for stage in ACCOUNTED if stage != "linkage"]

    assert [s for s, value in values(account_figures(rows), "stages_without_account").items() if value] == ["linkage"]


def test_shares_are_of_the_rows_of_the_same_table() -> None:
    def metric(name: str, subject: str, rule: str, value: float) -> dict[str, Any]:
        return {c.METRIC: name, c.SUBJECT: subject, c.RULE: rule, c.VALUE: value}

    found = metric_figures(
        [
            metric("rows", "dtks/person_record", "", 200),
            metric("rows", "p3ke/person_record", "", 50),
            metric("region_states", "dtks/person_record", "OK", 150),
            metric("region_states", "dtks/person_record", "UNMATCHED", 40),
            metric("region_states", "dtks/person_record", "MISSING", 10),
            metric("region_states", "p3ke/person_record", "OK", 50),
            metric("values_not_taken", "dtks/person_record", "sex:unknown_code", 20),
            metric("i1_violations", "", "", 0),
            metric("rows_accepted", "dtks/anggota", "", 7),
            metric("rows_accepted", "usulan/tiket", "", 0),  # nobody must deliver tickets
        ]
    )

    assert values(found, "share_region_unmatched") == {"dtks/person_record": 0.2, "p3ke/person_record": 0}
    assert values(found, "share_values_not_taken") == {"dtks/person_record sex:unknown_code": 0.1}
    assert values(found, "i1_violations") == {"release": 0}
    assert values(found, "rows_of_required_table") == {"dtks/anggota": 7}


def test_contradictions_are_shares_where_enough_were_looked_at() -> None:
    def counted(metric: str, subject: str, rule: str, severity: str, value: float) -> dict[str, Any]:
        return {c.METRIC: metric, c.SUBJECT: subject, c.RULE: rule, c.SEVERITY: severity, c.VALUE: value}

    rows = [
        counted("examined", "dtks/family", "", "info", 1000),
        counted("inconsistent", "dtks/family", "two_heads", "critical", 50),
        counted("inconsistent", "dtks/family", "head_under_12", "warning", 10),
        counted("inconsistent", "dtks/family", "over_20_in_family", "info", 9),
        counted("examined", "p3ke/family", "", "info", 999),
        counted("inconsistent", "p3ke/family", "two_heads", "critical", 999),
    ]

    assert contradiction_figures(rows, 1000) == [
        Figure("share_contradicted", "dtks/family two_heads", 0.05),
        Figure("share_inconsistent", "dtks/family head_under_12", 0.01),
    ]


def test_rows_lost_between_intake_and_harmonisation_are_seen() -> None:
    rows = [
        {c.METRIC: metric, c.SUBJECT: subject, c.VALUE: value}
        for metric, subject, value in (
            ("rows_accepted", "dtks/anggota", 10),
            ("rows_read", "dtks/anggota", 9),
            ("rows_accepted", "pln/pelanggan", 5),
            ("rows_read", "pln/pelanggan", 5),
            ("rows_accepted", "usulan/tiket", 5),  # read by another stage
        )
    ]

    assert values(between_stages(rows), "rows_between_stages") == {"dtks/anggota": 1, "pln/pelanggan": 0}


def test_what_was_understood_before_and_is_not_now_is_a_change() -> None:
    before = {("share_values_not_taken", "dtks a:unknown_code"): 0.1, ("volume", "families"): 8.0}
    now = [
        Figure("share_values_not_taken", "dtks a:unknown_code", 0.1),
        Figure("share_values_not_taken", "dtks b:unknown_code", 0.2),
        Figure("volume", "families", 10.0),
        Figure("volume", "persons selected new", 10.0),
    ]

    found = change_figures(before, now)

    assert values(found, "share_values_not_taken_change") == {"dtks a:unknown_code": 0, "dtks b:unknown_code": 0.2}
    assert values(found, "share_volume_change") == {"families": 0.25}


def test_a_required_table_of_refused_batches_only_has_none() -> None:
    rows = [
        {c.SOURCE: "dukcapil", c.SOURCE_TABLE: "penduduk", c.STATE: "REFUSED", c.ROWS: 2},
        {c.SOURCE: "dtks", c.SOURCE_TABLE: "anggota", c.STATE: "APPLIED", c.ROWS: 1},
    ]

    found = values(batch_figures(rows), "batches_applied")

    assert (found["dukcapil/penduduk"], found["dtks/anggota"]) == (0, 1)


@pytest.mark.parametrize(
    ("weights", "ties", "off"),
    [
        # One family of five at the top of decile 1 explains what it has too much, and what decile 2 has too little.
        ({1: 12, 2: 8} | dict.fromkeys(range(3, 11), 10), {1: 5, 2: 1}, set()),
        ({1: 12, 2: 8} | dict.fromkeys(range(3, 11), 10), {1: 1, 2: 1}, {1, 2}),
        # A tie of a quarter leaps over decile 2.
        ({1: 25, 3: 5} | dict.fromkeys(range(4, 11), 10), {1: 25, 3: 1}, set()),
        # Decile 10 is missing and nothing explains it.
        (dict.fromkeys(range(1, 10), 10), dict.fromkeys(range(1, 10), 1), {10}),
    ],
)
def test_a_decile_is_off_only_beyond_its_ties(weights: dict[int, int], ties: dict[int, int], off: set[int]) -> None:
    found = off_a_tenth(weights, ties)

    assert {k for k, value in found.items() if value > 0.001 and k in off} == off
    assert off or not any(found.values())
