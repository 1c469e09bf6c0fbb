"""Quarantined rows offered to today's rules, and their accounts over time."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from dtsen_spark import columns as c
from dtsen_spark import config, ingest, pipeline, rights, tables
from dtsen_spark.config import Config
from dtsen_spark.errors import LedgerError
from dtsen_spark.ingest import quarantine as rejects
from tests.ingest.conftest import LIMITS, MEMBER, PARENT, PLN, Runner, aside, customer, quarantine, state
from tests.ingest.deliveries import deliver, deliver_required

WIDER = (*LIMITS, "ingest.max_record_chars=200000")


def told(replayed: tuple[ingest.ReplayedBatch, ...]) -> dict[str, tuple[int, int, int]]:
    return {f"{one.table}/{one.batch_id}": (one.open_before, one.re_entered, one.still_open) for one in replayed}


def test_rows_that_pass_todays_rules_re_enter_in_the_accounts_of_their_batch(
    make_job: Runner, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    deliver_required(landing)
    long = "9" * 150_000
    # P1 is too long; P2 is so too, and has a rival that is sound; a row has no key.
    rows = [
        customer(1, daya=long),
        customer(2, daya=long),
        customer(2),
        customer(3),
        customer(4) | {"id_pelanggan": ""},
    ]
    deliver(landing, PLN, "b1", rows)
    deliver(landing, MEMBER, "m1", [{"id_art": "A1", "id_rt": "R1"}])
    job = runner()
    assert state(job, PLN, "id_pelanggan") == {("P2",), ("P3",)}
    assert aside(job, f"{PLN} quarantine") == {"b1": {"open": 3}}

    # Under the same rules nothing changes; under wider ones two rows pass, and one of them has a rival now.
    assert told(ingest.replay(make_job())) == {f"{PLN}/b1": (3, 0, 3), f"{MEMBER}/m1": (1, 0, 1)}
    wider = make_job(limits=WIDER)
    assert told(ingest.replay(wider)) == {f"{PLN}/b1": (3, 1, 3), f"{MEMBER}/m1": (1, 0, 1)}
    wider.ledger.require_balance()
    accounts = {one.subject: one for one in wider.ledger.accounts}
    over_time = accounts[f"{PLN} quarantine"]
    assert (over_time.rows_in, over_time.rows_out, over_time.set_aside, over_time.batch_id) == (4, 1, {"open": 3}, "b1")
    assert sorted(quarantine(wider, PLN, c.REASONS, c.STATE), key=str) == [
        (["duplicate_key"], "OPEN"),
        (["duplicate_key"], "OPEN"),
        (["empty_key"], "OPEN"),
        (["field_too_long"], "RE_ENTERED"),
    ]
    assert told(ingest.replay(make_job(limits=WIDER)))[f"{PLN}/b1"] == (3, 0, 3)

    # The next run takes them in; a parent that arrives brings its member back.
    deliver(landing, PARENT, "r1", [{"id_rt": "R1", "op": "U"}], as_of="2026-01-31", mode="delta")
    again = runner()
    assert state(again, PLN, "id_pelanggan") == {("P1",), ("P3",)}
    assert aside(again, PLN) == {"b1": {"duplicate_key": 2, "empty_key": 1}}
    assert state(again, MEMBER, "id_art") == {("A1",)}
    assert aside(again, f"{MEMBER} quarantine") == {"m1": {"open": 0}}

    # A row that falls out of the quarantine's history is a row lost, and the ledger says so.
    with_history = rejects.with_history

    def forgetful(open_now: DataFrame, before: DataFrame, considered: Any) -> DataFrame:
        return with_history(open_now, before, considered).where(f"{c.STATE} != '{rejects.RE_ENTERED}'")

    monkeypatch.setattr(rejects, "with_history", forgetful)
    broken = make_job()
    ingest.run(broken)
    with pytest.raises(LedgerError, match="quarantine"):
        broken.ledger.require_balance()


def test_a_build_does_its_ingest_again_when_a_replay_changed_its_rows(
    make_job: Runner, settings: Config, tmp_path: Path
) -> None:
    landing, lake = tmp_path / "landing", tmp_path / "lake"
    deliver_required(landing)
    # The row that is too long does not come back: it makes a rival of the sound one, which must leave.
    deliver(landing, PLN, "b1", [customer(1, daya="9" * 150_000), customer(1), customer(2)])
    request = pipeline.RunRequest(landing, lake, "2026Q1", last="ingest")

    def under(limits: Any) -> Config:
        return settings.model_copy(update={"ingest": config.load(settings=limits).ingest})

    def ingested() -> bool:
        """Run to the end of ingest; say whether it was done before."""
        (report,) = pipeline.run(request, under(LIMITS), lambda _: None).stages
        return report.resumed

    assert not ingested()
    assert told(pipeline.replay_quarantine(lake, under(LIMITS))) == {f"{PLN}/b1": (1, 0, 1)}
    assert ingested()
    assert told(pipeline.replay_quarantine(lake, under(WIDER))) == {f"{PLN}/b1": (1, 0, 2)}
    assert not ingested()
    assert state(make_job(), PLN, "id_pelanggan") == {("P2",)}


def test_the_accounts_balance_after_a_person_was_erased(make_job: Runner, runner: Runner, tmp_path: Path) -> None:
    landing, nik = tmp_path / "landing", "3171014107900001"
    deliver_required(landing)
    rows = [customer(1), customer(2, id_pelanggan=nik), customer(3), customer(3, daya="1")]
    deliver(landing, PLN, "b1", rows)
    job = runner()
    assert state(job, PLN, "id_pelanggan") == {("P1",), (nik,)}

    rights.erase(job.lake, job.config, nik, purpose="request 1")

    again = runner()
    assert state(again, PLN, "id_pelanggan") == {("P1",)}
    assert aside(again, PLN) == {"b1": {"duplicate_key": 2}}
    entered = [row for row in again.lake.rows(tables.LEDGER) if row[c.STAGE] == "erase"]
    assert [(r[c.SUBJECT], r[c.BATCH_ID], r[c.ROWS_IN], r[c.ROWS_SET_ASIDE]) for r in entered] == [(PLN, "b1", 4, 1)]
