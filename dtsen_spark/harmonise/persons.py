"""Person records of four sources as ``silver/person_record``."""

from collections.abc import Mapping
from datetime import date
from functools import reduce
from types import MappingProxyType
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import codes, regions
from dtsen_spark import columns as c
from dtsen_spark.config import HarmoniseConfig
from dtsen_spark.harmonise import dates, names, numbers
from dtsen_spark.harmonise.families import RAW_REGION, family_key
from dtsen_spark.harmonise.values import kk_rejected, rejected, select_values, text_of, with_reasons
from dtsen_spark.tables import LANDING, PERSON_INDICATORS

REGISTRY: Final = "dukcapil/penduduk"
MEMBER_TABLES: Final = ("dtks/anggota", "regsosek/anggota", "p3ke/individu")
PERSON_TABLES: Final = (REGISTRY, *MEMBER_TABLES)

_CODED: Final = (c.SEX, c.RELATION, c.MARITAL, c.REGISTRY_STATUS, c.PRESENCE, *PERSON_INDICATORS)
_RAW: Final = {
    name: f"_raw_{name}" for name in (c.NIK, c.NO_KK, c.MOTHER_NIK, c.FATHER_NIK, c.STATUS_DATE, c.MOTHER_NAME_NORM)
}
_FAMILY_ROW: Final = {name: f"_family_{name}" for name in (c.NO_KK, c.REGION_CODE, c.REGION_STATE)}
_FAMILY_KEY: Final = "_family_key"


def person_records(accepted: dict[str, DataFrame], families: DataFrame, config: HarmoniseConfig) -> DataFrame:
    """Bring the person records to one meaning.

    Args:
        accepted: Accepted rows by landing table, of ``PERSON_TABLES``.
        families: ``silver/family_record``.
        config: Plausible dates, heaped days, patterns of numbers that nobody has.

    Returns:
        One row for each accepted row, in the columns of ``silver/person_record``.
    """
    registry = _with_region(_one_table(accepted[REGISTRY], REGISTRY), config)
    rows = {table: _beside_family(accepted[table], table, families) for table in MEMBER_TABLES}
    members = reduce(DataFrame.unionByName, (_one_table(df, table, _FAMILY_ROW) for table, df in rows.items()))
    everyone = registry.unionByName(_with_family(members, config))
    earliest = date.fromisoformat(config.earliest_birth)
    return (
        everyone.transform(dates.with_birth_date, earliest, config.heaped_days)
        .transform(regions.with_known_prefix, F.substring(_RAW[c.NIK], 1, 6), numbers.NIK_KNOWN_REGION)
        .transform(numbers.with_nik, _RAW[c.NIK], config.number_dummies)
        .transform(names.with_names, c.NAME, _RAW[c.MOTHER_NAME_NORM])
        .transform(_with_other_numbers, config)
        .transform(_with_status_date, earliest)
        .transform(_with_all_reasons)
    )


def _beside_family(members: DataFrame, table: str, families: DataFrame) -> DataFrame:
    """Put what members take from their family row beside them as they were delivered: a record is twice as wide."""
    of_source = families.where(F.col(c.SOURCE) == LANDING[table].source)
    taken = [F.col(name).alias(beside) for name, beside in _FAMILY_ROW.items()]
    wanted = of_source.select(F.col(c.FAMILY_RECORD_ID).alias(_FAMILY_KEY), *taken)
    # Members n : at most 1 family row.
    return members.join(wanted, _family_of(table) == F.col(_FAMILY_KEY), "left").drop(_FAMILY_KEY)


def _family_of(table: str) -> Column:
    # The KK is the registry's family: it has no family table of its own.
    parent = LANDING[table].parent
    return family_key(parent[0] if parent else table, F.col(codes.source_columns(c.FAMILY_RECORD_ID, table)[0]))


def _one_table(df: DataFrame, table: str, beside: Mapping[str, str] = MappingProxyType({})) -> DataFrame:
    source = LANDING[table].source
    others = {
        c.RECORD_ID: F.concat(F.lit(f"{source}:"), F.col(c.NATIVE_KEY)),
        c.SOURCE: F.lit(source),
        c.FAMILY_RECORD_ID: _family_of(table),
        c.AS_OF: F.col(c.AS_OF),
        c.BATCH_ID: F.col(c.BATCH_ID),
        c.STALE_QUARANTINED: F.col(c.STALE_QUARANTINED),
        c.PARENT_GONE: F.col(c.PARENT_GONE),
        c.NAME: text_of(c.NAME, table),
        c.BIRTH_PLACE: F.upper(text_of(c.BIRTH_PLACE, table)),
        c.ADDRESS: text_of(c.ADDRESS, table),
        RAW_REGION: text_of(c.REGION_CODE, table),
        **{raw: text_of(name, table) for name, raw in _RAW.items()},
        **_birth_texts(table),
        **{name: F.col(name) for name in beside.values()},
    }
    return select_values(df, table, _CODED, others)


def _birth_texts(table: str) -> dict[str, Column]:
    columns = codes.source_columns(c.BIRTH_DATE, table)
    if len(columns) == 1:
        return dates.written_parts(F.col(columns[0]))
    return dict(zip((dates.YEAR_TEXT, dates.MONTH_TEXT, dates.DAY_TEXT), map(F.col, columns), strict=True))


def _with_region(registry: DataFrame, config: HarmoniseConfig) -> DataFrame:
    placed = regions.with_current_region(registry, RAW_REGION, "kemendagri").drop(RAW_REGION)
    kk = kk_of(config)
    # A KK of no valid form holds no family together.
    return placed.withColumn(c.NO_KK, kk).withColumn(
        c.FAMILY_RECORD_ID, F.when(F.col(c.NO_KK).isNotNull(), F.col(c.FAMILY_RECORD_ID))
    )


def kk_of(config: HarmoniseConfig) -> Column:
    """Return the record's own KK number, null where its form is invalid."""
    return numbers.kk_or_null(F.col(_RAW[c.NO_KK]), config.number_dummies)


def _with_family(members: DataFrame, config: HarmoniseConfig) -> DataFrame:
    """Give members the region of their family row, and its KK where they have none."""
    row = {name: F.col(beside) for name, beside in _FAMILY_ROW.items()}
    placed = members.withColumns(
        {
            c.NO_KK: F.coalesce(kk_of(config), row[c.NO_KK]),
            c.REGION_CODE: row[c.REGION_CODE],
            c.REGION_STATE: F.coalesce(row[c.REGION_STATE], F.lit(regions.MISSING)),
        }
    )
    return placed.drop(RAW_REGION, *_FAMILY_ROW.values())


def _with_other_numbers(df: DataFrame, config: HarmoniseConfig) -> DataFrame:
    parents = {
        name: numbers.nik_or_null(F.col(_RAW[name]), config.number_dummies) for name in (c.MOTHER_NIK, c.FATHER_NIK)
    }
    return df.withColumns(parents)


def _with_status_date(df: DataFrame, earliest: date) -> DataFrame:
    return df.withColumn(c.STATUS_DATE, dates.day_of(F.col(_RAW[c.STATUS_DATE]), earliest, F.col(c.AS_OF)))


def _with_all_reasons(df: DataFrame) -> DataFrame:
    birth = F.concat(F.lit(f"{c.BIRTH_DATE}:"), F.col(dates.BIRTH_REASON))
    card = kk_rejected(F.col(_RAW[c.NO_KK]), F.col(c.NO_KK))
    others = [rejected(name, F.col(_RAW[name]), F.col(name)) for name in (c.MOTHER_NIK, c.FATHER_NIK, c.STATUS_DATE)]
    name = rejected(c.NAME, F.col(c.NAME), F.col(c.NAME_NORM), names.NO_LETTERS)
    return with_reasons(df, birth, name, card, *others).drop(
        *_RAW.values(), dates.BIRTH_REASON, numbers.NIK_KNOWN_REGION
    )
