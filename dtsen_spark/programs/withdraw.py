"""Who says of their own accord that they no longer want a program: a wish that was upheld bars them from it."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.programs.rules import ProgramRules

WITHDRAWN: Final = "WITHDRAWN"

_LEAVES: Final = "WITHDRAWAL"
_ASKS: Final = "INCLUSION"
_UPHELD: Final = "UPHELD"


def withdrawn(tickets: DataFrame, program: ProgramRules) -> DataFrame:
    """Return the units that left a program and did not ask for it again since.

    What counts is what living persons asked for and the loop upheld: to leave one program or every one, or to be taken
    in. A family leaves by the wish of any of its members, as it is taken in by that of any of them. Of one day, asking
    goes before leaving: a benefit does not end where it is not sure.

    Args:
        tickets: From ``facts.subjects``.
        program: Rules of the program.

    Returns:
        One row for each unit: ``person_id`` or ``family_id``, as the program's unit is.
    """
    wished = tickets.where(F.col(c.TICKET_KIND).isin(_LEAVES, _ASKS) & (F.col(c.OUTCOME) == _UPHELD))
    kind, of_program = F.col(c.TICKET_KIND), F.coalesce(F.col(c.PROGRAM) == program.program, F.lit(True))
    last = wished.groupBy(program.unit_id).agg(
        F.max(F.when((kind == _LEAVES) & of_program, F.col(c.STATE_SINCE))).alias("_left"),
        F.max(F.when(kind == _ASKS, F.col(c.STATE_SINCE))).alias("_asked"),
    )
    again = F.coalesce(F.col("_asked") >= F.col("_left"), F.lit(False))
    return last.where(F.col("_left").isNotNull() & ~again & F.col(program.unit_id).isNotNull()).select(program.unit_id)
