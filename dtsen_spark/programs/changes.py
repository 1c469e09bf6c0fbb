"""Against the last published release, and against the program's own list: ADD, KEEP, DROP, and why."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
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
from dtsen_spark.programs.rules import ProgramRules

ADD: Final = "ADD"
KEEP: Final = "KEEP"
DROP: Final = "DROP"
NONE: Final = "NONE"

_BEFORE: Final = "_before"
_DECILE_BEFORE: Final = "_decile_before"
_REGION_BEFORE: Final = "_region_before"
_FAMILY_BEFORE: Final = "_family_before"
_UNIT: Final = "_unit"


def with_changes(
    decided: DataFrame, program: ProgramRules, previous: DataFrame | None, dead: DataFrame | None
) -> DataFrame:
    """Compare decisions with the last release and with the program's list; who left keeps a row.

    Args:
        decided: One row for each unit of now, and for each listed unit that is gone.
        program: Its rules.
        previous: The program's decisions of the last published release; None where there is none.
        dead: ``person_id`` of the dead, unique; needed with ``previous`` where the unit is a person.

    Returns:
        The rows of ``decided``, and one for each unit that was selected and is there no more; with ``change``,
        ``change_vs_recipient``, ``change_cause`` and ``hold``.
    """
    if previous is None:
        nothing = F.lit(None).cast("string")
        joined = decided.withColumn(_BEFORE, nothing).withColumn(_DECILE_BEFORE, F.lit(None).cast("int"))
        cause = F.when(F.col(c.DECISION) == SELECTED, F.lit("FIRST_RELEASE"))
    else:
        joined = _joined(decided, program, previous, dead)
        cause = _cause()
    selected = F.col(c.DECISION) == SELECTED
    before = F.coalesce(F.col(_BEFORE) == SELECTED, F.lit(False))
    with_change = (
        joined.withColumn(c.CHANGE, _change(before, selected))
        .withColumn(c.CHANGE_VS_RECIPIENT, _change(F.col(RECEIVES), selected))
        .withColumn(c.CHANGE_CAUSE, cause)
    )
    leaves = (F.col(c.CHANGE) == DROP) | (F.col(c.CHANGE_VS_RECIPIENT) == DROP)
    held = F.lit(program.rules.hold_catastrophic) & leaves & F.col(PROTECTED) & ~_has(DECEASED)
    return with_change.withColumn(c.HOLD, held)


def _change(before: Column, now: Column) -> Column:
    return F.when(before & now, F.lit(KEEP)).when(before, F.lit(DROP)).when(now, F.lit(ADD)).otherwise(F.lit(NONE))


def _joined(decided: DataFrame, program: ProgramRules, previous: DataFrame, dead: DataFrame | None) -> DataFrame:
    unit = program.unit_id
    before = previous.select(
        F.col(unit).alias(_UNIT),
        F.col(c.DECISION).alias(_BEFORE),
        F.col(c.DECILE).alias(_DECILE_BEFORE),
        F.col(c.REGION_CODE).alias(_REGION_BEFORE),
        F.col(c.FAMILY_ID).alias(_FAMILY_BEFORE),
    )
    # unit now : unit before is 0..1 : 0..1. Units that are gone keep a row only if they were selected.
    both = decided.join(before, F.col(unit) == F.col(_UNIT), "full_outer").where(
        F.col(unit).isNotNull() | (F.col(_BEFORE) == SELECTED)
    )
    gone = F.col(unit).isNull()
    died = F.lit(False)
    if program.unit == "person" and dead is not None:
        # unit : dead person is 0..1 : 0..1.
        both = both.join(dead.select(F.col(c.PERSON_ID).alias("_dead")), F.col(_UNIT) == F.col("_dead"), "left")
        died = F.col("_dead").isNotNull()
    filled = {
        unit: F.coalesce(unit, _UNIT),
        c.REGION_CODE: F.when(gone, F.col(_REGION_BEFORE)).otherwise(F.col(c.REGION_CODE)),
        RECEIVES: F.coalesce(RECEIVES, F.lit(False)),
        PROTECTED: F.coalesce(PROTECTED, F.lit(False)),
        c.COMPONENTS: F.coalesce(c.COMPONENTS, F.array().cast("array<string>")),
        c.DECISION: F.coalesce(c.DECISION, F.lit(NOT_ELIGIBLE)),
        c.REASONS: F.coalesce(c.REASONS, F.when(died, F.array(F.lit(DECEASED))).otherwise(F.array(F.lit(NOT_FOUND)))),
    }
    if program.unit == "person":
        filled[c.FAMILY_ID] = F.when(gone, F.col(_FAMILY_BEFORE)).otherwise(F.col(c.FAMILY_ID))
    return both.withColumns(filled)


def _cause() -> Column:
    """The first cause that explains why a unit came or went; null where nothing changed."""
    selected = F.col(c.DECISION) == SELECTED
    before = F.coalesce(F.col(_BEFORE) == SELECTED, F.lit(False))
    moved = ~F.col(c.DECILE).eqNullSafe(F.col(_DECILE_BEFORE))
    left = (
        F.when(_has(DECEASED), F.lit(DECEASED))
        .when(_has(NOT_FOUND), F.lit(NOT_FOUND))
        .when(_has(UNRANKED), F.lit(UNRANKED))
        # Out of the deciles although it stands where it stood: the rule has changed.
        .when(_has(DECILE_OUTSIDE) & moved, F.lit("DECILE_MOVED"))
        .when(_has(DECILE_OUTSIDE), F.lit("RULE_CHANGED"))
        .when(_has(NO_COMPONENT), F.lit("COMPONENT_GONE"))
        .when(F.col(c.DECISION) == EXCLUDED, F.lit("EXCLUSION"))
        .when(F.col(c.DECISION) == ELIGIBLE, F.lit("QUOTA"))
        .otherwise(F.lit("REQUIREMENT_UNMET"))
    )
    came = (
        F.when(F.col(_BEFORE).isNull(), F.lit("NEW_UNIT"))
        .when(F.col(_BEFORE) == ELIGIBLE, F.lit("QUOTA"))
        .when(F.col(_BEFORE) == EXCLUDED, F.lit("EXCLUSION_LIFTED"))
        .when(moved, F.lit("DECILE_MOVED"))
        .otherwise(F.lit("REQUIREMENT_MET"))
    )
    return F.when(before & ~selected, left).when(selected & ~before, came)


def _has(reason: str) -> Column:
    return F.array_contains(F.col(c.REASONS), reason)
