"""What was upheld or seen becomes a verified value of one field, until a newer one is verified or it is withdrawn."""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.corrections import intake, machine, subjects, terms, values
from dtsen_spark.corrections.terms import Rules

TICKET: Final = "TICKET"
FIELD_CHECK: Final = "FIELD_CHECK"

STANDING: Final = "STANDING"
SUPERSEDED: Final = "SUPERSEDED"
WITHDRAWN: Final = "WITHDRAWN"

_DEAD: Final = "DECEASED"
_MOVES: Final = ("MOVE", "FAMILY_CHANGE")


def of_tickets(tickets: DataFrame, rules: Rules) -> DataFrame:
    """Return the values that upheld tickets verified.

    An upheld DEATH says that the subject is dead; MOVE and FAMILY_CHANGE name the card and village that the subject
    belongs to now, where they differ from the registry's; IDENTITY names another record and whether it is the
    subject's; the program that a WITHDRAWAL leaves is no field. A subject who is dead, or whom the registry does not
    know, carries no value.

    Args:
        tickets: Played tickets with subject, proposed values and evidence.
        rules: The rules.

    Returns:
        One row for each ticket × field: ``record_id``, ``indicator``, ``value_text``, ``record_id_r`` (identity
        only), ``origin``, ``ticket_id``, ``evidence``, ``verified_on``, and ``state``: STANDING, or WITHDRAWN where
        the citizen took it back.
    """
    kind = F.col(c.TICKET_KIND)
    received = F.filter(machine.HISTORY, lambda one: one[c.REASON].isNull() & (one[c.STATE_AFTER] == terms.UPHELD))
    upheld = tickets.withColumn("_received", F.get(received, F.lit(0))[c.AT]).where(
        F.col("_received").isNotNull()
        & F.col(c.SUBJECT_RECORD_ID).isNotNull()
        & (~F.col(subjects.SUBJECT_GONE) | (kind == "DEATH"))
    )
    asked = F.filter(values.PROPOSED, lambda one: ~one[c.INDICATOR].isin(c.LABEL, c.RECORD_ID, c.PROGRAM))
    items = F.concat(asked, *(_implied(upheld_kind) for upheld_kind in ("DEATH", *_MOVES)))
    fields = F.when(kind == "IDENTITY", _identity()).otherwise(
        F.transform(items, lambda one: _item(one[c.INDICATOR], one[c.VALUE_TEXT], F.lit(None).cast("string")))
    )
    return (
        upheld.withColumn("_one", F.explode(F.array_distinct(fields)))
        .select(
            F.col(c.SUBJECT_RECORD_ID).alias(c.RECORD_ID),
            F.col(f"_one.{c.INDICATOR}").alias(c.INDICATOR),
            F.col(f"_one.{c.VALUE_TEXT}").alias(c.VALUE_TEXT),
            F.col(f"_one.{c.RECORD_ID_R}").alias(c.RECORD_ID_R),
            F.lit(TICKET).alias(c.ORIGIN),
            c.TICKET_ID,
            c.EVIDENCE,
            machine.local_day(F.col("_received"), rules).alias(c.VERIFIED_ON),
            F.when(F.col(c.STATE) == terms.WITHDRAWN, F.lit(WITHDRAWN)).otherwise(F.lit(STANDING)).alias(c.STATE),
        )
        .where(F.col(c.VALUE_TEXT).isNotNull())
    )


def _item(name: Column, value: Column, other: Column) -> Column:
    return F.struct(name.alias(c.INDICATOR), value.alias(c.VALUE_TEXT), other.alias(c.RECORD_ID_R))


def _pair(name: str, value: Column, holds: Column) -> Column:
    item = F.struct(F.lit(name).alias(c.INDICATOR), value.alias(c.VALUE_TEXT))
    return F.when(holds, F.array(item)).otherwise(F.array()).cast(values.PROPOSED_TYPE)


def _implied(kind: str) -> Column:
    """Return the values that a kind of ticket says by itself, where its changes do not."""
    is_kind = F.col(c.TICKET_KIND) == kind
    if kind == "DEATH":
        return _pair(c.PRESENCE, F.lit(_DEAD), is_kind & values.asked_for(c.PRESENCE).isNull())
    card, village = F.col(intake.SUBJECT_KK), F.col(intake.VILLAGE)
    new_card = ~card.eqNullSafe(F.col(subjects.REGISTRY_KK)) & card.isNotNull() & values.asked_for(c.NO_KK).isNull()
    implied = _pair(c.NO_KK, card, is_kind & new_card)
    if kind == "MOVE":
        new_village = (
            (village != F.col(c.REGION_CODE)) & village.rlike(r"^\d{10}$") & values.asked_for(c.REGION_CODE).isNull()
        )
        implied = F.concat(implied, _pair(c.REGION_CODE, village, is_kind & F.coalesce(new_village, F.lit(False))))
    return implied


def _identity() -> Column:
    label, record = values.asked_for(c.LABEL), values.asked_for(c.RECORD_ID)
    whole = label.isNotNull() & record.isNotNull() & (record != F.col(c.SUBJECT_RECORD_ID))
    one = _item(F.lit(c.LABEL), label, record)
    none = F.array().cast(f"array<struct<{c.INDICATOR}:string,{c.VALUE_TEXT}:string,{c.RECORD_ID_R}:string>>")
    return F.when(whole, F.array(one)).otherwise(none)


def of_visits(results: DataFrame, assignments: DataFrame, families: DataFrame, membership: DataFrame) -> DataFrame:
    """Return the values that field checks saw.

    A visit speaks of the family that was drawn; its values are kept with the registry record of the family's head, so
    that they follow the head into the next release. A change that cannot be read says nothing.

    Args:
        results: Accepted rows of verifikasi/hasil.
        assignments: ``verify/assignment``.
        families: Published ``master/family``.
        membership: Published ``linkage/membership``.

    Returns:
        One row for each visit × field, in the columns of ``of_tickets``; ``ticket_id`` is the assignment.
    """
    seen = results.select(
        F.col(c.NATIVE_KEY).alias(c.ASSIGNMENT_ID),
        F.to_date(F.try_to_timestamp("visited_at")).alias(c.VERIFIED_ON),
        F.from_json("changes", "map<string,string>").alias(intake.CHANGES),
        F.from_json("photos", "array<string>").alias("_photos"),
    ).where(F.col(c.VERIFIED_ON).isNotNull() & F.col(intake.CHANGES).isNotNull())
    records = membership.where(F.col(c.VALID_TO).isNull() & F.col(c.RECORD_ID).startswith(f"{subjects.REGISTRY}:"))
    # visit : assignment : family : head : registry record is 1 : 1 : 0..1 : 1 : 0..1 (I1); the visits are few.
    placed = (
        values.proposed(seen, intake.CHANGES)
        .join(assignments.select(c.ASSIGNMENT_ID, c.FAMILY_ID), c.ASSIGNMENT_ID)
        .join(families.select(c.FAMILY_ID, c.HEAD_PERSON_ID), c.FAMILY_ID)
        .join(records.select(F.col(c.PERSON_ID).alias(c.HEAD_PERSON_ID), c.RECORD_ID), c.HEAD_PERSON_ID)
    )
    return placed.withColumn("_one", F.explode(values.PROPOSED)).select(
        c.RECORD_ID,
        F.col(f"_one.{c.INDICATOR}").alias(c.INDICATOR),
        F.col(f"_one.{c.VALUE_TEXT}").alias(c.VALUE_TEXT),
        F.lit(None).cast("string").alias(c.RECORD_ID_R),
        F.lit(FIELD_CHECK).alias(c.ORIGIN),
        F.col(c.ASSIGNMENT_ID).alias(c.TICKET_ID),
        F.array_sort(F.coalesce("_photos", F.array().cast("array<string>"))).alias(c.EVIDENCE),
        c.VERIFIED_ON,
        F.lit(STANDING).alias(c.STATE),
    )


def settled(verified: DataFrame) -> DataFrame:
    """Let the newest verified value of each field stand.

    Args:
        verified: Values of tickets and visits.

    Returns:
        The same rows: STANDING for the newest of each record and field (of one day: a visit before a ticket, then the
        greater id), SUPERSEDED for the others; what was withdrawn stays so and covers nothing.
    """
    # A partition holds the verified values of one field of one record: a handful.
    newest = Window.partitionBy(c.RECORD_ID, c.INDICATOR, c.RECORD_ID_R, F.col(c.STATE) == WITHDRAWN).orderBy(
        F.col(c.VERIFIED_ON).desc(), (F.col(c.ORIGIN) == TICKET).cast("int"), F.col(c.TICKET_ID).desc()
    )
    stands = F.when(F.row_number().over(newest) == 1, F.lit(STANDING)).otherwise(F.lit(SUPERSEDED))
    return (
        verified.withColumn("_stands", stands)
        .withColumn(c.STATE, F.when(F.col(c.STATE) == WITHDRAWN, F.lit(WITHDRAWN)).otherwise(F.col("_stands")))
        .drop("_stands")
    )
