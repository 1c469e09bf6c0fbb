"""A month of changes: what it costs beyond a run without any, as a share of a full run."""

import shutil
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from dtsen_spark import pipeline, session, synthetic
from dtsen_spark.bench.nation import nation
from dtsen_spark.bench.ratios import Bound, Verdict, print_verdict
from dtsen_spark.config import Config
from dtsen_spark.errors import DtsenError

_GATE: Final = 0.15
_FULL: Final = "full run"
_STILL: Final = "nothing new"
_DELTA: Final = "with changes"
_ALL: Final = "all"


def measure(out: Console, config: Config, root: Path, persons: int, share: float) -> list[Verdict]:
    """Publish a quarter, a month without any delivery and a month with changes, one after the other in one lake.

    The full run is the first release, on the same deliveries, and trains both models; the months use them.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace. The nation gets a month of its own, so it is not that of other benchmarks.
        persons: Persons of the nation.
        share: Share of the families that the month touches.

    Returns:
        The verdict on the month with changes.
    """
    folder = root / f"update-{share}"
    lake = folder / f"lake-{persons}"
    for stale in (lake, folder / f"nation-{persons}-documented"):
        shutil.rmtree(stale, ignore_errors=True)
    made = nation(config, folder, persons)
    seconds = {_FULL: _run(config, lake, made, config.generate.quarter)}
    month = synthetic.month_of(made, None)
    seconds[_STILL] = _run(config, lake, made, month)
    spark = session.start(config, "dtsen bench")
    synthetic.generate_next(spark, out=made, period=month, share=share)
    seconds[_DELTA] = _run(config, lake, made, synthetic.month_of(made, None))
    table = Table(title=f"A month of {persons:,} persons, {share:.1%} of families touched", title_justify="left")
    for heading in ("stage", *(f"{name} s" for name in seconds)):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in (*pipeline.NAMES, _ALL):
        table.add_row(stage, *(f"{run[stage]:.1f}" for run in seconds.values()))
    out.print(table)
    full, still, delta = (run[_ALL] for run in seconds.values())
    verdict = Verdict(Bound(f"({_DELTA} - {_STILL})", _FULL, _GATE), (delta - still) / full)
    out.print(f"{_STILL} / {_FULL} = {still / full:.2f}; {_DELTA} / {_FULL} = {delta / full:.2f}", markup=False)
    print_verdict(out, verdict)
    return [verdict]


def _run(config: Config, lake: Path, made: Path, period: str) -> dict[str, float]:
    """Return the seconds of each stage, and of the whole run with its publication."""
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    request = pipeline.RunRequest(made / "landing", lake, period, publish=True)
    outcome = pipeline.run(request, config, lambda report: seconds.update({report.name: report.seconds}))
    if not outcome.published:
        message = f"{outcome.release_id}: the gate stopped the release of the benchmark; 'dtsen status' says why"
        raise DtsenError(message)
    return seconds | {_ALL: time.perf_counter() - began}
