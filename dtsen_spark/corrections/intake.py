"""Tickets and events as delivered, with one meaning: times, numbers, evidence, proposed values."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.corrections import machine
from dtsen_spark.corrections.terms import Rules
from dtsen_spark.corrections.values import INVALID_VALUE, UNKNOWN_FIELD, proposed
from dtsen_spark.expressions import present

CHANGES: Final = "_changes"
SUBJECT_NIK: Final = "_subject_nik"
SUBJECT_KK: Final = "_subject_kk"
REPORTER_NIK: Final = "_reporter_nik"
VILLAGE: Final = "_village"

WITHDRAWAL: Final = "WITHDRAWAL"
KINDS: Final = (
    *("INCLUSION", "EXCLUSION", "DATA_ERROR", "FAMILY_CHANGE", "DEATH", "MOVE", "INCOME_SHOCK", "IDENTITY"),
    WITHDRAWAL,
)
UNKNOWN_KIND: Final = "UNKNOWN_KIND"
_DIGITS_16: Final = r"^\d{16}$"
_EVIDENCE: Final = "array<struct<type:string,sha256:string>>"
_SHA256: Final = r"^[0-9a-f]{64}$"


def tickets(accepted: DataFrame, rules: Rules) -> DataFrame:
    """Read the tickets.

    Args:
        accepted: Accepted rows of usulan/tiket.
        rules: The rules: evidence by kind, kinds with a ground check.

    Returns:
        One row for each ticket: id, kind, channel, time, what ``machine.played`` needs, the numbers of subject and
        reporter, the evidence (sorted digests), and ``_proposed``: the values asked for, in our codes.
    """
    given = F.try_to_timestamp(F.col("submitted_at"))
    kind, channel = F.upper("kind"), F.lower("channel")
    proofs = F.filter(
        F.coalesce(F.from_json("evidence", _EVIDENCE), F.array().cast(_EVIDENCE)),
        lambda proof: F.coalesce(F.lower(proof["sha256"]).rlike(_SHA256), F.lit(False)),
    )
    raw = F.coalesce(F.col("changes"), F.lit("{}"))
    read = accepted.select(
        F.col(c.NATIVE_KEY).alias(c.TICKET_ID),
        kind.alias(c.TICKET_KIND),
        channel.alias(c.CHANNEL),
        given.alias(c.SUBMITTED_AT),
        (channel == "portal").alias("_is_portal"),
        F.array_sort(F.array_distinct(F.transform(proofs, lambda proof: F.upper(proof["type"])))).alias(
            c.EVIDENCE_TYPES
        ),
        F.array_sort(F.array_distinct(F.transform(proofs, lambda proof: F.lower(proof["sha256"])))).alias(c.EVIDENCE),
        F.from_json(raw, "map<string,string>").alias(CHANGES),
        _number("subject_nik").alias(SUBJECT_NIK),
        _number("subject_no_kk").alias(SUBJECT_KK),
        _number("reporter_nik").alias(REPORTER_NIK),
        F.col("kode_wilayah").alias(VILLAGE),
    )
    valued = proposed(read, CHANGES)
    known = F.col(c.TICKET_KIND).isin(*KINDS)
    # A program is no field of a person: only who leaves one names it.
    stray = F.map_contains_key(F.col(CHANGES), c.PROGRAM) & ~F.col(c.TICKET_KIND).eqNullSafe(WITHDRAWAL)
    return valued.withColumns(
        {
            machine.PORTAL: F.coalesce("_is_portal", F.lit(False)),
            machine.CHECKED: F.coalesce(F.col(c.TICKET_KIND).isin(*rules.terms.ground_check), F.lit(False)),
            machine.COMPLETE: _complete(rules),
            machine.FAULTS: present(
                F.when(~F.coalesce(known, F.lit(False)), F.lit(UNKNOWN_KIND)),
                F.when(F.col(CHANGES).isNull() | F.col(UNKNOWN_FIELD) | stray, F.lit("UNKNOWN_FIELD")),
                F.when(F.col(INVALID_VALUE), F.lit("INVALID_VALUE")),
            ),
        }
    ).drop("_is_portal", UNKNOWN_FIELD, INVALID_VALUE)


def events(accepted: DataFrame, rules: Rules) -> DataFrame:
    """Read the events.

    Args:
        accepted: Accepted rows of usulan/peristiwa.
        rules: The rules: the greatest event number, the zone of days.

    Returns:
        One row for each event, with ``reason`` where it can be refused by itself.
    """
    number = F.col("seq").try_cast("int")
    number = F.when(number.between(1, rules.terms.max_events), number)
    given = F.col("_given")
    # A batch cannot tell of a day after the one that it describes.
    at = F.when(machine.local_day(given, rules) <= F.col(c.AS_OF), given)
    # A column of its own: Spark would read the text once for each use of it.
    return accepted.withColumn("_given", F.try_to_timestamp(F.col("at"))).select(
        F.col("ticket_id").alias(c.TICKET_ID),
        F.col(c.NATIVE_KEY).alias(c.EVENT_KEY),
        number.alias(c.EVENT_NO),
        at.alias(c.AT),
        F.upper("actor_role").alias(c.ACTOR_ROLE),
        F.upper("action").alias(c.ACTION),
        F.col("document_sha256").alias(c.DOCUMENT_SHA256),
        F.when(number.isNull(), F.lit(machine.Refusal.INVALID_NUMBER)).alias(c.REASON),
    )


def _number(name: str) -> Column:
    return F.when(F.col(name).rlike(_DIGITS_16), F.col(name))


def _complete(rules: Rules) -> Column:
    def holds(kind: str) -> Column:
        return F.size(F.array_except(F.array(*map(F.lit, rules.terms.evidence.of(kind))), F.col(c.EVIDENCE_TYPES))) == 0

    complete = holds("")
    for kind in sorted(rules.terms.evidence.more):
        complete = F.when(F.col(c.TICKET_KIND) == kind, holds(kind)).otherwise(complete)
    return F.coalesce(complete, F.lit(False))
