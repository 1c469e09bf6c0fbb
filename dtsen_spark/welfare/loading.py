"""A coefficient table made elsewhere, such as the statistics office's own, in place of our model.

A CSV file with a header: ``region`` (``ID``, a province ``32``, a kab/kota ``3201``, or its urban or rural part
``3201:U``, ``3201:R``), ``indicator`` (a feature of ours, or ``level`` for the intercept), ``coefficient`` (log points
of monthly expenditure for each member, for one whole unit of the feature), and, if known, ``standard_error``, ``mean``
(what stands for a missing value) and ``spread`` (standard deviation over the survey). A place takes the finest region
that has a row of its own. ``ID,smearing`` and ``ID,residual_sd`` say the factor to rupiah and the unexplained part.
"""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dtsen_spark.errors import ConfigError
from dtsen_spark.welfare.features import HUNDREDTHS, features
from dtsen_spark.welfare.model import NATION, PmtModel, Variant, place_variant

LEVEL: Final = "level"
_OF_THE_NATION: Final = {"smearing": 1.0, "residual_sd": 0.0}
_REQUIRED: Final = ("region", "indicator", "coefficient")
_OPTIONAL: Final = ("standard_error", "mean", "spread")
_REGION: Final = re.compile(rf"{NATION}|\d{{2}}|\d{{4}}(:[UR])?")
_SHOWN: Final = 10

Table = dict[str, dict[str, dict[str, float]]]


def read_coefficients(path: Path, places: Sequence[str]) -> PmtModel:
    """Read a coefficient table and make a model of every place that has families.

    Args:
        path: The CSV file.
        places: Strata that families live in, such as ``3201:U``.

    Returns:
        A model by place.

    Raises:
        ConfigError: The file cannot be read, names an indicator that is none of ours, or has no level for a place.
    """
    table = _read(path)
    of_nation = {
        name: table.get(NATION, {}).get(name, {}).get("coefficient", default)
        for name, default in _OF_THE_NATION.items()
    }
    missing = sorted(place for place in places if LEVEL not in _finest(table, place))
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (" ..." if len(missing) > _SHOWN else "")
        message = (
            f"{path}: no level for {len(missing)} of {len(places)} places with families: {shown}; add their rows, or "
            f"rows of their province or of {NATION}"
        )
        raise ConfigError(message)
    names = sorted({name for rows in table.values() for name in rows} - {LEVEL, *_OF_THE_NATION})
    means = {name: round(_stated(table, name, "mean") * HUNDREDTHS) for name in names}
    spreads = {name: _stated(table, name, "spread") * HUNDREDTHS for name in names}
    return PmtModel(
        variants={place_variant(place): _variant(_finest(table, place), means) for place in sorted(places)},
        means=means,
        smearing=of_nation["smearing"],
        card={"made_elsewhere": path.name},
        spreads=spreads,
        residual_sd=of_nation["residual_sd"],
        by_place=True,
    )


def _read(path: Path) -> Table:
    known = {feature.name for feature in features()} | {LEVEL, *_OF_THE_NATION}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"welfare.coefficients: {path} cannot be read ({type(error).__name__})"
        raise ConfigError(message) from None
    if lacking:
        message = f"{path}: no column {', '.join(lacking)}; needed are {', '.join(_REQUIRED)}"
        raise ConfigError(message)
    unknown = sorted({row["indicator"] for row in rows} - known)
    if unknown:
        message = (
            f"{path}: {len(unknown)} indicators that are none of ours: {', '.join(unknown[:_SHOWN])}; ours are "
            f"{', '.join(sorted(known))}"
        )
        raise ConfigError(message)
    table: Table = {}
    for line, row in enumerate(rows, start=2):
        if not _REGION.fullmatch(row["region"]):
            message = f"{path}: line {line}: region {row['region']}: write ID, 32, 3201, 3201:U or 3201:R"
            raise ConfigError(message)
        of_region = table.setdefault(row["region"], {})
        if row["indicator"] in of_region:
            message = f"{path}: line {line}: {row['region']}, {row['indicator']} stands twice"
            raise ConfigError(message)
        of_region[row["indicator"]] = _figures(path, line, row)
    return table


def _figures(path: Path, line: int, row: Mapping[str, str]) -> dict[str, float]:
    try:
        figures = {
            "coefficient": float(row["coefficient"]),
            **{name: float(row.get(name) or 0) for name in _OPTIONAL},
        }
    except ValueError:
        figures = {}
    if not figures or not all(map(math.isfinite, figures.values())):
        message = f"{path}: line {line}: a coefficient, error, mean or spread is not a number"
        raise ConfigError(message)
    return figures


def _stated(table: Table, name: str, figure: str) -> float:
    """A figure of a feature that holds everywhere: that of the widest region that states one, else 0."""
    widest_first = sorted(table, key=lambda region: (region != NATION, len(region), region))
    stated = (table[region][name][figure] for region in widest_first if name in table[region])
    return next((value for value in stated if value), 0.0)


def _finest(table: Table, place: str) -> dict[str, dict[str, float]]:
    kab = place.partition(":")[0]
    regions = (NATION, kab[:2], kab, place)
    found: dict[str, dict[str, float]] = {}
    for region in regions:
        found.update(table.get(region, {}))
    return found


def _variant(figures: Mapping[str, Mapping[str, float]], means: Mapping[str, int]) -> Variant:
    slopes = {name: figures[name]["coefficient"] / HUNDREDTHS for name in figures if name in means}
    # Ours is told at the means, theirs at nothing.
    level = figures[LEVEL]["coefficient"] + sum(slopes[name] * means[name] for name in slopes)
    return Variant(
        slopes=slopes,
        errors={name: figures[name]["standard_error"] / HUNDREDTHS for name in slopes},
        levels={NATION: level},
        level_errors={NATION: figures[LEVEL]["standard_error"]},
    )
