"""Registered models: coefficients as a Delta table, the card as JSON, one pointer to the latest."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import local_frame
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.welfare.model import Listing, PmtModel, Variant

LATEST: Final = "latest"
_LEVEL: Final = "level"
_POINTER: Final = "latest.json"


def register(lake: Lake, model: PmtModel, *, latest: bool = True) -> str:
    """Register a model; a repeat changes nothing.

    Args:
        lake: The lake.
        model: The model.
        latest: Make it the one that ``latest`` names.

    Returns:
        Its version.
    """
    version = model.version
    rows = [
        (version, variant, name, slope, fitted.errors.get(name))
        for variant, fitted in model.variants.items()
        for name, slope in fitted.slopes.items()
    ] + [
        (version, f"{variant}:{stratum}", _LEVEL, level, fitted.level_errors.get(stratum))
        for variant, fitted in model.variants.items()
        for stratum, level in fitted.levels.items()
    ]
    table = tables.PMT_COEFFICIENT
    frame = local_frame(lake.spark, sorted(rows, key=lambda row: row[:3]), table.schema).coalesce(1)
    lake.write(table, frame, slice_values={c.MODEL_VERSION: version})
    folder = _folder(lake)
    folder.mkdir(parents=True, exist_ok=True)
    card = {
        "version": version,
        "means": dict(model.means),
        "spreads": dict(model.spreads),
        "smearing": model.smearing,
        "residual_sd": model.residual_sd,
        "variant_residual_sd": {name: variant.residual_sd for name, variant in model.variants.items()},
        "by_place": model.by_place,
        "listing": asdict(model.listing) if model.listing else None,
        "card": dict(model.card),
    }
    _write(folder / f"{version}.json", card)
    if latest:
        _write(folder / _POINTER, {"version": version})
    return version


def registered(lake: Lake, wanted: str) -> str | None:
    """Return the version that a configuration names.

    Args:
        lake: The lake.
        wanted: A version, or ``latest``.

    Returns:
        The version; None where ``latest`` is wanted and nothing was registered.

    Raises:
        UsageError: The named version is not registered.
    """
    if wanted == LATEST:
        pointer = _folder(lake) / _POINTER
        return str(json.loads(pointer.read_text(encoding="utf-8"))["version"]) if pointer.exists() else None
    if not (_folder(lake) / f"{wanted}.json").exists():
        message = f"welfare.model: {wanted} is not registered in {_folder(lake)}; run 'dtsen train pmt' or name another"
        raise UsageError(message)
    return wanted


def require(lake: Lake, wanted: str) -> str:
    """Return the version that somebody names, who cannot do without a model.

    Args:
        lake: The lake.
        wanted: A version, or ``latest``.

    Raises:
        UsageError: It is not registered, or ``latest`` is wanted and nothing was.
    """
    version = registered(lake, wanted)
    if version is None:
        message = f"no model is registered in {_folder(lake)}; run 'dtsen train pmt' first"
        raise UsageError(message)
    return version


def load(lake: Lake, version: str) -> PmtModel:
    """Load a registered model.

    Args:
        lake: The lake.
        version: A registered version.

    Returns:
        The model.
    """
    stored = _card(lake, version)
    # A model has a few thousand rows: strata × variants.
    rows = lake.read(tables.PMT_COEFFICIENT).where(F.col(c.MODEL_VERSION) == version).collect()
    slopes: dict[str, dict[str, float]] = {}
    errors: dict[str, dict[str, float]] = {}
    levels: dict[str, dict[str, float]] = {}
    level_errors: dict[str, dict[str, float]] = {}
    for row in sorted(rows, key=lambda row: (row[c.STRATUM], row[c.INDICATOR])):
        variant, _, stratum = row[c.STRATUM].partition(":")
        if stratum:
            levels.setdefault(variant, {})[stratum] = row[c.COEFFICIENT]
            if row[c.STANDARD_ERROR] is not None:
                level_errors.setdefault(variant, {})[stratum] = row[c.STANDARD_ERROR]
        else:
            slopes.setdefault(variant, {})[row[c.INDICATOR]] = row[c.COEFFICIENT]
            # A model made elsewhere may not know its errors.
            if row[c.STANDARD_ERROR] is not None:
                errors.setdefault(variant, {})[row[c.INDICATOR]] = row[c.STANDARD_ERROR]
    variants = {
        name: Variant(
            slopes.get(name, {}),
            errors.get(name, {}),
            found,
            level_errors.get(name, {}),
            stored.get("variant_residual_sd", {}).get(name, 0.0),
        )
        for name, found in levels.items()
    }
    listing = stored.get("listing")
    return PmtModel(
        variants,
        stored["means"],
        stored["smearing"],
        stored["card"],
        # A model that was registered before errors were told has none.
        stored.get("spreads", {}),
        stored.get("residual_sd", 0.0),
        stored.get("by_place", False),
        None if listing is None else Listing(tuple(listing["lists"]), listing["shifts"]),
    )


def smearing(lake: Lake, version: str) -> float:
    """Return a registered model's factor from the exponential of a score to mean rupiah; starts no Spark job.

    Args:
        lake: The lake.
        version: A registered version.
    """
    return float(_card(lake, version)["smearing"])


def _card(lake: Lake, version: str) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((_folder(lake) / f"{version}.json").read_text(encoding="utf-8"))
    return stored


def _folder(lake: Lake) -> Path:
    return lake.root / "models" / "pmt"


def _write(path: Path, content: dict[str, Any]) -> None:
    # Under another name first: a reader never sees half a file.
    half = path.with_suffix(".part")
    half.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    half.replace(path)
