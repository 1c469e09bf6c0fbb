"""A person decides on those who leave a program (UU 27/2022 art. 10): recorded, and read with the decisions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import utc_now
from dtsen_spark.release.registry import Registry

CONFIRMED: Final = "CONFIRMED"
REVERSED: Final = "REVERSED"
REINSTATED: Final = "REINSTATED"

_WAITS: Final = ("FIELD_CHECK", "HUMAN_DECISION")
_BY_UNIT: Final = "_by_unit"
_DECIDED_ON: Final = "_decided_on"


def unit_id() -> Column:
    """Return the unit of a row of decisions: the person, else the family."""
    return F.coalesce(c.PERSON_ID, c.FAMILY_ID)


def decide_leavers(
    registry: Registry, program: str, period: str, *, state: str, role: str, name: str, units: Path | None
) -> int:
    """Record what a person decided on leavers that wait for it.

    Args:
        registry: Releases of the lake; the caller holds it.
        program: Program code.
        period: Period of the release.
        state: CONFIRMED (they leave) or REVERSED (they stay).
        role: Role of who decides.
        name: Who decides.
        units: File with one ``person_id`` or ``family_id`` a line; None = all that wait.

    Returns:
        Units that were decided on.

    Raises:
        UsageError: The program was not published for the period, nobody is named, or a unit does not wait.
    """
    record = _record(registry, program, period, state, role, name)
    waiting = decisions_of(registry, program, period).where(F.col(c.NOTICE).isin(*_WAITS))
    if units is None:
        count = waiting.count()
        if count:
            registry.lake.append_rows(tables.LEAVER_DECISION, [{**record, c.UNIT_ID: None}])
        return count
    return _record_listed(registry.lake, record, units, waiting, "do not wait for a decision")


def reinstate(
    registry: Registry, program: str, period: str, *, despite: Sequence[str], role: str, name: str, units: Path
) -> int:
    """Put units that were dropped back from today on, between releases.

    The published decisions stay what they are; the hand-over and the notices tell it from now on. The next release
    puts them back by the ticket that brings their papers.

    Args:
        registry: Releases of the lake; the caller holds it.
        program: Program code.
        period: Period of the release that dropped them.
        despite: Reasons that do not stand against it, from the program's terms.
        role: Role of who decides.
        name: Who decides, having seen the papers.
        units: File with one ``person_id`` a line.

    Returns:
        Units that were put back.

    Raises:
        UsageError: The program was not published for the period, nobody is named, or a unit was not dropped or was
            dropped for another reason.
    """
    record = _record(registry, program, period, REINSTATED, role, name)
    only = F.size(F.array_except(c.REASONS, F.array(*map(F.lit, despite)))) == 0
    dropped = decisions_of(registry, program, period).where(tables.leaves() & only)
    says = f"were not dropped for {', '.join(despite)} only"
    return _record_listed(registry.lake, record, units, dropped, says)


def _record(registry: Registry, program: str, period: str, state: str, role: str, name: str) -> dict[str, Any]:
    decider = " ".join(name.split())
    if not decider:
        message = "--name: say who decides"
        raise UsageError(message)
    return {
        c.RELEASE_ID: registry.release_of(period),
        c.PROGRAM: program,
        c.STATE: state,
        c.ROLE: role,
        c.ACTOR: decider,
        c.RECORDED_AT: utc_now(),
    }


def _record_listed(lake: Lake, record: dict[str, Any], units: Path, allowed: DataFrame, says: str) -> int:
    if not units.is_file():
        message = f"--units {units}: no such file"
        raise UsageError(message)
    listed = lake.spark.read.text(str(units.absolute())).select(F.trim("value").alias(c.UNIT_ID))
    listed = listed.where(F.col(c.UNIT_ID) != "").distinct()
    # listed unit : unit of the decisions is 1 : 0..1.
    strange = listed.join(allowed.select(unit_id().alias(c.UNIT_ID)), c.UNIT_ID, "left_anti").count()
    if strange:
        message = f"--units {units}: {strange:,} units {says} in {record[c.RELEASE_ID]}; nothing was recorded"
        raise UsageError(message)
    rows = listed.withColumns({key: F.lit(value) for key, value in record.items()})
    return lake.append(tables.LEAVER_DECISION, rows).rows


def decisions_of(registry: Registry, program: str, period: str) -> DataFrame:
    """Return a program's decisions of a period, as the current release shows them.

    Raises:
        UsageError: The program or the period was never published.
    """
    table = tables.decision(program)
    versions = registry.published_versions()
    if table.path not in versions:
        known = ", ".join(sorted(path.partition("/")[2] for path in versions if path.startswith(f"{table.layer}/")))
        message = f"--program {program}: not published; there are: {known or 'none'}"
        raise UsageError(message)
    if period not in registry.versions_by_period():
        periods = ", ".join(registry.versions_by_period())
        message = f"{period}: {program} was not published for it; there are: {periods}"
        raise UsageError(message)
    return registry.lake.read(table, version=versions[table.path]).where(F.col(c.PERIOD) == period)


def with_outcome(registry: Registry, decisions: DataFrame, program: str) -> DataFrame:
    """Put what persons decided beside decisions.

    Args:
        registry: Releases of the lake.
        decisions: Rows of ``programs/<program>``.
        program: Program code.

    Returns:
        The same rows; ``notice`` of who was decided on is CONFIRMED, REVERSED or REINSTATED, and ``effective_on`` is
        null while something is waited for and where a leaver stays; of who was put back it is the day of that.
    """
    lake = registry.lake
    if lake.exists(tables.LEAVER_DECISION):
        recorded = lake.read(tables.LEAVER_DECISION).where(F.col(c.PROGRAM) == program)
    else:
        recorded = lake.empty(tables.LEAVER_DECISION)
    newest = Window.partitionBy(c.RELEASE_ID, c.UNIT_ID).orderBy(F.col(c.RECORDED_AT).desc(), c.STATE)
    last = recorded.withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1)
    day = F.to_date(c.RECORDED_AT)
    one = last.where(F.col(c.UNIT_ID).isNotNull()).select(
        F.col(c.RELEASE_ID).alias("_release"),
        F.col(c.UNIT_ID).alias("_unit"),
        F.struct(c.STATE, day.alias(_DECIDED_ON)).alias(_BY_UNIT),
    )
    every = last.where(F.col(c.UNIT_ID).isNull()).select(
        F.col(c.RELEASE_ID).alias("_release_all"), F.struct(c.STATE, day.alias(_DECIDED_ON)).alias("_by_all")
    )
    # decision : what was decided on the unit, and on all of its release, is n : 0..1 each.
    joined = (
        decisions.join(one, (F.col(c.RELEASE_ID) == F.col("_release")) & (unit_id() == F.col("_unit")), "left")
        .join(F.broadcast(every), F.col(c.RELEASE_ID) == F.col("_release_all"), "left")
        .withColumn("_outcome", F.coalesce(_BY_UNIT, "_by_all"))
    )
    waits = F.coalesce(F.col(c.NOTICE).isin(*_WAITS), F.lit(False))
    outcome, decided_on = F.col(f"_outcome.{c.STATE}"), F.col(f"_outcome.{_DECIDED_ON}")
    back = F.coalesce((outcome == REINSTATED) & tables.leaves(), F.lit(False))
    effective = (
        F.when(back, decided_on)
        .when(~waits, F.col(c.EFFECTIVE_ON))
        .when(outcome == CONFIRMED, F.greatest(F.col(c.EFFECTIVE_ON), decided_on))
    )
    return (
        joined.withColumn(c.EFFECTIVE_ON, effective)
        .withColumn(c.NOTICE, F.when(waits | back, F.coalesce(outcome, c.NOTICE)).otherwise(F.col(c.NOTICE)))
        .select(*decisions.columns)
    )
