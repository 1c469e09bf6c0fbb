"""DTKS: households of the poorer half, some of two family cards, in Kemendagri codes of several years."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic import errors as said
from dtsen_spark.synthetic.delivery import MODES, PERSON, Delivery, World, number, text
from dtsen_spark.synthetic.sources.regsosek import relation
from dtsen_spark.synthetic.sources.visited import age_on, dated, listed, poor

SOURCE = "dtks"
AS_OF = date(2024, 6, 30)
_ID = 1181783497


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of dtks/rumah_tangga and dtks/anggota."""
    rates = world.profile.sources.dtks
    return [
        Delivery("dtks/rumah_tangga", households(world), AS_OF, world.count * rates.coverage, rates.broken),
        Delivery(
            "dtks/anggota", members(world), AS_OF, world.living * rates.coverage, rates.broken, person_key="id_art"
        ),
    ]


def _merged(world: World) -> Column:
    # Families 2n and 2n + 1 are neighbours; such a pair is listed as one household, or not at all.
    pair = F.floor(F.col("family") / 2)
    partner = F.col("family") + 1 - 2 * (F.col("family") % 2)
    return world.draws.chance("dtks/merged", world.profile.sources.dtks.merged, pair) & (partner < world.count)


def _covered(world: World) -> Column:
    coverage = world.profile.sources.dtks.coverage
    pair = world.draws.chance("dtks/pair", coverage, F.floor(F.col("family") / 2))
    return F.when(_merged(world), pair).otherwise(poor(world, SOURCE, F.col("family")))


def _household_id(world: World) -> Column:
    first = F.when(_merged(world), F.col("family") - F.col("family") % 2).otherwise(F.col("family"))
    return F.concat(F.lit("RT"), number(first, _ID))


def _card(world: World) -> Column:
    """Return the number of the family card that DTKS knows: the new one in half of the cases."""
    draws, rates, family = world.draws, world.profile.sources.dtks, F.col("family")
    known = F.when(draws.uniform("dtks/card", family) < 0.5, F.col("no_kk")).otherwise(F.col("no_kk_2022"))
    return F.when(~draws.chance("dtks/kk", rates.kk_missing, family), known)


def households(world: World) -> DataFrame:
    """Return one row a listed household."""
    family = F.col("family")
    first_of_pair = ~_merged(world) | (family % 2 == 0)
    old_code = world.draws.uniform("dtks/code", family) < 0.5
    place = F.when(F.col("moved") | old_code, F.col("past_village")).otherwise(F.col("village"))
    return world.dwellings.visited(world.families.where(_covered(world) & first_of_pair), SOURCE).select(
        _household_id(world).alias("id_rt"),
        _card(world).alias("no_kk"),
        place.alias("kode_wilayah"),
        F.col("address").alias("alamat"),
        *(column.alias(name) for name, column in world.dwellings.dtks().items()),
    )


def members(world: World) -> DataFrame:
    """Return one row a listed member."""
    person, age = F.col("person"), age_on(AS_OF)
    changed = F.when(_card(world) != F.col("no_kk"), "kk_changed")
    second = _merged(world) & (F.col("family") % 2 == 1)
    education = F.when(F.col("in_school"), F.col("school_level")).otherwise(F.col("education"))
    return listed(world, SOURCE, AS_OF, _covered(world), changed).select(
        F.concat(F.lit("AR"), number(person * 2 + F.col("repeat"), _ID)).alias("id_art"),
        _household_id(world).alias("id_rt"),
        F.col(said.NIK).alias("nik"),
        _card(world).alias("no_kk"),
        F.col(said.NAME).alias("nama"),
        F.when(F.col(said.MALE), "1").otherwise("2").alias("jenis_kelamin"),
        F.col("birth_place").alias("tempat_lahir"),
        dated("d-m-y").alias("tanggal_lahir"),
        F.col(said.MOTHER).alias("nama_ibu"),
        F.when(second, "8").otherwise(relation()).alias("hub_krt"),
        F.col("marital").alias("status_kawin"),
        # 1 SD, 4 SMP, 7 SMA, 10 higher; who has not finished primary school attended it.
        F.get(F.split(F.lit(",1,1,4,7,10,10,10,10"), ","), education).alias("pendidikan"),
        F.when(F.col("in_school"), "1").when(F.col("education") == 0, "0").otherwise("2").alias("sekolah"),
        F.when(age >= 5, F.when(F.col("works"), "1").otherwise("2")).alias("bekerja"),
        F.col("status").alias("status_kerja"),
        text(F.least(F.col("disability"), F.lit(8))).alias("cacat"),
        text(F.least(F.col("chronic") - 1, F.lit(8))).alias("penyakit_kronis"),
        F.when(~F.col("male") & age.between(10, 49), F.when(F.col("pregnant"), "1").otherwise("2")).alias("hamil"),
        person.alias(PERSON),
        F.col(said.MODES).alias(MODES),
    )
