"""The state machine once more, in plain Python, one event after the other: what the expression is held against."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

from dtsen_spark.corrections.terms import Rules

WIB = timezone(timedelta(hours=7))


def day_of(at: datetime) -> date:
    return at.astimezone(WIB).date()


def play(rules: Rules, events: list[dict[str, Any]], *, portal: bool, checked: bool, complete: bool, faulty: bool):
    """State, its day, deadline and the reason (None = applied) of each event, by key."""
    state, since, due, last, applied, reasons = "DRAFT", None, None, None, set(), {}
    for event in sorted(events, key=lambda one: (one["event_no"], one["at"] or datetime.min, one["event_key"])):
        action, at = event["action"], event["at"]
        step = next((s for s in rules.transitions if s.state == state and s.action == action), None)
        if step is not None and not step.open_to(portal=portal, checked=checked):
            step = None
        ended = not any(s.state == state for s in rules.transitions)
        reason = None
        if at is None:
            reason = "INVALID_TIME"
        elif action not in rules.actors:
            reason = "UNKNOWN_ACTION"
        elif event["actor_role"] != rules.actors[action]:
            reason = "WRONG_ACTOR"
        elif state == "EXPIRED":
            reason = "AFTER_EXPIRY"
        elif ended:
            reason = "AFTER_END"
        elif step is None:
            reason = "REPEATED" if action in applied else "OUT_OF_ORDER"
        elif last is not None and at < last:
            reason = "OUT_OF_ORDER"
        elif rules.states[state].expires and due is not None and day_of(at) > due:
            reason = "AFTER_EXPIRY"
            state, since, due = "EXPIRED", due, None
        elif action in {"SUBMIT", "RESUBMIT"} and not complete:
            reason = "MISSING_EVIDENCE"
        reasons[event["event_key"]] = reason
        if reason is None:
            assert step is not None
            state = "RETURNED" if faulty and step.next == "SUBMITTED" else step.next
            since, last = day_of(at), at
            days = rules.states[state].working_days
            due = None if days is None else rules.calendar.after(since, days)
            applied.add(action)
    return state, since, due, reasons
