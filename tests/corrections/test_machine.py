"""The state machine against its own table and against a plain reading of it."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.corrections import machine, terms
from dtsen_spark.corrections.workdays import WorkingDays
from tests.corrections.reference import play

STREAMS = (400, pytest.param(2000, marks=pytest.mark.slow))
FINAL = {"REJECTED", "EXPIRED", "WITHDRAWN"}
CHAIN = (
    *("SUBMIT", "ID_OK", "MUSDES_AGREE", "DINSOS_VERIFY", "GC_ASSIGN", "GC_CONFIRM", "APPROVE", "FORWARD", "RECEIVE"),
)
PASSING = ("SPTJM", "ID_FAIL", "RESUBMIT", "MUSDES_REJECT", "DINSOS_RETURN", "DINSOS_REJECT", "GC_DENY", "DISAPPROVE")


@pytest.fixture(scope="module")
def rules():
    return terms.load()


def test_each_state_can_be_reached_and_only_three_are_final(rules):
    reached = {"DRAFT", "EXPIRED"} | {step.next for step in rules.transitions}
    assert reached == set(rules.states)
    assert rules.ended == FINAL
    assert all(rules.states[name].outcome != "OPEN" for name in rules.ended)


def test_working_days_skip_weekends_and_holidays():
    calendar = WorkingDays(2026, 2026, frozenset({date(2026, 3, 19), date(2026, 3, 20)}))
    assert calendar.after(date(2026, 3, 17), 1) == date(2026, 3, 18)
    assert calendar.after(date(2026, 3, 18), 1) == date(2026, 3, 23)
    assert calendar.after(date(2026, 3, 21), 1) == date(2026, 3, 23)  # given on a Saturday
    assert calendar.after(date(2026, 12, 31), 5) is None


def _stream(chance: random.Random, rules):
    """Mostly the way that a ticket goes, with steps left out, doubled, swapped, late, by others."""
    actions = [one for one in CHAIN if chance.random() < 0.93]
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        actions.insert(chance.randint(0, len(actions)), chance.choice((*CHAIN, *PASSING, "WITHDRAW", "JUMP")))
    if chance.random() < 0.5:
        actions = [one for one in actions if not one.startswith("GC")]
    at = datetime(2026, 1, 5, 2, tzinfo=UTC)
    events = []
    for number, action in enumerate(actions, start=1):
        at += timedelta(
            days=chance.choice((0, 1, 2, 3, 40)) if chance.random() < 0.9 else -3, hours=chance.randint(0, 9)
        )
        actor = rules.actors.get(action, "BPS") if chance.random() < 0.96 else "BPS"
        events.append((number, None if chance.random() < 0.01 else at, actor, action))
    return events


@pytest.mark.parametrize("streams", STREAMS)
def test_any_stream_of_events_ends_as_its_plain_reading_says_whatever_the_order_of_delivery(spark, rules, streams):
    chance = random.Random(16)
    tickets, events = [], []
    for number in range(streams):
        ticket = f"T{number}"
        tickets.append((ticket, number % 3 == 0, number % 2 == 0, number % 19 != 0, number % 23 == 0))
        events += [(ticket, f"{ticket}|{one[0]}", *one) for one in _stream(chance, rules)]
    chance.shuffle(events)
    schema = f"ticket_id string, {c.EVENT_KEY} string, {c.EVENT_NO} int, at timestamp, actor_role string, action string"
    frame = spark.createDataFrame(events, schema).withColumn(c.DOCUMENT_SHA256, F.lit(None).cast("string"))
    faults = F.when(F.col("faulty"), F.array(F.lit("UNKNOWN_FIELD"))).otherwise(F.array().cast("array<string>"))
    flags = ", ".join(f"{name} boolean" for name in (machine.PORTAL, machine.CHECKED, machine.COMPLETE, "faulty"))
    given = spark.createDataFrame(tickets, f"ticket_id string, {flags}").withColumn(machine.FAULTS, faults)

    found = {row["ticket_id"]: row for row in machine.played(given, frame, rules).collect()}

    assert len(found) == streams
    of_ticket = {}
    for of, key, no, at, actor, action in events:
        own = {"event_key": key, "event_no": no, "at": at, "actor_role": actor, "action": action}
        of_ticket.setdefault(of, []).append(own)
    seen = set()
    for ticket, portal, checked, complete, faulty in tickets:
        row = found[ticket]
        state, since, due, reasons = play(
            rules, of_ticket[ticket], portal=portal, checked=checked, complete=complete, faulty=faulty
        )
        assert (row[c.STATE], row[c.STATE_SINCE], row[c.DUE]) == (state, since, due), ticket
        history = row[machine.HISTORY]
        assert {one[c.EVENT_KEY]: one[c.REASON] for one in history} == reasons, ticket
        _never_twice_final(history)
        seen |= {state, *reasons.values()}
    # The streams are worth their name only if they meet every end and every refusal.
    assert seen >= FINAL | {"RECEIVED", None} | (set(machine.Refusal) - {"INVALID_NUMBER", "UNKNOWN_TICKET"})


def _never_twice_final(history):
    applied = [one for one in history if one[c.REASON] is None]
    entered = [one[c.STATE_AFTER] for one in applied]
    assert sum(state in FINAL for state in entered) <= 1
    if "RECEIVED" in entered:
        assert "APPROVED" in entered[: entered.index("RECEIVED")]
    for before, after in zip(entered, (one[c.STATE_BEFORE] for one in applied[1:]), strict=False):
        assert before == after


def test_every_step_of_the_table_is_taken_and_every_other_is_refused(spark, rules):
    """One ticket for each way to a state and each action there: legal ones are applied, all others refused."""
    ways = _ways(rules)
    tickets, events, legal = [], [], {}
    for (portal, checked, state), way in ways.items():
        for action in rules.actors:
            ticket = f"{portal}|{checked}|{state}|{action}"
            tickets.append((ticket, portal, checked))
            for number, step in enumerate((*way, action), start=1):
                at = datetime(2026, 2, 2, number, tzinfo=UTC)
                events.append((ticket, f"{ticket}#{number}", number, at, rules.actors[step], step))
            legal[ticket] = next(
                (
                    s.next
                    for s in rules.transitions
                    if (s.state, s.action) == (state, action) and s.open_to(portal=portal, checked=checked)
                ),
                None,
            )
    schema = f"ticket_id string, {c.EVENT_KEY} string, {c.EVENT_NO} int, at timestamp, actor_role string, action string"
    frame = spark.createDataFrame(events, schema).withColumn(c.DOCUMENT_SHA256, F.lit(None).cast("string"))
    given = spark.createDataFrame(tickets, f"ticket_id string, {machine.PORTAL} boolean, {machine.CHECKED} boolean")
    given = given.withColumns({machine.COMPLETE: F.lit(True), machine.FAULTS: F.array().cast("array<string>")})
    for row in machine.played(given, frame, rules).collect():
        last, wanted = row[machine.HISTORY][-1], legal[row["ticket_id"]]
        assert (last[c.REASON] is None) == (wanted is not None), row["ticket_id"]
        assert row[c.STATE] == (wanted or last[c.STATE_BEFORE]), row["ticket_id"]
    assert {state for _, _, state in ways} == set(rules.states) - {"EXPIRED"}


def _ways(rules):
    """A shortest way to each state of each kind of ticket."""
    ways = {}
    for portal in (True, False):
        for checked in (True, False):
            ways[portal, checked, "DRAFT"] = ()
            queue = ["DRAFT"]
            while queue:
                state = queue.pop(0)
                for step in rules.transitions:
                    known = (portal, checked, step.next) in ways
                    if step.state == state and not known and step.open_to(portal=portal, checked=checked):
                        ways[portal, checked, step.next] = (*ways[portal, checked, state], step.action)
                        queue.append(step.next)
    return ways
