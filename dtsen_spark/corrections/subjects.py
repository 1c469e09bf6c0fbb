"""Whom a ticket is about, and what speaks against it: conflicts that a clerk at the counter cannot see."""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.corrections import intake, machine, values
from dtsen_spark.corrections.terms import Rules
from dtsen_spark.expressions import present

REGISTRY: Final = "dukcapil"
REGISTRY_KK: Final = "_registry_kk"
SUBJECT_GONE: Final = "_gone"
CONFLICTS: Final = "_conflicts"

_HEAD: Final = "1"
_DECEASED: Final = "2"
_INACTIVE: Final = "4"


class Conflict:
    """What is found about a ticket beside its events."""

    SUBJECT_UNKNOWN: Final = "SUBJECT_UNKNOWN"
    SUBJECT_DECEASED: Final = "SUBJECT_DECEASED"
    SUBJECT_INACTIVE: Final = "SUBJECT_INACTIVE"
    REPORTER_ELSEWHERE: Final = "REPORTER_ELSEWHERE"
    REPEATED_TICKET: Final = "REPEATED_TICKET"


def with_subject(tickets: DataFrame, registry: DataFrame, rules: Rules) -> DataFrame:
    """Find the registry record that each ticket is about, and where its reporter lives.

    The reporter's number and village are used here and go no further: no table of the loop holds them.

    Args:
        tickets: From ``intake.tickets``.
        registry: Accepted rows of dukcapil/penduduk.
        rules: The rules: kinds whose reporter must live in the subject's village.

    Returns:
        The same rows: with ``subject_record_id`` (null where the registry does not know the subject),
        ``region_code`` (the subject's village, else the one that the ticket states), ``_registry_kk``, ``_gone``, and
        the conflicts in ``_conflicts``; those that stop a ticket also to ``_faults``.
    """
    known = registry.select(
        F.col("nik").alias("_nik"), F.col("no_kk").alias("_kk"), "shdk", "status", F.col("kode_wilayah").alias("_lives")
    )
    niks = (
        tickets.select(F.explode(F.array(intake.SUBJECT_NIK, intake.REPORTER_NIK)).alias("_nik"))
        .where(F.col("_nik").isNotNull())
        .distinct()
    )
    # registry row : number that a ticket names is 1 : 0..1; what comes back is as small as the tickets.
    named = known.join(niks, "_nik", "left_semi")
    cards = tickets.where(F.col(intake.SUBJECT_NIK).isNull() & F.col(intake.SUBJECT_KK).isNotNull())
    heads = (
        known.where(F.col("shdk") == _HEAD)
        .join(cards.select(F.col(intake.SUBJECT_KK).alias("_kk")).distinct(), "_kk", "left_semi")
        .groupBy("_kk")
        .agg(F.min("_nik").alias("_head_nik"))
    )
    # ticket : head of its card is n : 0..1, and the same for subject and reporter.
    with_head = tickets.join(heads, F.col(intake.SUBJECT_KK) == F.col("_kk"), "left").drop("_kk")
    asked = with_head.withColumn("_asked", F.coalesce(intake.SUBJECT_NIK, "_head_nik"))
    people = named.unionByName(
        known.join(heads.select(F.col("_head_nik").alias("_nik")), "_nik", "left_semi")
    ).distinct()
    subject = people.select(
        F.col("_nik").alias("_asked"),
        F.col("_kk").alias(REGISTRY_KK),
        F.col("status").alias("_status"),
        F.col("_lives").alias("_home"),
        F.lit(True).alias("_found"),
    )
    reporter = named.select(F.col("_nik").alias(intake.REPORTER_NIK), F.col("_lives").alias("_reporter_home"))
    joined = asked.join(subject, "_asked", "left").join(reporter, intake.REPORTER_NIK, "left")
    return _judged(joined, rules).select(
        *(name for name in tickets.columns if name not in {machine.FAULTS, intake.REPORTER_NIK}),
        F.when(F.col("_found"), F.concat(F.lit(f"{REGISTRY}:"), "_asked")).alias(c.SUBJECT_RECORD_ID),
        F.coalesce("_home", intake.VILLAGE).alias(c.REGION_CODE),
        REGISTRY_KK,
        F.coalesce(F.col("_status") == _DECEASED, F.lit(False)).alias(SUBJECT_GONE),
        machine.FAULTS,
        CONFLICTS,
    )


def _judged(joined: DataFrame, rules: Rules) -> DataFrame:
    kind = F.col(c.TICKET_KIND)
    home = F.coalesce("_home", intake.VILLAGE)
    # An unknown home is not a sure "elsewhere".
    away = F.coalesce(F.col("_reporter_home") != home, F.lit(False))
    bound = F.coalesce(kind.isin(*rules.terms.same_village), F.lit(False))
    found: list[Column] = [
        F.when(F.col("_found").isNull(), F.lit(Conflict.SUBJECT_UNKNOWN)),
        F.when((F.col("_status") == _DECEASED) & (kind != "DEATH"), F.lit(Conflict.SUBJECT_DECEASED)),
        F.when(F.col("_status") == _INACTIVE, F.lit(Conflict.SUBJECT_INACTIVE)),
        F.when(away, F.lit(Conflict.REPORTER_ELSEWHERE)),
    ]
    stops = F.when(away & bound, F.array(F.lit(Conflict.REPORTER_ELSEWHERE))).otherwise(F.array().cast("array<string>"))
    return joined.withColumn(CONFLICTS, present(*found)).withColumn(machine.FAULTS, F.concat(machine.FAULTS, stops))


def with_repeats(tickets: DataFrame) -> DataFrame:
    """Name tickets that ask again for what an earlier one of the same subject and kind asks for.

    Args:
        tickets: With subject, kind, time and the values asked for.

    Returns:
        The same rows, with REPEATED_TICKET among the conflicts of every later one.
    """
    asked = F.when(F.size(values.PROPOSED) > 0, F.to_json(values.PROPOSED)).otherwise(F.to_json(intake.CHANGES))
    # A partition holds the tickets of one subject: a handful. Who is unknown has one for each ticket.
    unknown = F.when(F.col(c.SUBJECT_RECORD_ID).isNull(), F.col(c.TICKET_ID))
    order = Window.partitionBy(c.SUBJECT_RECORD_ID, unknown, c.TICKET_KIND, asked).orderBy(c.SUBMITTED_AT, c.TICKET_ID)
    repeated = F.when(F.row_number().over(order) > 1, F.array(F.lit(Conflict.REPEATED_TICKET)))
    none = F.array().cast("array<string>")
    return tickets.withColumn(CONFLICTS, F.concat(CONFLICTS, F.coalesce(repeated, none)))
