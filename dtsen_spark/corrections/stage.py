"""The corrections stage: reads tickets, events, visits and answers; writes ``corrections``.

It stands before harmonise, so that what is verified enters the same release as everything else that was delivered.
"""

from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import rotation, tables
from dtsen_spark.accepted import accepted_rows, is_delivered
from dtsen_spark.corrections import answers, intake, machine, overrides, subjects, terms, values
from dtsen_spark.corrections.terms import Rules
from dtsen_spark.job import Job

STAGE: Final = "corrections"

_TICKETS: Final = "usulan/tiket"
_EVENTS: Final = "usulan/peristiwa"
_VISITS: Final = "verifikasi/hasil"
_ANSWERS: Final = "program/tanggapan"
_REGISTRY: Final = "dukcapil/penduduk"
_WRITES: Final = (tables.TICKET, tables.TICKET_EVENT, tables.OVERRIDE, tables.ANSWER)


def run(job: Job) -> None:
    """Play the tickets, settle what is verified, reconcile what programs answered.

    Reads the accepted rows of ``usulan/*``, ``verifikasi/hasil``, ``program/tanggapan`` and ``dukcapil/penduduk``, and
    published decisions; writes ``corrections/*``. What was never delivered gives an
    empty table, so that a reader finds every published table in every release.

    Args:
        job: The run.
    """
    rules = terms.load()
    verified: list[DataFrame] = []
    if _delivered(job, _TICKETS) or _delivered(job, _EVENTS):
        verified.append(overrides.of_tickets(_tickets(job, rules), rules))
    verified += _visits(job)
    if verified:
        job.write(tables.OVERRIDE, overrides.settled(reduce(DataFrame.unionByName, verified)))
    if _delivered(job, _ANSWERS):
        # Answered by the ids that were handed over.
        found = answers.disagreements(job, rotation.translated(job.lake, _accepted(job, _ANSWERS)))
        if found is not None:
            job.write(tables.ANSWER, found)
            _account_answers(job)
    for table in _WRITES:
        if table.path not in job.outputs:
            job.write(table, job.lake.empty(table))


def _delivered(job: Job, table: str) -> bool:
    return is_delivered(job.lake, job.release_id, table)


def _accepted(job: Job, table: str) -> DataFrame:
    return accepted_rows(job.lake, job.release_id, table)


def _visits(job: Job) -> list[DataFrame]:
    """Return what field checks saw; nothing where none were drawn or delivered."""
    families, membership = job.published(tables.FAMILY), job.published(tables.MEMBERSHIP)
    drawn = job.lake.exists(tables.ASSIGNMENT) and _delivered(job, _VISITS)
    if not drawn or families is None or membership is None:
        return []
    assignments = rotation.translated(job.lake, job.lake.read(tables.ASSIGNMENT))
    return [overrides.of_visits(_accepted(job, _VISITS), assignments, families, membership)]


def _tickets(job: Job, rules: Rules) -> DataFrame:
    """Play the tickets and write what became of them and of their events; return the played tickets."""
    delivered = intake.events(_accepted(job, _EVENTS), rules)
    asked = intake.tickets(_accepted(job, _TICKETS), rules)
    placed = subjects.with_repeats(subjects.with_subject(asked, _accepted(job, _REGISTRY), rules))
    # Read by three writes: played once.
    played = job.keep(STAGE, "played", machine.played(placed, delivered.where(F.col(c.REASON).isNull()), rules))
    tickets = job.write(tables.TICKET, ticket_rows(played, job, rules))
    events = job.write(tables.TICKET_EVENT, event_rows(played, delivered))
    _account(job, tickets.rows, events.rows)
    return played


def ticket_rows(played: DataFrame, job: Job, rules: Rules) -> DataFrame:
    """Say where each ticket stands on the last day of the period.

    Args:
        played: From ``machine.played``, with subject and conflicts.
        job: The run: its period's last day closes what has expired by then.
        rules: The rules.

    Returns:
        One row for each ticket, in the columns of ``corrections/ticket``.
    """
    today = F.lit(job.period.last_day)
    closed = machine.expired(F.col(c.STATE), F.col(c.DUE), today, rules)
    state = F.when(closed, F.lit(terms.EXPIRED)).otherwise(F.col(c.STATE))
    applied = F.filter(machine.HISTORY, lambda one: one[c.REASON].isNull())
    identified = F.get(F.filter(applied, lambda one: one[c.ACTION] == "ID_OK"), F.lit(0))[c.AT]
    ended = F.when(_of_state(rules, "outcome") == "OPEN", today).otherwise(F.col(c.STATE_SINCE))
    first = machine.local_day(F.get(applied, F.lit(0))[c.AT], rules)
    # All three at once: each reads the state and deadline that the events left.
    settled = played.withColumns(
        {
            c.STATE: state,
            c.STATE_SINCE: F.when(closed, F.col(c.DUE)).otherwise(F.col(c.STATE_SINCE)),
            c.DUE: F.when(~closed, F.col(c.DUE)),
        }
    )
    return settled.withColumns(
        {
            c.PROGRAM: F.lower(values.asked_for(c.PROGRAM)),
            c.OUTCOME: _of_state(rules, "outcome"),
            c.WAITS_FOR: F.nullif(_of_state(rules, "waits_for"), F.lit("")),
            c.OVERDUE: F.coalesce(F.col(c.DUE) < today, F.lit(False)),
            c.REASONS: F.array_sort(F.array_distinct(F.concat(machine.FAULTS, subjects.CONFLICTS))),
            c.ACTION: F.get(applied, F.size(applied) - 1)[c.ACTION],
            c.IDENTIFIED_ON: machine.local_day(identified, rules),
            c.DAYS_OPEN: F.datediff(ended, first),
            c.EVENTS_APPLIED: F.size(applied),
            c.EVENTS_REFUSED: F.size(machine.HISTORY) - F.size(applied),
        }
    )


def _of_state(rules: Rules, what: str) -> Column:
    pairs = ",".join(f"{name}:{getattr(state, what)}" for name, state in sorted(rules.states.items()))
    return F.try_element_at(F.str_to_map(F.lit(pairs), F.lit(","), F.lit(":")), F.col(c.STATE))


def event_rows(played: DataFrame, delivered: DataFrame) -> DataFrame:
    """Return every delivered event with what became of it.

    Args:
        played: From ``machine.played``.
        delivered: From ``intake.events``.

    Returns:
        One row for each delivered event, in the columns of ``corrections/event``.
    """
    names = (c.EVENT_KEY, c.EVENT_NO, c.AT, c.ACTION, c.ACTOR_ROLE, c.REASON, c.STATE_BEFORE, c.STATE_AFTER, c.DAYS)
    seen = played.select(c.TICKET_ID, F.explode(machine.HISTORY).alias("_one")).select(
        c.TICKET_ID, *(F.col(f"_one.{name}").alias(name) for name in names)
    )
    # delivered event : played event is 1 : 0..1; what was not played has no ticket, or no number that counts.
    strays = delivered.join(seen.select(c.EVENT_KEY), c.EVENT_KEY, "left_anti")
    none = F.lit(None).cast("string")
    return seen.unionByName(
        strays.select(
            c.TICKET_ID,
            *(c.EVENT_KEY, c.EVENT_NO, c.AT, c.ACTION, c.ACTOR_ROLE),
            F.coalesce(c.REASON, F.lit(machine.Refusal.UNKNOWN_TICKET)).alias(c.REASON),
            none.alias(c.STATE_BEFORE),
            none.alias(c.STATE_AFTER),
            F.lit(None).cast("int").alias(c.DAYS),
        )
    )


def _account(job: Job, tickets: int, events: int) -> None:
    job.ledger.account(STAGE, tables.TICKET.path, rows_in=_accepted(job, _TICKETS).count(), rows_out=tickets)
    job.ledger.account(STAGE, tables.TICKET_EVENT.path, rows_in=_accepted(job, _EVENTS).count(), rows_out=events)
    written = job.read(tables.TICKET)
    for row in written.groupBy(c.OUTCOME).agg(F.count(F.lit(1)).alias(c.ROWS), F.count_if(c.OVERDUE)).collect():
        job.ledger.metric(STAGE, "tickets", row[1], subject=tables.TICKET.path, rule=row[0])
        if row[2]:
            job.ledger.metric(STAGE, "tickets_overdue", row[2], subject=tables.TICKET.path, severity="warning")
    refused = job.read(tables.TICKET_EVENT).where(F.col(c.REASON).isNotNull())
    for row in refused.groupBy(c.REASON).count().collect():
        job.ledger.metric(STAGE, "events_refused", row["count"], subject=tables.TICKET_EVENT.path, rule=row[c.REASON])


def _account_answers(job: Job) -> None:
    # Programs × states.
    for row in job.read(tables.ANSWER).groupBy(c.PROGRAM, c.STATE).count().collect():
        subject = tables.decision(row[c.PROGRAM]).path
        job.ledger.metric(
            STAGE, "payments_at_odds", row["count"], subject=subject, rule=row[c.STATE], severity="warning"
        )
