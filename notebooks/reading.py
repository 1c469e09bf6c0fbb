"""What the notebooks read: the lake of DTSEN_LAKE, else the newest under data/. No Spark: delta-rs and Polars."""

import json
import os
from pathlib import Path

import altair as alt
import polars as pl

# Pictures instead of scripts: they show without a network and hold nothing but what is drawn.
alt.renderers.enable("svg")
alt.data_transformers.disable_max_rows()


def lake() -> Path:
    """Return the root of the lake."""
    if named := os.environ.get("DTSEN_LAKE"):
        return Path(named).absolute()
    lakes = sorted((Path(__file__).parents[1] / "data").glob("lake*/ops"), key=lambda path: path.stat().st_mtime)
    if not lakes:
        raise FileNotFoundError("no lake under data/; run 'make run', or name one in DTSEN_LAKE")
    return lakes[-1].parent


def read(path: str, build: str | None = None) -> pl.LazyFrame:
    """Read a table of the lake, such as master/person: published, or in the build of a release."""
    root = lake() / "build" / build if build else lake()
    # By PyArrow: Polars itself looks for a folder named "%20" where a path has a space (polars issue 20944).
    return pl.scan_delta(str(root / path), use_pyarrow=True)


def current_release() -> tuple[str, dict[str, int]]:
    """Return the release that was published last and the rows of its tables."""
    events = read("ops/release").filter(pl.col("state") == "PUBLISHED").sort("recorded_at").collect()
    if events.is_empty():
        raise LookupError(f"{lake()}: nothing is published yet; run 'dtsen publish'")
    last = events.row(-1, named=True)
    return last["release_id"], {path: one["rows"] for path, one in json.loads(last["tables_json"]).items()}


def period_of(release: str) -> str:
    """Return the period of a release."""
    return release.rsplit(".", 1)[0]
