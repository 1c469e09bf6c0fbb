"""Dukcapil: every registered resident, and the dead, those abroad and second registrations on file."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.delivery import MODES, PERSON, Delivery, World, text


def deliver(world: World) -> list[Delivery]:
    """Return the delivery of dukcapil/penduduk."""
    return [
        Delivery(
            "dukcapil/penduduk",
            residents(world),
            world.today,
            world.living,
            world.profile.sources.dukcapil.broken,
            person_key="nik",
        )
    ]


def residents(world: World) -> DataFrame:
    """Return the registry: one row a NIK."""
    draws, rates, person = world.draws, world.profile.registry, F.col("person")
    twice = F.col("copy") == 1
    inactive = F.col("alive") & (
        (twice & draws.chance("second found", rates.second_number_found, person))
        | (~twice & draws.chance("inactive", rates.inactive, person))
    )
    kept = ~F.col("alive") & draws.chance("dukcapil/dead kept", rates.deceased_kept, person)
    status = F.when(~F.col("alive") & ~kept, "2").when(F.col("abroad"), "3").when(inactive, "4").otherwise("1")
    modes = F.array_join(
        F.array_compact(F.array(F.when(kept, "deceased_not_removed"), F.when(twice, "second_number"))), ","
    )
    registered = world.persons.where("registered")
    return registered.select(
        "nik",
        "no_kk",
        F.col("name").alias("nama"),
        F.when(F.col("male"), "1").otherwise("2").alias("jenis_kelamin"),
        F.col("birth_place").alias("tempat_lahir"),
        text(F.col("birth_date")).alias("tanggal_lahir"),
        _relation().alias("shdk"),
        F.col("marital").alias("status_kawin"),
        _education().alias("pendidikan"),
        _occupation(world).alias("pekerjaan"),
        F.col("mother_name").alias("nama_ibu"),
        F.col("mother_nik").alias("nik_ibu"),
        F.col("father_name").alias("nama_ayah"),
        F.col("father_nik").alias("nik_ayah"),
        F.col("address").alias("alamat"),
        "rt",
        "rw",
        F.col("village").alias("kode_wilayah"),
        status.alias("status"),
        F.when(status == "2", text(F.col("death_date")))
        .when(status.isin("3", "4"), text(F.date_sub(F.lit(world.today), draws.whole("status day", 30, 900, person))))
        .alias("tanggal_status"),
        person.alias(PERSON),
        modes.alias(MODES),
    )


def _relation() -> Column:
    role = F.col("role")
    return (
        F.when(role == "HEAD", "1")
        .when(role == "SPOUSE", F.when(F.col("male"), "2").otherwise("3"))
        .when(role.isin("CHILD", "MARRIED_CHILD"), "4")
        .when(role == "CHILD_IN_LAW", "5")
        .when(role == "GRANDCHILD", "6")
        .when(role == "PARENT", "7")
        .otherwise("11")
    )


def _education() -> Column:
    # 0 never, 1 not finished, 2 primary, 3 lower, 4 upper secondary, 5 diploma, 6 bachelor, 7 master, 8 doctor.
    return F.get(F.split(F.lit("1,2,3,4,5,7,8,9,10"), ","), F.col("education"))


def _occupation(world: World) -> Column:
    """Return the occupation on the card: what the person once said, often stale."""
    draws, person, status, sector = world.draws, F.col("person"), F.col("status"), F.col("sector")
    age, female = F.col("age"), ~F.col("male")
    state = F.when(draws.uniform("uniform", person) < 0.84, "5").when(F.col("male"), "6").otherwise("16")
    farmer = F.when(sector == "4", F.when(status == "6", "21").otherwise("11")).otherwise(
        F.when(status == "6", "20").otherwise("9")
    )
    town = (
        F.when(status == "4", F.when(draws.uniform("honorary", person) < 0.06, "18").otherwise("15"))
        .when(status == "7", F.when(sector == "11", "26").when(sector == "25", "23").otherwise("19"))
        .when(sector == "12", F.when(draws.uniform("trader", person) < 0.5, "84").otherwise("88"))
        .when(sector == "13", "81")
        .otherwise("88")
    )
    stale = F.col("works") & draws.chance("stale occupation", 0.12, person)
    return (
        F.when(F.col("in_school"), "3")
        .when(stale, draws.one_of("stale as", ("88", "15", "9", "19", "1"), person))
        .when(draws.chance("village official", 0.003, person) & F.col("works") & ~F.col("urban"), "85")
        .when(status == "5", state)
        .when(sector.isin("1", "2", "3", "4", "5", "6"), farmer)
        .when(F.col("works"), town)
        .when((age >= 58) & (F.col("education") >= 4), "4")
        .when(female & (F.col("marital") != "1"), "2")
        .otherwise("1")
    )
