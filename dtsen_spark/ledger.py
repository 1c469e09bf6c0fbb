"""Rows in = rows out + rows set aside, for every stage; and quality figures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from dtsen_spark import columns as c
from dtsen_spark.errors import LedgerError

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time of recording, UTC without zone, as Spark takes it; never part of a result."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Account:
    """One line of the ledger.

    Attributes:
        stage: Stage of the pipeline.
        subject: What is counted, such as a table.
        rows_in: Rows taken in.
        rows_out: Rows passed on.
        set_aside: Rows set aside, by reason; one reason (the first) for each row.
        batch_id: Batch, where the account is a batch's.
    """

    stage: str
    subject: str
    rows_in: int
    rows_out: int
    set_aside: Mapping[str, int]
    batch_id: str | None = None

    @property
    def rows_set_aside(self) -> int:
        """Rows set aside for any reason."""
        return sum(self.set_aside.values())

    @property
    def balanced(self) -> bool:
        """Whether no row was lost or made."""
        return self.rows_in == self.rows_out + self.rows_set_aside


@dataclass
class Ledger:
    """Accounts and figures of one run, kept until the stage that made them is written down.

    Attributes:
        release_id: Release that is being made.
        period: Its period.
        run_id: This run.
        accounts: Every account of the run so far.
    """

    release_id: str
    period: str
    run_id: str
    accounts: list[Account] = field(default_factory=list)
    _metrics: list[dict[str, Any]] = field(default_factory=list)
    _drained: int = 0

    def account(
        self,
        stage: str,
        subject: str,
        *,
        rows_in: int,
        rows_out: int,
        set_aside: Mapping[str, int] | None = None,
        batch_id: str | None = None,
    ) -> None:
        """Enter an account. An unbalanced one is kept (the gate rejects the release on it) and logged.

        Args:
            stage: Stage of the pipeline.
            subject: What is counted.
            rows_in: Rows taken in.
            rows_out: Rows passed on.
            set_aside: Rows set aside, by reason.
            batch_id: Batch, where the account is a batch's.
        """
        entry = Account(stage, subject, rows_in, rows_out, dict(set_aside or {}), batch_id)
        if not entry.balanced:
            log.error(
                "rows in differ from rows out plus rows set aside",
                stage=stage,
                subject=subject,
                rows_in=rows_in,
                rows_out=rows_out,
                rows_set_aside=entry.rows_set_aside,
            )
        self.accounts.append(entry)

    def metric(
        self,
        stage: str,
        metric: str,
        value: float,
        *,
        subject: str = "",
        rule: str = "",
        region_code: str = "",
        severity: str = "info",
    ) -> None:
        """Enter one quality figure; figures by region come as frames (``Job.write_metrics``).

        Args:
            stage: Stage of the pipeline.
            metric: Name of the figure; it says the unit, such as ``rows_quarantined`` or ``share_unranked``.
            value: The figure.
            subject: What it is about, such as a table.
            rule: Rule that counted.
            region_code: Region, where it is one's.
            severity: critical, warning or info.
        """
        self._metrics.append(
            {
                c.STAGE: stage,
                c.METRIC: metric,
                c.VALUE: float(value),
                c.SUBJECT: subject,
                c.RULE: rule,
                c.REGION_CODE: region_code,
                c.SEVERITY: severity,
            }
        )

    def drain_accounts(self) -> list[dict[str, Any]]:
        """Return the accounts that were not handed over yet, as rows of ``ops/ledger``."""
        fresh, self._drained = self.accounts[self._drained :], len(self.accounts)
        now = utc_now()
        return [
            {
                c.RUN_ID: self.run_id,
                c.RELEASE_ID: self.release_id,
                c.STAGE: entry.stage,
                c.SUBJECT: entry.subject,
                c.BATCH_ID: entry.batch_id,
                c.ROWS_IN: entry.rows_in,
                c.ROWS_OUT: entry.rows_out,
                c.ROWS_SET_ASIDE: entry.rows_set_aside,
                c.SET_ASIDE_REASON: json.dumps(dict(entry.set_aside), sort_keys=True),
                c.RECORDED_AT: now,
            }
            for entry in fresh
        ]

    def drain_metrics(self) -> list[dict[str, Any]]:
        """Return the figures that were not handed over yet, as rows of ``ops/dq_metric``."""
        fresh, self._metrics = self._metrics, []
        now = utc_now()
        extra = {c.RELEASE_ID: self.release_id, c.PERIOD: self.period, c.RECORDED_AT: now}
        return [{**row, **extra} for row in fresh]

    def require_balance(self) -> None:
        """Raise where an account of this run does not balance.

        Raises:
            LedgerError: Rows were lost or made; the message names stage, subject and counts.
        """
        broken = [entry for entry in self.accounts if not entry.balanced]
        if broken:
            text = "; ".join(
                f"{e.stage} {e.subject}: {e.rows_in:,} in, {e.rows_out:,} out, {e.rows_set_aside:,} set aside"
                for e in broken
            )
            message = f"rows do not balance in {len(broken)} accounts: {text}"
            raise LedgerError(message)
