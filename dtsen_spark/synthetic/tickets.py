"""Objections and proposals with their events, and a few pairs of records that people decided on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.job import Period
from dtsen_spark.synthetic.delivery import Delivery, World, number, text
from dtsen_spark.synthetic.draw import Draws, by_share, literal_words
from dtsen_spark.synthetic.sources import regsosek
from dtsen_spark.tables import DELTA, OP, UPSERT

_SHARE: Final = 0.01  # tickets for each family
_MONTHLY: Final = _SHARE / 3
_LABELS: Final = 0.0006  # decided pairs for each person
_KINDS: Final = (
    ("INCLUSION", 0.30), ("EXCLUSION", 0.12), ("DATA_ERROR", 0.25), ("FAMILY_CHANGE", 0.08), ("DEATH", 0.05),
    ("MOVE", 0.06), ("INCOME_SHOCK", 0.10),
)  # fmt: skip
_CHECKED: Final = ("INCLUSION", "EXCLUSION", "INCOME_SHOCK")
_BEFORE: Final = ("OPERATOR_DESA:SUBMIT", "OPERATOR_DESA:ID_OK", "MUSDES:MUSDES_AGREE", "DINSOS:DINSOS_VERIFY")
_CHECK: Final = ("DINSOS:GC_ASSIGN", "PENDAMPING:GC_CONFIRM")
_AFTER: Final = ("KEPALA_OPD:APPROVE", "PUSDATIN:FORWARD", "BPS:RECEIVE")
_CHANGES: Final = ('{"r303": "8"}', '{"r308": "10"}', '{"r305": "3"}', '{"r502i": "2"}', '{"r307b": "1"}')


@dataclass(frozen=True)
class _Round:
    """When tickets of one delivery were filed.

    Attributes:
        name: What their ids and chances are marked with; empty for those that the nation begins with.
        day: Day before which they were filed.
        latest: Fewest days before it.
        earliest: Most days before it.
        share: Tickets for each family.
    """

    name: str
    day: date
    latest: int
    earliest: int
    share: float


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of usulan and label."""
    tickets = _tickets(world.persons, world.draws, _Round("", world.today, 20, 85, _SHARE))
    few = world.count * _SHARE
    return [
        Delivery("usulan/tiket", tickets.drop("kept_family"), world.today, few),
        Delivery("usulan/peristiwa", _events(tickets, world.draws), world.today, few * 5),
        Delivery("label/pasangan", _labels(world), world.today, world.living * _LABELS),
    ]


def filed(persons: DataFrame, draws: Draws, period: Period, share: float) -> tuple[DataFrame, DataFrame]:
    """Return tickets that are filed in a month, and their events, of which some come after it.

    Args:
        persons: One row a person: family, role, alive, registered, copy, nik, no_kk, neighbour_nik, village. Heads
            file tickets.
        draws: The nation's chance.
        period: The month.
        share: Tickets for each head.

    Returns:
        Rows of usulan/tiket and usulan/peristiwa.
    """
    # From the first day on: 27 days before the last one is in every month.
    tickets = _tickets(persons, draws, _Round(period.text, period.last_day, 1, 27, share))
    return tickets.drop("kept_family"), _events(tickets, draws)


def monthly(world: World, period: Period, before: tuple[World, Period] | None) -> list[Delivery]:
    """Return what a month adds: tickets filed in it, their events, and the events that last month's tickets waited for.

    Args:
        world: The nation at the end of the month.
        period: The month.
        before: The nation at the end of the month before, and that month; None where there was none.
    """
    new, events = filed(world.persons, world.draws, period, _MONTHLY)
    if before is not None:
        events = events.unionByName(filed(before[0].persons, world.draws, before[1], _MONTHLY)[1])
    # Times are ISO 8601 in one zone: their order is that of their text.
    first, last = period.last_day.replace(day=1).isoformat(), f"{period.last_day.isoformat()}T99"
    few = world.count * _MONTHLY
    changes = (
        (new, "usulan/tiket", few),
        (events.where(F.col("at").between(first, last)), "usulan/peristiwa", few * 4),
    )
    return [
        Delivery(path, rows.withColumn(OP, F.lit(UPSERT)), period.last_day, expected, mode=DELTA)
        for rows, path, expected in changes
    ]


def _moment(day: date, days_ago: Column) -> Column:
    start = int(datetime.combine(day, time(9), UTC).timestamp())
    return F.timestamp_seconds(F.lit(start) - days_ago * 86_400)


def _iso(moment: Column) -> Column:
    return F.date_format(moment, "yyyy-MM-dd'T'HH:mm:ss'Z'")


def _tickets(persons: DataFrame, draws: Draws, filed_in: _Round) -> DataFrame:
    family, mark = F.col("family"), filed_in.name
    heads = persons.where(
        (F.col("role") == "HEAD")
        & F.col("registered")
        & (F.col("copy") == 0)
        & draws.chance(f"{mark}ticket", filed_in.share, family)
    )
    kind = by_share(draws.uniform(f"{mark}ticket kind", family), _KINDS, "WITHDRAWAL")
    ticket = F.concat(F.lit("T" + mark.replace("-", "")), number(family, 1540483477))

    def proof(what: str) -> Column:
        digest = F.sha2(F.concat_ws("|", F.lit(what), F.lit(mark + str(draws.seed)), text(family)), 256)
        return F.format_string(f'{{"type": "{what}", "sha256": "%s"}}', digest)

    evidence = F.concat(F.lit("["), F.concat_ws(", ", F.lit(""), proof("KTP"), proof("KK")), F.lit("]"))
    evidence = F.replace(evidence, F.lit("[, "), F.lit("["))
    return heads.select(
        ticket.alias("ticket_id"),
        _iso(_moment(filed_in.day, draws.whole(f"{mark}ticket day", filed_in.latest, filed_in.earliest, family))).alias(
            "submitted_at"
        ),
        F.when(draws.uniform("channel", family) < 0.8, "desa").otherwise("portal").alias("channel"),
        kind.alias("kind"),
        F.col("nik").alias("subject_nik"),
        F.col("no_kk").alias("subject_no_kk"),
        F.when(draws.uniform("reporter", family) < 0.7, F.col("nik"))
        .otherwise(F.col("neighbour_nik"))
        .alias("reporter_nik"),
        F.col("village").alias("kode_wilayah"),
        F.lit("Data tidak sesuai keadaan").alias("reason"),
        evidence.alias("evidence"),
        F.when(kind == "DATA_ERROR", draws.one_of("change", _CHANGES, family)).otherwise("{}").alias("changes"),
        family.alias("kept_family"),
    )


def _events(tickets: DataFrame, draws: Draws) -> DataFrame:
    family = F.col("kept_family")
    steps = F.when(F.col("kind").isin(*_CHECKED), literal_words([*_BEFORE, *_CHECK, *_AFTER])).otherwise(
        literal_words([*_BEFORE, *_AFTER])
    )
    reached = F.least(draws.whole("ticket reached", 1, 9, family), F.size(steps))
    submitted = F.unix_timestamp("submitted_at", "yyyy-MM-dd'T'HH:mm:ss'Z'")
    return tickets.select(
        "ticket_id", submitted.alias("start"), F.posexplode(F.slice(steps, F.lit(1), reached)).alias("at_step", "step")
    ).select(
        "ticket_id",
        text(F.col("at_step") + 1).alias("seq"),
        _iso(F.timestamp_seconds(F.col("start") + F.col("at_step") * 2 * 86_400)).alias("at"),
        F.substring_index("step", ":", 1).alias("actor_role"),
        F.substring_index("step", ":", -1).alias("action"),
        F.lit(None).cast("string").alias("note"),
        F.lit(None).cast("string").alias("document_sha256"),
    )


def _labels(world: World) -> DataFrame:
    """Return decided pairs: a registry row and the visit's record of the same person, or of another in the family."""
    draws, person = world.draws, F.col("person")
    seen = (
        F.col("registered") & (F.col("copy") == 0) & F.col("alive") & regsosek.covered(world)
        & (F.col("birth_date") <= F.lit(regsosek.AS_OF))
    )  # fmt: skip
    labelled = world.persons.where(seen & draws.chance("label", _LABELS, person))
    other = F.col("head_nik").isNotNull() & (F.col("role") != "HEAD") & (draws.uniform("label other", person) < 0.4)
    return labelled.select(
        F.concat(F.lit("dukcapil:"), F.when(other, F.col("head_nik")).otherwise(F.col("nik"))).alias("record_id_l"),
        F.concat(F.lit("regsosek:"), regsosek.record_key(F.lit(0))).alias("record_id_r"),
        F.when(other, "CANNOT_LINK").otherwise("MUST_LINK").alias("label"),
        F.lit("petugas").alias("by"),
        _iso(_moment(world.today, draws.whole("label day", 5, 200, person))).alias("at"),
    )
