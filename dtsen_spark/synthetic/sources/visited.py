"""What the three sources that visit families have in common: whom they list, and what they get wrong."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.delivery import World
from dtsen_spark.synthetic.errors import DAY, MONTH, YEAR, erring
from dtsen_spark.synthetic.families import LISTED_UNTIL


def listed(world: World, source: str, as_of: date, covered: Column, *more: Column) -> DataFrame:
    """Return the persons that a source lists, with what it writes of them.

    Args:
        world: The nation.
        source: Name of the source.
        as_of: Day of its visits: nobody born later is listed.
        covered: Whether the source lists the family.
        more: Further error modes, null where they do not hold.

    Returns:
        One row a record: the person's columns, ``repeat`` (1 for a second listing), ``said_*`` and ``error_mode``.
        An update of the family lists those born until then too.
    """
    rates, draws = world.profile.source(source), world.draws
    person = F.col("person")
    kept = draws.chance(f"{source}/dead kept", rates.deceased_kept, person)
    known = F.col("birth_date") <= F.greatest(F.lit(as_of), F.col(LISTED_UNTIL))
    here = (F.col("copy") == 0) & known & covered & (F.col("alive") | kept)
    twice = F.col("alive") & (F.col("role") != "HEAD") & draws.chance(f"{source}/twice", rates.duplicate, person)
    repeats = F.when(twice, F.array(F.lit(0), F.lit(1))).otherwise(F.array(F.lit(0)))
    modes = F.array(
        F.when(~F.col("alive"), "deceased_not_removed"),
        F.when(F.col("repeat") == 1, "duplicate_record"),
        F.when(F.col("moved"), "moved"),
        *more,
    )
    records = world.persons.where(here).withColumn("repeat", F.explode(repeats)).withColumn("more_modes", modes)
    return erring(records, source, rates, draws, as_of)


def poor(world: World, source: str, family: Column) -> Column:
    """Return whether a targeted source lists a family: the poorer rather than the better-off, with mistakes."""
    rates, draws = world.profile.source(source), world.draws
    sight = 0.6
    score = F.col("welfare_total") + sight * draws.normal(f"{source}/sight", family)
    return draws.below(score, rates.coverage, sd=(1 + sight * sight) ** 0.5)


def dated(pattern: str) -> Column:
    """Return the written birth date; ``pattern`` has ``d``, ``m`` and ``y``, such as ``d-m-y``."""
    parts = {"d": F.lpad(F.col(DAY).cast("string"), 2, "0"), "m": F.lpad(F.col(MONTH).cast("string"), 2, "0")}
    parts["y"] = F.col(YEAR).cast("string")
    return F.concat(*(parts.get(sign, F.lit(sign)) for sign in pattern))


def age_on(day: date) -> Column:
    """Return the age in years on a day."""
    return F.greatest(F.floor(F.months_between(F.lit(day), F.col("birth_date")) / 12).cast("int"), F.lit(0))
