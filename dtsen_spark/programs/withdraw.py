"""Who says of their own accord that they no longer want a program: a wish that was upheld bars them from it."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.programs import facts
from dtsen_spark.programs.rules import ProgramRules

WITHDRAWN: Final = "WITHDRAWN"

_LEAVES: Final = "WITHDRAWAL"
_ASKS: Final = "INCLUSION"
_UPHELD: Final = "UPHELD"


def wishes(tickets: DataFrame, people: DataFrame) -> DataFrame:
    """Return what living persons asked for of programs, and what the loop upheld: to leave, or to be taken in.

    Args:
        tickets: ``corrections/ticket``.
        people: From ``facts.persons``: one row for each person, with NIK.

    Returns:
        One row for each upheld ticket of these two kinds: ``person_id``, ``family_id``, ``ticket_kind``,
        ``state_since``, ``program`` (null = every program).
    """
    upheld = tickets.where(F.col(c.TICKET_KIND).isin(_LEAVES, _ASKS) & (F.col(c.OUTCOME) == _UPHELD))
    return facts.subjects(upheld, people).select(c.PERSON_ID, c.FAMILY_ID, c.TICKET_KIND, c.STATE_SINCE, c.PROGRAM)


def withdrawn(wished: DataFrame, program: ProgramRules) -> DataFrame:
    """Return the units that left a program and did not ask for it again since.

    A family leaves by the wish of any of its members, as it is taken in by that of any of them. Of one day, asking
    goes before leaving: a benefit does not end where it is not sure.

    Args:
        wished: From ``wishes``.
        program: Rules of the program.

    Returns:
        One row for each unit: ``person_id`` or ``family_id``, as the program's unit is.
    """
    kind, of_program = F.col(c.TICKET_KIND), F.coalesce(F.col(c.PROGRAM) == program.program, F.lit(True))
    last = wished.groupBy(program.unit_id).agg(
        F.max(F.when((kind == _LEAVES) & of_program, F.col(c.STATE_SINCE))).alias("_left"),
        F.max(F.when(kind == _ASKS, F.col(c.STATE_SINCE))).alias("_asked"),
    )
    again = F.coalesce(F.col("_asked") >= F.col("_left"), F.lit(False))
    return last.where(F.col("_left").isNotNull() & ~again & F.col(program.unit_id).isNotNull()).select(program.unit_id)
