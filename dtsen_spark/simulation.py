"""What other rules or other deciles would do before anybody decides on them: who wins, who loses, rupiah, by region.

The build of a release is ranked again (another unit, model, cut or equivalence scale) and decided again by the changed
rules, and held against what it says now; nothing is written but intermediate files that are deleted again.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables, welfare
from dtsen_spark.config import Config
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger
from dtsen_spark.marts import suppressed
from dtsen_spark.programs import ProgramRules, decide_all
from dtsen_spark.release import Registry
from dtsen_spark.welfare import GROUPINGS, KAB, NATION, PROVINCE, Moved, WelfareScenario

_KAB_DIGITS: Final = 4
_SELECTED: Final = "SELECTED"


@dataclass(frozen=True)
class Effect:
    """What the changed rules of a program do in a region.

    Counts of few units, and what these could be had from, are None, but for all regions.

    Attributes:
        program: Program code.
        region_code: Kab/kota; empty = all.
        units_now: Units that are selected by the release.
        units_then: Units that the changed rules select.
        win: Units that enter.
        lose: Units that leave.
        idr_year_now: Benefits of the release, rupiah a year.
        idr_year_then: Benefits under the changed rules, rupiah a year.
    """

    program: str
    region_code: str
    units_now: int | None
    units_then: int | None
    win: int | None
    lose: int | None
    idr_year_now: int | None
    idr_year_then: int | None


_FIGURES: Final = tuple(field.name for field in fields(Effect))[2:]
_UNITS: Final = ("units_now", "units_then", "win", "lose")
# Rupiah of a few tell who the few are.
_UNITS_OF: Final = {"idr_year_now": "units_now", "idr_year_then": "units_then"}
_COUNTS: Final = tuple(field.name for field in fields(Moved))[2:]


# Count of families that says whether a count of persons is shown.
_PERSONS_OF: Final = {"persons": "families", "persons_won": "winners", "persons_lost": "losers"}


@dataclass(frozen=True)
class Simulated:
    """A simulation.

    Attributes:
        release_id: Release that it stands on.
        effects: By program, all regions first, then each kab/kota.
        shifts: Families by the decile that they would stand in: the nation, then by decile (of the release), province,
            kab/kota and family type; none where the deciles stay.
    """

    release_id: str
    effects: tuple[Effect, ...]
    shifts: tuple[Moved, ...] = ()


def simulate(
    store: Lake,
    config: Config,
    period: str,
    changed: Sequence[ProgramRules],
    scenario: WelfareScenario | None = None,
) -> Simulated:
    """Rank and decide a release by changed rules and compare.

    Args:
        store: The lake; the caller holds it.
        config: The configuration.
        period: Period of the release, published or not.
        changed: Changed rules of some programs.
        scenario: What is different in the deciles; None = they stay. The programs are then decided on those.

    Returns:
        Winners, losers and rupiah, by program and region; winners and losers of the deciles.

    Raises:
        UsageError: The period has no build, its build has no decisions on a program, or the scenario's model is not
            registered.
    """
    registry = Registry(store)
    release_id = registry.release_of(period)
    previous = registry.releases()[release_id].manifest.get("manifest", {}).get("previous_release")
    job = Job(
        spark=store.spark,
        config=config,
        lake=store,
        landing=store.root,
        period=Period.parse(period),
        release_id=release_id,
        previous_release=previous,
        ledger=Ledger(release_id, period, run_id=uuid4().hex),
        outputs={},
    )
    for program in changed:
        if not job.has(tables.decision(program.program)):
            message = f"{release_id}: its build has no decisions on {program.program}; run 'dtsen run' first"
            raise UsageError(message)
    small_cell = config.privacy.small_cell
    scores: DataFrame | None = None
    shifts: tuple[Moved, ...] = ()
    try:
        if scenario is not None:
            ranked = welfare.simulate(store, release_id, scenario, on=job.period.last_day, rules=config.welfare)
            scores, shifts = ranked.scores, shown(welfare.winners_and_losers(ranked.moves), small_cell)
        then = decide_all(job, changed, scores).frames if changed else {}
        effects: list[Effect] = []
        for program in changed:
            now = job.read(tables.decision(program.program))
            effects += _effects(program, now, then[program.program], small_cell)
    finally:
        store.drop_scratch(release_id)
    return Simulated(release_id, tuple(effects), shifts)


def shown(moved: Sequence[Moved], small_cell: int) -> tuple[Moved, ...]:
    """Leave out counts of few families, and what would let them be had from the sums.

    Args:
        moved: Counts of every grouping.
        small_cell: Counts from 1 to below this are small.
    """
    of = {(one.grouping, one.group): one for one in moved}
    # Parts of a grouping add up to the nation, kab/kota to their province.
    totals = [[key for key in of if key[0] == name] for name in GROUPINGS if name != NATION]
    totals += [
        [key, *(inner for inner in of if inner[0] == KAB and inner[1].startswith(key[1]))]
        for key in of
        if key[0] == PROVINCE
    ]
    hidden = {
        figure: suppressed(
            {key: getattr(one, figure) for key, one in of.items() if key[0] != NATION}, totals, small_cell
        )
        for figure in _PERSONS_OF.values()
    }
    found = []
    for key, one in of.items():
        gone: dict[str, Any] = dict.fromkeys(name for name in _COUNTS if key in hidden[_PERSONS_OF.get(name, name)])
        found.append(replace(one, **gone))
    return tuple(found)


def _effects(program: ProgramRules, now: DataFrame, then: DataFrame, small_cell: int) -> list[Effect]:
    sides = [
        side.where(F.col(c.DECISION) == _SELECTED).select(
            F.col(program.unit_id).alias("_unit"),
            F.substring(c.REGION_CODE, 1, _KAB_DIGITS).alias(f"_region_{name}"),
            F.coalesce(c.BENEFIT_IDR_YEAR, F.lit(0)).alias(f"_idr_{name}"),
        )
        for name, side in (("now", now), ("then", then))
    ]
    # unit selected now : unit selected then is 0..1 : 0..1.
    both = sides[0].join(sides[1], "_unit", "full_outer")
    is_now, is_then = (F.col(f"_idr_{name}").isNotNull() for name in ("now", "then"))
    rows = (
        both.groupBy(F.coalesce("_region_then", "_region_now", F.lit("")).alias(c.REGION_CODE))
        .agg(
            F.count_if(is_now).alias("units_now"),
            F.count_if(is_then).alias("units_then"),
            F.count_if(is_then & ~is_now).alias("win"),
            F.count_if(is_now & ~is_then).alias("lose"),
            F.coalesce(F.sum("_idr_now"), F.lit(0)).alias("idr_year_now"),
            F.coalesce(F.sum("_idr_then"), F.lit(0)).alias("idr_year_then"),
        )
        .orderBy(c.REGION_CODE)
        .collect()  # a row for each kab/kota
    )
    return effects_shown(
        program.program, {row[c.REGION_CODE]: {name: int(row[name]) for name in _FIGURES} for row in rows}, small_cell
    )


def effects_shown(program: str, by_region: Mapping[str, Mapping[str, int]], small_cell: int) -> list[Effect]:
    """Add the regions up, and leave out counts of few units, and what would let them be had from the sums.

    Args:
        program: Program code.
        by_region: Figures of ``Effect`` by kab/kota.
        small_cell: Counts from 1 to below this are small.

    Returns:
        All regions first, then each.
    """
    counts = {(region, name): figures[name] for region, figures in by_region.items() for name in _UNITS}
    # Regions add up to all; in a region, units then = units now + win - lose.
    totals = [[(region, name) for region in by_region] for name in _UNITS]
    totals += [[(region, name) for name in _UNITS] for region in by_region]
    hidden = suppressed(counts, totals, small_cell)
    whole = {name: sum(figures[name] for figures in by_region.values()) for name in _FIGURES}
    regions = [
        Effect(
            program,
            region or "0000",
            **{
                name: None if (region, _UNITS_OF.get(name, name)) in hidden else value
                for name, value in figures.items()
            },
        )
        for region, figures in by_region.items()
    ]
    return [Effect(program, "", **whole), *regions]


def as_json(found: Simulated) -> str:
    """Return a simulation as JSON."""
    return json.dumps(asdict(found), indent=2, sort_keys=True) + "\n"


def as_csv(lines: Sequence[Effect] | Sequence[Moved]) -> str:
    """Return effects or shifts as CSV, one line each; regions are codes, never text of a person."""
    if not lines:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(lines[0])], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in lines)
    return text.getvalue()
