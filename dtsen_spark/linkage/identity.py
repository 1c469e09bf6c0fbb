"""Clusters to permanent person ids: minted once, kept over releases, with a crosswalk of what became of each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.labels import is_registry
from dtsen_spark.privacy import with_opaque_id

_OLD: Final = "old_person_id"
_SHARED: Final = "shared"
_PREFIX: Final = "P"


class Event(StrEnum):
    """What happened to an id."""

    MINTED = "MINTED"
    MERGED = "MERGED"
    SPLIT = "SPLIT"
    RETIRED = "RETIRED"


@dataclass(frozen=True)
class Identities:
    """Who is who in this release.

    Attributes:
        membership: Current and past rows of ``linkage/membership``, without period and release id.
        events: Events of this release: ``person_id``, ``event``, ``other_person_id``.
    """

    membership: DataFrame
    events: DataFrame


def first_identities(members: DataFrame, key: bytes, release_id: str) -> Identities:
    """Mint every id: nothing was published before.

    Args:
        members: One row for each record, with ``cluster_record``: the record that names its cluster.
        key: Key of the opaque ids.
        release_id: This release.

    Returns:
        The identities; the same deliveries give the same ids under the same key.
    """
    minted = with_opaque_id(members, key, _message(), c.PERSON_ID, _PREFIX)
    current = minted.withColumn(c.VALID_FROM, F.lit(release_id)).withColumn(c.VALID_TO, F.lit(None).cast("string"))
    return Identities(current, _minted(current.where(F.col(c.RECORD_ID) == F.col(w.CLUSTER_RECORD))))


def _message() -> Column:
    return F.concat(F.lit("person:"), F.col(w.CLUSTER_RECORD))


def _minted(persons: DataFrame) -> DataFrame:
    return persons.select(
        c.PERSON_ID, F.lit(Event.MINTED).alias(c.EVENT), F.lit(None).cast("string").alias(c.OTHER_PERSON_ID)
    )


def next_identities(
    members: DataFrame, previous: DataFrame, key: bytes, *, release_id: str, previous_release: str
) -> Identities:
    """Carry ids over from the last published release: a cluster and an id that are each other's best keep together.

    Best is: holds the registry row, then the most records. A cluster that keeps none mints one.

    Args:
        members: One row for each record, with ``cluster_record``.
        previous: ``linkage/membership`` as published.
        key: Key of the opaque ids.
        release_id: This release.
        previous_release: The published release.

    Returns:
        The identities. A record that stays with its person keeps its ``valid_from``; what ended is closed.
    """
    held = previous.where(F.col(c.VALID_TO).isNull())
    # 1 : 1, a record has one current row.
    known = members.join(
        held.select(c.RECORD_ID, F.col(c.PERSON_ID).alias(_OLD), F.col(c.VALID_FROM).alias("old_from")),
        c.RECORD_ID,
        "left",
    )
    overlaps = (
        known.where(F.col(_OLD).isNotNull())
        .groupBy(w.CLUSTER_RECORD, _OLD)
        .agg(F.struct(F.max(is_registry(c.RECORD_ID)), F.count(F.lit(1))).alias(_SHARED))
    )
    of_cluster = overlaps.groupBy(w.CLUSTER_RECORD).agg(F.max_by(_OLD, F.struct(_SHARED, _OLD)).alias(_OLD))
    of_person = overlaps.groupBy(_OLD).agg(
        F.max_by(w.CLUSTER_RECORD, F.struct(_SHARED, w.CLUSTER_RECORD)).alias(w.CLUSTER_RECORD)
    )
    # 1 : 1, each cluster has one best id and each id one best cluster.
    kept = of_cluster.join(of_person, [w.CLUSTER_RECORD, _OLD]).withColumn(c.PERSON_ID, F.col(_OLD)).drop(_OLD)
    persons = _named(members, kept, previous, key, release_id)
    identified = known.join(persons.select(w.CLUSTER_RECORD, c.PERSON_ID), w.CLUSTER_RECORD)  # n : 1

    stays = F.coalesce(F.col(_OLD) == F.col(c.PERSON_ID), F.lit(False))
    current = (
        identified.withColumn(c.VALID_FROM, F.when(stays, F.col("old_from")).otherwise(F.lit(release_id)))
        .withColumn(c.VALID_TO, F.lit(None).cast("string"))
        .drop(_OLD, "old_from")
    )
    # 1 : 1, what a record was, against what it is.
    now = current.select(c.RECORD_ID, F.col(c.PERSON_ID).alias("now"))
    ended = (
        held.join(now, c.RECORD_ID, "left")
        .where(F.col("now").isNull() | (F.col("now") != F.col(c.PERSON_ID)))
        .withColumn(c.VALID_TO, F.lit(previous_release))
    )
    past = previous.where(F.col(c.VALID_TO).isNotNull())
    columns = [name for name in previous.columns if name not in {c.PERIOD, c.RELEASE_ID}]
    membership = current.select(*columns).unionByName(ended.select(*columns)).unionByName(past.select(*columns))
    return Identities(membership, _events(persons, of_cluster, of_person, held))


def _named(members: DataFrame, kept: DataFrame, previous: DataFrame, key: bytes, release_id: str) -> DataFrame:
    # One row for each cluster: its person id, and whether it was minted now.
    clusters = members.where(F.col(c.RECORD_ID) == F.col(w.CLUSTER_RECORD)).select(w.CLUSTER_RECORD)
    minted = with_opaque_id(clusters, key, _message(), "plain", _PREFIX)
    later = F.concat(_message(), F.lit(f"@{release_id}"))
    minted = with_opaque_id(minted, key, later, "later", _PREFIX)
    # The record that named an id may have left it: what was ever given out is not given out again.
    given = previous.select(F.col(c.PERSON_ID).alias("plain")).distinct().withColumn("given", F.lit(True))
    # 1 : 1 each, a cluster keeps one id and an id was given or not.
    return (
        minted.join(kept, w.CLUSTER_RECORD, "left")
        .join(given, "plain", "left")
        .withColumn("is_new", F.col(c.PERSON_ID).isNull())
        .withColumn(
            c.PERSON_ID,
            F.coalesce(F.col(c.PERSON_ID), F.when(F.col("given").isNull(), F.col("plain")).otherwise(F.col("later"))),
        )
        .select(w.CLUSTER_RECORD, c.PERSON_ID, "is_new")
    )


def _events(persons: DataFrame, of_cluster: DataFrame, of_person: DataFrame, held: DataFrame) -> DataFrame:
    # 1 : 1, a cluster has at most one best old id.
    fresh = persons.where("is_new").join(of_cluster, w.CLUSTER_RECORD, "left")
    begun = fresh.select(
        c.PERSON_ID,
        F.when(F.col(_OLD).isNull(), Event.MINTED).otherwise(Event.SPLIT).alias(c.EVENT),
        F.col(_OLD).alias(c.OTHER_PERSON_ID),
    )
    # n : 1, an old id has one best cluster, a cluster one person; an id that nobody holds any more ended.
    after = (
        held.select(F.col(c.PERSON_ID).alias(_OLD))
        .distinct()
        .join(of_person, _OLD, "left")
        .join(persons, w.CLUSTER_RECORD, "left")
    )
    ended = after.where(F.col(c.PERSON_ID).isNull() | (F.col(c.PERSON_ID) != F.col(_OLD))).select(
        F.col(_OLD).alias(c.PERSON_ID),
        F.when(F.col(c.PERSON_ID).isNull(), Event.RETIRED).otherwise(Event.MERGED).alias(c.EVENT),
        F.col(c.PERSON_ID).alias(c.OTHER_PERSON_ID),
    )
    return begun.unionByName(ended)
