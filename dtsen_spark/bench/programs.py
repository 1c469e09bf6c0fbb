"""Programs, change list and hand-over against their floor: read the scored families, write the decisions once."""

from pathlib import Path

from rich.console import Console

from dtsen_spark import handover, pipeline, programs, session, tables
from dtsen_spark.bench.nation import nation
from dtsen_spark.bench.ratios import Bound, Candidate, Verdict, compare, judge, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.job import Job
from dtsen_spark.lake import Lake

_WHOLE = "decide, compare, hand over"
_FLOOR = "read scores, write decisions"
_GATE = 4.0


def measure(out: Console, config: Config, root: Path, persons: int, rounds: int) -> list[Verdict]:
    """Time the programs stage with every hand-over against its floor, on a published release.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace; a lake of that size that stands there is used again.
        persons: Persons of the nation.
        rounds: Timed rounds of each.

    Returns:
        The verdict.
    """
    lake = root / f"lake-{persons}"
    landing = nation(config, root, persons) / "landing"
    request = pipeline.RunRequest(landing, lake, config.generate.quarter, publish=True)
    pipeline.run(request, config, lambda _: None)
    store = Lake(session.start(config, "dtsen bench"), lake)
    # The build was published, so the stage compares with what it decided before: the change list is part of it.
    job = pipeline.job_of_build(store, config)
    candidates = [
        Candidate(_WHOLE, lambda: _whole(job, root / "handover")),
        Candidate(_FLOOR, lambda: _floor(job, root / "floor")),
    ]
    timings = compare(candidates, rounds)
    verdicts = judge(timings, [Bound(_WHOLE, _FLOOR, _GATE)])
    print_comparison(out, f"Programs of {persons:,} persons", timings, verdicts)
    return verdicts


def _whole(job: Job, folder: Path) -> None:
    programs.run(job)
    for program in job.config.programs.enabled:
        handover.hand_over(job.lake, program, folder)


def _floor(job: Job, folder: Path) -> None:
    elsewhere = Lake(job.spark, folder)
    job.read(tables.SCORE).write.format("noop").mode("overwrite").save()
    for program in job.config.programs.enabled:
        table = tables.decision(program)
        elsewhere.write(table, job.read(table))
