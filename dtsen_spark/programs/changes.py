"""Against the last published release, and against the program's own list: ADD, KEEP, DROP, why, and from when."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.programs.decide import (
    DECEASED,
    DECILE_OUTSIDE,
    ELIGIBLE,
    EXCLUDED,
    NO_COMPONENT,
    NOT_ELIGIBLE,
    NOT_FOUND,
    PROTECTED,
    RECEIVES,
    SELECTED,
    UNRANKED,
)
from dtsen_spark.programs.facts import DECILE_CAUSE, FOUND, kab_of
from dtsen_spark.programs.reinstate import REINSTATED
from dtsen_spark.programs.rules import ProgramRules, Rules
from dtsen_spark.programs.withdraw import WITHDRAWN

ADD: Final = "ADD"
KEEP: Final = "KEEP"
NONE: Final = "NONE"

# Causes that are no reasons of a decision.
MERGED: Final = "MERGED"
MOVED: Final = "MOVED"
DECILE_MOVED: Final = "DECILE_MOVED"
RULE_CHANGED: Final = "RULE_CHANGED"
QUOTA: Final = "QUOTA"
EXCLUSION: Final = "EXCLUSION"

# What stands between a leaver and the end of the benefit.
GRACE: Final = "GRACE"
FIELD_CHECK: Final = "FIELD_CHECK"
HUMAN_DECISION: Final = "HUMAN_DECISION"

_BEFORE: Final = "_before"
_DECILE_BEFORE: Final = "_decile_before"
_REGION_BEFORE: Final = "_region_before"
_FAMILY_BEFORE: Final = "_family_before"
_UNIT: Final = "_unit"
_FATE: Final = "fate"


@dataclass(frozen=True)
class Past:
    """The last published release, as one program's decisions are compared with it.

    Attributes:
        decisions: The program's decisions of that release.
        rules: The program's rules of that release; None where none held.
        fates: From ``person_fates`` or ``family_fates``, as the program's unit is.
    """

    decisions: DataFrame
    rules: Rules | None
    fates: DataFrame


def with_changes(decided: DataFrame, program: ProgramRules, past: Past | None, period_end: date) -> DataFrame:
    """Compare decisions with the last release and with the program's list; who left keeps a row.

    Args:
        decided: One row for each unit of now, and for each listed unit that is gone.
        program: Its rules.
        past: The last published release; None where there is none.
        period_end: Last day of the period: notice is given on the day after.

    Returns:
        The rows of ``decided``, and one for each unit that was selected and is there no more; with ``change``,
        ``change_vs_recipient``, a cause for each, ``hold``, ``notice`` and the two dates.
    """
    if past is None:
        nothing = F.lit(None).cast("string")
        joined = decided.withColumn(_BEFORE, nothing).withColumn(_DECILE_BEFORE, F.lit(None).cast("int"))
        cause = F.when(F.col(c.DECISION) == SELECTED, F.lit("FIRST_RELEASE"))
    else:
        joined = _joined(decided, program, past)
        cause = _cause(program.rules, past.rules)
    selected = F.col(c.DECISION) == SELECTED
    before = F.coalesce(F.col(_BEFORE) == SELECTED, F.lit(False))
    against_list = F.when(F.col(RECEIVES) & ~selected, _why_not()).when(
        selected & ~F.col(RECEIVES), F.lit("NOT_ON_LIST")
    )
    with_change = (
        joined.withColumn(c.CHANGE, _change(before, selected))
        .withColumn(c.CHANGE_VS_RECIPIENT, _change(F.col(RECEIVES), selected))
        .withColumn(c.CHANGE_CAUSE, cause)
        .withColumn(c.RECIPIENT_CAUSE, against_list)
    )
    return _with_notice(with_change, program.rules, period_end)


def _with_notice(changed: DataFrame, rules: Rules, period_end: date) -> DataFrame:
    """Say what stands between a leaver and the end of the benefit, and from when a change can hold."""
    leaves = tables.leaves()
    comes = F.col(c.CHANGE) == ADD
    held = leaves & F.col(PROTECTED) & ~has(DECEASED)
    # A death is a fact of the registry, a withdrawal the person's own wish, and neither an assessment of a person:
    # nobody needs to decide on it.
    asked = F.lit(rules.human_decision) & ~has(DECEASED) & ~has(WITHDRAWN)
    notice = F.when(held, F.lit(FIELD_CHECK)).when(asked, F.lit(HUMAN_DECISION)).otherwise(F.lit(GRACE))
    notice_on = period_end + timedelta(days=1)
    ends_on = notice_on + timedelta(days=rules.grace_days)
    return (
        changed.withColumn(c.HOLD, held)
        .withColumn(c.NOTICE, F.when(leaves, notice))
        .withColumn(c.NOTICE_ON, F.when(leaves | comes, F.lit(notice_on)))
        .withColumn(c.EFFECTIVE_ON, F.when(leaves, F.lit(ends_on)).when(comes, F.lit(notice_on)))
    )


def _change(before: Column, now: Column) -> Column:
    return (
        F.when(before & now, F.lit(KEEP)).when(before, F.lit(tables.DROP)).when(now, F.lit(ADD)).otherwise(F.lit(NONE))
    )


def _joined(decided: DataFrame, program: ProgramRules, past: Past) -> DataFrame:
    unit = program.unit_id
    before = past.decisions.select(
        F.col(unit).alias(_UNIT),
        F.col(c.DECISION).alias(_BEFORE),
        F.col(c.DECILE).alias(_DECILE_BEFORE),
        F.col(c.REGION_CODE).alias(_REGION_BEFORE),
        F.col(c.FAMILY_ID).alias(_FAMILY_BEFORE),
    )
    # former unit : fate is 0..1 : 0..1.
    before = before.join(past.fates, _UNIT, "left")
    # unit now : unit before is 0..1 : 0..1. Units that are gone keep a row only if they were selected.
    both = decided.join(before, F.col(unit) == F.col(_UNIT), "full_outer").where(
        F.col(unit).isNotNull() | (F.col(_BEFORE) == SELECTED)
    )
    # Also who is on the program's list and is dead or nobody's now: they stand where they stood.
    gone = F.col(unit).isNull() | has(DECEASED) | has(NOT_FOUND)
    filled = {
        unit: F.coalesce(unit, _UNIT),
        c.REGION_CODE: F.when(gone, F.col(_REGION_BEFORE)).otherwise(F.col(c.REGION_CODE)),
        RECEIVES: F.coalesce(RECEIVES, F.lit(False)),
        PROTECTED: F.coalesce(PROTECTED, F.lit(False)),
        c.COMPONENTS: F.coalesce(c.COMPONENTS, F.array().cast("array<string>")),
        c.RED_FLAGS: F.coalesce(c.RED_FLAGS, F.array().cast("array<string>")),
        c.DECISION: F.coalesce(c.DECISION, F.lit(NOT_ELIGIBLE)),
        c.REASONS: F.coalesce(c.REASONS, F.array(F.coalesce(_FATE, F.lit(NOT_FOUND)))),
    }
    if program.unit == "person":
        filled[c.FAMILY_ID] = F.when(gone, F.col(_FAMILY_BEFORE)).otherwise(F.col(c.FAMILY_ID))
    return both.withColumns(filled)


def _cause(now: Rules, then: Rules | None) -> Column:
    """The first cause that explains why a unit came or went; null where nothing changed."""
    selected = F.col(c.DECISION) == SELECTED
    before = F.coalesce(F.col(_BEFORE) == SELECTED, F.lit(False))
    decile_moved = ~F.col(c.DECILE).eqNullSafe(F.col(_DECILE_BEFORE))
    decile_cause = F.concat_ws("_", F.lit(DECILE_MOVED), F.col(DECILE_CAUSE))
    moved = kab_of(F.col(c.REGION_CODE)) != kab_of(F.col(_REGION_BEFORE))
    by_rule = F.lit(False) if then is None else F.col(c.DECILE).between(then.deciles[0], then.deciles[-1])
    left = (
        F.when(has(WITHDRAWN), F.lit(WITHDRAWN))
        # Out of the deciles although it stands where it stood, or where the former rule would have taken it.
        .when(has(DECILE_OUTSIDE) & (~decile_moved | by_rule), F.lit(RULE_CHANGED))
        .when(has(DECILE_OUTSIDE), decile_cause)
        .when((F.col(c.DECISION) == EXCLUDED) & _only_new_exclusions(now, then), F.lit(RULE_CHANGED))
        .when((F.col(c.DECISION) == ELIGIBLE) & moved, F.lit(MOVED))
        .otherwise(_why_not())
    )
    came = (
        F.when(has(REINSTATED), F.lit(REINSTATED))
        .when(F.col(_BEFORE).isNull(), F.lit("NEW_UNIT"))
        .when(F.col(_BEFORE) == EXCLUDED, F.lit("EXCLUSION_LIFTED"))
        .when((F.col(_BEFORE) == ELIGIBLE) & moved, F.lit(MOVED))
        .when(F.col(_BEFORE) == ELIGIBLE, F.lit(QUOTA))
        .when(decile_moved & ~(by_rule | F.lit(then is None)), F.lit(RULE_CHANGED))
        .when(decile_moved, decile_cause)
        .otherwise(F.lit("REQUIREMENT_MET"))
    )
    gone = F.col(_UNIT).isNotNull() & (has(DECEASED) | has(MERGED) | has(NOT_FOUND) | has(UNRANKED))
    return F.when(before & ~selected & gone, _why_not()).when(before & ~selected, left).when(selected & ~before, came)


def _why_not() -> Column:
    """The first reason why a unit is not selected, as a cause."""
    return (
        F.when(has(DECEASED), F.lit(DECEASED))
        .when(has(MERGED), F.lit(MERGED))
        .when(has(NOT_FOUND), F.lit(NOT_FOUND))
        .when(has(WITHDRAWN), F.lit(WITHDRAWN))
        .when(has(UNRANKED), F.lit(UNRANKED))
        .when(has(DECILE_OUTSIDE), F.lit(DECILE_OUTSIDE))
        .when(has(NO_COMPONENT), F.lit("COMPONENT_GONE"))
        .when(F.col(c.DECISION) == EXCLUDED, F.lit(EXCLUSION))
        .when(F.col(c.DECISION) == ELIGIBLE, F.lit(QUOTA))
        .otherwise(F.lit("REQUIREMENT_UNMET"))
    )


def _only_new_exclusions(now: Rules, then: Rules | None) -> Column:
    if then is None:
        return F.lit(False)
    known = {one.reason for one in then.exclusions}
    added = [one.reason for one in now.exclusions if one.reason not in known]
    if not added:
        return F.lit(False)
    return F.size(F.array_except(F.col(c.REASONS), F.array(*map(F.lit, added)))) == 0


def has(reason: str) -> Column:
    """Return whether a reason is among those of a decision."""
    return F.array_contains(F.col(c.REASONS), reason)


def person_fates(people: DataFrame, crosswalk: DataFrame | None) -> DataFrame:
    """Say what became of persons who are no units any more.

    Args:
        people: From ``facts.persons``.
        crosswalk: ``linkage/crosswalk`` events of this release; None where there are none.

    Returns:
        One row for each person who died (DECEASED) or whose id became part of another (MERGED): ``_unit``, ``fate``.
        What became of others nobody knows.
    """
    dead = people.where(F.col(FOUND) & ~F.col(c.ALIVE))
    known = dead.select(F.col(c.PERSON_ID).alias(_UNIT), F.lit(DECEASED).alias(_FATE))
    if crosswalk is None:
        return known
    # An id ends once, and the dead are persons of now, which ids that ended are not: unique.
    merged = crosswalk.where(F.col(c.EVENT) == MERGED)
    return known.unionByName(merged.select(F.col(c.PERSON_ID).alias(_UNIT), F.lit(MERGED).alias(_FATE)))


def family_fates(families: DataFrame, people: DataFrame, members: DataFrame) -> DataFrame:
    """Say what became of families that are no units any more.

    Args:
        families: Families of now.
        people: From ``facts.persons``.
        members: ``master/family_member`` of the last published release.

    Returns:
        One row for each family that is known to have died out (DECEASED) or to have become part of another (MERGED):
        ``_unit``, ``fate``.
    """
    # former member : family of now is n : 0..1. From here on only families that are gone are joined.
    gone = members.select(c.FAMILY_ID, c.PERSON_ID).join(families.select(c.FAMILY_ID), c.FAMILY_ID, "left_anti")
    # former member : person of now is 1 : 0..1 (an id may have ended).
    now = gone.join(people.where(F.col(FOUND)).select(c.PERSON_ID, c.ALIVE), c.PERSON_ID, "left")
    folded = now.groupBy(F.col(c.FAMILY_ID).alias(_UNIT)).agg(
        F.max(c.ALIVE).alias("_living"), F.count_if(F.col(c.ALIVE).isNull()).alias("_lost")
    )
    fate = F.when(F.col("_living"), F.lit(MERGED)).when(F.col("_lost") == 0, F.lit(DECEASED))
    return folded.select(_UNIT, fate.alias(_FATE)).where(F.col(_FATE).isNotNull())
