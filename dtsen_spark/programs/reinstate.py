"""Who was dropped and is put back at once, because a program's terms say so: papers come before the next ranking."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.programs.decide import RECEIVES, SELECTED
from dtsen_spark.programs.rules import ProgramRules, Reinstatement

REINSTATED: Final = "REINSTATED"

_STANDS: Final = ("OPEN", "UPHELD")
_BEFORE: Final = "_was_in"
_PAPERS: Final = "_papers"


def with_papers(tickets: DataFrame, terms: Reinstatement) -> DataFrame:
    """Return the living persons for whom the papers that a program asks for were shown.

    Args:
        tickets: From ``facts.subjects``.
        terms: The program's terms.

    Returns:
        One row for each person: ``person_id``.
    """
    shown = tickets.where(
        F.col(c.TICKET_KIND).isin(*terms.ticket_kinds)
        & F.array_contains(c.EVIDENCE_TYPES, terms.evidence)
        # The day on which the village office found the subject's papers in order is the day that counts.
        & F.col(c.IDENTIFIED_ON).isNotNull()
        & F.col(c.OUTCOME).isin(*_STANDS)
    )
    return shown.select(c.PERSON_ID).distinct()


def put_back(
    decided: DataFrame, papers: DataFrame, previous: DataFrame | None, program: ProgramRules, terms: Reinstatement
) -> DataFrame:
    """Select who was in the program and shows the papers, where only the named reasons keep them out.

    They stand beside the quota: the quota is the next ranking's, the treatment is today's.

    Args:
        decided: One row for each person, decided, with whether the program's own list has them.
        papers: From ``with_papers``.
        previous: Decisions of the last published release; None where there is none.
        program: The rules.
        terms: The program's terms.

    Returns:
        The same rows; who is put back is SELECTED with the one reason REINSTATED.
    """
    shown = papers.withColumn(_PAPERS, F.lit(True))
    if previous is None:
        was = shown.withColumn(_BEFORE, F.lit(False))
    else:
        # Who is out now may have left one release ago: the drop is still told there.
        # person with papers : previous decision is 1 : 0..1.
        before = previous.where((F.col(c.DECISION) == SELECTED) | tables.leaves()).select(
            c.PERSON_ID, F.lit(True).alias(_BEFORE)
        )
        was = shown.join(before, c.PERSON_ID, "left")
    # person : papers is 1 : 0..1; the side with papers is as small as the tickets.
    joined = decided.join(F.broadcast(was), c.PERSON_ID, "left")
    only = F.size(F.array_except(c.REASONS, F.array(*map(F.lit, terms.despite)))) == 0
    member = F.coalesce(_BEFORE, F.lit(False)) | F.coalesce(RECEIVES, F.lit(False))
    back = F.coalesce(_PAPERS, F.lit(False)) & member & (F.col(c.DECISION) != SELECTED) & only
    amount = F.lit(program.rules.amount_idr_year).cast("long")
    return joined.withColumns(
        {
            c.DECISION: F.when(back, F.lit(SELECTED)).otherwise(F.col(c.DECISION)),
            c.REASONS: F.when(back, F.array(F.lit(REINSTATED))).otherwise(F.col(c.REASONS)),
            c.BENEFIT_IDR_YEAR: F.when(back, amount).otherwise(F.col(c.BENEFIT_IDR_YEAR)),
        }
    ).select(*decided.columns)
