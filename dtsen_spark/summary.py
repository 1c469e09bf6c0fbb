"""What the commands print: progress, accounts, accuracy, a release at a glance. Counts only, never a person's value."""

import errno
import os
import shlex
import shutil
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import ExitCode
from dtsen_spark.ingest import ReplayedBatch
from dtsen_spark.lake import Lake
from dtsen_spark.pipeline import Outcome, StageReport
from dtsen_spark.quality import GateResult
from dtsen_spark.release import Cared
from dtsen_spark.replay import Replayed
from dtsen_spark.simulation import Simulated
from dtsen_spark.synthetic import Summary
from dtsen_spark.welfare import KAB

_DEBUG_VARIABLE: Final = "DTSEN_DEBUG"
_NATION: Final = 0


def print_stage(console: Console, report: StageReport) -> None:
    """Print the one progress line of a stage: rows, seconds, rows a second."""
    if report.resumed:
        console.print(f"{report.name:<10} {report.rows:>12,} rows   done by an earlier run", markup=False)
        return
    rate = report.rows / report.seconds if report.seconds else 0.0
    console.print(
        f"{report.name:<10} {report.rows:>12,} rows {report.seconds:>8.1f} s {rate:>12,.0f} rows/s", markup=False
    )


def print_nation(out: Console, made: Summary, folder: Path, month: str = "") -> None:
    """Print what ``dtsen generate`` wrote, for the nation or for a month after it."""
    table = _table(f"Synthetic nation, {month}" if month else "Synthetic nation", "table", "rows")
    for name, rows in sorted(made.rows.items()):
        table.add_row(name, f"{rows:,}")
    out.print(table)
    out.print(f"landing: {folder / 'landing'}\ntruth:   {folder / 'truth' / month}", markup=False)


def print_outcome(out: Console, console: Console, outcome: Outcome, lake: Path) -> None:
    """Print the table of accounts, refused batches and the gate's verdict."""
    if outcome.unchanged:
        out.print(f"{outcome.release_id} is published; nothing was done (--revise opens the next revision)")
        return
    if outcome.accounts:
        table = _table(f"Accounts of {outcome.release_id}", "stage", "subject", "in", "out", "set aside", "balance")
        for one in outcome.accounts:
            balance = "yes" if one.balanced else "NO"
            numbers = (f"{n:,}" for n in (one.rows_in, one.rows_out, one.rows_set_aside))
            table.add_row(one.stage, one.subject, *numbers, balance)
        out.print(table)
    for batch in outcome.refused:
        console.print(f"refused: {batch.path}: {batch.reason}", markup=False)
    if outcome.gate is not None:
        print_gate(console, outcome.gate)
    state = "published" if outcome.published else "not published"
    out.print(f"{outcome.release_id}: {state}; lake: {lake}", markup=False)


def print_gate(console: Console, gate: GateResult) -> None:
    """Print what the gate of a release found, and its verdict."""
    for failed in gate.failed:
        console.print(f"gate: {failed}", markup=False)
    for warning in gate.warnings:
        console.print(f"warning: {warning}", markup=False)
    verdict = "passed" if gate.passed else "stopped the release"
    console.print(f"the gate {verdict}; data docs: {gate.data_docs}", markup=False)


def print_release(out: Console, store: Lake, outcome: Outcome, accuracy: Mapping[str, Any] | None) -> None:
    """Print a published release at a glance: deciles, programs, accuracy, what to try next."""
    period = F.col(c.RELEASE_ID) == outcome.release_id
    nation = F.col(c.REGION_LEVEL) == _NATION
    deciles = store.read(tables.STATS_DECILE).where(period & nation).orderBy(c.DECILE)
    table = _table("Desil", "desil", "persons", "families")
    for row in deciles.collect():  # ten rows
        label = "not ranked" if row[c.DECILE] is None else str(row[c.DECILE])
        table.add_row(label, _count(row[c.PERSONS]), _count(row[c.FAMILIES]))
    out.print(table)
    programs = store.read(tables.STATS_PROGRAM).where(period & nation).orderBy(c.PROGRAM, c.DECISION, c.CHANGE)
    table = _table("Programs", "program", "unit", "decision", "change", "units", "Rp a year")
    for row in programs.collect():  # programs × decisions × changes
        names = (row[c.PROGRAM], row[c.UNIT], row[c.DECISION], row[c.CHANGE])
        table.add_row(*map(str, names), _count(row[c.ROWS]), _count(row[c.BENEFIT_TOTAL_IDR_YEAR]))
    out.print(table)
    if accuracy is not None:
        print_accuracy(out, accuracy)
    root, quoted = store.root, shlex.quote(str(store.root))
    out.print(
        f"Tables: {root}/<layer>/<name> (Delta), such as {root / 'master' / 'person'}\n"
        "Try next:\n"
        f"  {_command()} status --lake {quoted}\n"
        f"  {_command()} dictionary --table master/person\n"
        f"  make serve LAKE={quoted}    (SQL on port 10000; open notebooks/ for a tour)",
        markup=False,
    )


def _command() -> str:
    """Return what starts the command in the shell that reads this: who came by ``make run`` has it on no path."""
    beside = Path(sys.executable).with_name("dtsen")
    return shlex.quote(str(beside)) if beside.exists() and not shutil.which("dtsen") else "dtsen"


def print_accuracy(out: Console, figures: Mapping[str, Any]) -> None:
    """Print the accuracy figures of an evaluation as a table of names and numbers."""
    table = _table(f"Accuracy of {figures.get('release', '')} against truth", "figure", "value")
    for name, value in _flat(figures):
        if ".strata." in name:  # hundreds of figures, for the page and the JSON
            continue
        if isinstance(value, float):
            table.add_row(name, f"{value:.5f}")
        elif isinstance(value, int):
            table.add_row(name, f"{value:,}")
    out.print(table)


def print_quarantine(out: Console, replayed: Iterable[ReplayedBatch]) -> None:
    """Print what became of quarantined rows, by batch."""
    table = _table("Quarantine", "table", "batch", "open before", "re-entered", "still open")
    back = 0
    for one in replayed:
        table.add_row(one.table, one.batch_id, *(f"{n:,}" for n in (one.open_before, one.re_entered, one.still_open)))
        back += one.re_entered
    out.print(table)
    out.print(
        f"{back:,} rows re-entered; the next 'dtsen run' takes them in (--revise where the period is published)"
        if back
        else "no row passes today's rules; quarantine/<source>_<table> has the reasons"
    )


def print_status(out: Console, status: Mapping[str, Any]) -> None:
    """Print the sections of ``dtsen status``: each a list of rows with the same keys."""
    for title, rows in status.items():
        if not rows:
            out.print(f"{title}: none")
            continue
        table = _table(title, *rows[0])
        for row in rows:
            table.add_row(*(_text(value) for value in row.values()))
        out.print(table)


def print_diff(out: Console, rows: Iterable[Mapping[str, Any]]) -> None:
    """Print who enters and leaves a program, as counts by change and cause."""
    table = _table("Changes", "change", "cause", "units")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    out.print(table)


def print_simulation(out: Console, found: Simulated) -> None:
    """Print what other rules would do, the nation of each program first, then its kab/kota; deciles without these."""
    headers = ("program", "region", "units now", "units then", "win", "lose", "Rp a year now", "Rp a year then")
    table = _table(f"{found.release_id} by other rules", *headers)
    for one in found.effects:
        numbers = (one.units_now, one.units_then, one.win, one.lose, one.idr_year_now, one.idr_year_then)
        table.add_row(one.program, one.region_code or "all", *map(_count, numbers))
    if found.effects:
        out.print(table)
    counts = ("families", "persons", "winners", "losers", "persons_won", "persons_lost")
    table = _table(f"{found.release_id} by other deciles (winners: poorer ones)", "grouping", "group", *counts)
    for shift in found.shifts:
        if shift.grouping != KAB:
            table.add_row(shift.grouping, shift.group or "all", *(_count(getattr(shift, name)) for name in counts))
    if found.shifts:
        out.print(table)


def print_replay(out: Console, replayed: Replayed) -> None:
    """Print a release beside what was made again."""
    table = _table(f"{replayed.release_id} made again", "table", "rows then", "erased since", "rows now", "content")
    for one in replayed.tables:
        now = "" if one.now is None else f"{one.now.rows:,}"
        stands = "stands as signed, less what was erased" if one.accounted else "DIFFERS"
        table.add_row(one.path, f"{one.then.rows:,}", f"{one.erased.rows:,}", now, "same" if one.same else stands)
    out.print(table)
    if replayed.code_changed:
        out.print("code or policy files differ from those of then: a difference may be theirs")


def print_maintained(out: Console, done: Iterable[Cared]) -> None:
    """Print what care did, or that nothing was to do."""
    table = _table("Maintained", "subject", "files compacted", "files deleted", "releases kept")
    for one in done:
        table.add_row(one.subject, *(f"{number:,}" for number in (one.compacted, one.deleted, one.retained)))
    out.print(table if table.row_count else "nothing to do")


def print_unexpected(console: Console, error: Exception) -> ExitCode:
    """Print an error that nobody foresaw, by kind and place but without its text, which may hold a person's value.

    Returns:
        The exit code.
    """
    if os.environ.get(_DEBUG_VARIABLE):
        console.print("".join(traceback.format_exception(error)), markup=False)
        return ExitCode.OTHER
    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes)
    if "No space left on device" in text or any(getattr(e, "errno", None) == errno.ENOSPC for e in causes):
        console.print("dtsen: the disk is full; make room and run the same command again: it resumes", markup=False)
        return ExitCode.OTHER
    if any(isinstance(cause, PermissionError) for cause in causes) or "Permission denied" in text:
        console.print("dtsen: no permission to write; check the owner of the lake's and output folders", markup=False)
        return ExitCode.OTHER
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "dtsen_spark" in frame.filename]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "outside dtsen_spark"
    console.print(
        f"dtsen: unexpected {type(error).__name__} at {where}; nothing of it is visible in the published tables. "
        f"Run again to resume, or with {_DEBUG_VARIABLE}=1 for the full error (it may hold personal data)",
        markup=False,
    )
    return ExitCode.OTHER


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for number, header in enumerate(headers):
        table.add_column(header, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _count(value: int | None) -> str:
    return "suppressed" if value is None else f"{value:,}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
