"""Two periods of one program side by side: who came, who left, why; counts only."""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release.registry import Registry

_SELECTED: Final = "SELECTED"
_SIDES: Final = ("_from", "_to")


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
    compared = changes(lake, program, since, until)
    counted = compared.groupBy(c.CHANGE, c.CHANGE_CAUSE).count().orderBy(c.CHANGE, c.CHANGE_CAUSE).collect()
    return [{c.CHANGE: row[0], c.CHANGE_CAUSE: row[1], c.ROWS: row[2]} for row in counted]


def changes(lake: Lake, program: str, since: str, until: str) -> DataFrame:
    """Compare a program's selected units of two published periods.

    Args:
        lake: The lake.
        program: Program code.
        since: Earlier period.
        until: Later period.

    Returns:
        One row for each unit that is selected in one of the periods: ``family_id``, ``person_id``, ``change`` (ADD,
        KEEP, DROP) and ``change_cause``: for ADD and DROP the later period's cause where it compared with the earlier
        one, else its reasons; null for KEEP.

    Raises:
        UsageError: The program or one of the periods was never published.
    """
    table = tables.decision(program)
    versions = Registry(lake).published_versions()
    if table.path not in versions:
        known = ", ".join(sorted(path.partition("/")[2] for path in versions if path.startswith(f"{table.layer}/")))
        message = f"--program {program}: not published; there are: {known or 'none'}"
        raise UsageError(message)
    decided = lake.read(table, version=versions[table.path])
    periods = {row[0] for row in decided.select(c.PERIOD).distinct().collect()}
    for option, period in (("--from", since), ("--to", until)):
        if period not in periods:
            message = f"{option} {period}: {program} was not published for it; there are: {', '.join(sorted(periods))}"
            raise UsageError(message)
    unit = F.coalesce(c.PERSON_ID, c.FAMILY_ID)
    selected = F.col(c.DECISION) == _SELECTED
    sides = [
        decided.where(F.col(c.PERIOD) == period).select(
            unit.alias("_unit"),
            *(F.col(name).alias(f"{name}{side}") for name in (c.FAMILY_ID, c.PERSON_ID)),
            selected.alias(f"_in{side}"),
            F.coalesce(c.CHANGE_CAUSE, F.array_join(c.REASONS, ", ")).alias(f"_why{side}"),
        )
        for period, side in zip((since, until), _SIDES, strict=True)
    ]
    earlier, later = (F.coalesce(f"_in{side}", F.lit(False)) for side in _SIDES)
    # unit of one period : unit of the other is 0..1 : 0..1.
    both = sides[0].join(sides[1], "_unit", "full_outer").where(earlier | later)
    change = F.when(earlier & later, F.lit("KEEP")).when(later, F.lit("ADD")).otherwise(F.lit("DROP"))
    why = F.when(~(earlier & later), F.coalesce(f"_why{_SIDES[1]}", F.lit("NOT_FOUND")))
    return both.select(
        *(
            F.coalesce(*(f"{name}{side}" for side in reversed(_SIDES))).alias(name)
            for name in (c.FAMILY_ID, c.PERSON_ID)
        ),
        change.alias(c.CHANGE),
        why.alias(c.CHANGE_CAUSE),
    )
