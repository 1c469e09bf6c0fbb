"""The surviving value of each family indicator: dwelling, assets, livestock, power."""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.family.order import AGE_BITS, Key, Race, origins, source_rank, staleness, with_origin
from dtsen_spark.family.survivorship import CORRECTION

# Upper bound of each connected power, VA, and our code for it (the steps of the PLN tariff).
_POWER_STEPS: Final = ((450, "VA_450"), (900, "VA_900"), (1300, "VA_1300"), (2200, "VA_2200"))
_ABOVE_ALL_STEPS: Final = "ABOVE_2200"
_MEASURED_BY: Final = "pln"
_MOST_SHARED: Final = 63
_VILLAGE_DIGITS: Final = 10
_KAB_DIGITS: Final = 4


def with_corrections(listed: DataFrame, family_records: DataFrame, corrected: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Let verified values stand beside the family records, as a record of the subject's whole family.

    Args:
        listed: One row for each person × family record.
        family_records: ``silver/family_record``.
        corrected: One row for each correction, as ``survivorship.corrected_records`` returns them.

    Returns:
        Both frames with a row for each correction.
    """
    own = corrected.withColumn(c.FAMILY_RECORD_ID, F.concat(F.lit(f"{CORRECTION}:"), c.RECORD_ID))
    records = own.select(c.FAMILY_RECORD_ID, c.SOURCE, c.AS_OF, *tables.FAMILY_INDICATORS)
    return (
        listed.unionByName(own.select(c.PERSON_ID, c.FAMILY_RECORD_ID), allowMissingColumns=True),
        family_records.unionByName(records, allowMissingColumns=True),
    )


def attributes(
    assigned: DataFrame, listed: DataFrame, family_records: DataFrame, precedence: Sequence[str]
) -> DataFrame:
    """Reduce the family records of each family's members to one row a family.

    A record that lists at least half of the family, and a verified value, comes before one that lists fewer; then the
    best source, then more members, fresher. A value that the first record lacks comes from the next.

    Args:
        assigned: One row for each living person: ``person_id``, ``family_id``, ``members``, ``region_code``,
            ``head_person_id``, ``records_in_review``, ``weakest_link``.
        listed: One row for each person × family record.
        family_records: ``silver/family_record``.
        precedence: Sources by trust, best first.

    Returns:
        One row for each family: the columns of ``master/family_attribute``.
    """
    # listing : assigned person is n : 1; the dead are in no family and drop out.
    shared = (
        listed.join(assigned.select(c.PERSON_ID, c.FAMILY_ID, c.MEMBERS), c.PERSON_ID)
        .groupBy(c.FAMILY_ID, c.FAMILY_RECORD_ID)
        .agg(F.count(F.lit(1)).alias("shared"), F.first(c.MEMBERS).alias(c.MEMBERS))
    )
    order = (
        Key(((F.col("shared") * 2 < F.col(c.MEMBERS)) & (F.col(c.SOURCE) != CORRECTION)).cast("int"), 1),
        Key(source_rank(precedence), 3),
        Key(_MOST_SHARED - F.least(F.col("shared"), F.lit(_MOST_SHARED)), 6),
        Key(staleness(), AGE_BITS),
    )
    races = {name: Race(name, order) for name in tables.FAMILY_INDICATORS}
    # shared record : family record is n : 1 (a split or regrouped family gives one record several families).
    kept = (
        shared.join(family_records, c.FAMILY_RECORD_ID)
        .groupBy(c.FAMILY_ID)
        .agg(*(race.least().alias(name) for name, race in races.items()))
    )
    sources = F.array(*map(F.lit, precedence))

    def origin(name: str) -> tuple[Column, Column, Column]:
        packed = F.col(name)
        source = F.coalesce(F.get(sources, races[name].key(packed, 1).cast("int")), F.lit("other"))
        return packed.isNotNull(), source, races[name].key(packed, 3)

    values = kept.select(
        c.FAMILY_ID,
        *(race.value(F.col(name)).alias(name) for name, race in races.items()),
        origins({name: origin(name) for name in races}).alias(c.SOURCE_OF),
    )
    heads = assigned.where(F.col(c.PERSON_ID) == F.col(c.HEAD_PERSON_ID)).select(
        c.FAMILY_ID,
        c.REGION_CODE,
        F.when(F.length(c.REGION_CODE) >= _KAB_DIGITS, F.substring(c.REGION_CODE, 1, _KAB_DIGITS)).alias(c.KAB_CODE),
        urban(F.col(c.REGION_CODE)).alias(c.URBAN),
        c.MEMBERS,
        F.when(F.col(c.RECORDS_IN_REVIEW) > 0, F.lit("REVIEW")).otherwise(F.lit("SURE")).alias(c.LINK_CONFIDENCE),
        c.WEAKEST_LINK,
        c.RECORDS_IN_REVIEW,
    )
    # family : its values is 1 : 0..1 (a family that no visit listed has none).
    return heads.join(values, c.FAMILY_ID, "left")


def urban(region: Column) -> Column:
    """Return whether a place is urban, from its code.

    Rule of the Kemendagri code: in a kota (third digit 7 to 9) everything is urban; in a kabupaten a kelurahan
    (first village digit 1) is, a desa is not.

    Args:
        region: Current Kemendagri code.

    Returns:
        Boolean column; null where the code is too short to tell.
    """
    kota = (F.length(region) >= _KAB_DIGITS) & F.substring(region, 3, 1).isin("7", "8", "9")
    kelurahan = F.substring(region, 7, 1) == "1"
    return F.when(kota, F.lit(True)).when(F.length(region) == _VILLAGE_DIGITS, kelurahan)


def power_code(power_va: Column) -> Column:
    """Return our code of a connected power in VA."""
    code = F.lit(_ABOVE_ALL_STEPS)
    for upper, name in reversed(_POWER_STEPS):
        code = F.when(power_va <= upper, F.lit(name)).otherwise(code)
    return F.when(power_va > 0, code)


def with_measured_power(
    attributes_: DataFrame, persons: DataFrame, assigned: DataFrame, customers: DataFrame
) -> DataFrame:
    """Let the power company's own register override the stated power and lighting, but not a verified one.

    A customer belongs to the family of the person whose NIK it carries, else to the family of its card; of
    several connections the strongest counts.

    Args:
        attributes_: One row for each family.
        persons: One row for each person: ``person_id``, ``nik``.
        assigned: One row for each living person: ``person_id``, ``family_id``, ``head_person_id``, ``no_kk``.
        customers: ``silver/power_customer``.

    Returns:
        ``attributes_`` with ``power`` and ``lighting`` of the register where it knows the family, and ``source_of``.
    """
    measured = customers.where(F.col(c.POWER_VA) > 0).select(c.NIK, c.NO_KK, c.POWER_VA, c.AS_OF)
    # customer : person is n : 0..1 by NIK (a NIK survives on one person, by rule of the linkage).
    holders = persons.where(F.col(c.NIK).isNotNull()).join(
        assigned.select(c.PERSON_ID, F.col(c.FAMILY_ID).alias("by_nik")), c.PERSON_ID
    )
    cards = assigned.where((F.col(c.PERSON_ID) == F.col(c.HEAD_PERSON_ID)) & F.col(c.NO_KK).isNotNull()).select(
        c.NO_KK, F.col(c.FAMILY_ID).alias("by_card")
    )
    # customer : family is n : 0..1 by card.
    power = (
        measured.join(holders.select(c.NIK, "by_nik"), c.NIK, "left")
        .join(cards, c.NO_KK, "left")
        .withColumn(c.FAMILY_ID, F.coalesce("by_nik", "by_card"))
        .where(F.col(c.FAMILY_ID).isNotNull())
        .groupBy(c.FAMILY_ID)
        .agg(F.max(F.struct(c.POWER_VA, c.AS_OF)).alias("_measured"))
        .select(c.FAMILY_ID, f"_measured.{c.POWER_VA}", f"_measured.{c.AS_OF}")
    )
    # family : measured power is 1 : 0..1.
    joined = attributes_.join(power, c.FAMILY_ID, "left")
    known = F.col(c.POWER_VA).isNotNull()
    strongest = F.coalesce(power_code(F.col(c.POWER_VA)), F.col(c.POWER))
    lighting = F.when(known, F.lit("GRID_METERED")).otherwise(F.col(c.LIGHTING))

    def verified(name: str) -> Column:
        return F.coalesce(F.col(c.SOURCE_OF).contains(f'"{name}":"{CORRECTION} '), F.lit(False))

    origin = F.col(c.SOURCE_OF)
    for name in (c.POWER, c.LIGHTING):
        origin = with_origin(origin, (name,), _MEASURED_BY, F.when(~verified(name), F.col(c.AS_OF)))
    return (
        joined.withColumn(c.POWER, F.when(verified(c.POWER), F.col(c.POWER)).otherwise(strongest))
        .withColumn(c.LIGHTING, F.when(verified(c.LIGHTING), F.col(c.LIGHTING)).otherwise(lighting))
        .withColumn(c.SOURCE_OF, origin)
        .drop(c.POWER_VA, c.AS_OF)
    )
