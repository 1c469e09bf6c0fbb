"""Programs, change list and hand-over against their floor: read the scored families, write the decisions once."""

from pathlib import Path
from typing import Final

from rich.console import Console

from dtsen_spark import handover, programs, session, tables
from dtsen_spark.bench import scored
from dtsen_spark.bench.ratios import Bound, Candidate, Verdict, compare, judge, print_comparison, together
from dtsen_spark.config import Config
from dtsen_spark.job import Job
from dtsen_spark.lake import Lake

FLOOR: Final = "read scores, write decisions"
_WHOLE: Final = "decide, compare, hand over"
_DECIDE: Final = "decide, compare"
_HAND_OVER: Final = "hand over"
_GATE: Final = 4.0


def measure(out: Console, config: Config, root: Path, persons: int, rounds: int) -> list[Verdict]:
    """Time the programs stage with every hand-over against its floor, on a nation that was scored twice.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace; a lake of that size that stands there is used again.
        persons: Persons of the nation.
        rounds: Timed rounds of each.

    Returns:
        The verdict.
    """
    job = scored.job(session.start(config, "dtsen bench programs"), config, root / f"scored-{persons}", persons)
    steps = {_DECIDE: lambda: programs.run(job), _HAND_OVER: lambda: _hand_over(job, root / "handover")}
    candidates = [Candidate(name, step) for name, step in steps.items()]
    candidates.append(Candidate(FLOOR, lambda: floor(job, root / "floor")))
    timings = compare(candidates, rounds)
    timings[_WHOLE] = together(_WHOLE, [timings[name] for name in steps])
    verdicts = judge(timings, [Bound(_WHOLE, FLOOR, _GATE)])
    print_comparison(out, f"Programs of {persons:,} persons", timings, verdicts)
    return verdicts


def _hand_over(job: Job, folder: Path) -> None:
    for program in job.config.programs.enabled:
        handover.hand_over(job.lake, program, folder)


def floor(job: Job, folder: Path) -> None:
    """Read the scored families, and write the decisions of every program once."""
    elsewhere = Lake(job.spark, folder)
    job.read(tables.SCORE).write.format("noop").mode("overwrite").save()
    for program in job.config.programs.enabled:
        table = tables.decision(program)
        elsewhere.write(table, job.read(table))
