"""The state machine over each ticket's events: one expression, no step outside the table.

A ticket's events are ordered by their number, so the order in which they were delivered does not matter. Each event is
applied, or refused with one reason; what is refused changes nothing.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import reduce
from itertools import product
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.corrections import terms
from dtsen_spark.corrections.terms import Rules

# What the tickets frame must hold beside its own columns.
PORTAL: Final = "_portal"
CHECKED: Final = "_checked"
COMPLETE: Final = "_complete"
FAULTS: Final = "_faults"

HISTORY: Final = "_history"
_EVENTS: Final = "_events"
_FOUND: Final = "_found"


class Refusal(StrEnum):
    """Why an event was refused, the first that holds."""

    INVALID_NUMBER = "INVALID_NUMBER"  # no number, or one beyond what a ticket can have
    INVALID_TIME = "INVALID_TIME"  # no time, or one after the day that the delivery describes
    UNKNOWN_TICKET = "UNKNOWN_TICKET"
    UNKNOWN_ACTION = "UNKNOWN_ACTION"
    WRONG_ACTOR = "WRONG_ACTOR"
    AFTER_END = "AFTER_END"
    REPEATED = "REPEATED"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    AFTER_EXPIRY = "AFTER_EXPIRY"
    MISSING_EVIDENCE = "MISSING_EVIDENCE"


def played(tickets: DataFrame, events: DataFrame, rules: Rules) -> DataFrame:
    """Play every ticket's events.

    Args:
        tickets: One row for each ticket: ``ticket_id``, ``_portal``, ``_checked``, ``_complete`` (the evidence that
            its kind needs is there), ``_faults`` (why it cannot be treated, empty where it can).
        events: One row for each event, unique by ``event_key``: ``ticket_id``, ``event_no``, ``at``, ``actor_role``,
            ``action``, ``document_sha256``; number and time null where they were not taken.
        rules: The rules.

    Returns:
        ``tickets`` with ``state``, ``state_since``, ``due`` (null without a deadline) and ``_history``: an element for
        each event, in order.
    """
    item = F.struct(
        F.col(c.EVENT_NO),
        F.col(c.AT),
        F.col(c.EVENT_KEY),
        F.col(c.ACTOR_ROLE),
        F.col(c.ACTION),
        F.col(c.DOCUMENT_SHA256),
        local_day(F.col(c.AT), rules).alias("day"),
    )
    # Bounded: the intake refuses event numbers beyond the limit of the rules.
    listed = events.groupBy(c.TICKET_ID).agg(F.array_sort(F.collect_list(item)).alias(_EVENTS))
    # ticket : its events is 1 : 0..1.
    joined = tickets.join(listed, c.TICKET_ID, "left").withColumn(
        _EVENTS, F.coalesce(_EVENTS, F.expr(f"CAST(array() AS {_list_type()})"))
    )
    start = F.struct(
        F.lit(terms.START).alias(c.STATE),
        F.lit(None).cast("date").alias(c.STATE_SINCE),
        F.lit(None).cast("date").alias(c.DUE),
        F.lit(None).cast("timestamp").alias(c.AT),
        F.array().cast("array<string>").alias("applied"),
        F.expr(f"CAST(array() AS {_found_type()})").alias(_FOUND),
    )
    end = F.aggregate(F.col(_EVENTS), start, lambda ticket, event: _step(ticket, event, rules))
    return joined.withColumn("_end", end).select(
        *tickets.columns,
        *(F.col(f"_end.{name}").alias(name) for name in (c.STATE, c.STATE_SINCE, c.DUE)),
        F.zip_with(_EVENTS, F.col(f"_end.{_FOUND}"), _told).alias(HISTORY),
    )


def _told(event: Column, found: Column) -> Column:
    """Return an event with what became of it: an element of ``_history``."""
    return F.struct(
        *(event[name].alias(name) for name in (c.EVENT_KEY, c.EVENT_NO, c.AT, c.ACTION, c.ACTOR_ROLE)),
        *(found[name].alias(name) for name in (c.REASON, c.STATE_BEFORE, c.STATE_AFTER, c.DAYS)),
    )


def local_day(at: Column, rules: Rules) -> Column:
    """Return the day of a moment where the offices are."""
    return F.to_date(F.from_utc_timestamp(at, rules.terms.time_zone))


def expired(state: Column, due: Column, on: Column, rules: Rules) -> Column:
    """Return whether a ticket in a state is closed by its deadline on a day; never null."""
    expiring = [name for name, known in rules.states.items() if known.expires]
    return F.coalesce(state.isin(expiring) & (on > due), F.lit(False))


def _list_type() -> str:
    return (
        f"array<struct<{c.EVENT_NO}:int,{c.AT}:timestamp,{c.EVENT_KEY}:string,{c.ACTOR_ROLE}:string,"
        f"{c.ACTION}:string,{c.DOCUMENT_SHA256}:string,day:date>>"
    )


def _found_type() -> str:
    # Spark copies what a step carries along: only what the next one needs, and what is not in the event.
    return f"array<struct<{c.REASON}:string,{c.STATE_BEFORE}:string,{c.STATE_AFTER}:string,{c.DAYS}:int>>"


def _step(ticket: Column, event: Column, rules: Rules) -> Column:
    state, action = ticket[c.STATE], event[c.ACTION]
    guard = F.concat(
        F.when(F.col(PORTAL), F.lit("P")).otherwise(F.lit("V")), F.when(F.col(CHECKED), "C").otherwise("U")
    )
    follows = reduce(F.try_element_at, (guard, state, action), _nested(_steps(rules)))
    seen = F.struct(follows.alias("next"), expired(state, ticket[c.DUE], event["day"], rules).alias("late"))
    judged = _bound(
        seen,
        lambda seen: F.struct(seen["next"].alias("next"), _refusal(ticket, event, seen, rules).alias(c.REASON)),
    )
    return _bound(judged, lambda judged: _after(ticket, event, judged, rules))


def _refusal(ticket: Column, event: Column, seen: Column, rules: Rules) -> Column:
    action, state = event[c.ACTION], ticket[c.STATE]
    actor = F.try_element_at(_map(rules.actors), action)
    none = seen["next"].isNull()
    enters = action.isin("SUBMIT", "RESUBMIT")
    lacks = (enters & ~F.col(COMPLETE)) | (action.isin(sorted(rules.documented)) & event[c.DOCUMENT_SHA256].isNull())
    return (
        F.when(event[c.AT].isNull(), Refusal.INVALID_TIME)
        .when(actor.isNull(), Refusal.UNKNOWN_ACTION)
        .when(~event[c.ACTOR_ROLE].eqNullSafe(actor), Refusal.WRONG_ACTOR)
        .when(state == terms.EXPIRED, Refusal.AFTER_EXPIRY)
        .when(state.isin(sorted(rules.ended)), Refusal.AFTER_END)
        .when(none & F.array_contains(ticket["applied"], action), Refusal.REPEATED)
        .when(none | (event[c.AT] < ticket[c.AT]), Refusal.OUT_OF_ORDER)
        .when(seen["late"], Refusal.AFTER_EXPIRY)
        .when(lacks, Refusal.MISSING_EVIDENCE)
    )


def _after(ticket: Column, event: Column, judged: Column, rules: Rules) -> Column:
    applied = judged[c.REASON].isNull()
    # Only the first event that comes too late closes the ticket, on the day of its deadline.
    closes = judged[c.REASON].eqNullSafe(F.lit(Refusal.AFTER_EXPIRY)) & (ticket[c.STATE] != terms.EXPIRED)
    # A ticket that cannot be treated is given back instead of being taken in.
    goes = F.when((judged["next"] == terms.SUBMITTED) & (F.size(F.col(FAULTS)) > 0), F.lit(terms.RETURNED)).otherwise(
        judged["next"]
    )
    state = F.when(applied, goes).when(closes, F.lit(terms.EXPIRED)).otherwise(ticket[c.STATE])
    days = F.try_element_at(_map(_spans(rules)), state).cast("int")
    since = F.when(applied, event["day"]).when(closes, ticket[c.DUE]).otherwise(ticket[c.STATE_SINCE])
    due = F.when(applied, rules.calendar.column_after(event["day"], days)).when(closes, None).otherwise(ticket[c.DUE])
    found = F.struct(
        judged[c.REASON].alias(c.REASON),
        ticket[c.STATE].alias(c.STATE_BEFORE),
        state.alias(c.STATE_AFTER),
        F.when(applied, F.datediff(event["day"], ticket[c.STATE_SINCE])).alias(c.DAYS),
    )
    done = F.when(applied, F.array_union(ticket["applied"], F.array(event[c.ACTION]))).otherwise(ticket["applied"])
    return F.struct(
        state.alias(c.STATE),
        since.alias(c.STATE_SINCE),
        due.alias(c.DUE),
        F.when(applied, event[c.AT]).otherwise(ticket[c.AT]).alias(c.AT),
        done.alias("applied"),
        F.concat(ticket[_FOUND], F.array(found)).alias(_FOUND),
    )


def _steps(rules: Rules) -> dict[str, dict[str, dict[str, str]]]:
    """Return where each action leads, by guard (portal or village, ground check or not) and state."""
    steps: dict[str, dict[str, dict[str, str]]] = {}
    for step, portal, checked in product(rules.transitions, (True, False), (True, False)):
        if step.open_to(portal=portal, checked=checked):
            guard = f"{'P' if portal else 'V'}{'C' if checked else 'U'}"
            steps.setdefault(guard, {}).setdefault(step.state, {})[step.action] = step.next
    return steps


def _nested(steps: Mapping[str, Any]) -> Column:
    # One literal text, folded once. Three small maps: a map is searched from its begin.
    return F.from_json(F.lit(json.dumps(steps, sort_keys=True)), "map<string,map<string,map<string,string>>>")


def _spans(rules: Rules) -> dict[str, str]:
    return {name: str(state.working_days) for name, state in rules.states.items() if state.working_days is not None}


def _map(pairs: Mapping[str, str]) -> Column:
    # One literal text, folded once.
    text = ",".join(f"{key}:{value}" for key, value in sorted(pairs.items()))
    return F.str_to_map(F.lit(text), F.lit(","), F.lit(":"))


def _bound(value: Column, use: Callable[[Column], Column]) -> Column:
    """Return ``use(value)`` with ``value`` computed once: Spark computes a repeated part of a lambda each time."""
    return F.get(F.transform(F.array(value), use), F.lit(0))
