"""What was not taken, counted by rule, table and kab/kota."""

from collections.abc import Iterable
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions
from dtsen_spark.expressions import present

ROWS: Final = "rows"  # all rows of the table: what the other counts are a share of
REJECTED: Final = "values_not_taken"
NUMBER_FINDINGS: Final = "nik_findings"
REGION_STATES: Final = "region_states"
REGISTRY_STATES: Final = "registry_states"
REGION_CODES: Final = "region_codes_not_sure"
WITHOUT_NUMBER: Final = "rows_without_number"
_RULES: Final = (REJECTED, NUMBER_FINDINGS, REGION_STATES, REGISTRY_STATES, WITHOUT_NUMBER)

# What may be shown of a delivered code: digits and dots, shorter than a NIK. Anything else may name somebody.
_SHOWN_CODE: Final = r"^[0-9][0-9.]{1,12}$"
_MOST_CODES: Final = 1_000
_RAW_CODE: Final = "_raw_code"
_FINDING: Final = "_finding"
_SEPARATOR: Final = "|"


def findings(df: DataFrame, subject: Column) -> DataFrame:
    """List what each row adds to the figures.

    Args:
        df: Silver rows with ``value_reasons``; ``region_code``, ``region_state``, ``registry_status``,
            ``nik_reasons``, ``nik`` and ``no_kk`` count where they are there.
        subject: What the figures are about, such as ``dtks/person_record``.

    Returns:
        ``subject``, ``region_code`` (kab/kota, empty where unknown) and the rules that count the row, as an array for
        each metric.
    """
    names, none = set(df.columns), F.array().cast("array<string>")

    def state(name: str) -> Column:
        return present(F.col(name)) if name in names else none

    absent = (F.when(F.col(name).isNull(), F.lit(name)) for name in (c.NIK, c.NO_KK))
    rules = {
        REJECTED: F.col(c.VALUE_REASONS),
        NUMBER_FINDINGS: F.col(c.NIK_REASONS) if c.NIK_REASONS in names else none,
        REGION_STATES: state(c.REGION_STATE),
        REGISTRY_STATES: state(c.REGISTRY_STATUS),
        WITHOUT_NUMBER: present(*absent) if c.NIK_GRADE in names else none,
    }
    kab = F.coalesce(F.substring(F.col(_region_column(names)), 1, 4), F.lit("")) if _region_column(names) else F.lit("")
    found = [rules[metric].alias(metric) for metric in _RULES]
    return df.select(subject.alias(c.SUBJECT), kab.alias(c.REGION_CODE), *found)


def _region_column(names: set[str]) -> str:
    return next((name for name in (c.REGION_CODE, c.KAB_CODE) if name in names), "")


def _named(metric: str, rules: Column) -> Column:
    return F.transform(rules, lambda rule: F.concat(F.lit(f"{metric}{_SEPARATOR}"), rule))


def count_findings(listed: Iterable[DataFrame]) -> DataFrame:
    """Count the findings of several tables in one pass.

    Args:
        listed: Frames of ``findings``.

    Returns:
        One row for each metric, subject, rule and kab/kota, in the columns of ``Job.write_metrics``.
    """
    # Rows that say the same are counted before they are spelled out: of a nation a few thousand are left.
    alike = reduce(DataFrame.unionByName, listed).groupBy(c.SUBJECT, c.REGION_CODE, *_RULES)
    parts = [F.array(F.lit(f"{ROWS}{_SEPARATOR}")), *(_named(metric, F.col(metric)) for metric in _RULES)]
    every = alike.agg(F.count(F.lit(1)).alias(c.ROWS)).withColumn(_FINDING, F.explode(F.concat(*parts)))
    counted = every.groupBy(c.SUBJECT, c.REGION_CODE, _FINDING).agg(F.sum(c.ROWS).cast("double").alias(c.VALUE))
    return counted.select(
        F.substring_index(_FINDING, _SEPARATOR, 1).alias(c.METRIC),
        c.SUBJECT,
        F.substring_index(_FINDING, _SEPARATOR, -1).alias(c.RULE),
        c.REGION_CODE,
        c.VALUE,
        F.lit("info").alias(c.SEVERITY),
    )


def codes_not_sure(delivered: dict[regions.System, list[tuple[str, DataFrame, Column]]]) -> DataFrame:
    """Count the delivered region codes that do not lead to one sure current region, the most frequent ones.

    Args:
        delivered: By system of the codes: landing table, its accepted rows, its code.

    Returns:
        One row for each table and code, in the columns of ``Job.write_metrics``; the rule is ``<state>:<code>``, the
        region what is sure of it.
    """
    placed = []
    for system, of in sorted(delivered.items()):
        codes = [df.select(F.lit(table).alias(c.SUBJECT), code.alias(_RAW_CODE)) for table, df, code in of]
        # Codes, not rows: a few ten thousand, whatever the population.
        counted = (
            reduce(DataFrame.unionByName, codes).groupBy(c.SUBJECT, _RAW_CODE).agg(F.count(F.lit(1)).alias(c.VALUE))
        )
        placed.append(regions.with_current_region(counted, _RAW_CODE, system))
    unsure = F.col(c.REGION_STATE).isin(regions.AMBIGUOUS, regions.UNMATCHED) & F.col(_RAW_CODE).rlike(_SHOWN_CODE)
    worst = reduce(DataFrame.unionByName, placed).where(unsure)
    return (
        worst.orderBy(F.col(c.VALUE).desc(), c.SUBJECT, _RAW_CODE)
        .limit(_MOST_CODES)
        .select(
            F.lit(REGION_CODES).alias(c.METRIC),
            c.SUBJECT,
            F.concat_ws(":", c.REGION_STATE, _RAW_CODE).alias(c.RULE),
            F.coalesce(c.REGION_CODE, F.lit("")).alias(c.REGION_CODE),
            F.col(c.VALUE).cast("double").alias(c.VALUE),
            F.lit("info").alias(c.SEVERITY),
        )
    )
