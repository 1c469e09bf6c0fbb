"""P3KE: couples with their children, so that a card of several couples is several families."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic import errors as said
from dtsen_spark.synthetic.delivery import MODES, PERSON, Delivery, World, number
from dtsen_spark.synthetic.sources.visited import dated, listed, poor

SOURCE = "p3ke"
AS_OF = date(2021, 12, 31)
_ID = 3266489917


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of p3ke/keluarga and p3ke/individu."""
    rates = world.profile.sources.p3ke
    return [
        Delivery("p3ke/keluarga", families(world), AS_OF, world.count * rates.coverage, rates.broken),
        Delivery(
            "p3ke/individu",
            members(world),
            AS_OF,
            world.living * rates.coverage,
            rates.broken,
            person_key="id_individu",
        ),
    ]


def _family_id(couple: Column) -> Column:
    return F.concat(F.lit("PK"), number(F.col("family") * 2 + couple, _ID))


def families(world: World) -> DataFrame:
    """Return one row a couple's family."""
    couples = F.when(F.col("kind") == "X", F.array(F.lit(0), F.lit(1))).otherwise(F.array(F.lit(0)))
    listed_families = world.dwellings.visited(world.families.where(poor(world, SOURCE, F.col("family"))), SOURCE)
    return listed_families.withColumn("couple", F.explode(couples)).select(
        _family_id(F.col("couple")).alias("id_keluarga"),
        F.col("past_village").alias("kode_wilayah"),
        F.col("address").alias("alamat"),
        *(column.alias(name) for name, column in world.dwellings.p3ke().items()),
    )


def members(world: World) -> DataFrame:
    """Return one row a listed member."""
    role, person = F.col("role"), F.col("person")
    young = role.isin("MARRIED_CHILD", "CHILD_IN_LAW", "GRANDCHILD")
    relation = (
        F.when(young, F.when(role == "GRANDCHILD", "3").when(F.col("male"), "1").otherwise("2"))
        .when(role == "HEAD", "1")
        .when(role == "SPOUSE", "2")
        .when(role == "CHILD", "3")
        .otherwise("4")
    )
    cover = F.col("health_cover")
    return listed(world, SOURCE, AS_OF, poor(world, SOURCE, F.col("family"))).select(
        F.concat(F.lit("PI"), number(person * 2 + F.col("repeat"), _ID)).alias("id_individu"),
        _family_id(F.when(young, 1).otherwise(0)).alias("id_keluarga"),
        F.col(said.NIK).alias("nik"),
        F.col(said.NAME).alias("nama"),
        F.when(F.col(said.MALE), "L").otherwise("P").alias("jenis_kelamin"),
        dated("d/m/y").alias("tanggal_lahir"),
        relation.alias("hub"),
        F.col("marital").alias("status_kawin"),
        _education().alias("pendidikan"),
        _occupation().alias("pekerjaan"),
        F.when(cover == "PBI", "1").when(cover == "", "4").otherwise("2").alias("jkn"),
        F.when(F.col("abroad"), "3").otherwise("1").alias("keberadaan"),
        person.alias(PERSON),
        F.col(said.MODES).alias(MODES),
    )


def _education() -> Column:
    done, now = F.col("education"), F.col("school_level")
    attending = F.when(now == 2, "3").when(now == 3, "5").when(now == 4, "7").otherwise("9")
    return F.when(F.col("in_school"), attending).otherwise(F.get(F.split(F.lit("1,2,4,6,8,10,10,10,10"), ","), done))


def _occupation() -> Column:
    status, sector = F.col("status"), F.col("sector")
    return (
        F.when(~F.col("works"), "1")
        .when(status == "5", "6")
        .when(sector == "4", "3")
        .when(sector.isin("1", "2", "3", "5", "6"), "2")
        .when(status == "4", "7")
        .when(sector == "12", "4")
        .when(status.isin("1", "2", "3"), "8")
        .otherwise("10")
    )
