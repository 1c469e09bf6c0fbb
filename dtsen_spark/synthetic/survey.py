"""Susenas: a sample of families with what they truly spend; its ids say nothing of who they are."""

from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark.synthetic.delivery import Delivery, World, text
from dtsen_spark.synthetic.sources.regsosek import person_items
from dtsen_spark.synthetic.sources.visited import age_on
from dtsen_spark.tables import LANDING

_LEAST = 10_000
_SHARE = 0.005
_MOST_SHARE = 0.40
_NOISE = 0.03


def survey_size(families: int) -> int:
    """Return the number of surveyed households: max(10,000, 0.5 %), at most 40 % of the families."""
    return min(max(_LEAST, -int(-families * _SHARE // 1)), int(families * _MOST_SHARE))


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of susenas/rumah_tangga and susenas/anggota, of March of the year before."""
    as_of = date(world.today.year - 1, 3, 31)
    sampled = survey_size(world.count)
    # Every k-th family, and families stand in the order of regions: a systematic sample, spread over all kab/kota.
    chosen = (F.col("family") * sampled) % world.count < sampled
    household = F.concat(F.lit("S"), F.lpad(text(F.floor(F.col("family") * sampled / world.count)), 9, "0"))
    noise = _NOISE * world.draws.normal("susenas/noise", F.col("family"))
    housing = world.dwellings.regsosek()
    households = world.dwellings.visited(world.families.where(chosen), "susenas").select(
        household.alias("id_ruta"),
        F.substring("bps", 1, 4).alias("kode_kab_bps"),
        F.when(F.col("urban"), "1").otherwise("2").alias("klasifikasi"),
        text(_weight(world, sampled)).alias("penimbang"),
        text(F.col("size")).alias("jml_art"),
        text(F.round(F.exp(F.col("log_expenditure") + noise)).cast("long")).alias("pengeluaran_per_kapita"),
        *(housing[name].alias(name) for name in LANDING["susenas/rumah_tangga"].columns if name in housing),
    )
    age = age_on(as_of)
    items = {
        "r405": F.when(F.col("male"), "1").otherwise("2"),
        "umur": text(age),
        **person_items(world, age),
    }
    members = world.persons.where(chosen & F.col("alive") & (F.col("copy") == 0)).select(
        F.concat(household, F.lpad(text(F.col("place")), 2, "0")).alias("id_art_ruta"),
        household.alias("id_ruta"),
        *(items[name].alias(name) for name in LANDING["susenas/anggota"].columns if name in items),
    )
    return [
        Delivery("susenas/rumah_tangga", households, as_of, sampled),
        Delivery("susenas/anggota", members, as_of, sampled * 3.05),
    ]


def _weight(world: World, sampled: int) -> Column:
    # Families for each sampled one, spread a little as real weights are.
    spread = 0.8 + 0.4 * world.draws.uniform("susenas/weight", F.col("family"))
    return F.round(world.count / max(sampled, 1) * spread, 4)
