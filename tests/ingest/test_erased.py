"""A delivery that brings an erased person again: known by keyed hashes, set aside, counted, nothing of it kept."""

from datetime import UTC, datetime

import polars as pl
import pytest

from dtsen_spark import columns as c
from dtsen_spark import ingest, privacy, tables
from dtsen_spark.job import Job
from dtsen_spark.tombstones import Block, record_hash, tombstone_of
from tests.ingest.conftest import MEMBER, PARENT, TICKET, Runner, aside, quarantine, state
from tests.ingest.deliveries import deliver, deliver_required

ERASED = "3201010101700001"
OTHER = "3201010101700002"


def erase(job: Job, block: Block, day: int = 1) -> None:
    """Put up a tombstone as ``dtsen erase`` does."""
    key = privacy.tombstone_key(job.lake.root)
    row = {
        c.SUBJECT: tombstone_of(ERASED, key),
        c.BLOCKS: block.value,
        c.RECORD_HASHES: [record_hash("dtks:A2", key)],
        c.RECORDED_AT: datetime(2026, 1, day, tzinfo=UTC),
    }
    job.lake.append_rows(tables.TOMBSTONE, [row])


@pytest.fixture
def delivered(make_job: Runner) -> Job:
    job = make_job()
    landing = job.landing
    deliver_required(landing, without=(PARENT, MEMBER))
    deliver(landing, PARENT, "rt", [{"id_rt": "R1"}])
    deliver(
        landing,
        MEMBER,
        "art",
        [
            {"id_art": "A1", "id_rt": "R1", "nik": "3201.0101-0170 0001", "nama": "SATU"},
            {"id_art": "A2", "id_rt": "R1", "nama": "TANPA NIK"},
            {"id_art": "A3", "id_rt": "R1", "nik": OTHER, "nama": "TIGA"},
        ],
    )
    deliver(
        landing,
        TICKET,
        "tik",
        [
            {"ticket_id": "T1", "subject_nik": ERASED, "changes": "{}"},
            {"ticket_id": "T2", "subject_nik": OTHER, "reporter_nik": ERASED, "changes": f'{{"ibu": "{ERASED}"}}'},
        ],
    )
    return job


def test_an_erased_person_is_set_aside_and_nothing_of_him_is_kept(delivered: Job) -> None:
    erase(delivered, Block.ALL)

    ingest.run(delivered)

    delivered.ledger.require_balance()
    assert (aside(delivered, MEMBER), aside(delivered, TICKET)) == ({"art": {"erased": 2}}, {"tik": {"erased": 1}})
    assert state(delivered, MEMBER, "id_art", "nik", "nama") == {("A3", OTHER, "TIGA")}
    assert state(delivered, TICKET, "ticket_id", "reporter_nik", "changes") == {("T2", None, None)}
    assert quarantine(delivered, MEMBER, c.NATIVE_KEY, c.RAW) == [(None, '{"op":"U"}')] * 2
    left = [str(pl.read_parquet(path).rows()) for path in delivered.lake.root.rglob("*.parquet")]
    assert not any(text in one for one in left for text in (ERASED, "0170 0001", "SATU", "TANPA NIK"))
    assert any("TIGA" in one for one in left)

    ingest.replay(delivered)

    assert quarantine(delivered, MEMBER, c.REASONS, c.STATE) == [(["erased"], "OPEN")] * 2


@pytest.mark.parametrize(
    ("block", "members", "tickets"),
    [(Block.OTHERS, {"A3"}, {"T1", "T2"}), (Block.NONE, {"A1", "A2", "A3"}, {"T1", "T2"})],
)
def test_the_newest_tombstone_says_what_it_blocks(
    delivered: Job, block: Block, members: set[str], tickets: set[str]
) -> None:
    erase(delivered, Block.ALL)
    erase(delivered, block, day=2)

    ingest.run(delivered)

    assert state(delivered, MEMBER, "id_art") == {(one,) for one in members}
    assert state(delivered, TICKET, "ticket_id") == {(one,) for one in tickets}
