"""Objections and proposals with their events, and a few pairs of records that people decided on."""

from datetime import UTC, datetime, time
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.delivery import Delivery, World, number, text
from dtsen_spark.synthetic.draw import by_share, literal_words
from dtsen_spark.synthetic.sources import regsosek

_SHARE: Final = 0.01  # tickets for each family
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


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of usulan and label."""
    tickets = _tickets(world)
    few = world.count * _SHARE
    return [
        Delivery("usulan/tiket", tickets.drop("kept_family"), world.today, few),
        Delivery("usulan/peristiwa", _events(world, tickets), world.today, few * 5),
        Delivery("label/pasangan", _labels(world), world.today, world.living * _LABELS),
    ]


def _moment(world: World, days_ago: Column) -> Column:
    start = int(datetime.combine(world.today, time(9), UTC).timestamp())
    return F.timestamp_seconds(F.lit(start) - days_ago * 86_400)


def _iso(moment: Column) -> Column:
    return F.date_format(moment, "yyyy-MM-dd'T'HH:mm:ss'Z'")


def _tickets(world: World) -> DataFrame:
    draws, family = world.draws, F.col("family")
    heads = world.persons.where(
        (F.col("role") == "HEAD") & F.col("registered") & (F.col("copy") == 0) & draws.chance("ticket", _SHARE, family)
    )
    kind = by_share(draws.uniform("ticket kind", family), _KINDS, "WITHDRAWAL")
    ticket = F.concat(F.lit("T"), number(family, 1540483477))

    def proof(what: str) -> Column:
        digest = F.sha2(F.concat_ws("|", F.lit(what), F.lit(str(draws.seed)), text(family)), 256)
        return F.format_string(f'{{"type": "{what}", "sha256": "%s"}}', digest)

    evidence = F.concat(F.lit("["), F.concat_ws(", ", F.lit(""), proof("KTP"), proof("KK")), F.lit("]"))
    evidence = F.replace(evidence, F.lit("[, "), F.lit("["))
    return heads.select(
        ticket.alias("ticket_id"),
        _iso(_moment(world, draws.whole("ticket day", 20, 85, family))).alias("submitted_at"),
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


def _events(world: World, tickets: DataFrame) -> DataFrame:
    family = F.col("kept_family")
    steps = F.when(F.col("kind").isin(*_CHECKED), literal_words([*_BEFORE, *_CHECK, *_AFTER])).otherwise(
        literal_words([*_BEFORE, *_AFTER])
    )
    reached = F.least(world.draws.whole("ticket reached", 1, 9, family), F.size(steps))
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
        _iso(_moment(world, draws.whole("label day", 5, 200, person))).alias("at"),
    )
