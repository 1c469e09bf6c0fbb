"""Families: size, kind, ages, place, welfare and family card; the unit that the nation is made of."""

from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from dtsen_spark.synthetic.draw import Draws, by_share, literal_words
from dtsen_spark.synthetic.names import Names
from dtsen_spark.synthetic.nation import Nation
from dtsen_spark.synthetic.places import Settings, Shares, with_places
from dtsen_spark.synthetic.profile import Profile

# Columns that a later month sets: its update lists who was born up to this day, and without the errors of DTKS.
LISTED_UNTIL: Final = "listed_until"
PUT_RIGHT: Final = "put_right"

_BLOCK: Final = 100
_STEP: Final = 37  # coprime to the block, so that sizes alternate inside it

# Kinds by size: S alone, C couple (with children), L lone parent, P couple with a parent, Q adult with a parent,
# X couple with a married child and grandchildren (several couples on one card).
_KINDS: Final[tuple[list[tuple[str, float]], ...]] = (
    [],
    [("C", 0.66), ("L", 0.25)],
    [("C", 0.82), ("L", 0.13)],
    [("C", 0.82), ("L", 0.08)],
    [("C", 0.58), ("P", 0.17)],
)
_STREETS: Final = (
    "MAWAR", "MELATI", "MERDEKA", "SUDIRMAN", "DIPONEGORO", "KENANGA", "RAYA PASAR", "PAHLAWAN", "KARTINI", "TIMUR",
    "SUKAMAJU", "KRAJAN", "SUKASARI", "TENGAH", "LOR", "KIDUL", "TANJUNG", "CENDANA", "MANGGIS", "RAMBUTAN",
)  # fmt: skip
_LAST_KIND: Final = ("S", "Q", "P", "P", "X")


def sizes(nation: Nation) -> list[int]:
    """Return the sizes of one block of 100 families, in the order of their numbers."""
    sorted_sizes = [size for size, n in enumerate(nation.families.size_mix, start=1) for _ in range(n)]
    return [sorted_sizes[(i * _STEP) % _BLOCK] for i in range(_BLOCK)]


def count_families(nation: Nation, persons: int) -> tuple[int, int]:
    """Return how many families hold ``persons`` living persons, and the size of the last one.

    The sizes of a block are fixed, so the count is arithmetic: no pass over the families, and exact.
    """
    block = sizes(nation)
    blocks, rest = divmod(persons, sum(block))
    families = blocks * _BLOCK
    if not rest:
        return families, block[-1]
    for size in block:
        families += 1
        if rest <= size:
            return families, rest
        rest -= size
    raise AssertionError


def make_families(
    spark: SparkSession,
    nation: Nation,
    profile: Profile,
    places: DataFrame,
    shares: Shares,
    draws: Draws,
    names: Names,
    *,
    persons: int,
    today: date,
) -> DataFrame:
    """Make the families of the nation.

    Args:
        spark: The session.
        nation: Constants.
        profile: What happened to families since the visits.
        places: Villages by kab/kota.
        shares: Population of each kab/kota.
        draws: The nation's chance.
        names: Name expressions; they say which pool a family draws from.
        persons: Living persons of the nation.
        today: The day on which the nation is true.

    Returns:
        One row a family (``family`` is its number): place, kind, months of age of those whom others' ages hang on,
        welfare and family cards of today and of 2022; ``listed_until`` (null) and ``put_right`` (false), which later
        months set.
    """
    total, last_size = count_families(nation, persons)
    placed = _placed(spark, nation, profile, places, shares, draws, total)
    size = F.element_at(
        literal_words([str(n) for n in sizes(nation)]), (F.col("family") % _BLOCK).cast("int") + 1
    ).cast("int")
    made = placed.withColumn("size", F.when(F.col("family") == total - 1, last_size).otherwise(size))
    made = _kinds(made, nation, draws)
    made = _ages(made, nation, draws)
    made = made.withColumn("pool", names.pool_of(F.substring("kab", 1, 2), F.col("family_key")))
    made = _cards(addressed(_welfare(made, nation, draws), draws), profile, draws, today)
    return made.withColumns({LISTED_UNTIL: F.lit(None).cast("date"), PUT_RIGHT: F.lit(False)})


def _placed(
    spark: SparkSession, nation: Nation, profile: Profile, places: DataFrame, shares: Shares, draws: Draws, total: int
) -> DataFrame:
    each = nation.families.neighbourhood
    units = -(-total // each)
    neighbourhoods = spark.range(units).select(F.col("id").alias("neighbourhood"))
    families = (
        neighbourhoods.withColumn("kab", shares.kab_of(F.col("neighbourhood"), units))
        .withColumn("in_neighbourhood", F.explode(F.sequence(F.lit(0), F.lit(each - 1))))
        .withColumn("family", F.col("neighbourhood") * each + F.col("in_neighbourhood"))
        .where(F.col("family") < total)
    )
    settings = Settings(
        nation.families.village_neighbourhoods, nation.families.district_neighbourhoods, profile.families.moved
    )
    return with_places(families, places, shares, draws, settings)


def _kinds(families: DataFrame, nation: Nation, draws: Draws) -> DataFrame:
    f, size = F.col("family"), F.col("size")
    drawn = draws.uniform("kind", f)
    kind = F.lit(_LAST_KIND[0])
    for n, (shares, rest) in enumerate(zip(_KINDS, _LAST_KIND, strict=True), start=1):
        kind = F.when(size >= n, by_share(drawn, shares, rest)).otherwise(kind) if n > 1 else kind
    with_kind = families.withColumn("kind", kind)
    kind = F.col("kind")
    pairs = nation.families.district_neighbourhoods
    # Two families of one district, in different villages where there are several: their heads share name and date.
    pair = F.floor(F.col("neighbourhood") / pairs) * nation.families.neighbourhood + F.col("in_neighbourhood")
    paired = (
        (F.col("neighbourhood") % pairs).isin(0, pairs // 2)
        & (kind == "C")
        & draws.chance("hard negative", nation.families.hard_negative, pair)
    )
    return with_kind.withColumns(
        {
            "paired": paired,
            "family_key": F.when(paired, -pair - 1).otherwise(f),
            "kids": F.when(kind == "C", size - 2)
            .when(kind == "L", size - 1)
            .when(kind == "P", size - 3)
            .when(kind == "X", size - 4)
            .otherwise(0),
            "head_male": F.when(kind.isin("C", "P", "X"), True)
            .when(kind == "L", draws.chance("lone father", 0.2, f))
            .when(kind == "S", draws.chance("man alone", 0.45, f))
            .otherwise(draws.chance("man with parent", 0.6, f)),
        }
    )


def _ages(families: DataFrame, nation: Nation, draws: Draws) -> DataFrame:
    """Add months of age: of the youngest child, the children's mother, head, spouse, parent and young couple."""
    f, kind, kids = F.col("family"), F.col("kind"), F.col("kids")

    def months(label: str, low: float, high: float, key: Column = f) -> Column:
        return draws.whole(label, int(low * 12), int(high * 12), key)

    youngest = F.when(kind == "X", months("youngest grandchild", 0, 7)).otherwise(
        # The younger the commoner: grown children have cards of their own.
        F.floor(F.pow(draws.uniform("youngest", f), 1.3) * 288).cast("int")
    )
    oldest = F.col("youngest_months") + 36 * (kids - 1) + 9
    childless = F.when(draws.chance("newly wed", 0.24, f), months("newly wed age", 19, 34)).otherwise(
        months("old couple", 46, 80)
    )
    mother = F.when(kids > 0, oldest + 204 + F.floor(F.pow(draws.uniform("first birth", f), 1.3) * 180)).otherwise(
        childless
    )
    alone = draws.uniform("alone", f)
    single = (
        F.when(alone < 0.34, months("young alone", 18, 34))
        .when(alone < 0.56, months("grown alone", 35, 59))
        .otherwise(months("old alone", 60, 88))
    )
    spouse = F.when(kind == "X", F.col("mother_months") + draws.whole("grandmother", 228, 330, f)).otherwise(
        F.col("mother_months")
    )
    head = (
        F.when(kind == "S", single)
        .when(kind == "Q", months("with parent", 22, 55))
        .when(kind == "L", F.col("mother_months") + F.when(F.col("head_male"), 36).otherwise(0))
        .when(F.col("paired"), months("hard negative age", 30, 52, F.col("family_key")))
        .otherwise(F.col("spouse_months") + draws.whole("husband older", -24, 96, f))
    )
    parent = F.col("head_months") + draws.whole("parent older", 228, 380, f)
    return (
        families.withColumn("youngest_months", youngest)
        .withColumn("mother_months", mother.cast("int"))
        .withColumn("spouse_months", spouse)
        .withColumn("head_months", head)
        .withColumn("parent_months", F.least(parent, F.lit(98 * 12)))
        .withColumn("son_in_law_months", F.col("mother_months") + draws.whole("husband older", -24, 84, f))
        .withColumn(
            "dead",
            F.when(
                (kind == "L") | ((kind == "S") & (F.col("head_months") > 55 * 12)), draws.chance("widowed", 0.5, f)
            ).otherwise(draws.chance("dead parent", nation.families.deceased_other, f)),
        )
    )


def _welfare(families: DataFrame, nation: Nation, draws: Draws) -> DataFrame:
    """Add the true log consumption, and the standardised part of it that dwelling and assets follow."""
    f, kab, village = F.col("family"), F.col("kab"), F.col("village")
    rules = nation.consumption
    # A kelurahan (village part 1xxx) is a town's; of the villages of a kota and of some desa, too.
    urban = (
        (F.substring(village, 7, 1) == "1")
        | (F.substring(kab, 3, 1) == "7")
        | draws.chance("urban desa", 0.28, F.col("village"))
    )
    with_base = families.withColumns({"urban": urban, "schooling": draws.normal("schooling", f)})
    visible = (
        F.lit(rules.mean)
        + rules.kab_sd * draws.normal("kab", kab)
        + F.when(F.col("urban"), rules.urban).otherwise(0.0)
        + rules.schooling * F.col("schooling")
        + rules.child * F.least(F.greatest(F.col("size") - 3, F.lit(-2)), F.lit(4))
        + rules.wealth * draws.normal("wealth", f)
    )
    return (
        with_base.withColumn("visible", visible)
        .withColumn("log_expenditure", F.round(F.col("visible") + rules.noise * draws.normal("noise", f), 6))
        .withColumn("welfare", (F.col("visible") - rules.visible_mean) / rules.visible_sd)
        .withColumn("welfare_total", (F.col("log_expenditure") - rules.total_mean) / rules.total_sd)
        .drop("visible")
    )


def addressed(families: DataFrame, draws: Draws) -> DataFrame:
    """Add the address of each family (family, neighbourhood, urban): address, rt, rw."""
    f = F.col("family")
    kinds = F.when(F.col("urban"), draws.one_of("street kind", ("JL.", "JL", "GG.", "PERUM", "KOMP.", "LINGK."), f))
    street = F.concat_ws(
        " ",
        F.coalesce(kinds, draws.one_of("hamlet kind", ("DUSUN", "DSN.", "KP.", "KAMPUNG", "DUSUN", "BANJAR"), f)),
        draws.one_of("street", _STREETS, F.col("neighbourhood"), draws.whole("street no", 1, 4, f)),
    )
    numbered = F.concat(street, F.lit(" NO. "), draws.whole("house no", 1, 160, f).cast("string"))

    def part(label: str, most: int) -> Column:
        return F.lpad(draws.whole(label, 1, most, f).cast("string"), 3, "0")

    return families.withColumns(
        {
            # Some write the block behind a comma, or on a line of its own.
            "address": F.when(draws.uniform("block", f) < 0.02, F.concat(numbered, F.lit(', BLOK "A"')))
            .when(draws.uniform("block", f) < 0.021, F.concat(numbered, F.lit("\nBLOK B")))
            .otherwise(numbered),
            "rt": part("rt", 12),
            "rw": part("rw", 8),
        }
    )


def _cards(families: DataFrame, profile: Profile, draws: Draws, today: date) -> DataFrame:
    """Add the numbers of the family cards: region, date of issue, serial (``no_kk``, and ``no_kk_2022`` before)."""
    f = F.col("family")
    changed = draws.chance("card changed", profile.families.kk_changed, f)
    first = F.date_sub(F.lit(date(2022, 9, 30)), draws.whole("card day", 0, 5000, f))
    second = F.date_sub(F.lit(today), draws.whole("new card day", 20, 1100, f))
    prefixed = families.withColumns(
        {
            "card_2022": F.concat("kec_2022", F.date_format(first, "ddMMyy")),
            # Unchanged families get a partition each: one key for all of them would be one hot task.
            "card_now": F.when(changed, F.concat("kec", F.date_format(second, "ddMMyy"))).otherwise(
                F.concat(F.lit("-"), f.cast("string"))
            ),
        }
    )
    return (
        prefixed.withColumn("no_kk_2022", card_number("card_2022"))
        .withColumn(
            "no_kk", F.when(F.col("card_now").startswith("-"), F.col("no_kk_2022")).otherwise(card_number("card_now"))
        )
        .drop("card_2022", "card_now")
    )


def card_number(prefix: str) -> Column:
    """Return the number of a family card: a column with district and date of issue, then a serial by family."""
    serial = F.row_number().over(Window.partitionBy(prefix).orderBy("family"))
    return F.concat(F.col(prefix), F.lpad(serial.cast("string"), 4, "0"))
