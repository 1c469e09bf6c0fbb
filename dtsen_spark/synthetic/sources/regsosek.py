"""Regsosek 2022: nearly every family by its card, where it lived at the visit, in BPS codes."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic import errors as said
from dtsen_spark.synthetic.delivery import MODES, PERSON, Delivery, World, number, text
from dtsen_spark.synthetic.sources.visited import age_on, listed
from dtsen_spark.tables import LANDING

SOURCE = "regsosek"
AS_OF = date(2022, 11, 14)
_ID = 2654435761


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of regsosek/keluarga and regsosek/anggota."""
    rates = world.profile.sources.regsosek
    return [
        Delivery("regsosek/keluarga", families(world), AS_OF, world.count * rates.coverage, rates.broken),
        Delivery(
            "regsosek/anggota",
            members(world),
            AS_OF,
            world.living * rates.coverage,
            rates.broken,
            person_key="id_anggota",
        ),
    ]


def covered(world: World) -> Column:
    """Return whether the visit found the family."""
    return world.draws.chance("regsosek/covers", world.profile.sources.regsosek.coverage, F.col("family"))


def _family_id() -> Column:
    return F.concat(F.lit("RS"), number(F.col("family"), _ID))


def record_key(repeat: Column) -> Column:
    """Return the native key of a member's record."""
    return F.concat(F.lit("RA"), number(F.col("person") * 2 + repeat, _ID))


def families(world: World) -> DataFrame:
    """Return one row a listed family."""
    draws, rates, family = world.draws, world.profile.sources.regsosek, F.col("family")
    missing = draws.chance("regsosek/kk", rates.kk_missing, family)
    return world.dwellings.visited(world.families.where(covered(world)), SOURCE).select(
        _family_id().alias("id_keluarga"),
        F.when(~missing, F.col("no_kk_2022")).alias("no_kk"),
        F.col("past_bps").alias("kode_desa_bps"),
        F.lpad(text(F.col("neighbourhood") % 40 + 1), 4, "0").alias("sls"),
        F.col("address").alias("alamat"),
        F.when(F.col("kind") == "X", "1").otherwise("0").alias("r115"),
        F.lit("1").alias("r205"),
        *(column.alias(name) for name, column in world.dwellings.regsosek().items()),
    )


def members(world: World) -> DataFrame:
    """Return one row a listed member."""
    person = F.col("person")
    changed = F.when(F.col("no_kk") != F.col("no_kk_2022"), "kk_changed")
    items = {
        "r404": F.when(F.col("abroad"), "4").otherwise("1"),
        "r405": F.when(F.col(said.MALE), "1").otherwise("2"),
        "tgl_lahir": F.lpad(text(F.col(said.DAY)), 2, "0"),
        "bln_lahir": F.lpad(text(F.col(said.MONTH)), 2, "0"),
        "thn_lahir": text(F.col(said.YEAR)),
        **person_items(world, age_on(AS_OF)),
    }
    columns = LANDING["regsosek/anggota"].columns
    return listed(world, SOURCE, AS_OF, covered(world), changed).select(
        record_key(F.col("repeat")).alias("id_anggota"),
        _family_id().alias("id_keluarga"),
        F.col(said.NIK).alias("nik"),
        F.col(said.NAME).alias("nama"),
        *(items[name].alias(name) for name in columns if name in items),
        person.alias(PERSON),
        F.col(said.MODES).alias(MODES),
    )


def person_items(world: World, age: Column) -> dict[str, Column]:
    """Return the items of block IV that hang on the person alone, on a day when it was ``age`` years old."""
    draws, person, level = world.draws, F.col("person"), _level(age)
    own_business = F.col("works") & F.col("status").isin("1", "2", "3")
    difficulty = {
        f"r428{letter}": F.when((F.col("disability") == place) & (age >= 2), text(F.col("severity"))).when(
            age >= 2, "4"
        )
        for place, letter in enumerate("abcdefghi", start=1)
    }
    certificate = draws.uniform("certificate", person)
    return {
        "r408": F.col("marital"),
        "r409": relation(),
        "r410": F.when(~F.col("male") & age.between(10, 49), F.when(F.col("pregnant"), "1").otherwise("2")),
        "r411": F.when(age < 17, F.when(certificate < 0.9, "1").otherwise("0"))
        .when(certificate < 0.5, "5")
        .otherwise("4"),
        "r412": F.when(level == "0", "1").when(F.col("in_school"), "2").otherwise("3"),
        "r413": F.when(level != "0", level),
        "r414": F.when(level != "0", _grade(draws.uniform("grade", person))),
        "r416a": F.when(age >= 5, F.when(F.col("works"), "1").otherwise("2")),
        "r416b": text(F.col("hours")),
        "r417": F.col("sector"),
        "r418": F.col("status"),
        "r419": F.when(age >= 15, F.when(F.col("status").isin("4", "5"), "1").otherwise("2")),
        "r420": F.when(age >= 15, F.when(own_business, "1").otherwise("2")),
        "r425": F.when(own_business, _turnover()),
        "r427": F.when(age < 5, F.when(F.col("stunted"), "2").otherwise("3")),
        **difficulty,
        "r428j": F.when(age >= 2, text(4 - F.floor(F.pow(draws.uniform("sadness", person), F.lit(6)) * 4))),
        "r429": F.when((F.col("disability") > 0) & (age >= 2), "1"),
        "r430": text(F.col("chronic")),
        "r431a": _health_cover(),
        "r431f": F.when(F.col("jobs_cover"), F.when(F.col("status").isin("4", "5"), "7").otherwise("3")).otherwise("0"),
    }


def relation() -> Column:
    """Return the relation to the head of the family card in eight codes (items 409 and hub_krt)."""
    role = F.col("role")
    return (
        F.when(role == "HEAD", "1")
        .when(role == "SPOUSE", "2")
        .when(role.isin("CHILD", "MARRIED_CHILD"), "3")
        .when(role == "CHILD_IN_LAW", "4")
        .when(role == "GRANDCHILD", "5")
        .when(role == "PARENT", "6")
        .otherwise("8")
    )


def _level(age: Column) -> Column:
    """Return item 413: the level attended now or last; 0 = never at school."""
    done, now = F.col("education"), F.col("school_level")
    names = F.split(F.lit("0,3,3,8,13,18,19,21,22"), ",")
    return F.when(age < 5, "0").otherwise(F.get(names, F.when(F.col("in_school"), now).otherwise(done)))


def _grade(draw: Column) -> Column:
    """Return item 414: class 1 to 7, 8 = finished."""
    finished = ~F.col("in_school") & (F.col("education") != 1)
    return F.when(finished, "8").otherwise(text(F.floor(draw * 3) + 1))


def _turnover() -> Column:
    return F.when(F.col("welfare") < 0.6, "1").when(F.col("welfare") < 1.5, "2").otherwise("3")


def _health_cover() -> Column:
    cover = F.col("health_cover")
    return F.when(cover == "PBI", "1").when(cover.isin("PBPU", "BP"), "2").when(cover == "PPU", "4").otherwise("0")
