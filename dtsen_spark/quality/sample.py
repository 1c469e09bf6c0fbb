"""A small sample of the release, the same number of families from each decile, whose shape the gate looks at."""

import math
from collections.abc import Sequence
from typing import Any, Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job
from dtsen_spark.quality.figures import Figure
from dtsen_spark.quality.proofs import IN_DECILE, NO_DECILE

Rows = list[dict[str, Any]]

_PARTS: Final = 1_000_000
# Nothing that names anybody: the sample is looked at outside Spark.
FAMILY_COLUMNS: Final = (
    *(c.MEMBERS, c.REGION_CODE, c.SCORE, c.LOG_EXPENDITURE, c.EXPENDITURE_IDR_MONTH, c.DECILE, c.STATE, c.CONFIDENCE),
)
PERSON_COLUMNS: Final = (c.SEX, c.AGE, c.REGION_CODE, c.RELATION, c.MARITAL, c.EDUCATION)


def draw(job: Job, figures: Sequence[Figure], size: int) -> dict[str, Rows]:
    """Draw families by decile and the persons in them.

    A family is drawn by a hash of its id, so the sample is the same however the table is partitioned.

    Args:
        job: The run; reads ``welfare/score`` and ``master/person_attribute``.
        figures: Figures of the release, families by decile among them.
        size: Families wanted of each decile.

    Returns:
        ``family`` and ``person`` rows without any id; about ``size`` families for each decile.
    """
    lot = F.pmod(F.xxhash64(c.FAMILY_ID), F.lit(_PARTS))
    here = F.coalesce(F.col(c.DECILE).cast("string"), F.lit(NO_DECILE))
    wanted = F.lit(0)
    for one in figures:
        if one.metric == IN_DECILE:
            limit = min(_PARTS, math.ceil(_PARTS * size / one.value))
            wanted = F.when(here == F.lit(one.subject), F.lit(limit)).otherwise(wanted)
    drawn = job.read(tables.SCORE).where(lot < wanted)
    # person : drawn family is n : 0..1; a few hundred families are broadcast.
    persons = job.read(tables.PERSON_ATTRIBUTE).join(F.broadcast(drawn.select(c.FAMILY_ID)), c.FAMILY_ID, "left_semi")
    return {
        "family": [row.asDict() for row in drawn.select(*FAMILY_COLUMNS).collect()],
        "person": [row.asDict() for row in persons.select(*PERSON_COLUMNS).collect()],
    }
