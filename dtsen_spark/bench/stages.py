"""Every stage at two sizes: seconds, and what one more record costs."""

import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dtsen_spark import pipeline
from dtsen_spark.bench.nation import nation
from dtsen_spark.bench.ratios import Bound, PeakMemory, Verdict
from dtsen_spark.config import Config

# A stage whose marginal record costs more than an average one grows faster than its input.
_MARGINAL_GATE = 1.1


def measure(out: Console, config: Config, root: Path, persons: int, times: int) -> list[Verdict]:
    """Run the whole job on two nations and print the marginal against the average cost of a person, by stage.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace.
        persons: Persons of the smaller nation.
        times: How much larger the other one is.

    Returns:
        The verdict on the whole job.
    """
    small, large = (_run(config, root, size) for size in (persons, persons * times))
    table = Table(title=f"Stages at {persons:,} and {persons * times:,} persons", title_justify="left")
    for heading in ("stage", f"s at {persons:,}", f"s at {persons * times:,}", "marginal / average"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    rows = [*small.seconds, "all"]
    for name in rows:
        low, high = small.of(name), large.of(name)
        table.add_row(name, f"{low:.1f}", f"{high:.1f}", f"{_marginal(low, high, times):.2f}")
    out.print(table)
    out.print(f"peak resident memory of the process tree at {persons * times:,}: {large.peak_bytes / 2**30:.2f} GiB")
    bound = Bound("a further person", "an average person of the smaller nation", _MARGINAL_GATE)
    return [Verdict(bound, _marginal(small.of("all"), large.of("all"), times))]


class _Run:
    """Seconds by stage of one run, and its peak memory."""

    def __init__(self, seconds: dict[str, float], peak_bytes: int) -> None:
        self.seconds = seconds
        self.peak_bytes = peak_bytes

    def of(self, name: str) -> float:
        return sum(self.seconds.values()) if name == "all" else self.seconds[name]


def _marginal(low: float, high: float, times: int) -> float:
    return (high - low) / (times - 1) / low


def _run(config: Config, root: Path, persons: int) -> _Run:
    lake = root / f"lake-{persons}"
    shutil.rmtree(lake, ignore_errors=True)
    landing = nation(config, root, persons) / "landing"
    seconds: dict[str, float] = {}
    request = pipeline.RunRequest(landing, lake, config.generate.quarter, publish=True)
    with PeakMemory() as memory:
        pipeline.run(request, config, lambda report: seconds.update({report.name: report.seconds}))
    return _Run(seconds, memory.peak_bytes)
