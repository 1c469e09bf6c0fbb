"""The rules of the loop back as data: ``conf/corrections``, checked before Spark starts.

``transitions.csv`` says which action leads from which state to which; ``actions.csv`` who may act; ``states.csv`` what
a state means, for whom it waits and how long; ``holidays.csv`` which days are no working days; ``tickets.yaml`` the
rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from dtsen_spark.codes import read_rows
from dtsen_spark.config import conf_dir, read_yaml, validated
from dtsen_spark.corrections.workdays import WorkingDays
from dtsen_spark.errors import ConfigError

START: Final = "DRAFT"
SUBMITTED: Final = "SUBMITTED"
RETURNED: Final = "RETURNED"
UPHELD: Final = "RECEIVED"
EXPIRED: Final = "EXPIRED"
WITHDRAWN: Final = "WITHDRAWN"


_GUARDS: Final = ("", "portal", "checked", "unchecked")
_OUTCOMES: Final = ("OPEN", "UPHELD", "REJECTED", "EXPIRED", "WITHDRAWN")
_YES: Final = {"yes": True, "no": False}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(_Part):
    """Kinds of evidence that a ticket needs before it can be submitted."""

    always: tuple[str, ...] = Field(description="Needed by every ticket.")
    more: Mapping[str, tuple[str, ...]] = Field(description="What a kind of ticket needs beyond that.")

    def of(self, kind: str) -> tuple[str, ...]:
        """Return what a kind of ticket needs, sorted."""
        return tuple(sorted({*self.always, *self.more.get(kind, ())}))


class TicketTerms(_Part):
    """``tickets.yaml``."""

    evidence: Evidence
    ground_check: tuple[str, ...] = Field(description="Kinds that need a ground check.")
    same_village: tuple[str, ...] = Field(description="Kinds whose reporter must live where the subject lives.")
    flag_at_once: tuple[str, ...] = Field(description="Kinds that ask for a field check as soon as they are submitted.")
    max_events: int = Field(ge=1, description="Greatest event number of a ticket.")
    time_zone: str = Field(description="Zone in which days are counted.")
    first_year: int = Field(description="First year of the working-day calendar.")
    last_year: int = Field(description="Last year of the working-day calendar.")


@dataclass(frozen=True)
class State:
    """What a state means.

    Attributes:
        name: State.
        outcome: OPEN, UPHELD, REJECTED, EXPIRED or WITHDRAWN.
        waits_for: Role that has to act; empty where nobody has to.
        working_days: Working days it may take; None = no deadline.
        expires: Past the deadline the ticket is closed; else it is overdue.
    """

    name: str
    outcome: str
    waits_for: str
    working_days: int | None
    expires: bool


@dataclass(frozen=True)
class Transition:
    """One legal step.

    Attributes:
        state: From.
        action: By this action.
        next: To.
        only_if: Guard: a ticket of the portal, or of a kind with or without ground check; empty = always.
    """

    state: str
    action: str
    next: str
    only_if: str

    def open_to(self, *, portal: bool, checked: bool) -> bool:
        """Say whether a ticket of this channel and kind may take the step."""
        return {"": True, "portal": portal, "checked": checked, "unchecked": not checked}[self.only_if]


@dataclass(frozen=True)
class Rules:
    """Everything that decides what becomes of a ticket.

    Attributes:
        states: By name.
        actors: Role that may take each action.
        documented: Actions that need a document of their own.
        transitions: Legal steps.
        terms: ``tickets.yaml``.
        calendar: Working days.
    """

    states: Mapping[str, State]
    actors: Mapping[str, str]
    documented: frozenset[str]
    transitions: tuple[Transition, ...]
    terms: TicketTerms
    calendar: WorkingDays

    @property
    def ended(self) -> frozenset[str]:
        """States that no step leaves."""
        return frozenset(self.states) - {step.state for step in self.transitions}


def folder() -> Path:
    """Return the folder of the rules."""
    return conf_dir() / "corrections"


def _terms(path: Path) -> TicketTerms:
    return validated(path, TicketTerms, read_yaml(path), "terms")


def _states(path: Path) -> dict[str, State]:
    header = ("state", "outcome", "waits_for", "working_days", "expires", "source")
    states: dict[str, State] = {}
    for line, row in enumerate(read_rows(path, header), start=2):
        days = row["working_days"]
        if row["outcome"] not in _OUTCOMES or row["expires"] not in _YES or (days and not days.isdigit()):
            message = f"{path}: line {line}: outcome, working_days or expires is wrong"
            raise ConfigError(message)
        states[row["state"]] = State(
            row["state"], row["outcome"], row["waits_for"], int(days) if days else None, _YES[row["expires"]]
        )
    needed = {START, SUBMITTED, RETURNED, UPHELD, EXPIRED, WITHDRAWN}
    if missing := sorted(needed - set(states)):
        message = f"{path}: without {', '.join(missing)}, which the program counts on"
        raise ConfigError(message)
    return states


def _transitions(path: Path, states: Mapping[str, State], actions: Mapping[str, str]) -> tuple[Transition, ...]:
    steps: list[Transition] = []
    seen: set[tuple[str, str]] = set()
    for line, row in enumerate(read_rows(path, ("state", "action", "next", "only_if")), start=2):
        guard = row["only_if"]
        if {row["state"], row["next"]} - set(states) or row["action"] not in actions or guard not in _GUARDS:
            message = f"{path}: line {line}: a state, action or condition that is not declared"
            raise ConfigError(message)
        if (row["state"], row["action"]) in seen:
            message = f"{path}: line {line}: a second step from {row['state']} by {row['action']}"
            raise ConfigError(message)
        seen.add((row["state"], row["action"]))
        steps.append(Transition(row["state"], row["action"], row["next"], guard))
    return tuple(steps)


def _holidays(path: Path) -> frozenset[date]:
    days = set()
    for line, row in enumerate(read_rows(path, ("day", "name", "source")), start=2):
        try:
            days.add(date.fromisoformat(row["day"]))
        except ValueError:
            message = f"{path}: line {line}: day must be YYYY-MM-DD"
            raise ConfigError(message) from None
    return frozenset(days)


def ticket_terms() -> TicketTerms:
    """Return the terms of ``tickets.yaml``.

    Raises:
        ConfigError: A rule is broken.
    """
    return load().terms


@cache
def load() -> Rules:
    """Read and check the rules; once for each process.

    Raises:
        ConfigError: A file is missing, or a row breaks a rule.
    """
    terms = _terms(folder() / "tickets.yaml")
    states = _states(folder() / "states.csv")
    listed = read_rows(folder() / "actions.csv", ("action", "actor_role", "needs_document"))
    actors = {row["action"]: row["actor_role"] for row in listed}
    documented = frozenset(row["action"] for row in listed if row["needs_document"] == "yes")
    transitions = _transitions(folder() / "transitions.csv", states, actors)
    calendar = WorkingDays(terms.first_year, terms.last_year, _holidays(folder() / "holidays.csv"))
    return Rules(states, actors, documented, transitions, terms, calendar)
