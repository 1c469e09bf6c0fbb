"""Region codes, their history, and the way from any delivered code to the current Kemendagri list.

``conf/regions/`` holds, from public sources:

- ``regions_kemendagri.csv.gz``: codes of four levels with the first and last edition (2018-2025) that lists each;
  cahyadsn/wilayah (MIT), Kepmendagri 300.2.2-2138/2025. Villages are those of the current edition only.
- ``region_successions.csv``: codes that changed when Papua was divided (laws 14, 15, 16 and 29 of 2022), matched by
  name (26 kab/kota, 590 of 594 kecamatan, 5,301 of 5,557 villages).
- ``bps_bridge.csv.gz``: BPS codes (master list of 2018, the 34 provinces of Regsosek 2022) to Kemendagri codes of
  2018-2022, by name; edwardsamuel/Wilayah-Administratif-Indonesia (BPS MFD).
- ``population_kabkota.csv``: residents by kab/kota, Dukcapil, December 2024; cahyadsn/wilayah.

Both systems write ten digits for a village and mean different places, so a code never travels without its system.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Literal

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import conf_dir
from dtsen_spark.contract import local_frame
from dtsen_spark.errors import ConfigError

System = Literal["kemendagri", "bps"]
KEMENDAGRI: Final = "kemendagri"
BPS: Final = "bps"

OK: Final = "OK"  # the code is, or surely became, one of the current list
AMBIGUOUS: Final = "AMBIGUOUS"  # known, but without one sure successor: kept at a coarser level
UNMATCHED: Final = "UNMATCHED"  # no list knows it: kept at the coarser level that its first digits name
MISSING: Final = "MISSING"  # nothing was delivered

# Digits of a province, kab/kota, kecamatan and village code.
LENGTHS: Final[Mapping[str, tuple[int, int, int, int]]] = {KEMENDAGRI: (2, 4, 6, 10), BPS: (2, 4, 7, 10)}
_LEVEL_OF: Final[Mapping[int, int]] = {2: 1, 4: 2, 6: 3, 10: 4}
_URBAN_KIND: Final = "1"  # seventh digit: 1 kelurahan, 2 desa, 3 desa adat


@dataclass(frozen=True)
class Resolved:
    """Where a delivered code leads.

    Attributes:
        current: Current code at the finest level that is sure; None = none is.
        state: OK or AMBIGUOUS.
    """

    current: str | None
    state: str


@dataclass(frozen=True)
class Regions:
    """The lists, and every known code of both systems resolved.

    Attributes:
        names: Name of each current code.
        ever: Every Kemendagri code that an edition since 2018 lists, with those that successions name.
        resolved: By system: each known code.
    """

    names: Mapping[str, str]
    ever: frozenset[str]
    resolved: Mapping[str, Mapping[str, Resolved]]


def _rows(name: str) -> Iterator[list[str]]:
    path = conf_dir() / "regions" / name
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows)
            yield from rows
    except FileNotFoundError:
        message = f"{path}: no such region list"
        raise ConfigError(message) from None


def _bare(name: str) -> str:
    # Offices write one name in several ways: KAB. MERAUKE, Kabupaten Merauke; Karang Indah, KARANGINDAH.
    upper = name.upper()
    for kind in ("KABUPATEN ", "KAB. ", "KOTA "):
        upper = upper.removeprefix(kind)
    return "".join(letter for letter in upper if letter.isalnum())


def parent(code: str, system: System) -> str | None:
    """Return the code of the next level up, None for a province.

    >>> parent("9101011002", "kemendagri"), parent("9401020003", "bps"), parent("11", "bps")
    ('910101', '9401020', None)
    """
    shorter = [length for length in LENGTHS[system] if length < len(code)]
    return code[: shorter[-1]] if shorter else None


@cache
def load() -> Regions:
    """Read the lists and resolve every known code; once for each process.

    Raises:
        ConfigError: A list is missing.
    """
    listed = list(_rows("regions_kemendagri.csv.gz"))
    newest = max(last for *_, last in listed)
    names = {code: name for code, _, name, _, last in listed if last == newest}
    successions = {old: new for _, old, new, *_ in _rows("region_successions.csv")}
    bridge = [(bps, target, name) for _, bps, target, name in _rows("bps_bridge.csv.gz")]

    known = {code: name for code, _, name, *_ in listed}
    known |= {old: names.get(new, "") for old, new in successions.items() if old not in known}
    # The bridge's targets are codes of 2018-2022: villages that the current list no longer has come from there.
    known |= {target: name for _, target, name in bridge if target not in known}
    known.pop("", None)
    resolver = _Resolver(names, successions)
    kemendagri = resolver.kemendagri(known)
    return Regions(names, frozenset(known), {KEMENDAGRI: kemendagri, BPS: resolver.bps(bridge, kemendagri)})


class _Resolver:
    """Carries codes to the current list: by identity, by succession, by an agreeing name, else to the level above."""

    def __init__(self, names: Mapping[str, str], successions: Mapping[str, str]) -> None:
        self._names = names
        self._successions = successions
        # A bare province code that kab/kota have left is not sure: the place may lie in the new province.
        self._left = {
            old[:2] for old, new in successions.items() if len(old) == LENGTHS[KEMENDAGRI][1] and old[:2] != new[:2]
        }
        self._children: dict[str, list[str]] = defaultdict(list)
        for code in names:
            if above := parent(code, "kemendagri"):
                self._children[above].append(code)

    def kemendagri(self, known: Mapping[str, str]) -> dict[str, Resolved]:
        done: dict[str, Resolved] = {}
        for code in sorted(known, key=lambda code: (len(code), code)):  # parents first
            done[code] = self._one(code, known[code], done)
        return done

    def _one(self, code: str, name: str, done: Mapping[str, Resolved]) -> Resolved:
        target = code
        while target in self._successions and target not in self._names:
            target = self._successions[target]
        if code in self._left:
            return Resolved(None, AMBIGUOUS)
        if target in self._names:
            return Resolved(target, OK)
        above = done.get(parent(code, "kemendagri") or "")
        return self._by_name(name, above)

    def _by_name(self, name: str, above: Resolved | None) -> Resolved:
        if above is None or above.current is None:
            return Resolved(None, AMBIGUOUS)
        wanted = _bare(name)
        alike = [code for code in self._children.get(above.current, ()) if _bare(self._names[code]) == wanted]
        if above.state == OK and len(alike) == 1:
            return Resolved(alike[0], OK)
        return Resolved(above.current, AMBIGUOUS)

    def bps(self, bridge: Iterable[tuple[str, str, str]], kemendagri: Mapping[str, Resolved]) -> dict[str, Resolved]:
        targets: dict[str, set[str]] = defaultdict(set)
        names: dict[str, str] = {}
        for code, target, name in bridge:
            targets[code].add(target)
            names[code] = name
        done: dict[str, Resolved] = {}
        for code in sorted(targets, key=lambda code: (len(code), code)):
            found = targets[code] - {""}
            if len(found) == 1 and (resolved := kemendagri.get(next(iter(found)))) is not None:
                done[code] = resolved
            else:
                done[code] = self._by_name(names[code], done.get(parent(code, "bps") or ""))
        return done


def name_of(code: str) -> str | None:
    """Return the name of a current region, None where the code is not current."""
    return load().names.get(code)


def ever_existed(code: str) -> bool:
    """Say whether a list of any edition has a Kemendagri code, such as the first six digits of a NIK."""
    return code in load().ever


@cache
def population() -> Mapping[str, int]:
    """Return the residents of each kab/kota (Dukcapil, December 2024) by current code."""
    return {code: int(total) for code, *_, total in _rows("population_kabkota.csv")}


def population_kabkota(spark: SparkSession) -> DataFrame:
    """Return the residents of each kab/kota.

    Returns:
        One row for each current kab/kota: ``kab_code``, ``registry_persons``.
    """
    return local_frame(spark, population().items(), f"{c.KAB_CODE} string, {c.REGISTRY_PERSONS} bigint")


def region_names(spark: SparkSession, deepest: int = 3) -> DataFrame:
    """Return the current regions.

    Args:
        spark: The session.
        deepest: Finest level: 1 province, 2 kab/kota, 3 kecamatan, 4 village.

    Returns:
        One row for each current region: ``region_code``, ``region_level``, ``region_name``.
    """
    rows = [
        (code, _LEVEL_OF[len(code)], name) for code, name in load().names.items() if _LEVEL_OF[len(code)] <= deepest
    ]
    return local_frame(spark, rows, f"{c.REGION_CODE} string, {c.REGION_LEVEL} int, {c.REGION_NAME} string")


# One frame for each list and session: joins of one plan then share its broadcast.
@lru_cache(maxsize=16)
def _lookup(spark: SparkSession, system: System, length: int, name: str) -> DataFrame:
    rows = [(code, r.current, r.state) for code, r in load().resolved[system].items() if len(code) == length]
    schema = f"_{name}_code string, _{name}_current string, _{name}_state string"
    return F.broadcast(local_frame(spark, rows, schema))


def _literal_map(system: System, length: int) -> Column:
    # A few hundred pairs as one literal text, folded once into a map; they are asked only where finer lookups missed.
    pairs = (f"{code}:{r.current}" for code, r in load().resolved[system].items() if len(code) == length and r.current)
    return F.str_to_map(F.lit(",".join(pairs)), F.lit(","), F.lit(":"))


def current_kab(raw: Column, system: System) -> Column:
    """Return the current kab/kota (4 digits) of a delivered kab/kota or finer code, null where none is sure.

    Args:
        raw: Delivered code.
        system: System of the code.
    """
    length = LENGTHS[system][1]
    found = F.try_element_at(_literal_map(system, length), F.substring(raw, 1, length))
    return F.when(F.length(found) >= length, F.substring(found, 1, length))


def with_current_region(df: DataFrame, raw: str, system: System) -> DataFrame:
    """Add the current code at the finest level that is sure, and how it was reached.

    Two broadcast lookups, n : 1 each: villages, and kecamatan where the village is unknown.

    Args:
        df: Any frame.
        raw: Column with the delivered code: a village, or a coarser level; dots between levels are taken.
        system: System of the code.

    Returns:
        ``df`` with ``region_code`` (2, 4, 6 or 10 digits, or null) and ``region_state``; the same rows.
    """
    province, kab, kecamatan, village = LENGTHS[system]
    code = F.replace(F.col(raw), F.lit("."))
    fine = _lookup(df.sparkSession, system, village, "village")
    coarse = _lookup(df.sparkSession, system, kecamatan, "kecamatan")
    found = df.withColumn("_raw", code)
    found = found.join(fine, F.col("_raw") == F.col("_village_code"), "left")
    found = found.join(coarse, F.substring(F.col("_raw"), 1, kecamatan) == F.col("_kecamatan_code"), "left")
    by_kab = F.try_element_at(_literal_map(system, kab), F.substring(F.col("_raw"), 1, kab))
    by_province = F.try_element_at(_literal_map(system, province), F.substring(F.col("_raw"), 1, province))
    # A known village that leads nowhere sure has tried the levels above already.
    region = F.when(F.col("_village_code").isNotNull(), F.col("_village_current")).otherwise(
        F.coalesce(F.col("_kecamatan_current"), by_kab, by_province)
    )
    state = (
        F.when(F.col("_raw").isNull(), F.lit(MISSING))
        .when(F.col("_village_code").isNotNull(), F.col("_village_state"))
        .when(F.length("_raw") == kecamatan, F.coalesce(F.col("_kecamatan_state"), F.lit(UNMATCHED)))
        .when((F.length("_raw") == kab) & by_kab.isNotNull(), F.lit(OK))
        .otherwise(F.lit(UNMATCHED))
    )
    helpers = ("_raw", *fine.columns, *coarse.columns)
    return found.withColumn(c.REGION_CODE, region).withColumn(c.REGION_STATE, state).drop(*helpers)


def with_known_prefix(df: DataFrame, prefix: Column, name: str) -> DataFrame:
    """Add whether a kecamatan code is of any edition: for the first six digits of a NIK or KK number.

    One broadcast lookup, n : 1.

    Args:
        df: Any frame.
        prefix: Six digits, or null.
        name: Boolean column to add; false where ``prefix`` is null.
    """
    known = _lookup(df.sparkSession, "kemendagri", LENGTHS[KEMENDAGRI][2], "prefix")
    found = df.join(known, prefix == F.col("_prefix_code"), "left")
    return found.withColumn(name, F.col("_prefix_code").isNotNull()).drop(*known.columns)


def is_urban(region: Column) -> Column:
    """Return whether a village is a kelurahan, the nearest to "urban" that a code says; null above village level.

    Args:
        region: Current region code.
    """
    return F.when(F.length(region) == LENGTHS[KEMENDAGRI][3], F.substring(region, 7, 1) == _URBAN_KIND)
