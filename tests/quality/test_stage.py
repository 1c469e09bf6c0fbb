"""The audit over a small build: what holds passes, what is broken on purpose stops the release."""

from collections.abc import Callable
from typing import Any

import pytest

from dtsen_spark import columns as c
from dtsen_spark import quality, tables
from dtsen_spark.job import Job
from dtsen_spark.quality import proofs, sample
from dtsen_spark.quality.figures import ACCOUNTED, STAGE, Figure
from tests.quality.conftest import EMPLOYMENT, PKH, decided, good_build

PROGRAMS = ("pkh", "employment")
MakeJob = Callable[..., Job]


def found(figures: list[Figure]) -> dict[str, float]:
    """Figures that are not zero, volumes left out."""
    return {
        f"{one.metric} {one.subject}": one.value
        for one in figures
        if one.value and one.metric not in {"volume", "families_ranked", proofs.IN_DECILE}
    }


def proven(job: Job) -> list[Figure]:
    return [
        *proofs.links(job),
        *proofs.persons(job, PROGRAMS),
        *proofs.families(job, PROGRAMS),
        *proofs.deciles(job),
    ]


def test_everything_holds_in_a_good_build(make_job: MakeJob) -> None:
    figures = proven(make_job(good_build()))

    assert found(figures) == {}
    volumes = {one.subject: one.value for one in figures if one.metric == "volume"}
    assert volumes == {
        "persons living": 10,
        "families": 10,
        "persons selected pkh": 0,
        "persons selected employment": 1,
        "families selected pkh": 1,
        "families selected employment": 0,
    }


def test_every_break_is_counted(make_job: MakeJob) -> None:
    build = good_build()
    build[tables.PERSON_RECORD] += [{c.RECORD_ID: "dtks:lost", c.SOURCE: "dtks"}]
    build[tables.MEMBERSHIP] += [
        {c.RECORD_ID: "dtks:2", c.PERSON_ID: "P9", c.MATCH_REASON: "NIK"},
        {c.RECORD_ID: "dtks:unknown", c.PERSON_ID: "P9", c.MATCH_REASON: "NIK"},
    ]
    build[tables.PERSON] += [{c.PERSON_ID: "alone", c.ALIVE: True, c.SOURCES: []}]
    build[tables.FAMILY_MEMBER] += [{c.FAMILY_ID: "F2", c.PERSON_ID: "P1"}, {c.FAMILY_ID: "F2", c.PERSON_ID: "dead"}]
    build[tables.FAMILY] += [{c.FAMILY_ID: "empty", c.MEMBERS: 0}]
    build[PKH] += [decided("SELECTED", family_id="empty"), decided("SELECTED", family_id="never heard of")]
    build[EMPLOYMENT] += [decided("SELECTED", person_id="dead")]
    build[tables.SCORE][0][c.DECILE] = 2

    assert found(proven(make_job(build))) == pytest.approx(
        {
            "records_without_person linkage/membership": 1,
            "records_with_two_persons linkage/membership": 1,
            "memberships_without_record linkage/membership": 1,
            "living_without_family master/person": 1,
            "persons_in_two_families master/person": 1,
            "members_not_living master/person": 1,
            "selected_not_living employment": 1,
            "selected_without_living_member pkh": 2,
            "families_without_living_member master/family": 1,
            "families_without_one_score master/family": 1,
            # Decile 1 is empty, decile 2 has two tenths, and no tie explains either.
            "share_off_a_tenth decile 1": 0.1,
            "share_off_a_tenth decile 2": 0.1,
        }
    )


def test_frozen_cuts_of_a_month_need_not_hold_a_tenth(make_job: MakeJob) -> None:
    build = good_build()
    build[tables.SCORE][0][c.DECILE] = 2

    assert found(proofs.deciles(make_job(build, period="2026-02"))) == {}


def test_the_sample_takes_from_every_decile_and_holds_no_id(make_job: MakeJob) -> None:
    job = make_job(good_build())

    drawn = sample.draw(job, proofs.deciles(job), 5)

    assert sorted(row[c.DECILE] for row in drawn["family"]) == list(range(1, 11))
    assert len(drawn["person"]) == 10
    assert {"family_id", "person_id", "nik", "name"}.isdisjoint({*drawn["family"][0], *drawn["person"][0]})


def counted(job: Job, *, lost: int = 0) -> None:
    """Enter what the stages before the audit would have counted."""
    for stage in ACCOUNTED:
        job.ledger.account(stage, "all", rows_in=10 + lost, rows_out=10)
    job.ledger.account("ingest", "dtks/anggota", rows_in=10, rows_out=10)
    job.ledger.metric("linkage", "i1_violations", 0)
    job.ledger.metric("linkage", "i2_violations", 0)
    job.ledger.metric("ingest", "batches_refused", 0)
    job.ledger.metric("ingest", "rows_accepted", 10, subject="dtks/anggota")
    job.ledger.metric("harmonise", "rows", 10, subject="dtks/person_record")
    job.ledger.metric("harmonise", "region_states", 10, subject="dtks/person_record", rule="OK")
    batches: list[dict[str, Any]] = [
        {c.SOURCE: table.source, c.SOURCE_TABLE: table.table, c.BATCH_ID: "b1", c.STATE: "APPLIED"}
        for table in tables.LANDING.values()
        if table.required
    ]
    job.lake.append_rows(tables.BATCH, batches)
    written_down(job)


def written_down(job: Job) -> None:
    job.lake.append_rows(tables.LEDGER, job.ledger.drain_accounts())
    job.lake.append_rows(tables.DQ_METRIC, job.ledger.drain_metrics())


def test_a_good_release_passes_and_a_resumed_run_reads_it(make_job: MakeJob) -> None:
    job = make_job(good_build())
    counted(job)
    assert quality.last_gate(job.lake, job.release_id) is None

    quality.run(job)
    written_down(job)
    result = quality.gate(job)

    assert (result.passed, result.failed, result.warnings) == (True, (), ())
    assert result == quality.last_gate(job.lake, job.release_id)
    assert result.data_docs.is_file()
    assert "P1" not in result.data_docs.read_text(encoding="utf-8")


def test_lost_rows_and_a_nation_that_shrank_stop_the_release(make_job: MakeJob) -> None:
    job = make_job(good_build(), previous="2025Q4.1")
    counted(job, lost=1)
    before = {
        **{c.RELEASE_ID: job.previous_release, c.STAGE: STAGE, c.METRIC: "volume", c.SUBJECT: "persons living"},
        c.VALUE: 20.0,
    }
    job.lake.append_rows(tables.DQ_METRIC, [before])

    quality.run(job)
    written_down(job)
    result = quality.gate(job)

    assert not result.passed
    assert {str(one) for one in result.failed} == {
        *(f"rows_unaccounted at most 0: {stage} all: 1" for stage in ACCOUNTED),
        "share_volume_change from -0.25 to 0.25: persons living: -0.5",
    }
