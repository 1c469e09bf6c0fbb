"""Field checks: the sample of a published release, what visits say of its errors, visits of a synthetic nation."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import corrections, tables
from dtsen_spark.accepted import accepted_rows, is_delivered
from dtsen_spark.corrections.estimation import Estimate, Sample, exclusion_error, inclusion_error
from dtsen_spark.corrections.sampling import draw, frame, load_terms
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.programs import load_rules
from dtsen_spark.synthetic import write_manifest

_VISITS: Final = "verifikasi/hasil"
_SPENDS: Final = "_spends"
_SELECTED: Final = "_selected"
_CHANGES: Final = "_changes"


def sample(lake: Lake, release_id: str, period: str, programs: tuple[str, ...], budget: int) -> int:
    """Draw the field checks of a published release into ``verify/assignment``.

    Args:
        lake: The lake; the caller holds it.
        release_id: The published release.
        period: Its period.
        programs: Programs whose decisions make strata.
        budget: Visits.

    Returns:
        Families drawn.

    Raises:
        UsageError: The release has no scores, or the budget is too small.
    """
    drawn = draw(families(lake, release_id, programs), budget, release_id, load_terms()).withColumns(
        {c.PERIOD: F.lit(period), c.RELEASE_ID: F.lit(release_id)}
    )
    return lake.write(tables.ASSIGNMENT, drawn, slice_values={c.PERIOD: period}).rows


def families(lake: Lake, release_id: str, programs: tuple[str, ...]) -> DataFrame:
    """Return the families of a published release that can be visited, with what their strata hang on.

    Args:
        lake: The lake.
        release_id: The published release.
        programs: Programs whose decisions make strata.

    Returns:
        As ``sampling.frame``.

    Raises:
        UsageError: The release has no scores.
    """
    if not lake.exists(tables.SCORE):
        message = f"{lake.root}: no published scores; publish a release first"
        raise UsageError(message)

    def of_release(df: DataFrame) -> DataFrame:
        return df.where(F.col(c.RELEASE_ID) == release_id)

    decisions = [lake.read(t) for p in programs if lake.exists(t := tables.decision(p))]
    cuts = of_release(lake.read(tables.CUTPOINT)).where(F.col(c.UNIT) == "person").collect()  # nine rows
    return frame(
        of_release(lake.read(tables.SCORE)),
        [of_release(one) for one in decisions],
        _requested(lake),
        {row[c.K]: row[c.SCORE] for row in cuts},
        load_terms(),
    )


def _requested(lake: Lake) -> DataFrame:
    """Return the families for whose member an open ticket asks for a visit at once."""
    members = lake.read(tables.FAMILY_MEMBER).select(c.FAMILY_ID, c.PERSON_ID)
    if not lake.exists(tables.TICKET):
        return members.select(c.FAMILY_ID).limit(0)
    tickets = lake.read(tables.TICKET).where(
        F.col(c.TICKET_KIND).isin(*corrections.ticket_terms().flag_at_once)
        & F.col(c.IDENTIFIED_ON).isNotNull()
        & (F.col(c.OUTCOME) == "OPEN")
    )
    links = lake.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    # ticket : record : person : family is n : 1 : 1 : 0..1; the few tickets decide the size.
    return (
        tickets.select(F.col(c.SUBJECT_RECORD_ID).alias(c.RECORD_ID))
        .join(links.select(c.RECORD_ID, c.PERSON_ID), c.RECORD_ID)
        .join(members, c.PERSON_ID)
        .select(c.FAMILY_ID)
        .distinct()
    )


def write_assignments(lake: Lake, period: str, out: Path) -> int:
    """Write the assignments of a period as one CSV a village.

    Args:
        lake: The lake.
        period: The period.
        out: Folder for the files; made where it is not there.

    Returns:
        Files written.
    """
    rows = lake.read(tables.ASSIGNMENT).where(F.col(c.PERIOD) == period).orderBy(c.REGION_CODE, c.ASSIGNMENT_ID)
    names = (c.ASSIGNMENT_ID, c.FAMILY_ID, c.REGION_CODE, c.REASON, c.OFFICER)
    villages: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows.select(*names).collect():  # as many as the budget of visits
        villages.setdefault(row[c.REGION_CODE] or "unknown", []).append(tuple(row))
    out.mkdir(parents=True, exist_ok=True)
    for village, visits in villages.items():
        with (out / f"{village}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([names, *visits])
    return len(villages)


def simulate(lake: Lake, truth: Path, landing: Path, as_of: str) -> int:
    """Play the visits of the newest assignments from the truth of a synthetic nation, as a delivery.

    One family in twenty is not met and one in fifty refuses, by a hash of the assignment. Who is met tells what the
    family truly spends, and the officer reports the dwelling and assets that are found, where the truth has them
    (``dwelling.parquet``, items of Regsosek's form).

    Args:
        lake: The lake, with ``verify/assignment``.
        truth: Folder with the nation's truth.
        landing: Landing zone that gets the delivery.
        as_of: Day of the delivery, ``YYYY-MM-DD``.

    Returns:
        Visits delivered.

    Raises:
        UsageError: There is no assignment, or a delivery of that day stands already.
    """
    if not lake.exists(tables.ASSIGNMENT):
        message = f"{lake.root}: no assignments; run 'dtsen verify sample' first"
        raise UsageError(message)
    folder = landing / _VISITS / f"{as_of.replace('-', '')}-01"
    if (folder / "_manifest.json").exists():
        message = f"{folder}: is delivered already; name another day"
        raise UsageError(message)
    rows = _visits(lake, truth).toPandas()  # as many as the budget of visits
    folder.mkdir(parents=True, exist_ok=True)
    names = tables.LANDING[_VISITS].columns
    file = folder / "part-00000.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["op", *names])
        for row in rows.to_dict("records"):
            told = {**row, "visited_at": as_of}
            writer.writerow(["U", *(told.get(name) or "" for name in names)])
    write_manifest(folder, _VISITS, as_of=as_of, mode=tables.DELTA, rows={file.name: len(rows)})
    return len(rows)


def _visits(lake: Lake, truth: Path) -> DataFrame:
    """Return the answers of the newest assignments: a row for each, sorted."""
    newest = lake.read(tables.ASSIGNMENT)
    spent = true_living(lake, truth, newest.select(c.FAMILY_ID).distinct())
    met = F.pmod(F.xxhash64(F.lit("visit"), c.ASSIGNMENT_ID), F.lit(100))
    outcome = F.when(met < 5, "3").when(met < 7, "4").when(F.col("log_expenditure").isNull(), "5").otherwise("1")
    return (
        newest.join(spent, c.FAMILY_ID, "left")  # assignment : family is n : 0..1
        .orderBy(c.ASSIGNMENT_ID)
        .select(
            c.ASSIGNMENT_ID,
            c.FAMILY_ID,
            F.col(c.OFFICER).alias("officer_id"),
            outcome.alias("outcome"),
            F.coalesce(F.when(outcome == "1", F.col(_CHANGES)), F.lit("{}")).alias("changes"),
            F.when(outcome == "1", _photo()).otherwise(F.lit("[]")).alias("photos"),
            F.when(outcome == "1", F.round(F.exp("log_expenditure")).cast("long").cast("string")).alias(
                "pengeluaran_per_kapita"
            ),
        )
    )


def _photo() -> Column:
    """Return the list of a visit's photos: there are none, so a digest of the assignment stands for one."""
    return F.to_json(F.array(F.sha2(F.concat(F.lit("photo "), c.ASSIGNMENT_ID), 256)))


def true_living(lake: Lake, truth: Path, wanted: DataFrame) -> DataFrame:
    """Return how families of the published release truly live, by the truth of a synthetic nation.

    Args:
        lake: The lake.
        truth: Folder with the nation's truth.
        wanted: ``family_id`` of the families that are asked for, unique.

    Returns:
        One row for each of them that has a true family, the one of most of its members: ``family_id``,
        ``log_expenditure`` (log of rupiah per person and month), ``_changes`` (JSON of what a visit finds of dwelling
        and assets, null where the truth has none).
    """
    read = lake.spark.read.parquet
    members = lake.read(tables.FAMILY_MEMBER).select(c.FAMILY_ID, c.PERSON_ID)
    links = lake.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull()).select(c.PERSON_ID, c.RECORD_ID)
    true_family = read(str(truth / "person.parquet")).join(
        read(str(truth / "family.parquet")).select("true_person_id", "true_family_id"), "true_person_id"
    )
    # family : member : record : true family is 1 : n : n : 0..1.
    votes = (
        wanted.join(members, c.FAMILY_ID)
        .join(links, c.PERSON_ID)
        .join(true_family.select(c.RECORD_ID, "true_family_id"), c.RECORD_ID)
        .groupBy(c.FAMILY_ID, "true_family_id")
        .count()
    )
    home = votes.groupBy(c.FAMILY_ID).agg(F.max(F.struct("count", "true_family_id"))["true_family_id"].alias("home"))
    facts = read(str(truth / "consumption.parquet")).select("true_family_id", "log_expenditure")
    dwelling = truth / "dwelling.parquet"
    if dwelling.exists():
        items = read(str(dwelling))
        found = F.to_json(F.struct(*(name for name in items.columns if name != "true_family_id")))
        # A true family has one dwelling: 1 : 0..1.
        facts = facts.join(items.select("true_family_id", found.alias(_CHANGES)), "true_family_id", "left")
    else:
        facts = facts.withColumn(_CHANGES, F.lit(None).cast("string"))
    # A true family spends once: n : 1.
    joined = home.join(facts, F.col("home") == F.col("true_family_id"))
    return joined.select(c.FAMILY_ID, "log_expenditure", _CHANGES)


@dataclass(frozen=True)
class Errors:
    """Estimated errors of one program in one place.

    Attributes:
        program: Program.
        region: ``00`` for the nation, else the province.
        inclusion: Share of the selected whom it is not meant for; None where no visit tells.
        exclusion: Share of those whom it is meant for who are not selected; None where no visit tells.
    """

    program: str
    region: str
    inclusion: Estimate | None
    exclusion: Estimate | None


def estimate(lake: Lake, build: str, programs: tuple[str, ...]) -> list[Errors]:
    """Estimate inclusion and exclusion errors of the release that the newest assignments were drawn from.

    A program with deciles up to k is meant for the families of the k tenths of persons who spend least, by what the
    visits measured: the cut is the weighted quantile of the sample. The intervals take the cut as given.

    Args:
        lake: The lake.
        build: Release whose build holds the accepted results.
        programs: Programs to estimate.

    Returns:
        One entry for each program and place, nation first.

    Raises:
        UsageError: There are no assignments, or no results.
    """
    if not lake.exists(tables.ASSIGNMENT) or not is_delivered(lake, build, _VISITS):
        message = f"{lake.root}: no assignments with results; deliver verifikasi/hasil and run the next period first"
        raise UsageError(message)
    told = accepted_rows(lake, build, _VISITS).select(
        c.ASSIGNMENT_ID, F.col("pengeluaran_per_kapita").try_cast("double").alias(_SPENDS)
    )
    newest = lake.read(tables.ASSIGNMENT).agg(F.max(c.PERIOD)).collect()[0][0]
    scores = lake.read(tables.SCORE).where(F.col(c.PERIOD) == newest).select(c.FAMILY_ID, c.MEMBERS)
    # assignment : answer is 1 : 0..1, assignment : family is n : 1.
    drawn = (
        lake.read(tables.ASSIGNMENT)
        .where(F.col(c.PERIOD) == newest)
        .join(told, c.ASSIGNMENT_ID, "left")
        .join(scores, c.FAMILY_ID)
    )
    found: list[Errors] = []
    for rules in load_rules(programs, Period.parse(newest)):
        chosen = (
            lake.read(tables.decision(rules.program))
            .where((F.col(c.PERIOD) == newest) & (F.col(c.DECISION) == "SELECTED"))
            .select(c.FAMILY_ID)
            .distinct()
            .withColumn(_SELECTED, F.lit(True))
        )
        # As many rows as visits.
        rows = drawn.join(chosen, c.FAMILY_ID, "left").orderBy(c.ASSIGNMENT_ID).toPandas()
        if rows[_SPENDS].notna().any():
            found += _errors(rules.program, rows, rules.rules.deciles[-1] / 10)
    return found


def as_row(errors: Errors) -> dict[str, str]:
    """Return an estimate as words for a table."""

    def words(one: Estimate | None) -> str:
        return f"{one.value:.1%} ({one.low:.1%} to {one.high:.1%}, {one.visits:,} visits)" if one else "no visit"

    return {
        "program": errors.program,
        "region": errors.region,
        "inclusion error": words(errors.inclusion),
        "exclusion error": words(errors.exclusion),
    }


def _errors(program: str, rows: pd.DataFrame, share: float) -> list[Errors]:
    weight = rows[c.MEMBERS] / rows[c.PROBABILITY]
    answered = rows[_SPENDS].notna()
    ordered = rows[answered].sort_values([_SPENDS, c.ASSIGNMENT_ID])
    reached = weight[ordered.index].cumsum() / weight[ordered.index].sum()
    cut = ordered[_SPENDS][reached <= share].max()
    places = {"00": rows} | {place: part for place, part in rows.groupby(rows[c.REGION_CODE].str[:2]) if place}
    errors = []
    for place, part in places.items():
        strata = np.unique(part[c.STRATUM], return_inverse=True)[1]
        sample_ = Sample(
            stratum=strata.astype(np.int64),
            probability=part[c.PROBABILITY].to_numpy(float),
            answered=part[_SPENDS].notna().to_numpy(),
            selected=part[_SELECTED].notna().to_numpy(),
            poor=(part[_SPENDS] <= cut).to_numpy(),
        )
        errors.append(Errors(program, str(place), inclusion_error(sample_), exclusion_error(sample_)))
    return errors
