"""The welfare stage: reads ``master`` and the survey, writes ``welfare`` and, where it trains, ``models``."""

from collections.abc import Mapping
from typing import Final

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import WelfareConfig, conf_dir
from dtsen_spark.contract import local_frame
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job
from dtsen_spark.welfare import change, loading, registry, scoring
from dtsen_spark.welfare.deciles import TENTHS, Cut, cut_points
from dtsen_spark.welfare.features import UNIT
from dtsen_spark.welfare.frozen import FAMILY, PERSON, Frozen, family_design, frozen, place
from dtsen_spark.welfare.lists import with_listing
from dtsen_spark.welfare.model import PmtModel
from dtsen_spark.welfare.ranking import with_kab_rank
from dtsen_spark.welfare.training import train as train_model

log = structlog.get_logger(__name__)

STAGE: Final = "welfare"
# What is kept of a scored family until the cuts are known; what explains the score is written from the design.
KEPT: Final = (
    c.MEMBERS,
    c.REGION_CODE,
    c.SCORE,
    c.STATE,
    c.REASON,
    c.CONFIDENCE,
    c.SCORE_ERROR,
    c.MODEL_VARIANT,
    c.OLDEST_INPUT,
    c.LINK_CONFIDENCE,
    c.WEAKEST_LINK,
    c.RECORDS_IN_REVIEW,
    c.MEMBER_HASH,
    scoring.MEMBER_POINTS,
    scoring.FORMER_SCORE,
    scoring.FORMER_MEMBER_POINTS,
)


def train(job: Job) -> str:
    """Train the proxy means test on the survey of a build and register it.

    Args:
        job: A job over a build that has been harmonised. Where it has families too, they tell what being on a list
            says of those of whom little is known.

    Returns:
        The version.

    Raises:
        UsageError: No household of the survey can train.
    """
    try:
        version = _train(job, _design(job) if job.has(tables.FAMILY_ATTRIBUTE) else None)
    finally:
        job.lake.drop_scratch(job.release_id)
    if version is None:
        message = "silver/survey_household: no household with expenditure, weight and region; deliver susenas first"
        raise UsageError(message)
    return version


def run(job: Job) -> None:
    """Score every family, place it in a decile, and say why it stands elsewhere than in the last release.

    A quarter uses the registered model (trains one where there is none) and ranks the nation; a month uses model and
    cuts of the last published release. Reads ``master/person_attribute``, ``master/family_attribute``, the survey
    where it trains, ``welfare/score``, ``welfare/cutpoint`` and ``master/family_member`` of the last release; writes
    ``welfare/score``, ``score_part``, ``cutpoint`` and ``change``, which is empty in the first release.

    Args:
        job: The run.
    """
    standing = frozen(job)
    still = None if job.period.is_quarter else standing
    persons = job.read(tables.PERSON_ATTRIBUTE)
    design = _design(job)
    version, model = _model(job, still, design)
    explained = _scored(job, design, model, _former(job, standing, version))
    # Read four times in few columns, two of them for the histogram.
    scored = job.keep(STAGE, "scored", explained.select(c.FAMILY_ID, *KEPT))
    cuts = still.cuts if still else _cuts(scored)
    rules = job.config.welfare
    placed = place(scored, cuts[rules.unit], model, rules).withColumn(c.MODEL_VERSION, F.lit(version).cast("string"))
    written = job.write(tables.SCORE, with_kab_rank(placed))
    job.write(tables.SCORE_PART, explained)
    job.write(tables.CUTPOINT, _cut_frame(job, cuts, version))
    _write_change(job, placed, persons, standing, cuts)
    _account(job, scored, written.rows)


def _design(job: Job) -> DataFrame:
    # Read for the scores, for their parts, and for what lists say in each variant; made by joins and aggregates.
    made = family_design(job.read(tables.FAMILY_ATTRIBUTE), job.read(tables.PERSON_ATTRIBUTE))
    return job.keep(STAGE, "design", made)


def _model(job: Job, still: Frozen | None, design: DataFrame) -> tuple[str | None, PmtModel | None]:
    """The model of the run: frozen between quarters, else made elsewhere, else registered, else trained."""
    rules = job.config.welfare
    if still is not None:
        version = still.model_version
    elif rules.coefficients:
        places = scoring.strata(job.read(tables.FAMILY_ATTRIBUTE))
        elsewhere = loading.read_coefficients(conf_dir() / "models" / rules.coefficients, places)
        # Not the latest: without the setting the next run is back at our own.
        version = registry.register(job.lake, elsewhere, latest=False)
    else:
        version = registry.registered(job.lake, rules.model) or _train(job, design)
    return version, registry.load(job.lake, version) if version else None


def _former(job: Job, standing: Frozen | None, version: str | None) -> PmtModel | None:
    """The model of the last release, where it is another one."""
    if standing is None or standing.model_version in {None, version}:
        return None
    return registry.load(job.lake, str(standing.model_version))


def _train(job: Job, design: DataFrame | None) -> str | None:
    if not (job.has(tables.SURVEY_HOUSEHOLD) and job.has(tables.SURVEY_MEMBER)):
        return None
    rules: WelfareConfig = job.config.welfare
    model = train_model(
        job.read(tables.SURVEY_HOUSEHOLD),
        job.read(tables.SURVEY_MEMBER),
        shrinkage=rules.shrinkage,
        folds=rules.folds,
        interval=rules.interval,
    )
    if model is None:
        log.warning("no household of the survey can train a model")
        return None
    if design is not None:
        model = with_listing(model, design, rules.poverty_lists, rules.poverty_lists_follow)
    version = registry.register(job.lake, model)
    used, aside = model.card["households"], model.card["set_aside"]
    job.ledger.account(
        STAGE,
        tables.SURVEY_HOUSEHOLD.path,
        rows_in=used + sum(aside.values()),
        rows_out=used,
        set_aside=aside,
    )
    held_out = model.card["held_out"]
    job.ledger.metric(STAGE, "pmt_r2_held_out", held_out["r2"], subject=version)
    job.ledger.metric(STAGE, "pmt_rmse_held_out", held_out["rmse"], subject=version)
    log.info("trained a proxy means test", version=version, households=used, r2=round(held_out["r2"], 4))
    return version


def _scored(job: Job, features: DataFrame, model: PmtModel | None, former: PmtModel | None) -> DataFrame:
    if former is None:
        nothing = (scoring.FORMER_SCORE, scoring.FORMER_MEMBER_POINTS)
        features = features.withColumns({name: F.lit(None).cast("long") for name in nothing})
    else:
        features = scoring.with_former(features, former)
    if model is None:
        scored = scoring.without_model(features)
    else:
        scored = scoring.score(features, model, on=job.period.last_day, rules=job.config.welfare)
    return scored.withColumnRenamed(UNIT, c.FAMILY_ID)


def _cuts(scored: DataFrame) -> dict[str, tuple[Cut, ...]]:
    ranked = scored.where(F.col(c.SCORE).isNotNull()).select(c.SCORE, c.MEMBERS)
    return cut_points(ranked, c.SCORE, {PERSON: F.col(c.MEMBERS), FAMILY: F.lit(1)})


def _cut_frame(job: Job, cuts: Mapping[str, tuple[Cut, ...]], version: str | None) -> DataFrame:
    rows = [(cut.k, cut.score, cut.weight_below, unit, version) for unit, nine in sorted(cuts.items()) for cut in nine]
    schema = f"{c.K} int, {c.SCORE} bigint, {c.WEIGHT_BELOW} bigint, {c.UNIT} string, {c.MODEL_VERSION} string"
    return local_frame(job.spark, rows, schema).coalesce(1)


def _write_change(
    job: Job, placed: DataFrame, persons: DataFrame, standing: Frozen | None, cuts: Mapping[str, tuple[Cut, ...]]
) -> None:
    before, members = job.published(tables.SCORE), job.published(tables.FAMILY_MEMBER)
    if standing is None or before is None:
        job.write(tables.WELFARE_CHANGE, job.lake.empty(tables.WELFARE_CHANGE))
        return
    both = change.side_by_side(placed, before.where(F.col(c.RELEASE_ID) == standing.release_id))
    kept = None
    if members is not None and standing.model_version is not None:
        kept = change.kept_members(both, members, persons, registry.load(job.lake, standing.model_version))
    unit = job.config.welfare.unit
    moves = change.split(both, kept, change.Standing(standing.cuts[unit], cuts[unit]), standing.release_id)
    job.write(tables.WELFARE_CHANGE, moves)
    counted = job.read(tables.WELFARE_CHANGE).groupBy(c.MOVE, c.DECILE_CAUSE).count().collect()  # a dozen rows
    for row in sorted(counted, key=lambda row: (row[c.MOVE], row[c.DECILE_CAUSE] or "")):
        subject = f"{tables.WELFARE_CHANGE.path}: {row[c.MOVE]}"
        job.ledger.metric(STAGE, "families_moved", row["count"], subject=subject, rule=row[c.DECILE_CAUSE] or "")


def _account(job: Job, scored: DataFrame, rows: int) -> None:
    grouped = scored.groupBy(c.STATE, c.REASON).agg(F.count(F.lit(1)).alias(c.ROWS), F.sum(c.MEMBERS).alias(c.MEMBERS))
    found = grouped.collect()  # one row for each reason
    unranked = {row[c.REASON]: int(row[c.ROWS]) for row in found if row[c.STATE] == scoring.UNRANKED}
    ranked = sum(int(row[c.ROWS]) for row in found if row[c.STATE] == scoring.RANKED)
    job.ledger.account(
        STAGE,
        "families in deciles",
        rows_in=job.read(tables.FAMILY).count(),
        rows_out=ranked,
        set_aside={f"unranked: {reason}": count for reason, count in sorted(unranked.items())},
    )
    total = ranked + sum(unranked.values())
    job.ledger.metric(STAGE, "share_unranked", (total - ranked) / total if total else 0.0, subject=tables.SCORE.path)
    job.ledger.metric(STAGE, "families_scored", ranked, subject=tables.SCORE.path)
    job.ledger.metric(STAGE, "deciles", TENTHS if ranked else 0, subject=tables.SCORE.path)
