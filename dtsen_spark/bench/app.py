"""``dtsen bench``: one command for each benchmark; without a name, all of them with their defaults."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dtsen_spark import config as configuration
from dtsen_spark.bench import decile, hot, intake, linkage, marts, pmt, programs, stages, tickets, update
from dtsen_spark.bench.nation import workspace
from dtsen_spark.bench.ratios import Verdict
from dtsen_spark.errors import ExitCode

app = typer.Typer(help="Benchmarks as ratios in one run; exit 1 where a gate is missed.", invoke_without_command=True)
out = Console(soft_wrap=True, highlight=False)

PersonsOption = Annotated[int, typer.Option("--persons", min=1000, help="Persons of the nation that is measured.")]
RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Timed rounds of each candidate.")]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Where nations and lakes are kept for the next time; default: nowhere.")
]


@app.callback()
def bench(context: typer.Context) -> None:
    """Run every benchmark with its defaults, where none is named."""
    if context.invoked_subcommand is None:
        for command in app.registered_commands:
            if command.callback is not None:
                context.invoke(command.callback)


@app.command("stages")
def bench_stages(
    persons: PersonsOption = 20_000,
    times: Annotated[int, typer.Option("--times", min=2, help="How much larger the second nation is.")] = 5,
    folder: FolderOption = None,
) -> None:
    """Time every stage at two sizes: what one more record costs against the average record of the smaller."""
    with workspace(folder) as root:
        _conclude(stages.measure(out, configuration.load(), root, persons, times))


@app.command("programs")
def bench_programs(persons: PersonsOption = 300_000, rounds: RoundsOption = 3, folder: FolderOption = None) -> None:
    """Time decisions, change list and hand-over against reading the scores and writing the decisions once."""
    with workspace(folder) as root:
        _conclude(programs.measure(out, configuration.load(), root, persons, rounds))


@app.command("marts")
def bench_marts(persons: PersonsOption = 300_000, rounds: RoundsOption = 3, folder: FolderOption = None) -> None:
    """Time statistics and report against reading the scores and writing the decisions once."""
    with workspace(folder) as root:
        _conclude(marts.measure(out, configuration.load(), root, persons, rounds))


@app.command("ingest")
def bench_ingest(
    persons: PersonsOption = 100_000,
    rounds: RoundsOption = 3,
    audit: Annotated[bool, typer.Option("--audit", help="The share of the gate in a whole run too.")] = False,
    marginal: Annotated[bool, typer.Option("--marginal", help="A tenth and three times the persons too.")] = False,
    folder: FolderOption = None,
) -> None:
    """Time ingest and harmonise against reading the same files, shuffling and writing them once."""
    with workspace(folder) as root:
        config = configuration.load()
        _conclude(intake.measure(out, config, root, persons, rounds, audit=audit, marginal=marginal))


@app.command("linkage")
def bench_linkage(
    persons: PersonsOption = 100_000,
    rounds: RoundsOption = 3,
    folder: FolderOption = None,
    on_spark: Annotated[bool, typer.Option("--splink-on-spark", help="Time plain Splink on Spark as well.")] = False,
) -> None:
    """Time silver to membership against Splink on DuckDB and against one shuffle of the input."""
    with workspace(folder) as root:
        _conclude(linkage.measure(out, configuration.load(), root, persons, rounds, on_spark=on_spark))


@app.command("hot")
def bench_hot(
    persons: PersonsOption = 100_000,
    records: Annotated[int, typer.Option("--records", min=1000, help="Records that share a key.")] = 50_000,
    rounds: RoundsOption = 3,
    folder: FolderOption = None,
) -> None:
    """Time the linkage with records that share a name and birth date, or a NIK, against as many ordinary ones."""
    with workspace(folder) as root:
        _conclude(hot.measure(out, configuration.load(), root, persons, records, rounds))


@app.command("decile")
def bench_decile(
    families: Annotated[int, typer.Option("--families", min=10_000, help="Families that are ranked.")] = 1_000_000,
    rounds: RoundsOption = 5,
    folder: FolderOption = None,
) -> None:
    """Time exact person-weighted deciles against ntile over one window, alone and behind scoring."""
    with workspace(folder) as root:
        _conclude(decile.measure(out, configuration.load(), root, families, rounds))


@app.command("pmt")
def bench_pmt(
    households: Annotated[int, typer.Option("--households", min=1000, help="Surveyed households.")] = 345_000,
    rounds: RoundsOption = 3,
    folder: FolderOption = None,
) -> None:
    """Time the training of the proxy means test."""
    with workspace(folder) as root:
        _conclude(pmt.measure(out, configuration.load(), root, households, rounds))


@app.command("update")
def bench_update(
    persons: PersonsOption = 100_000,
    share: Annotated[float, typer.Option("--share", min=0, max=1, help="Share of families that change.")] = 0.01,
    folder: FolderOption = None,
) -> None:
    """Time a full run, a month without any delivery, and a month with changes."""
    with workspace(folder) as root:
        _conclude(update.measure(out, configuration.load(), root, persons, share))


@app.command("tickets")
def bench_tickets(
    count: Annotated[int, typer.Option("--tickets", min=1000, help="Tickets that are played.")] = 1_000_000,
    rounds: RoundsOption = 3,
    folder: FolderOption = None,
) -> None:
    """Time the corrections stage on a month of tickets, beside reading, shuffling and writing them once."""
    with workspace(folder) as root:
        _conclude(tickets.measure(out, configuration.load(), root, count, rounds))


def _conclude(verdicts: list[Verdict]) -> None:
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(ExitCode.OTHER)
