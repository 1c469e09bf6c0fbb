"""Where the nation lives: real villages, in the codes of today and of the visits of 2022."""

import csv
import gzip
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
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
    rows = sorted(_rows("population_kabkota.csv"), key=lambda row: row["kemendagri_code"])
    return Shares(
        tuple(row["kemendagri_code"] for row in rows),
        tuple(row["name"] for row in rows),
        tuple(int(row["total"]) for row in rows),
    )


def read_places(spark: SparkSession, scratch: Path) -> DataFrame:
    """Read the villages that both code systems know.

    The reference has the size of the country, not of the nation that is made, so it is nested here and handed to
    Spark as one small file.

    Args:
        spark: The session.
        scratch: Folder for that file.

    Returns:
        One row for each kab/kota: kab, kab_name, districts (array of kec, kec_2022 and villages; a village has
        village, village_2022 and bps). Of today's villages, those that the bridge of 2022 has.
    """
    # Several new codes may stand for one old one, not the reverse; the least is taken, so that order plays no part.
    former: dict[str, str] = {}
    for row in _rows("region_successions.csv"):
        former[row["new_code"]] = min(row["old_code"], former.get(row["new_code"], row["old_code"]))
    bps: dict[str, str] = {}
    for row in _rows("bps_bridge.csv.gz"):
        code = row["kemendagri_code"]
        bps[code] = min(row["bps_code"], bps.get(code, row["bps_code"]))
    regions = [row for row in _rows("regions_kemendagri.csv.gz") if row["last_edition"] == _EDITION]
    villages: dict[str, list[dict[str, str]]] = {}
    for code in sorted(row["code"] for row in regions if row["level"] == "4"):
        then = former.get(code, code)
        if then in bps:
            villages.setdefault(code[:6], []).append({"village": code, "village_2022": then, "bps": bps[then]})
    districts: dict[str, list[dict[str, Any]]] = {}
    for kec in sorted(villages):
        entry = {"kec": kec, "kec_2022": former.get(kec, kec), "villages": villages[kec]}
        districts.setdefault(kec[:4], []).append(entry)
    table = pyarrow.Table.from_pylist(
        [
            {"kab": row["code"], "kab_name": _plain(row["name"]), "districts": districts[row["code"]]}
            for row in sorted(regions, key=lambda row: row["code"])
            if row["level"] == "2" and row["code"] in districts
        ]
    )
    scratch.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, scratch / "places.parquet")
    return spark.read.parquet(str(scratch / "places.parquet"))


def _rows(name: str) -> list[dict[str, str]]:
    path = conf_dir() / "regions" / name
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _plain(name: str) -> str:
    return name.removeprefix("Kabupaten ").removeprefix("Kota ").upper()


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
    district = draws.element("district", F.col("districts"), kab, F.floor(unit / settings.district_neighbourhoods))
    other = draws.element("other district", F.col("districts"), f)
    here = families.join(F.broadcast(places), "kab").withColumns({"district": district, "other": other})
    village = draws.element("village", F.col("district.villages"), kab, F.floor(unit / settings.village_neighbourhoods))
    past = F.when(draws.chance("moved", settings.moved, f), draws.element("past village", F.col("other.villages"), f))
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
