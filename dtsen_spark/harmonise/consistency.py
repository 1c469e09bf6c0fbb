"""Contradictions inside and between records, by the rules of ``conf/quality/consistency.yaml``.

Each rule is a condition on one of four kinds of subject (a person record, a family of a source, a number in a source,
a recipient); all kinds are counted together, in one pass over silver.
"""

from datetime import date
from enum import StrEnum
from functools import cache, reduce
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import conf_dir, read_yaml, validated
from dtsen_spark.errors import ConfigError
from dtsen_spark.expressions import present

INCONSISTENT: Final = "inconsistent"
EXAMINED: Final = "examined"  # what the counts are a share of, by kind of subject

_REGISTRY: Final = "dukcapil"
_GONE_STATES: Final = ("DECEASED", "ABROAD", "INACTIVE")
_GONE_PRESENCES: Final = ("DECEASED", "MOVED", "NOT_FOUND")
_MONTHS: Final = 12
_KAB_DIGITS: Final = 4
_SEXES: Final = ("L", "P")
_SEVERAL: Final = {"families": c.FAMILY_RECORD_ID, "cards": c.NO_KK}


class Subject(StrEnum):
    """What one count of a rule is."""

    PERSON = "person"
    FAMILY = "family"
    NUMBER = "number"
    RECIPIENT = "recipient"


class Rule(BaseModel):
    """One contradiction that is counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name of the rule.")
    of: Subject = Field(description="What is counted.")
    holds: str = Field(min_length=1, description="Spark SQL condition on the subject's columns.")
    severity: Literal["critical", "warning", "info"] = Field(description="How bad it is where it holds widely.")
    source: str = Field(min_length=1, description="Audit or list that the rule comes from.")
    why: str = Field(min_length=1, description="What it means.")


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = Field(min_length=1)


@cache
def rules() -> tuple[Rule, ...]:
    """Read the rules.

    Raises:
        ConfigError: The file is missing, not YAML, or a rule is wrong or stands twice.
    """
    path = conf_dir() / "quality" / "consistency.yaml"
    found = validated(path, _Rules, read_yaml(path), "rules").rules
    names = [rule.name for rule in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        message = f"{path}: rules stand twice: {', '.join(twice)}"
        raise ConfigError(message)
    return found


def contradictions(persons: DataFrame, recipients: DataFrame, last_day: date) -> DataFrame:
    """Count every contradiction.

    Args:
        persons: ``silver/person_record``.
        recipients: ``silver/recipient``.
        last_day: Last day of the period.

    Returns:
        One row for each metric (``inconsistent``, and ``examined``: what it is a share of), subject
        (``<source>/<kind>``), rule and kab/kota, in the columns of ``Job.write_metrics``.
    """
    kinds = {
        Subject.PERSON: person_subjects(persons, last_day),
        Subject.FAMILY: family_subjects(persons),
        Subject.NUMBER: number_subjects(persons),
        Subject.RECIPIENT: recipient_subjects(recipients, persons),
    }
    counted = reduce(DataFrame.unionByName, (_judged(df, kind) for kind, df in kinds.items()))
    by_rule = counted.groupBy(c.SUBJECT, c.RULE, c.REGION_CODE).agg(F.count(F.lit(1)).cast("double").alias(c.VALUE))
    severities: dict[str, str] = {rule.name: rule.severity for rule in rules()}
    return by_rule.select(
        F.when(F.col(c.RULE) == "", F.lit(EXAMINED)).otherwise(F.lit(INCONSISTENT)).alias(c.METRIC),
        c.SUBJECT,
        c.RULE,
        c.REGION_CODE,
        c.VALUE,
        F.coalesce(_lookup(severities, F.col(c.RULE)), F.lit("info")).alias(c.SEVERITY),
    )


def _lookup(values: dict[str, str], key: Column) -> Column:
    pairs = F.create_map(*(F.lit(part) for pair in sorted(values.items()) for part in pair))
    return F.try_element_at(pairs, key)


def _judged(df: DataFrame, kind: Subject) -> DataFrame:
    found = [F.when(F.expr(rule.holds), F.lit(rule.name)) for rule in rules() if rule.of is kind]
    # The empty name stands for the subject itself, so that shares can be told.
    names = F.concat(F.array(F.lit("")), present(*found))
    kab = F.coalesce(F.substring(c.REGION_CODE, 1, 4), F.lit(""))
    subject = F.concat_ws("/", F.col(c.SOURCE), F.lit(kind.value)).alias(c.SUBJECT)
    try:
        return df.select(subject, kab.alias(c.REGION_CODE), F.explode(names).alias(c.RULE))
    except PySparkException as error:
        message = f"consistency.yaml: a condition of {kind.value} cannot be read ({error.getCondition()})"
        raise ConfigError(message) from None


def person_subjects(persons: DataFrame, last_day: date) -> DataFrame:
    """Return the person records with ``age`` (years at the delivery's day) and ``months_old`` (at the period's end)."""
    age = F.floor(F.months_between(c.AS_OF, c.BIRTH_DATE) / _MONTHS)
    return persons.withColumns({c.AGE: age, "months_old": F.months_between(F.lit(last_day), c.AS_OF)})


def family_subjects(persons: DataFrame) -> DataFrame:
    """Bring the living, present members of each source's families together.

    Args:
        persons: ``silver/person_record``.

    Returns:
        One row for each family of a source: the columns that ``consistency.yaml`` names.
    """
    here = ~F.coalesce(F.col(c.REGISTRY_STATUS).isin(*_GONE_STATES), F.lit(False)) & ~F.coalesce(
        F.col(c.PRESENCE).isin(*_GONE_PRESENCES), F.lit(False)
    )
    birth, number = F.col(c.BIRTH_DATE), _hashed(c.NIK)
    return (
        persons.where(here & F.col(c.FAMILY_RECORD_ID).isNotNull())
        .groupBy(c.SOURCE, c.FAMILY_RECORD_ID)
        .agg(
            F.min(_kab_number()).alias(c.REGION_CODE),
            F.max(c.AS_OF).alias(c.AS_OF),
            F.count(F.lit(1)).alias("members"),
            F.count(c.RELATION).alias("related"),
            F.count_if(_is("HEAD")).alias("heads"),
            F.count_if(_is("SPOUSE")).alias("spouses"),
            F.min(F.when(_is("HEAD"), birth)).alias("head_birth"),
            F.max(F.when(_is("SPOUSE"), birth)).alias("spouse_birth"),
            F.min(F.when(_is("CHILD"), birth)).alias("oldest_child_birth"),
            F.min(F.when(_is("GRANDCHILD"), birth)).alias("oldest_grandchild_birth"),
            F.max(F.when(_is("PARENT"), birth)).alias("youngest_parent_birth"),
            F.max(F.when(_is("HEAD"), _sex_number())).alias("head_sex"),
            F.max(F.when(_is("SPOUSE"), _sex_number())).alias("spouse_sex"),
            F.max(F.when(_is("HEAD"), number)).alias("head_nik"),
            F.min(F.when(_is("SPOUSE"), number)).alias("lowest_spouse_nik"),
            F.max(F.when(_is("SPOUSE"), number)).alias("highest_spouse_nik"),
        )
        .withColumns({c.REGION_CODE: _kab_code(), "head_sex": _sex("head_sex"), "spouse_sex": _sex("spouse_sex")})
    )


def _is(relation: str) -> Column:
    return F.col(c.RELATION) == relation


# Spark aggregates fixed-width values in a hash table; for least and greatest of texts it would sort all rows, twice.
def _hashed(column: str) -> Column:
    return F.when(F.col(column).isNotNull(), F.xxhash64(column))


def _kab_number() -> Column:
    """The kab/kota (or what is known of it) as a number that sorts as its code."""
    return F.rpad(F.substring(c.REGION_CODE, 1, _KAB_DIGITS), _KAB_DIGITS, "0").try_cast("int")


def _kab_code() -> Column:
    digits = F.lpad(F.col(c.REGION_CODE).cast("string"), _KAB_DIGITS, "0")
    # No kab/kota has the number 00: only the province is known.
    return F.when(digits.endswith("00"), F.substring(digits, 1, 2)).otherwise(digits)


def _sex_number() -> Column:
    return F.when(F.col(c.SEX) == _SEXES[0], F.lit(0)).when(F.col(c.SEX) == _SEXES[1], F.lit(1))


def _sex(number: str) -> Column:
    return F.when(F.col(number) == 0, F.lit(_SEXES[0])).when(F.col(number) == 1, F.lit(_SEXES[1]))


def number_subjects(persons: DataFrame) -> DataFrame:
    """Bring the records under each NIK of a source together.

    Args:
        persons: ``silver/person_record``.

    Returns:
        One row for each source × NIK: ``records``, ``heads``, ``birth_dates``; ``families`` and ``cards`` (0, 1, or 2
        for several).
    """
    numbered = persons.where(F.col(c.NIK).isNotNull())
    # By day of birth first: a set of days for each number would sort all rows, too.
    by_day = numbered.groupBy(c.SOURCE, c.NIK, c.BIRTH_DATE).agg(
        F.min(_kab_number()).alias(c.REGION_CODE),
        F.count(F.lit(1)).alias("records"),
        F.count_if(_is("HEAD")).alias("heads"),
        *(end(_hashed(of)).alias(f"{end.__name__}_{of}") for of in _SEVERAL.values() for end in (F.min, F.max)),
    )
    by_number = by_day.groupBy(c.SOURCE, c.NIK).agg(
        F.min(c.REGION_CODE).alias(c.REGION_CODE),
        F.sum("records").alias("records"),
        F.sum("heads").alias("heads"),
        F.count(c.BIRTH_DATE).cast("int").alias("birth_dates"),
        *(_several(F.min(f"min_{of}"), F.max(f"max_{of}")).alias(name) for name, of in _SEVERAL.items()),
    )
    return by_number.withColumn(c.REGION_CODE, _kab_code())


def _several(least: Column, greatest: Column) -> Column:
    # Least against greatest: no set of values has to be held for a number that millions carry.
    return F.when(least != greatest, F.lit(2)).when(least.isNotNull(), F.lit(1)).otherwise(0)


def recipient_subjects(recipients: DataFrame, persons: DataFrame) -> DataFrame:
    """Put beside each recipient what the registry says of the NIK.

    Args:
        recipients: ``silver/recipient``.
        persons: ``silver/person_record``.

    Returns:
        One row for each recipient: source (the program), since, ``registry_status``, ``status_date``, region_code;
        null where the registry does not know the NIK.
    """
    known = persons.where(F.col(c.SOURCE) == _REGISTRY).select(c.NIK, c.REGION_CODE, c.REGISTRY_STATUS, c.STATUS_DATE)
    # n : at most 1, the registry's key.
    return recipients.select(F.col(c.PROGRAM).alias(c.SOURCE), c.NIK, c.SINCE).join(known, c.NIK, "left")
