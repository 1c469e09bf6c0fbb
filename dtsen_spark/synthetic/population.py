"""Persons: who is in each family, when born, how named and numbered; and what they do."""

from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark.synthetic.draw import Draws, by_share
from dtsen_spark.synthetic.names import Names
from dtsen_spark.synthetic.nation import Nation
from dtsen_spark.synthetic.profile import Profile

# A person's number is the family's, times this, plus the place in the family.
PLACES: Final = 16
# NIK of 2022 and before carry the region codes of that time (Papua was renumbered).
_RENUMBERED: Final = date(2023, 1, 1)
# Columns of the family that only the making of persons reads.
_FAMILY_ONLY: Final = (
    *("family_line", "family_key", "head_male", "in_neighbourhood", "kids", "child_no", "pool", "schooling"),
    *("youngest_months", "mother_months", "spouse_months", "head_months", "parent_months", "son_in_law_months"),
)


def make_persons(
    families: DataFrame, nation: Nation, profile: Profile, draws: Draws, names: Names, today: date
) -> DataFrame:
    """Make the persons of the families.

    Args:
        families: Of ``make_families``.
        nation: Constants.
        profile: Who is not in the registry, or twice.
        draws: The nation's chance.
        names: Name expressions.
        today: The day on which the nation is true.

    Returns:
        One row an identity: a person, or (``copy`` = 1) the second registration of a person. ``person`` is the
        person's number. The dead of the last six years are among them (``alive`` false). The family's columns
        go along.
    """
    persons = _born(_roles(families, draws), nation, draws, today)
    persons = _named(persons, draws, names)
    persons = _registered(persons, profile, draws)
    persons = _numbered(persons, nation, draws)
    return _related(schooled(persons, nation, draws, today), profile, draws, names)


def _roles(families: DataFrame, draws: Draws) -> DataFrame:
    size, kind = F.col("size"), F.col("kind")
    places = F.concat(
        F.sequence(F.lit(1), size), F.when(F.col("dead"), F.array(size + 1)).otherwise(F.array().cast("array<int>"))
    )
    place = F.col("place")
    exploded = families.withColumn("place", F.explode(places))
    role = (
        F.when(place > size, F.when(kind.isin("L", "S"), "SPOUSE").otherwise("PARENT"))
        .when(place == 1, "HEAD")
        .when(kind.isin("C", "P", "X") & (place == 2), "SPOUSE")
        .when((kind == "Q") | ((kind == "P") & (place == size)), "PARENT")
        .when((kind == "X") & (place == 3), "MARRIED_CHILD")
        .when((kind == "X") & (place == 4), "CHILD_IN_LAW")
        .when(kind == "X", "GRANDCHILD")
        .otherwise("CHILD")
    )
    f = F.col("family")
    # Place of the first child, less one: children are counted from the eldest.
    before = F.when(kind == "L", 1).when(kind == "X", 4).otherwise(2)
    child = F.col("role").isin("CHILD", "GRANDCHILD")
    son = draws.chance("son brings wife", 0.5, f)
    person = F.col("family") * PLACES + place
    male = (
        F.when(F.col("role") == "HEAD", F.col("head_male"))
        .when(F.col("role") == "SPOUSE", ~F.col("head_male"))
        .when(F.col("role") == "MARRIED_CHILD", son)
        .when(F.col("role") == "CHILD_IN_LAW", ~son)
        .when(F.col("role") == "PARENT", draws.chance("father", 0.3, f))
        .otherwise(draws.chance("boy", 0.512, person))
    )
    return exploded.withColumns({"role": role, "alive": place <= size, "person": person}).withColumns(
        {"child_no": F.when(child, place - before), "male": male}
    )


def _born(persons: DataFrame, nation: Nation, draws: Draws, today: date) -> DataFrame:
    """Add birth and death. Twins share the draw of the day; so do the heads of a hard-negative pair."""
    person, role = F.col("person"), F.col("role")
    births = nation.births
    twin = (F.col("child_no") % 2 == 0) & draws.chance("twin", nation.families.twin_of_even_child, person)
    child = F.col("child_no") - F.when(twin, 1).otherwise(0)
    key = (
        F.when(F.col("paired") & (role == "HEAD"), F.col("family_key"))
        .when(F.col("child_no").isNotNull() & twin, person - 1)
        .otherwise(person)
    )
    keyed = persons.withColumns({"birth_key": key, "nth": child})
    key = F.col("birth_key")
    months = (
        F.when(
            F.col("child_no").isNotNull(),
            F.greatest(
                F.lit(0),
                F.col("youngest_months") + 36 * (F.col("kids") - F.col("nth")) + draws.whole("spacing", -9, 9, key),
            ),
        )
        .when(~F.col("alive"), F.col("head_months") + F.when(role == "PARENT", 300).otherwise(24))
        .when(role == "HEAD", F.col("head_months"))
        .when(role == "SPOUSE", F.col("spouse_months"))
        .when(role == "PARENT", F.col("parent_months"))
        # Of the young couple the woman is the grandchildren's mother.
        .when(F.col("male"), F.col("son_in_law_months"))
        .otherwise(F.col("mother_months"))
    )
    real = F.date_sub(
        F.add_months(F.lit(today), -F.least(months, F.lit(99 * 12)).cast("int")), draws.whole("day", 0, 27, key)
    )
    born = keyed.withColumn("born", real)
    year = F.year("born")
    poor = F.substring("kab", 1, 2).isin([str(code) for code in births.poor_record_provinces])
    share = (
        F.when(year < 1965, births.heaped[0])
        .when(year < 1980, births.heaped[1])
        .when(year < 1995, births.heaped[2])
        .otherwise(births.heaped[3])
    ) * F.when(poor & ~F.col("paired"), births.poor_record_factor).otherwise(1.0)
    which = draws.uniform("office date", key)
    office = (
        F.when(which < births.july, F.make_date(year, F.lit(7), F.lit(1)))
        .when(which < births.july + births.december, F.make_date(year, F.lit(12), F.lit(31)))
        .otherwise(F.make_date(year, F.lit(1), F.lit(1)))
    )
    office = F.when(office < F.lit(today), office)
    registered = F.when(draws.uniform("heaped", key) < share, F.coalesce(office, F.col("born"))).otherwise(
        F.col("born")
    )
    died = F.date_sub(F.lit(today), draws.whole("died", 5, 2190, person))
    return born.withColumns(
        {
            "birth_date": registered,
            "death_date": F.when(~F.col("alive"), F.greatest(died, F.col("born"))),
            "twin": twin & F.col("child_no").isNotNull(),
            "family_line": F.when(role.isin("SPOUSE", "CHILD_IN_LAW"), person).otherwise(F.col("family_key")),
        }
    ).drop("born", "nth")


def _named(persons: DataFrame, draws: Draws, names: Names) -> DataFrame:
    person = F.col("person")
    year = F.year("birth_date")
    key = F.when(F.col("paired") & (F.col("role") == "HEAD"), F.col("family_key")).otherwise(person)
    return persons.withColumns(
        {
            "name": names.name(key, F.col("family_line"), F.col("pool"), F.col("male"), year),
        }
    )


def _registered(persons: DataFrame, profile: Profile, draws: Draws) -> DataFrame:
    """Add how the registry knows a person, and the second rows of those registered twice."""
    rates, person = profile.registry, F.col("person")
    plain = F.col("alive") & ~F.col("paired")
    known = ~(plain & draws.chance("not registered", rates.not_registered, person))
    twice = plain & F.col("registered") & draws.chance("second number", rates.second_number, person)
    copies = F.when(twice, F.array(F.lit(0), F.lit(1))).otherwise(F.array(F.lit(0)))
    return persons.withColumn("registered", known).withColumn("copy", F.explode(copies))


def _numbered(persons: DataFrame, nation: Nation, draws: Draws) -> DataFrame:
    """Add the NIK: district of first registration, birth date (women's day + 40), dense serial."""
    families, person, role = nation.families, F.col("person"), F.col("role")
    moves = draws.uniform("registered at", person, F.col("copy"))
    grown = ~role.isin("CHILD", "GRANDCHILD")
    district = (
        F.when((F.col("copy") == 1) | (grown & (moves < families.neighbour_district)), F.col("other_kec"))
        .when(grown & (moves < families.neighbour_district + families.migrant), F.col("origin_kec"))
        .when(F.col("birth_date") >= F.lit(_RENUMBERED), F.col("kec"))
        .otherwise(F.col("kec_2022"))
    )
    corrected = draws.chance("birth date corrected", nation.births.corrected, person) & ~F.col("paired")
    numbered_date = F.when(corrected, F.date_sub("birth_date", draws.whole("correction", 1, 60, person))).otherwise(
        F.col("birth_date")
    )
    migrant = grown & (moves >= families.neighbour_district) & (moves < families.neighbour_district + families.migrant)
    born_at = F.when(migrant, F.col("origin_name")).otherwise(F.col("kab_name"))
    numbered = with_nik(persons.withColumn("birth_place", born_at), district, numbered_date)
    return numbered.drop("birth_key", "other_kec", "origin_kec", "origin_name")


def with_nik(persons: DataFrame, district: Column, birth_date: Column) -> DataFrame:
    """Add the NIK of persons (person, copy, male): district, birth date, and a serial among those who share them."""
    day = F.dayofmonth(birth_date) + F.when(F.col("male"), 0).otherwise(40)
    prefix = F.concat(district, F.lpad(day.cast("string"), 2, "0"), F.date_format(birth_date, "MMyy"))
    serial = F.row_number().over(Window.partitionBy("nik_prefix").orderBy("person", "copy"))
    return (
        persons.withColumn("nik_prefix", prefix)
        .withColumn("nik", F.concat("nik_prefix", F.lpad(serial.cast("string"), 4, "0")))
        .drop("nik_prefix")
    )


def schooled(persons: DataFrame, nation: Nation, draws: Draws, today: date) -> DataFrame:
    """Add schooling, work, health and cover; all follow the family's schooling and welfare."""
    person, welfare, schooling = F.col("person"), F.col("welfare"), F.col("schooling")
    age = F.floor(F.months_between(F.lit(today), "birth_date") / 12).cast("int")
    aged = persons.withColumn("age", F.greatest(age, F.lit(0)))
    age = F.col("age")
    base = F.least(F.greatest(4.5 + (F.year("birth_date") - 1945) * 0.125, F.lit(4.0)), F.lit(12.0))
    years = base + 2.2 * schooling + 1.6 * draws.normal("school years", person)
    # 0 never, 1 primary not finished, 2 primary, 3 lower, 4 upper secondary, 5 diploma, 6 bachelor, 7 master, 8 doctor.
    reached = F.when(years < 1.0, 0).when(years < 5.0, 1).when(years < 8.0, 2).when(years < 10.6, 3)
    reached = (
        reached.when(years < 14.4, 4).when(years < 15.4, 5).when(years < 18.6, 6).when(years < 20.5, 7).otherwise(8)
    )
    possible = F.when(age < 7, 0).when(age < 13, 1).when(age < 16, 2).when(age < 19, 3).when(age < 23, 4).otherwise(8)
    attends = draws.uniform("attends", person)
    in_school = (
        F.when(age < 7, False)
        .when(age < 13, attends < 0.985)
        .when(age < 16, attends < 0.94 + 0.02 * schooling)
        .when(age < 19, attends < 0.74 + 0.10 * schooling)
        .when(age < 23, attends < 0.24 + 0.17 * schooling)
        .otherwise(False)
    ) & F.col("alive")
    done = F.when(F.col("in_school"), F.when(age < 13, 1).when(age < 16, 2).when(age < 19, 3).otherwise(4)).otherwise(
        F.least(reached, possible)
    )
    level = F.when(F.col("in_school"), F.when(age < 13, 2).when(age < 16, 3).when(age < 19, 4).otherwise(6))
    works = (
        F.when((age < 15) | ~F.col("alive"), 0.0)
        .when(F.col("in_school"), 0.06)
        .when(age < 20, 0.40)
        .when(age < 60, F.when(F.col("male"), 0.93).otherwise(0.52))
        .when(age < 75, F.when(F.col("male"), 0.62).otherwise(0.33))
        .otherwise(0.12)
    )
    taught = (
        aged.withColumn("in_school", in_school)
        .withColumns({"education": done, "school_level": level})
        .withColumn("works", draws.uniform("works", person) < works)
    )
    abroad = F.col("alive") & age.between(21, 45) & draws.chance("abroad", nation.families.abroad, person)
    return _employed(taught.withColumn("abroad", abroad), draws, person, welfare)


def _employed(persons: DataFrame, draws: Draws, person: Column, welfare: Column) -> DataFrame:
    education, age, works = F.col("education"), F.col("age"), F.col("works")
    farm_share = F.when(F.col("urban"), 0.08).otherwise(0.48) * F.when(education >= 4, 0.5).otherwise(1.0)
    farms = draws.uniform("farms", person) < farm_share
    # Better-off workers are employees or employers rather than casual hands.
    drawn = draws.uniform("status", person)
    state_share = F.when(education >= 6, 0.28).when(education >= 4, 0.05).otherwise(0.0)
    farm_status = by_share(drawn - 0.08 * welfare, [("6", 0.30), ("8", 0.20), ("1", 0.22), ("2", 0.23)], "3")
    town_status = by_share(
        drawn - 0.10 * welfare, [("7", 0.24), ("8", 0.08), ("1", 0.22), ("2", 0.07), ("4", 0.36)], "3"
    )
    state = draws.uniform("state", person) < state_share
    status = F.when(state, "5").when(farms, farm_status).otherwise(town_status)
    farm_sector = by_share(
        draws.uniform("sector", person), [("1", 0.5), ("2", 0.12), ("3", 0.2), ("4", 0.08), ("5", 0.07)], "6"
    )
    town_sector = by_share(
        draws.uniform("sector", person),
        [("8", 0.22), ("11", 0.10), ("12", 0.28), ("13", 0.08), ("14", 0.11), ("15", 0.02), ("16", 0.02), ("19", 0.02),
         ("21", 0.04), ("22", 0.02), ("24", 0.04), ("25", 0.03)],
        "7",
    )  # fmt: skip
    state_sector = by_share(draws.uniform("sector", person), [("20", 0.55), ("21", 0.30)], "22")
    disabled_share = F.when(age < 40, 0.008).when(age < 60, 0.02).when(age < 75, 0.08).otherwise(0.25)
    chronic_share = F.when(age < 30, 0.015).when(age < 50, 0.07).when(age < 65, 0.20).otherwise(0.33)
    return persons.withColumn("status", F.when(works, status)).withColumns(
        {
            "sector": F.when(works, F.when(state, state_sector).when(farms, farm_sector).otherwise(town_sector)),
            "hours": F.when(works, draws.whole("hours", 8, 60, person)),
            "disability": F.when(
                draws.uniform("disabled", person) < disabled_share, draws.whole("disability", 1, 9, person)
            ).otherwise(0),
            "severity": draws.whole("severity", 1, 3, person),
            "chronic": F.when(
                draws.uniform("chronic", person) < chronic_share, draws.whole("illness", 2, 18, person)
            ).otherwise(1),
            "pregnant": (~F.col("male"))
            & F.col("role").isin("SPOUSE", "CHILD_IN_LAW", "MARRIED_CHILD")
            & age.between(18, 42)
            & draws.chance("pregnant", 0.06, person),
            "stunted": (age < 5) & (draws.uniform("stunted", person) < 0.18 - 0.05 * welfare),
            "marital": _marital(draws, person),
            "health_cover": _health_cover(draws, person, welfare, education),
            "jobs_cover": works
            & F.when(F.col("status") == "4", draws.uniform("jobs cover", person) < 0.55)
            .when(F.col("status") == "5", True)
            .otherwise(draws.uniform("jobs cover", person) < 0.07),
        }
    )


def _marital(draws: Draws, person: Column) -> Column:
    role, kind, age = F.col("role"), F.col("kind"), F.col("age")
    alone = F.when(F.col("dead"), "4").when(draws.uniform("divorced", person) < 0.6, "3").otherwise("4")
    return (
        F.when(role.isin("SPOUSE", "CHILD_IN_LAW", "MARRIED_CHILD"), "2")
        .when(role.isin("CHILD", "GRANDCHILD"), "1")
        .when(role == "PARENT", "4")
        .when(kind.isin("C", "P", "X"), "2")
        .when(kind == "L", alone)
        .when(age < 45, "1")
        .otherwise(alone)
    )


def _health_cover(draws: Draws, person: Column, welfare: Column, education: Column) -> Column:
    # A third of persons have the state pay their premium, the poorer rather than the better-off, with mistakes.
    family = F.col("family")
    poor = welfare + 1.1 * draws.normal("assisted", family) < -0.62
    employee = F.col("works") & (
        (F.col("status") == "5") | ((F.col("status") == "4") & (draws.uniform("employer pays", person) < 0.55))
    )
    own = draws.uniform("own premium", family) < 0.28 + 0.10 * welfare
    return (
        F.when(employee, "PPU")
        .when(poor, "PBI")
        .when(own, F.when(education >= 6, "BP").otherwise("PBPU"))
        .otherwise("")
    )


def _related(persons: DataFrame, profile: Profile, draws: Draws, names: Names) -> DataFrame:
    """Add parents, the head's NIK and a neighbour's NIK: looked up among the family's and neighbourhood's rows."""
    person, kind, role = F.col("person"), F.col("kind"), F.col("role")
    neighbours = Window.partitionBy("neighbourhood").orderBy("person", "copy")
    family = Window.partitionBy("neighbourhood", "family")
    entry = F.struct(
        F.col("place"),
        F.struct(
            F.col("name").alias("name"),
            F.when(F.col("registered"), F.col("nik")).alias("nik"),
            F.col("male").alias("male"),
        ),
    )
    members = F.map_from_entries(F.collect_list(F.when(F.col("copy") == 0, entry)).over(family))
    looked = persons.withColumn(
        "neighbour_nik", F.coalesce(F.lag("nik", 7).over(neighbours), F.lead("nik", 7).over(neighbours), F.col("nik"))
    ).withColumn("members", members)
    size = F.col("size")
    mother = (
        F.when((role == "CHILD") & (kind != "L"), 2)
        .when((role == "CHILD") & ~F.col("head_male"), 1)
        .when(role == "MARRIED_CHILD", 2)
        .when(role == "GRANDCHILD", F.when(F.try_element_at("members", F.lit(3)).getField("male"), 4).otherwise(3))
        .when((role == "HEAD") & kind.isin("P", "Q"), size)
    )
    father = (
        F.when((role == "CHILD") & ((kind != "L") | F.col("head_male")), 1)
        .when(role == "MARRIED_CHILD", 1)
        .when(role == "GRANDCHILD", F.when(F.try_element_at("members", F.lit(3)).getField("male"), 3).otherwise(4))
        .when((role == "HEAD") & kind.isin("P", "Q"), size)
    )

    def parent(place: Column, male: bool) -> Column:
        found = F.try_element_at("members", place)
        return F.when(found.getField("male") == F.lit(male), found)

    # Parents who live elsewhere or are long dead are drawn.
    year = F.year("birth_date")
    mother_drawn = names.name(-person * 4 - 1, -person, F.col("pool"), F.lit(False), year - 26)
    father_drawn = names.name(-person * 4 - 3, F.col("family_line"), F.col("pool"), F.lit(True), year - 30)
    reused = ~F.col("registered") & draws.chance("reused number", profile.registry.reused_nik, person)
    none = ~F.col("registered") & ~reused & draws.chance("no number", profile.registry.no_nik, person)
    return (
        looked.withColumns({"mother": parent(mother, male=False), "father": parent(father, male=True)})
        .withColumns(
            {
                "mother_name": F.coalesce(F.col("mother.name"), mother_drawn),
                "mother_nik": F.col("mother.nik"),
                "father_name": F.coalesce(F.col("father.name"), father_drawn),
                "father_nik": F.col("father.nik"),
                "head_nik": F.try_element_at("members", F.lit(1)).getField("nik"),
                "reused": reused,
                # What the person writes on forms: own number, another's, or none.
                "carried_nik": F.when(reused, F.col("neighbour_nik")).when(~none, F.col("nik")),
            }
        )
        .drop("members", "mother", "father", *_FAMILY_ONLY)
    )
