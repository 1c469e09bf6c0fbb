"""Households and members of the expenditure survey, in the words of the registers."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions
from dtsen_spark.harmonise.values import rejected, select_values, text_of, with_reasons
from dtsen_spark.tables import FAMILY_INDICATORS, LANDING, PERSON_INDICATORS

HOUSEHOLD_TABLE: Final = "susenas/rumah_tangga"
MEMBER_TABLE: Final = "susenas/anggota"
_RAW_KAB: Final = "_raw_kab"


def survey_households(accepted: DataFrame) -> DataFrame:
    """Bring surveyed households to one meaning.

    Args:
        accepted: Accepted rows of ``susenas/rumah_tangga``.

    Returns:
        One row for each accepted row, in the columns of ``silver/survey_household``.
    """
    others = {
        c.HOUSEHOLD_ID: F.col(c.NATIVE_KEY),
        c.AS_OF: F.col(c.AS_OF),
        _RAW_KAB: text_of(c.KAB_CODE, HOUSEHOLD_TABLE),
    }
    asked = (c.URBAN, c.WEIGHT, c.MEMBERS, c.EXPENDITURE_PER_CAPITA, *FAMILY_INDICATORS)
    valued = select_values(accepted, HOUSEHOLD_TABLE, asked, others)
    placed = valued.withColumn(c.KAB_CODE, regions.current_kab(F.col(_RAW_KAB), "bps"))
    return with_reasons(placed, rejected(c.KAB_CODE, F.col(_RAW_KAB), F.col(c.KAB_CODE))).drop(_RAW_KAB)


def survey_members(accepted: DataFrame) -> DataFrame:
    """Bring members of surveyed households to one meaning.

    Args:
        accepted: Accepted rows of ``susenas/anggota``.

    Returns:
        One row for each accepted row, in the columns of ``silver/survey_member``.
    """
    others = {
        c.RECORD_ID: F.concat(F.lit(f"{LANDING[MEMBER_TABLE].source}:"), F.col(c.NATIVE_KEY)),
        c.HOUSEHOLD_ID: text_of(c.HOUSEHOLD_ID, MEMBER_TABLE),
    }
    return select_values(accepted, MEMBER_TABLE, (c.SEX, c.AGE, c.MARITAL, c.RELATION, *PERSON_INDICATORS), others)
