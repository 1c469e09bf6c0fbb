"""What stands still between quarters: the model and the cut points of the last published release.

A family whose data were corrected is scored by that model and placed by those cuts; nobody else's decile moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import WelfareConfig
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job
from dtsen_spark.lake import Lake
from dtsen_spark.welfare import packing, registry, scoring
from dtsen_spark.welfare.deciles import Cut
from dtsen_spark.welfare.features import UNIT, design
from dtsen_spark.welfare.model import PmtModel
from dtsen_spark.welfare.uncertainty import classify

# Columns of a family that its score carries along.
CARRIED: Final = (
    c.MEMBERS,
    c.REGION_CODE,
    c.KAB_CODE,
    c.URBAN,
    c.LINK_CONFIDENCE,
    c.WEAKEST_LINK,
    c.RECORDS_IN_REVIEW,
)
PERSON: Final = "person"
FAMILY: Final = "family"


@dataclass(frozen=True)
class Frozen:
    """Model and cuts of a published release.

    Attributes:
        release_id: The release.
        model_version: Its model; None where nobody was ranked.
        cuts: Cuts 1 to 9 by unit.
    """

    release_id: str
    model_version: str | None
    cuts: Mapping[str, tuple[Cut, ...]]


def frozen(job: Job) -> Frozen | None:
    """Return model and cuts of the last published release; None before the first."""
    published = job.published(tables.CUTPOINT)
    if published is None or job.previous_release is None:
        return None
    return _frozen(published, job.previous_release)


def frozen_at(lake: Lake, release_id: str, versions: Mapping[str, int]) -> Frozen:
    """Return model and cuts of a published release, as that release left them.

    The newest Delta version may be that of a publication which died half way: only what the registry names counts.

    Args:
        lake: The lake.
        release_id: The release.
        versions: Delta version of each table of that release, by path, as the registry says.

    Raises:
        UsageError: The release has no cut points.
    """
    version = versions.get(tables.CUTPOINT.path)
    found = None if version is None else _frozen(lake.read(tables.CUTPOINT, version=version), release_id)
    if found is None:
        message = f"{release_id}: no cut points in welfare/cutpoint; publish a release with ranked families first"
        raise UsageError(message)
    return found


def _frozen(cutpoints: DataFrame, release_id: str) -> Frozen | None:
    rows = cutpoints.where(F.col(c.RELEASE_ID) == release_id).orderBy(c.UNIT, c.K).collect()  # eighteen rows
    if not rows:
        return None
    cuts = {
        unit: tuple(Cut(row[c.K], row[c.SCORE], row[c.WEIGHT_BELOW]) for row in rows if row[c.UNIT] == unit)
        for unit in (PERSON, FAMILY)
    }
    return Frozen(release_id, rows[0][c.MODEL_VERSION], cuts)


def family_design(families: DataFrame, persons: DataFrame) -> DataFrame:
    """Compute the features of families.

    Args:
        families: Rows of ``master/family_attribute``.
        persons: Rows of ``master/person_attribute`` of their members; those without a family are left out.

    Returns:
        One row for each family: ``unit``, ``CARRIED``, ``member_hash``, ``listed``; features and origins, packed.
    """
    members = persons.where(F.col(c.FAMILY_ID).isNotNull()).withColumnRenamed(c.FAMILY_ID, UNIT)
    return packing.packed(design(families.withColumnRenamed(c.FAMILY_ID, UNIT), members, CARRIED, traced=True))


def reclass(
    lake: Lake,
    families: DataFrame,
    persons: DataFrame,
    *,
    release_id: str,
    versions: Mapping[str, int],
    on: date,
    rules: WelfareConfig,
) -> DataFrame:
    """Score corrected families by the frozen model and place them by the frozen cuts; nobody else is touched.

    Args:
        lake: The lake.
        families: Corrected rows in the columns of ``master/family_attribute``.
        persons: Every member of these families, in the columns of ``master/person_attribute``.
        release_id: Published release whose model and cuts hold.
        versions: Delta version of each table of that release, by path, as the registry says.
        on: Day that the scores are of.
        rules: The configuration.

    Returns:
        One row for each family: the columns of ``welfare/score`` but the kab/kota rank, period and release, and
        ``decile_before`` (null where the release did not rank the family).

    Raises:
        UsageError: The release ranked nobody, or its model is not registered.
    """
    standing = frozen_at(lake, release_id, versions)
    if standing.model_version is None:
        message = f"{release_id}: has no model; nobody can be re-classed against it"
        raise UsageError(message)
    model = registry.load(lake, registry.require(lake, standing.model_version))
    scored = scoring.score(family_design(families, persons), model, on=on, rules=rules)
    placed = place(scored, standing.cuts[rules.unit], model, rules).withColumnRenamed(UNIT, c.FAMILY_ID)
    before = lake.read(tables.SCORE, version=versions[tables.SCORE.path]).where(F.col(c.RELEASE_ID) == release_id)
    # corrected family : its row of the release is 1 : 0..1.
    former = before.select(c.FAMILY_ID, F.col(c.DECILE).alias(c.DECILE_BEFORE))
    return placed.withColumn(c.MODEL_VERSION, F.lit(standing.model_version)).join(former, c.FAMILY_ID, "left")


def place(scored: DataFrame, cuts: tuple[Cut, ...], model: PmtModel | None, rules: WelfareConfig) -> DataFrame:
    """Place scored families by cuts, with what is known of the error.

    Args:
        scored: Scored families.
        cuts: Cuts of the configured unit.
        model: The model that scored them; None where there is none.
        rules: The configuration: how wide intervals are.

    Returns:
        The rows with the columns of ``uncertainty.classify``.
    """
    residual_sd, smearing = (model.residual_sd, model.smearing) if model else (0.0, 1.0)
    return classify(scored, cuts, residual_sd=residual_sd, smearing=smearing, interval=rules.interval)
