"""Where the nation lives: real villages, in the codes of today and of the visits of 2022."""

import csv
from dataclasses import dataclass
from itertools import accumulate

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark.config import conf_dir
from dtsen_spark.synthetic.draw import Draws, literal_words

_CELLS = 5140
_EDITION = "2025"  # newest edition in the region reference


@dataclass(frozen=True)
class Shares:
    """Population of each kab/kota, in the order of the codes.

    Attributes:
        codes: Kemendagri code.
        names: Name.
        persons: Residents (Dukcapil, December 2024).
    """

    codes: tuple[str, ...]
    names: tuple[str, ...]
    persons: tuple[int, ...]

    def allotted(self, units: int) -> list[int]:
        """Return the first unit of each kab/kota when ``units`` are shared by population (largest remainder)."""
        total = sum(self.persons)
        whole = [units * persons // total for persons in self.persons]
        by_remainder = sorted(range(len(whole)), key=lambda i: (-(units * self.persons[i] % total), self.codes[i]))
        for i in by_remainder[: units - sum(whole)]:
            whole[i] += 1
        return [0, *accumulate(whole)][:-1]

    def kab_of(self, unit: Column, units: int) -> Column:
        """Return the kab/kota of a unit from 0 to ``units`` - 1."""
        firsts = F.split(F.lit(",".join(map(str, self.allotted(units)))), ",").cast("array<int>")
        return F.element_at(literal_words(self.codes), F.size(F.filter(firsts, lambda first: first <= unit)))

    def anywhere(self, draw: Column) -> Column:
        """Return a kab/kota by population for a uniform draw, to 1 in 5,140."""
        firsts = self.allotted(_CELLS)
        cells = [code for code, n in zip(self.codes, _lengths(firsts), strict=True) for _ in range(n)]
        return F.element_at(literal_words(cells), F.floor(draw * len(cells)).cast("int") + 1)


def _lengths(firsts: list[int]) -> list[int]:
    return [after - first for first, after in zip(firsts, [*firsts[1:], _CELLS], strict=True)]


def read_shares() -> Shares:
    """Read the population of each kab/kota."""
    with (conf_dir() / "regions" / "population_kabkota.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["kemendagri_code"])
    return Shares(
        tuple(row["kemendagri_code"] for row in rows),
        tuple(row["name"] for row in rows),
        tuple(int(row["total"]) for row in rows),
    )


def read_places(spark: SparkSession) -> DataFrame:
    """Read the villages that both code systems know.

    Returns:
        One row for each kab/kota: kab, kab_name, districts (array of kec, kec_2022 and villages; a village has
        village, village_2022 and bps). Of today's villages, those that the bridge of 2022 has.
    """
    regions = _csv(spark, "regions_kemendagri.csv.gz").where(F.col("last_edition") == _EDITION)
    successions = _csv(spark, "region_successions.csv")
    before = successions.groupBy("level", F.col("new_code").alias("code")).agg(F.min("old_code").alias("old_code"))
    bridge = (
        _csv(spark, "bps_bridge.csv.gz")
        .where("level = '4'")
        .groupBy(F.col("kemendagri_code").alias("code_2022"))
        .agg(F.min("bps_code").alias("bps"))
    )
    # one code : at most one former code; one village : at most one BPS code.
    coded = (
        regions.where("level IN ('2', '3', '4')")
        .join(F.broadcast(before), ["level", "code"], "left")
        .withColumn("code_2022", F.coalesce("old_code", "code"))
    )
    villages = (
        coded.where("level = '4'")
        .join(F.broadcast(bridge), "code_2022")
        .groupBy(F.substring("code", 1, 6).alias("kec"))
        .agg(
            F.sort_array(
                F.collect_list(
                    F.struct(F.col("code").alias("village"), F.col("code_2022").alias("village_2022"), "bps")
                )
            ).alias("villages")
        )
    )
    districts = (
        coded.where("level = '3'")
        .select(F.col("code").alias("kec"), F.col("code_2022").alias("kec_2022"))
        .join(villages, "kec")
        .groupBy(F.substring("kec", 1, 4).alias("kab"))
        .agg(F.sort_array(F.collect_list(F.struct("kec", "kec_2022", "villages"))).alias("districts"))
    )
    names = coded.where("level = '2'").select(
        F.col("code").alias("kab"), F.upper(F.regexp_replace("name", "^(Kabupaten|Kota) ", "")).alias("kab_name")
    )
    return names.join(districts, "kab")


@dataclass(frozen=True)
class Settings:
    """How families cluster and move.

    Attributes:
        village_neighbourhoods: Neighbourhoods of one village that follow each other.
        district_neighbourhoods: Neighbourhoods of one district that follow each other.
        moved: Share of families that lived elsewhere at the visits.
    """

    village_neighbourhoods: int
    district_neighbourhoods: int
    moved: float


def with_places(families: DataFrame, places: DataFrame, shares: Shares, draws: Draws, settings: Settings) -> DataFrame:
    """Give each family its village of today and of the visits, and the districts of its members' first registration.

    Args:
        families: One row a family: family, neighbourhood, kab.
        places: Of ``read_places``.
        shares: Population of each kab/kota.
        draws: The nation's chance.
        settings: Sizes of clusters and shares of movers.

    Returns:
        The same rows with kab_name, kec, kec_2022, village, village_2022, bps, past_village, past_bps,
        other_kec, origin_kec, origin_name.
    """
    f, kab, unit = F.col("family"), F.col("kab"), F.col("neighbourhood")
    district = draws.element(
        "district", F.col("districts"), kab, F.floor(unit / settings.district_neighbourhoods)
    )
    other = draws.element("other district", F.col("districts"), f)
    here = families.join(F.broadcast(places), "kab").withColumns({"district": district, "other": other})
    village = draws.element(
        "village", F.col("district.villages"), kab, F.floor(unit / settings.village_neighbourhoods)
    )
    past = F.when(
        draws.chance("moved", settings.moved, f), draws.element("past village", F.col("other.villages"), f)
    )
    placed = (
        here.withColumns({"v": village, "past": past})
        .select(
            *families.columns,
            "kab_name",
            "district.kec",
            "district.kec_2022",
            F.col("other.kec_2022").alias("other_kec"),
            "v.village",
            "v.village_2022",
            "v.bps",
            F.coalesce("past.village_2022", "v.village_2022").alias("past_village"),
            F.coalesce("past.bps", "v.bps").alias("past_bps"),
            F.col("past").isNotNull().alias("moved"),
        )
        .withColumn("origin_kab", shares.anywhere(draws.uniform("origin", f)))
    )
    origins = places.select(
        F.col("kab").alias("origin_kab"), F.col("kab_name").alias("origin_name"), F.col("districts").alias("origins")
    )
    origin = draws.element("origin district", F.col("origins"), f)
    # every family : one origin (all kab/kota are in the reference).
    return (
        placed.join(F.broadcast(origins), "origin_kab")
        .withColumn("origin_kec", origin.getField("kec_2022"))
        .drop("origins", "origin_kab")
    )


def _csv(spark: SparkSession, name: str) -> DataFrame:
    return spark.read.option("header", True).csv(str(conf_dir() / "regions" / name))
