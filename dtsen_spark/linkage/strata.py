"""Accuracy by kind of record: pairs as they are seen from the records of a stratum."""

from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage.collapse import REGISTRY
from dtsen_spark.linkage.intervals import share_with_interval

_TRUE: Final = "true_person_id"
STRATA: Final = "strata"
STRATUM: Final = "stratum"
_MODES: Final = "error_mode"
_TWIN: Final = "is_twin"
_GROWN: Final = 17  # years; from then on a person has an identity card


def by_stratum(placed: DataFrame, truth_person: DataFrame, person_record: DataFrame) -> dict[str, dict[str, Any]]:
    """Measure each stratum: source, error mode, mononym, child, twin, sex, no NIK, province.

    Args:
        placed: ``evaluation.places``.
        truth_person: Truth, with ``error_mode`` where it is known.
        person_record: ``silver/person_record``.

    Returns:
        By stratum, sorted: ``records``, ``true_pairs``, ``missed_pairs``, ``wrong_pairs`` as seen from its records,
        ``precision`` and ``recall`` with their 95 % interval.
    """
    # 1 : 1, a record is in the truth once.
    known = placed.join(strata_of(truth_person, person_record), c.RECORD_ID)
    seen = known.select("n_true", "n_predicted", "n_both", F.explode(STRATA).alias(STRATUM))
    rows = (
        seen.groupBy(STRATUM)
        .agg(
            F.count(F.lit(1)).alias("records"),
            F.sum(F.col("n_true") - 1).alias("true"),
            F.sum(F.col("n_predicted") - 1).alias("predicted"),
            F.sum(F.col("n_both") - 1).alias("both"),
        )
        .orderBy(STRATUM)
        .collect()  # some eighty strata: provinces and error modes
    )
    return {row[STRATUM]: _measured(row.asDict()) for row in rows}


def strata_of(truth_person: DataFrame, person_record: DataFrame) -> DataFrame:
    """Say of each record which strata it belongs to.

    Args:
        truth_person: Truth: ``record_id``, ``true_person_id`` and, where it is known, ``error_mode``.
        person_record: ``silver/person_record``.

    Returns:
        One row for each record of both: ``record_id``, ``strata`` (names).
    """
    modes = F.col(_MODES) if _MODES in truth_person.columns else F.lit(None).cast("string")
    truth = truth_person.select(c.RECORD_ID, _TRUE, modes.alias(_MODES))
    said = person_record.select(
        c.RECORD_ID, c.SOURCE, c.NIK, c.NAME, c.SEX, c.TOKEN_COUNT, c.BIRTH_YEAR, c.REGION_CODE, c.AS_OF
    )
    # 1 : 1, a record is in silver and in the truth once; n : 1, a person is a twin or not.
    known = truth.join(said, c.RECORD_ID).join(_twins(truth, person_record), _TRUE, "left")
    return known.select(c.RECORD_ID, F.array_compact(_strata()).alias(STRATA))


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    true, predicted, both = int(row["true"]), int(row["predicted"]), int(row["both"])
    return {
        "records": int(row["records"]),
        "true_pairs": true,
        "missed_pairs": true - both,
        "wrong_pairs": predicted - both,
        "precision": share_with_interval(both, predicted),
        "recall": share_with_interval(both, true),
    }


def _strata() -> Column:
    def named(prefix: str, value: Column) -> Column:
        return F.when(value.isNotNull(), F.concat(F.lit(f"{prefix}: "), value))

    def only(text: str, holds: Column) -> Column:
        return F.when(F.coalesce(holds, F.lit(False)), F.lit(text))

    age = F.year(c.AS_OF) - F.col(c.BIRTH_YEAR)
    modes = F.filter(F.split(F.coalesce(_MODES, F.lit("")), ","), lambda mode: mode != "")
    fixed = F.array(
        named("source", F.col(c.SOURCE)),
        named("sex", F.col(c.SEX)),
        named("province", F.left(F.col(c.REGION_CODE), F.lit(2))),
        only("mononym", F.col(c.TOKEN_COUNT) == 1),
        only("child", age < _GROWN),
        only("twin", F.col(_TWIN)),
        only("no NIK", F.col(c.NIK).isNull()),
        only("no error", F.size(modes) == 0),
    )
    return F.concat(fixed, F.transform(modes, lambda mode: F.concat(F.lit("error: "), F.trim(mode))))


def _twins(truth: DataFrame, person_record: DataFrame) -> DataFrame:
    """Return the persons who share family card and birth date with another in the registry."""
    registry = person_record.where(
        (F.col(c.SOURCE) == REGISTRY) & F.col(c.NO_KK).isNotNull() & F.col(c.BIRTH_DATE).isNotNull()
    ).select(c.RECORD_ID, c.NO_KK, c.BIRTH_DATE)
    born = registry.join(truth.select(c.RECORD_ID, _TRUE), c.RECORD_ID)  # 1 : 1
    shared = born.groupBy(c.NO_KK, c.BIRTH_DATE).agg(F.collect_set(_TRUE).alias("persons")).where(F.size("persons") > 1)
    return shared.select(F.explode("persons").alias(_TRUE)).distinct().withColumn(_TWIN, F.lit(True))
