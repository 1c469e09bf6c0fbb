"""What no linkage could find: records that fit another registered person as well as their own."""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage.collapse import REGISTRY
from dtsen_spark.linkage.intervals import share

_TRUE: Final = "true_person_id"
_SAID: Final = (c.NAME_SORTED, c.SEX, c.BIRTH_YEAR, c.BIRTH_MONTH, c.BIRTH_DAY, c.REGION_CODE)


def inseparable(placed: DataFrame, person_record: DataFrame, *, tp: int, possible: int) -> dict[str, Any]:
    """Count the records that no information can separate, and how far from that bound the linkage is.

    Such a record does not state its own NIK, and name, sex, birth date and village are all equal to those of another
    person's registry row, with the family card speaking no more for the record's own row than for that one. Whoever
    decides, decides by chance. Records whose values are wrong but fit nobody exactly are not counted, so the true
    bound lies lower still.

    Args:
        placed: ``evaluation.places``.
        person_record: ``silver/person_record``.
        tp: True pairs that were found.
        possible: True pairs that the invariants and quarantine permit.

    Returns:
        ``records`` and ``pairs`` (true pairs of those records) that cannot be separated; ``recall``, the best recall of
        permitted pairs without them; ``distance`` from the recall that was reached; 0 to 1.
    """
    columns = (c.RECORD_ID, c.SOURCE, c.NIK, c.NO_KK, *_SAID)
    # 1 : 1, a record is in silver once.
    known = placed.select(c.RECORD_ID, _TRUE, "n_true").join(person_record.select(*columns), c.RECORD_ID)
    registry = known.where(F.col(c.SOURCE) == REGISTRY)
    own = registry.where(F.col(c.NIK).isNotNull()).select(_TRUE, c.NIK).withColumn("own_nik", F.lit(True))
    # n : 1, a person's NIK stands in one registry row.
    others = known.where(F.col(c.SOURCE) != REGISTRY).join(own, [_TRUE, c.NIK], "left").where("own_nik is null")
    rows = registry.select(F.col(_TRUE).alias("row_person"), F.col(c.NO_KK).alias("row_kk"), *_SAID)
    same_kk = F.coalesce(F.col(c.NO_KK) == F.col("row_kk"), F.lit(False)).cast("int")
    is_own = F.col(_TRUE) == F.col("row_person")
    found = (
        # n : few, persons of one name and birth date in one village.
        others.join(rows, list(_SAID))
        .groupBy(c.RECORD_ID, "n_true")
        .agg(F.max(F.when(~is_own, same_kk)).alias("other"), F.max(F.when(is_own, same_kk)).alias("own"))
        .where(F.col("other") >= F.coalesce("own", F.lit(0)))
        .agg(F.count(F.lit(1)).alias("records"), F.sum(F.col("n_true") - 1).alias("pairs"))
        .collect()[0]
    )
    pairs = int(found["pairs"] or 0)
    best = share(possible - pairs, possible)
    return {
        "records": int(found["records"]),
        "pairs": pairs,
        "recall": best,
        "distance": round(best - share(tp, possible), 9),
    }
