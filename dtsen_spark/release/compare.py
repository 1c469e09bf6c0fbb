"""Two periods of one program side by side: who came, who left, why; counts only."""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import rotation
from dtsen_spark.lake import Lake
from dtsen_spark.release.leavers import decisions_of, unit_id, with_outcome
from dtsen_spark.release.registry import Registry

_SELECTED: Final = "SELECTED"
_SIDES: Final = ("_from", "_to")
_IDS: Final = (c.FAMILY_ID, c.PERSON_ID, c.REGION_CODE)
_FACTS: Final = (c.CUT_MARGIN, c.HOLD, c.NOTICE, c.NOTICE_ON, c.EFFECTIVE_ON)


def diff(lake: Lake, program: str, since: str, until: str) -> list[dict[str, Any]]:
    """Count who enters, stays in and leaves a program between two published periods, by cause.

    Args:
        lake: The lake.
        program: Program code.
        since: Earlier period.
        until: Later period.

    Returns:
        One dict for each change and cause: ``change``, ``change_cause``, ``rows`` (units).

    Raises:
        UsageError: The program or one of the periods was never published.
    """
    compared = changes(Registry(lake), program, since, until)
    counted = compared.groupBy(c.CHANGE, c.CHANGE_CAUSE).count().orderBy(c.CHANGE, c.CHANGE_CAUSE).collect()
    return [{c.CHANGE: row[0], c.CHANGE_CAUSE: row[1], c.ROWS: row[2]} for row in counted]


def changes(registry: Registry, program: str, since: str, until: str) -> DataFrame:
    """Compare a program's selected units of two published periods.

    Args:
        registry: Releases of the lake.
        program: Program code.
        since: Earlier period.
        until: Later period.

    Returns:
        One row for each unit that is selected in one of the periods: ids, region, ``change`` (ADD, KEEP, DROP),
        ``change_cause`` (for ADD and DROP the later period's cause where it compared with the earlier one, else its
        reasons; null for KEEP), ``cut_margin``, ``hold``, and as persons decided ``notice`` and the two dates.

    Raises:
        UsageError: The program or one of the periods was never published.
    """
    lake = registry.lake
    earlier_side = _side(lake, decisions_of(registry, program, since), _SIDES[0])
    decided = with_outcome(registry, decisions_of(registry, program, until), program)
    later_side = _side(lake, decided, _SIDES[1])
    earlier, later = (F.coalesce(f"_in{side}", F.lit(False)) for side in _SIDES)
    # unit of one period : unit of the other is 0..1 : 0..1.
    both = earlier_side.join(later_side, "_unit", "full_outer").where(earlier | later)
    change = F.when(earlier & later, F.lit("KEEP")).when(later, F.lit("ADD")).otherwise(F.lit("DROP"))
    why = F.when(~(earlier & later), F.coalesce(f"_why{_SIDES[1]}", F.lit("NOT_FOUND")))
    ids = (F.coalesce(*(f"{name}{side}" for side in reversed(_SIDES))).alias(name) for name in _IDS)
    facts = (F.when(~(earlier & later), F.col(f"{name}{_SIDES[1]}")).alias(name) for name in _FACTS)
    return both.select(*ids, change.alias(c.CHANGE), why.alias(c.CHANGE_CAUSE), *facts)


def _side(lake: Lake, decided: DataFrame, side: str) -> DataFrame:
    # Compared under one key; told as each release was published.
    return rotation.translated(lake, decided.withColumn("_unit", unit_id()), ["_unit"]).select(
        "_unit",
        *(F.col(name).alias(f"{name}{side}") for name in (*_IDS, *_FACTS)),
        (F.col(c.DECISION) == _SELECTED).alias(f"_in{side}"),
        F.coalesce(c.CHANGE_CAUSE, F.array_join(c.REASONS, ", ")).alias(f"_why{side}"),
    )
