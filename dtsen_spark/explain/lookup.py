"""What the tables of the published release hold on one person or family.

Every table is joined with a frame of a few keys, so no value of a person stands in a plan. The look is entered in
``ops/access_log`` before anything is returned.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import privacy, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import utc_now
from dtsen_spark.linkage import explain_links
from dtsen_spark.release import Registry, previous_in
from dtsen_spark.welfare import FamilyExplanation, explained, smearing

Row = dict[str, Any]

NOBODY: Final = "nobody"  # subject of a look that found none
CITIZEN: Final = "citizen"
AUDITOR: Final = "auditor"
READERS: Final = (CITIZEN, AUDITOR)


@dataclass(frozen=True)
class Look:
    """Who looks, and what for.

    Attributes:
        reader: ``citizen`` or ``auditor``: the role of the look.
        purpose: What for.
        actor: Who; None = the user of the operating system.
    """

    reader: str
    purpose: str
    actor: str | None = None


class _Release:
    """The tables of the published release, at the versions that the registry names."""

    def __init__(self, store: Lake, config: Config) -> None:
        self.store = store
        self.config = config
        registry = Registry(store)
        self.release_id = registry.require_current("explain")
        self.versions = registry.published_versions()
        # An earlier release is what a family's move is told against.
        self.compared = previous_in(registry.published_chain(), self.release_id) is not None

    def rows(self, table: TableContract, name: str, values: Iterable[str]) -> list[Row]:
        """Rows of a table whose column ``name`` is one of a few values; none where the table is not kept."""
        df = self._frame(table)
        wanted = sorted(set(values))
        if df is None or not wanted:
            return []
        found = df.join(privacy.looked_up(self.store.spark, name, wanted), name, "left_semi")
        return [row.asDict(recursive=True) for row in found.collect()]  # a person's or a family's rows

    def _frame(self, table: TableContract) -> DataFrame | None:
        version = self.versions.get(table.path)
        if version is not None:
            df = self.store.read(table, version=version)
        elif self.store.exists(table, build=self.release_id):
            return self.store.read(table, build=self.release_id)
        else:
            return None
        # Of a table that keeps earlier periods, only this release counts; a membership row may be older.
        return df.where(F.col(c.RELEASE_ID) == self.release_id) if table.slice_by else df


def of_person(store: Lake, config: Config, nik: str, look: Look) -> Row | None:
    """Look a person up by NIK.

    Args:
        store: The lake.
        config: The configuration: which programs there are.
        nik: 16 digits, from standard input.
        look: Who looks, and what for.

    Returns:
        What is held: person, records, pairs, family, score, its ``explanation`` (``welfare.FamilyExplanation``; None
        without a score), whether it was ``compared`` with an earlier release, programs, and for an auditor ``links``
        (``linkage.explain_links``); None where there is nobody.

    Raises:
        UsageError: Nothing is published.
    """
    release = _Release(store, config)
    persons = release.rows(tables.PERSON, c.NIK, [nik])
    person_ids = [row[c.PERSON_ID] for row in persons]
    _log(store, person_ids or [NOBODY], look)
    if not persons:
        return None
    person = persons[0]
    found = _gathered(release, person, person[c.FAMILY_ID])
    return {**found, "links": _links(release, person[c.PERSON_ID]) if look.reader == AUDITOR else []}


def of_family(store: Lake, config: Config, family_id: str, look: Look) -> Row | None:
    """Look a family up by its id; as of ``of_person``, without a person, records and links."""
    release = _Release(store, config)
    known = release.rows(tables.FAMILY, c.FAMILY_ID, [family_id])
    _log(store, [family_id] if known else [NOBODY], look)
    return _gathered(release, None, family_id) if known else None


def _log(store: Lake, subjects: list[str], look: Look) -> None:
    rows = [
        privacy.access_row(
            at=utc_now(), subject=subject, purpose=look.purpose, role=look.reader, actor=look.actor, detail="explain"
        )
        for subject in subjects
    ]
    store.append_rows(tables.ACCESS_LOG, rows)


def _gathered(release: _Release, person: Row | None, family_id: str | None) -> Row:
    person_ids = [person[c.PERSON_ID]] if person else []
    family_ids = [family_id] if family_id else []
    records = [row for row in release.rows(tables.MEMBERSHIP, c.PERSON_ID, person_ids) if row[c.VALID_TO] is None]
    record_ids = [row[c.RECORD_ID] for row in records]
    score = _first(release.rows(tables.SCORE, c.FAMILY_ID, family_ids))
    explanation = _explanation(release, score) if score else None
    return {
        "release_id": release.release_id,
        "person": person,
        "attributes": _with_sources(_first(release.rows(tables.PERSON_ATTRIBUTE, c.PERSON_ID, person_ids))),
        "records": sorted(records, key=lambda row: str(row[c.RECORD_ID])),
        "pairs": release.rows(tables.EDGE, c.RECORD_ID_L, record_ids),
        "family": _first(release.rows(tables.FAMILY, c.FAMILY_ID, family_ids)),
        "housing": _with_sources(_first(release.rows(tables.FAMILY_ATTRIBUTE, c.FAMILY_ID, family_ids))),
        "score": score,
        "explanation": explanation,
        "compared": release.compared,
        "programs": _programs(release, person_ids, family_ids),
        "links": [],
    }


def _links(release: _Release, person_id: str) -> list[Row]:
    """Why each record is the person's; nothing where the build that knows is not kept any more."""
    store = release.store
    if not all(store.exists(one, build=release.release_id) for one in (tables.EDGE, tables.PERSON_RECORD)):
        return []
    found = explain_links(store, privacy.looked_up(store.spark, c.PERSON_ID, [person_id]), release.release_id)
    return sorted((row.asDict() for row in found.collect()), key=lambda row: str(row[c.RECORD_ID_L]))  # one person's


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


def _with_sources(row: Row | None) -> Row | None:
    """Take ``source_of`` apart: which source and day each value came from."""
    if row is None:
        return None
    return {**row, c.SOURCE_OF: json.loads(row.get(c.SOURCE_OF) or "{}")}


def _explanation(release: _Release, score: Row) -> FamilyExplanation:
    of_family = [score[c.FAMILY_ID]]
    cuts = release.rows(tables.CUTPOINT, c.UNIT, [release.config.welfare.unit])
    version = score[c.MODEL_VERSION]
    return explained(
        score,
        _first(release.rows(tables.SCORE_PART, c.FAMILY_ID, of_family)) or {},
        _first(release.rows(tables.WELFARE_CHANGE, c.FAMILY_ID, of_family)),
        [row[c.SCORE] for row in sorted(cuts, key=lambda row: row[c.K])],
        smearing(release.store, version) if version else 1.0,
    )


def _programs(release: _Release, person_ids: list[str], family_ids: list[str]) -> list[Row]:
    found = []
    for program in release.config.programs.enabled:
        rows = release.rows(tables.decision(program), c.FAMILY_ID, family_ids)
        # A program of persons names persons: the others of the family are not this reader's.
        own = [row for row in rows if row[c.PERSON_ID] is None or not person_ids or row[c.PERSON_ID] in person_ids]
        found += [{c.PROGRAM: program, **row} for row in own]
    return found
