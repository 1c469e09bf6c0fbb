"""What became of one ticket: the citizen's own track, without anybody else's data."""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract, local_frame
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake

# Whose ticket it is, and what it found about them, is not for whoever holds its number.
_TOLD: Final = (
    *(c.TICKET_ID, c.TICKET_KIND, c.CHANNEL, c.SUBMITTED_AT, c.STATE, c.OUTCOME, c.WAITS_FOR, c.STATE_SINCE, c.DUE),
    *(c.OVERDUE, c.RELEASE_ID),
)
_STEP: Final = (c.EVENT_NO, c.AT, c.ACTOR_ROLE, c.ACTION, c.STATE_AFTER, c.REASON)
_FIELD: Final = (c.INDICATOR, c.STATE, c.VERIFIED_ON, c.RELEASE_ID)


def track(lake: Lake, ticket_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return a ticket's state, its steps and the fields that it changed, as of the published release.

    Names of fields are told, values are not: an objection against somebody else must not open their data.

    Args:
        lake: The lake.
        ticket_id: The ticket.

    Returns:
        By section title, rows with the same keys.

    Raises:
        UsageError: Nothing was published, or no ticket has this number.
    """
    wanted = local_frame(lake.spark, [(ticket_id,)], f"{c.TICKET_ID} string")

    def of_ticket(table: TableContract) -> DataFrame:
        # row : the one ticket is n : 1; the number enters as a row, not as a literal of the plan.
        return lake.read(table).join(F.broadcast(wanted), c.TICKET_ID, "left_semi")

    if not lake.exists(tables.TICKET):
        message = f"{lake.root}: no release with tickets is published here"
        raise UsageError(message)
    found = of_ticket(tables.TICKET).select(*_TOLD).collect()
    if not found:
        message = "no ticket has this number in the published release; tickets appear with the next one"
        raise UsageError(message)
    steps = of_ticket(tables.TICKET_EVENT).orderBy(c.EVENT_NO, c.EVENT_KEY).select(*_STEP).collect()
    fields = of_ticket(tables.OVERRIDE).where(F.col(c.ORIGIN) == "TICKET").orderBy(c.INDICATOR)
    return {
        "Ticket": [row.asDict() for row in found],
        "Steps": [row.asDict() for row in steps],
        "Fields": [row.asDict() for row in fields.select(*_FIELD).collect()],
    }
