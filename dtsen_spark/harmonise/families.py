"""Family and household rows of three sources as ``silver/family_record``."""

from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions
from dtsen_spark.config import HarmoniseConfig
from dtsen_spark.harmonise.numbers import kk_or_null
from dtsen_spark.harmonise.values import kk_rejected, select_values, text_of, with_reasons
from dtsen_spark.tables import FAMILY_INDICATORS, LANDING

# Landing tables with a family row, and the system of their region codes (landing contract, section 2.1).
FAMILY_TABLES: Final[dict[str, regions.System]] = {
    "dtks/rumah_tangga": "kemendagri",
    "regsosek/keluarga": "bps",
    "p3ke/keluarga": "kemendagri",
}
RAW_REGION: Final = "_raw_region"
_RAW_KK: Final = "_raw_kk"


def family_key(table: str, key: Column) -> Column:
    """Return the family record id of a key: ``<source>/<table>:<key>``, null where there is no key."""
    return F.concat(F.lit(f"{table}:"), key)


def family_records(accepted: dict[str, DataFrame], config: HarmoniseConfig) -> DataFrame:
    """Bring the family rows to one meaning.

    Args:
        accepted: Accepted rows by landing table, of ``FAMILY_TABLES``.
        config: Patterns of numbers that nobody has.

    Returns:
        One row for each accepted row, in the columns of ``silver/family_record``.
    """
    placed = []
    for system in sorted(set(FAMILY_TABLES.values())):
        alike = [_one_table(accepted[table], table) for table, of in FAMILY_TABLES.items() if of == system]
        valued = reduce(DataFrame.unionByName, alike)
        placed.append(regions.with_current_region(valued, RAW_REGION, system))
    every = reduce(DataFrame.unionByName, placed)
    numbered = every.withColumn(c.NO_KK, kk_or_null(F.col(_RAW_KK), config.number_dummies))
    return with_reasons(numbered, kk_rejected(F.col(_RAW_KK), F.col(c.NO_KK))).drop(_RAW_KK, RAW_REGION)


def _one_table(df: DataFrame, table: str) -> DataFrame:
    others = {
        c.FAMILY_RECORD_ID: family_key(table, F.col(c.NATIVE_KEY)),
        c.SOURCE: F.lit(LANDING[table].source),
        c.AS_OF: F.col(c.AS_OF),
        c.BATCH_ID: F.col(c.BATCH_ID),
        c.STALE_QUARANTINED: F.col(c.STALE_QUARANTINED),
        _RAW_KK: text_of(c.NO_KK, table),
        RAW_REGION: text_of(c.REGION_CODE, table),
        c.ADDRESS: text_of(c.ADDRESS, table),
    }
    return select_values(df, table, (c.FAMILY_PART, c.PRESENCE, *FAMILY_INDICATORS), others)
