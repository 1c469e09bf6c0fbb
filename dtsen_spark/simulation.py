"""What other rules would do before anybody decides on them: who wins, who loses, rupiah, by region.

The build of a release is decided again by the changed rules and held against what it says now; nothing is written
but intermediate files that are deleted again.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import Config
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger
from dtsen_spark.programs import ProgramRules, decide_all
from dtsen_spark.release import Registry

_KAB_DIGITS: Final = 4
_SELECTED: Final = "SELECTED"


@dataclass(frozen=True)
class Effect:
    """What the changed rules of a program do in a region; counts below the small cell are None, but for all regions.

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


@dataclass(frozen=True)
class Simulated:
    """A simulation.

    Attributes:
        release_id: Release that it stands on.
        effects: By program, all regions first, then each kab/kota.
    """

    release_id: str
    effects: tuple[Effect, ...]


def simulate(store: Lake, config: Config, period: str, changed: Sequence[ProgramRules]) -> Simulated:
    """Decide a release by changed rules and compare.

    Args:
        store: The lake; the caller holds it.
        config: The configuration.
        period: Period of the release, published or not.
        changed: Changed rules of some programs.

    Returns:
        Winners, losers and rupiah, by program and region.

    Raises:
        UsageError: The period has no build, or its build has no decisions on a program.
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
    try:
        then = decide_all(job, changed).frames
        effects: list[Effect] = []
        for program in changed:
            now = job.read(tables.decision(program.program))
            effects += _effects(program, now, then[program.program], config.privacy.small_cell)
    finally:
        store.drop_scratch(release_id)
    return Simulated(release_id, tuple(effects))


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
    figures = [{name: int(row[name]) for name in _FIGURES} for row in rows]
    whole = Effect(program.program, "", **{name: sum(one[name] for one in figures) for name in _FIGURES})
    return [
        whole,
        *(_suppressed(program, row[c.REGION_CODE], one, small_cell) for row, one in zip(rows, figures, strict=True)),
    ]


def _suppressed(program: ProgramRules, region: str, figures: dict[str, int], small_cell: int) -> Effect:
    shown: dict[str, int | None] = {
        name: None if not name.startswith("idr") and 0 < value < small_cell else value
        for name, value in figures.items()
    }
    # Rupiah of a few tell who the few are.
    for side in ("now", "then"):
        if shown[f"units_{side}"] is None:
            shown[f"idr_year_{side}"] = None
    return Effect(program.program, region or "0000", **shown)


def as_json(found: Simulated) -> str:
    """Return a simulation as JSON."""
    return json.dumps(asdict(found), indent=2, sort_keys=True) + "\n"


def as_csv(found: Simulated) -> str:
    """Return a simulation as CSV, one line for each program and region; regions are codes, never text of a person."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Effect)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in found.effects)
    return text.getvalue()
