"""The model's inputs: the 39 indicators as numbers, by the same code for families and surveyed households.

Every feature is an integer number of hundredths (``log`` of 4 members = 139), so that sums over households are exact
whatever the order of the rows. A feature is null where its indicator is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.codes import Indicator, Kind, Level, asked_by, code_list, indicators
from dtsen_spark.tables import LINKED_SOURCES
from dtsen_spark.welfare.model import LISTED
from dtsen_spark.welfare.provenance import ORIGINS, origin_column, origin_map, packed_origin, traced_indicators

# Key of a family or surveyed household inside this package.
UNIT: Final = "unit"
HUNDREDTHS: Final = 100
_CHILD_BELOW: Final = 15
_OLD_FROM: Final = 65  # dependants are below 15 or from 65 (BPS: angka ketergantungan)
_NUCLEAR: Final = ("HEAD", "SPOUSE", "CHILD")
_OF_EVERYBODY: Final = frozenset({c.AGE, c.URBAN, c.MEMBERS})
_OF_CUSTOMERS: Final = frozenset({c.POWER})
_MANY: Final = 20  # beyond twenty animals or members the form's counts say "many"


class Block(StrEnum):
    """Which deliveries know a feature, as the code lists say; each is known to fewer than the one before.

    A family of which a whole block is unknown is scored without it.
    """

    PERSON = "person"  # the population registry, or every record
    UTILITY = "utility"  # the electricity company's list of customers, and every form of a visit
    DWELLING = "dwelling"  # every form of a visit
    ASSET = "asset"  # the long forms
    VISIT = "visit"  # the longest form only


# The source of the shortest form that tells each block from the next.
_TELLING: Final[Mapping[Block, str]] = {Block.PERSON: "dukcapil", Block.DWELLING: "p3ke", Block.ASSET: "dtks"}


@dataclass(frozen=True)
class Feature:
    """One number of the model.

    Attributes:
        name: Its name in the model.
        indicator: Indicator that it is made of.
        block: Delivery that knows it.
        value: Integer expression, hundredths: over a unit's columns, or an aggregate over its members.
        of_members: Whether ``value`` is an aggregate over members.
        demographic: Known of everybody: alone it says too little to rank a family.
    """

    name: str
    indicator: str
    block: Block
    value: Column
    of_members: bool
    demographic: bool = False

    @property
    def column(self) -> str:
        """Its column in a design frame."""
        return f"x_{self.name}"


def features() -> tuple[Feature, ...]:
    """Return every feature, in the order of the indicators.

    Needs a running Spark session: the expressions are built here.

    Raises:
        ConfigError: The list of indicators breaks its rules.
    """
    found: list[Feature] = []
    for indicator in indicators():
        made = _person(indicator) if indicator.level is Level.PERSON else _family(indicator)
        found.extend(made)
    return tuple(found)


def block_of(indicator: Indicator) -> Block:
    """Return the block of an indicator's features, by the sources that the code lists name."""
    if indicator.name in _OF_CUSTOMERS:
        return Block.UTILITY
    sources = asked_by(indicator.name)
    if indicator.name in _OF_EVERYBODY:
        return Block.PERSON
    return next((block for block, source in _TELLING.items() if source in sources), Block.VISIT)


def tier(name: str) -> Column:
    """Return the tier of a category, hundredths; null where it is unknown or not in the list."""
    pairs = ",".join(f"{code.code}:{code.tier * HUNDREDTHS}" for code in code_list(name).codes)
    # One literal, folded once into a map: shorter code than a chain of conditions.
    return F.try_element_at(F.str_to_map(F.lit(pairs), F.lit(","), F.lit(":")), F.col(name)).cast("long")


def _log(number: Column) -> Column:
    # floor(x + 1/2): the JVM's log is the same on every machine, and no decimal is made.
    return F.floor(F.log(number) * HUNDREDTHS + 0.5)


def _known(number: Column, bounded: Column) -> Column:
    # ``least`` and ``greatest`` pass over nulls: an unknown number would become the bound.
    return F.when(number.isNotNull(), bounded)


def _hundredths(flag: Column) -> Column:
    return F.when(flag, F.lit(HUNDREDTHS)).when(~flag, F.lit(0)).cast("long")


def _share(flag: Column) -> Column:
    """Hundredths of the members for whom a flag is known that have it."""
    known = F.count(flag)
    return F.when(known > 0, F.floor(F.count_if(flag) * HUNDREDTHS / known + 0.5)).cast("long")


def _of_head(value: Column) -> Column:
    return F.max(F.when(F.col(c.RELATION) == "HEAD", value))


def _person(indicator: Indicator) -> list[Feature]:
    name = indicator.name
    here = F.col(name)

    def made(suffix: str, value: Column, *, demographic: bool = False) -> Feature:
        return Feature(f"{name}_{suffix}", name, block_of(indicator), value.cast("long"), True, demographic)

    adult = F.col(c.AGE) >= _CHILD_BELOW
    own_rule = {
        c.AGE: lambda: [
            made("head", _of_head(here.cast("long") * 10), demographic=True),  # decades
            made("head_squared", _of_head(here.cast("long") * here), demographic=True),
            made("children", _share(here < _CHILD_BELOW), demographic=True),
            made("old", _share(here >= _OLD_FROM), demographic=True),
        ],
        c.SEX: lambda: [made("head_woman", _of_head(_hundredths(here == "P")), demographic=True)],
        c.RELATION: lambda: [made("beyond_nuclear", _share(~here.isin(*_NUCLEAR)), demographic=True)],
        c.MARITAL: lambda: [made("head_married", _of_head(_hundredths(here == "MARRIED")), demographic=True)],
        c.EDUCATION: lambda: [
            made("head", _of_head(tier(name))),
            made("mean", F.floor(F.avg(F.when(adult, tier(name))) + 0.5)),
        ],
    }
    if name in own_rule:
        return own_rule[name]()
    if indicator.kind is Kind.CATEGORY:
        return [made("best", F.max(tier(name)))]
    return [made("share", _share(here))]


def _family(indicator: Indicator) -> list[Feature]:
    name, block = indicator.name, block_of(indicator)
    here = F.col(name)
    if name in {c.URBAN, c.MEMBERS}:
        value = _hundredths(here) if name == c.URBAN else _log(_known(here, F.least(here, F.lit(_MANY))))
        return [Feature(name, name, block, value, False, demographic=True)]
    if indicator.kind is Kind.CATEGORY:
        return [Feature(name, name, block, tier(name), False)]
    if indicator.kind is Kind.FLAG:
        return [Feature(name, name, block, _hundredths(here), False)]
    if indicator.kind is Kind.NUMBER:
        return [Feature(name, name, block, _log(_known(here, F.greatest(here, F.lit(1)))), False)]
    count = _known(here, F.least(F.greatest(here, F.lit(0)), F.lit(_MANY)))
    return [Feature(name, name, block, _log(1 + count), False)]


def design(units: DataFrame, members: DataFrame, carried: tuple[str, ...], *, traced: bool = False) -> DataFrame:
    """Compute the features of families or of surveyed households.

    Args:
        units: One row for each unit: ``unit``, ``members``, ``urban`` and the family indicators.
        members: One row for each member: ``unit`` and the person indicators.
        carried: Columns of ``units`` to keep.
        traced: Both have ``source_of`` (and ``members`` has ``person_id`` and ``sources``): say where each indicator
            came from, who the members are and who knows them.

    Returns:
        One row for each unit: ``unit``, the carried columns, one long column for each feature (hundredths); traced:
        ``member_hash``, ``listed`` (which lists know any member) and one origin (``provenance.packed_origin``) for each
        indicator that has one.
    """
    all_features = features()
    of_members, of_unit = ([f for f in all_features if f.of_members is wanted] for wanted in (True, False))
    people = member_features(members, of_members, traced=traced)
    origins = [packed_origin(n).alias(origin_column(n)) for n in traced_indicators(Level.FAMILY)] if traced else []
    # Parsed once, in a step of its own: not once for each indicator.
    parsed = units.withColumn(ORIGINS, origin_map(F.col(c.SOURCE_OF))) if traced else units
    own = parsed.select(UNIT, *carried, *(f.value.cast("long").alias(f.column) for f in of_unit), *origins)
    # unit : its members' features is 1 : 0..1 (a unit without members has none).
    return own.join(people, UNIT, "left")


def member_features(members: DataFrame, wanted: Sequence[Feature], *, traced: bool = False) -> DataFrame:
    """Aggregate the features that are made of a unit's members, in one shuffle.

    Args:
        members: One row for each member: ``unit`` and the person indicators.
        wanted: Features of members.
        traced: As in ``design``.

    Returns:
        One row for each unit that has members: ``unit``, the features; traced: ``member_hash``, ``listed`` and origins.
    """
    aggregates = [feature.value.alias(feature.column) for feature in wanted]
    if traced:
        members = members.withColumn(ORIGINS, origin_map(F.col(c.SOURCE_OF)))
        # Exclusive or: does not hang on the order of the members; no pair of members cancels, for a person is once.
        aggregates.append(F.bit_xor(F.xxhash64(c.PERSON_ID)).alias(c.MEMBER_HASH))
        aggregates.append(F.bit_or(_listed()).alias(LISTED))
        # The oldest value among the members: what the family's figure is only as fresh as.
        aggregates += [
            F.min(packed_origin(name)).alias(origin_column(name)) for name in traced_indicators(Level.PERSON)
        ]
    return members.groupBy(UNIT).agg(*aggregates)


def _listed() -> Column:
    """Which lists know a person, one bit for each of ``tables.LINKED_SOURCES``."""
    known = (F.array_contains(c.SOURCES, source).cast("int") * (1 << bit) for bit, source in enumerate(LINKED_SOURCES))
    return reduce(Column.bitwiseOR, (F.coalesce(one, F.lit(0)) for one in known))
