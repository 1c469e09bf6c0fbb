"""The welfare stage: reads ``master`` and the survey, writes ``welfare`` and, where it trains, ``models``."""

from typing import Final

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import WelfareConfig
from dtsen_spark.contract import local_frame
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job
from dtsen_spark.welfare import registry, scoring
from dtsen_spark.welfare.deciles import TENTHS, Cut, cut_points, decile
from dtsen_spark.welfare.features import UNIT, design
from dtsen_spark.welfare.model import PmtModel
from dtsen_spark.welfare.training import train as train_model

log = structlog.get_logger(__name__)

STAGE: Final = "welfare"
PERSON: Final = "person"
FAMILY: Final = "family"


def train(job: Job) -> str:
    """Train the proxy means test on the survey of a build and register it.

    Args:
        job: A job over a build that has been harmonised.

    Returns:
        The version.

    Raises:
        UsageError: No household of the survey can train.
    """
    version = _train(job)
    if version is None:
        message = "silver/survey_household: no household with expenditure, weight and region; deliver susenas first"
        raise UsageError(message)
    return version


def run(job: Job) -> None:
    """Score every family and place it in a decile.

    Reads ``master/person_attribute``, ``master/family_attribute``, the survey where no model is registered, and in a
    month the cuts of the last release; writes ``welfare/score``, ``score_part``, ``cutpoint``.

    Args:
        job: The run.
    """
    version = registry.registered(job.lake, job.config.welfare.model) or _train(job)
    model = registry.load(job.lake, version) if version else None
    scored = _keep(job, _scored(job, model))
    cuts = _cuts(job, scored)
    placed = scored.withColumn(c.DECILE, decile(F.col(c.SCORE), cuts[job.config.welfare.unit])).withColumn(
        c.MODEL_VERSION, F.lit(version).cast("string")
    )
    written = job.write(tables.SCORE, placed)
    job.write(tables.SCORE_PART, scored)
    job.write(tables.CUTPOINT, _cut_frame(job, cuts))
    _account(job, scored, written.rows)


def _train(job: Job) -> str | None:
    if not (job.has(tables.SURVEY_HOUSEHOLD) and job.has(tables.SURVEY_MEMBER)):
        return None
    rules: WelfareConfig = job.config.welfare
    model = train_model(
        job.read(tables.SURVEY_HOUSEHOLD),
        job.read(tables.SURVEY_MEMBER),
        shrinkage=rules.shrinkage_households,
        folds=rules.folds,
    )
    if model is None:
        log.warning("no household of the survey can train a model")
        return None
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


def _scored(job: Job, model: PmtModel | None) -> DataFrame:
    families = job.read(tables.FAMILY_ATTRIBUTE).withColumnRenamed(c.FAMILY_ID, UNIT)
    persons = job.read(tables.PERSON_ATTRIBUTE).where(F.col(c.FAMILY_ID).isNotNull())
    carried = (c.MEMBERS, c.REGION_CODE, c.KAB_CODE, c.URBAN)
    frame = design(families, persons.withColumnRenamed(c.FAMILY_ID, UNIT), carried)
    scored = scoring.score(frame, model) if model else scoring.without_model(frame)
    return scored.select(
        F.col(UNIT).alias(c.FAMILY_ID),
        c.MEMBERS,
        c.REGION_CODE,
        c.SCORE,
        c.LOG_EXPENDITURE,
        c.EXPENDITURE_IDR_MONTH,
        c.STATE,
        c.REASON,
        c.CONFIDENCE,
        c.SCORE_PARTS,
    )


def _keep(job: Job, scored: DataFrame) -> DataFrame:
    # Read four times in few columns (two of them for the histogram): once to files instead of computing it again.
    path = str(job.lake.scratch(job.release_id) / STAGE / "scored")
    scored.write.mode("overwrite").parquet(path)
    return job.spark.read.schema(scored.schema).parquet(path)


def _cuts(job: Job, scored: DataFrame) -> dict[str, tuple[Cut, ...]]:
    frozen = None if job.period.is_quarter else job.published(tables.CUTPOINT)
    if frozen is not None:
        # Eighteen rows. Between quarters a corrected family is re-classed, the nation is not ranked again.
        rows = sorted(frozen.collect(), key=lambda row: (row[c.PERIOD], row[c.K]))
        latest = [row for row in rows if row[c.PERIOD] == rows[-1][c.PERIOD]]
        return {
            unit: tuple(Cut(row[c.K], row[c.SCORE], row[c.WEIGHT_BELOW]) for row in latest if row[c.UNIT] == unit)
            for unit in (PERSON, FAMILY)
        }
    ranked = scored.where(F.col(c.SCORE).isNotNull()).select(c.SCORE, c.MEMBERS)
    return cut_points(ranked, c.SCORE, {PERSON: F.col(c.MEMBERS), FAMILY: F.lit(1)})


def _cut_frame(job: Job, cuts: dict[str, tuple[Cut, ...]]) -> DataFrame:
    rows = [(cut.k, cut.score, cut.weight_below, unit) for unit, nine in sorted(cuts.items()) for cut in nine]
    schema = f"{c.K} int, {c.SCORE} bigint, {c.WEIGHT_BELOW} bigint, {c.UNIT} string"
    return local_frame(job.spark, rows, schema).coalesce(1)


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
