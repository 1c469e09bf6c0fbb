"""Statistics and report against their floor: read the scored families, write the decisions once."""

from pathlib import Path
from typing import Final

from rich.console import Console

from dtsen_spark import marts, report, session
from dtsen_spark.bench import scored
from dtsen_spark.bench.programs import FLOOR, floor
from dtsen_spark.bench.ratios import Bound, Candidate, Verdict, compare, judge, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.job import Job

_WHOLE: Final = "statistics, report"
_GATE: Final = 2.0


def measure(out: Console, config: Config, root: Path, persons: int, rounds: int) -> list[Verdict]:
    """Time the marts stage with the report of the release against the floor of ``dtsen bench programs``.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace; a lake of that size that stands there is used again.
        persons: Persons of the nation.
        rounds: Timed rounds of each.

    Returns:
        The verdict.
    """
    job = scored.job(session.start(config, "dtsen bench marts"), config, root / f"scored-{persons}", persons)
    candidates = [
        Candidate(_WHOLE, lambda: _tell(job, root / "report.html")),
        Candidate(FLOOR, lambda: floor(job, root / "floor")),
    ]
    timings = compare(candidates, rounds)
    verdicts = judge(timings, [Bound(_WHOLE, FLOOR, _GATE)])
    print_comparison(out, f"Statistics of {persons:,} persons", timings, verdicts)
    return verdicts


def _tell(job: Job, path: Path) -> None:
    marts.run(job)
    report.write(job.lake.root, job.period.text, path)
