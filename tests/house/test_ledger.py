"""Rows in = rows out + rows set aside, or the account says so."""

import pytest

from dtsen_spark import columns as c
from dtsen_spark.errors import LedgerError
from dtsen_spark.ledger import Ledger


def _ledger() -> Ledger:
    return Ledger("2026Q1.1", "2026Q1", "run")


def test_a_balanced_account_passes() -> None:
    ledger = _ledger()
    ledger.account("ingest", "dtks/anggota", rows_in=10, rows_out=7, set_aside={"orphan": 2, "empty_key": 1})

    ledger.require_balance()


def test_a_lost_row_is_found() -> None:
    ledger = _ledger()
    ledger.account("ingest", "dtks/anggota", rows_in=10, rows_out=7, set_aside={"orphan": 2})

    with pytest.raises(LedgerError, match=r"dtks/anggota: 10 in, 7 out, 2 set aside"):
        ledger.require_balance()


def test_rows_are_handed_over_once() -> None:
    ledger = _ledger()
    ledger.account("ingest", "a", rows_in=1, rows_out=1)
    ledger.metric("ingest", "rows_quarantined", 3, subject="a")

    first, again = ledger.drain_accounts(), ledger.drain_accounts()
    figures, none = ledger.drain_metrics(), ledger.drain_metrics()

    assert [row[c.SUBJECT] for row in first] == ["a"]
    assert again == []
    assert [row[c.VALUE] for row in figures] == [3.0]
    assert none == []
