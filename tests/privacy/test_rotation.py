"""Another key for the ids: everybody gets a new one, nobody is lost, and a rotation that dies is finished or undone."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import cli, config, privacy, rotation, tables
from dtsen_spark import columns as c
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.corrections import answers
from dtsen_spark.errors import ConfigError, UsageError
from dtsen_spark.job import Job
from dtsen_spark.lake import Lake, Written
from dtsen_spark.linkage import identity
from dtsen_spark.pipeline import RunRequest
from dtsen_spark.pipeline import run as run_pipeline
from dtsen_spark.release import Registry, diff
from tests.conftest import SmallLake
from tests.frames import build_job, frame
from tests.linkage.test_identity import _members

OLD_KEY, NEW_KEY, THIRD_KEY = bytes([1] * 32), bytes([2] * 32), bytes([3] * 32)
FIRST, SECOND = "2025Q4.1", "2026Q1.1"
CLUSTERS = {"dukcapil:1": ["dukcapil:1", "dtks:1"], "dtks:2": ["dtks:2"], "dtks:3": ["dtks:3"]}
PKH = tables.decision("pkh")


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with a release: three persons, their decisions, a field check, under a key of the lake's own."""
    monkeypatch.delenv(privacy.ID_KEY_VARIABLE, raising=False)
    store = Lake(spark, tmp_path / "lake")
    keys = store.root / ".keys"
    keys.mkdir(parents=True)
    (keys / "id.key").write_text(OLD_KEY.hex())
    (keys / "id.key").chmod(0o600)
    found = identity.first_identities(_members(spark, CLUSTERS), OLD_KEY, FIRST)
    written = {tables.MEMBERSHIP.path: _put(store, tables.MEMBERSHIP, found.membership, FIRST)}
    people = sorted(row[0] for row in found.membership.select(c.PERSON_ID).distinct().collect())
    selected = [decided(one, "ADD") for one in people]
    written[PKH.path] = _put(store, PKH, frame(spark, PKH, selected), FIRST)
    drawn = [{c.ASSIGNMENT_ID: "V1", c.FAMILY_ID: "F00", c.STRATUM: "s", c.PROBABILITY: 1.0}]
    _put(store, tables.ASSIGNMENT, frame(spark, tables.ASSIGNMENT, drawn), FIRST)
    Registry(store).adopt(FIRST, written)
    return store


def _put(store: Lake, table: TableContract, df: DataFrame, release: str) -> Written:
    period = release.rpartition(".")[0]
    named = df.withColumns({c.PERIOD: F.lit(period), c.RELEASE_ID: F.lit(release)})
    return store.write(table, named, slice_values={c.PERIOD: period} if table.slice_by == (c.PERIOD,) else None)


def decided(person: str, change: str) -> dict[str, object]:
    return {
        c.PERSON_ID: person,
        c.DECISION: "SELECTED",
        c.CHANGE: change,
        c.CHANGE_VS_RECIPIENT: "NONE",
        c.REASONS: [],
    }


def walk(store: Lake) -> dict[str, str]:
    rows = store.read(tables.ID_CROSSWALK).collect()
    newest = max(int(row[c.ROTATION]) for row in rows)
    return {row[c.OLD_ID]: row[c.NEW_ID] for row in rows if int(row[c.ROTATION]) == newest}


def next_job(store: Lake) -> Job:
    registry = Registry(store)
    job = build_job(store.spark, store.root.parent, {}, None, "2026Q1")
    settings = config.load(settings=("programs.enabled=[pkh]",))
    versions = registry.published_versions()
    return replace(job, config=settings, previous_release=registry.current(), published_versions=versions)


def persons(store: Lake) -> dict[str, str]:
    rows = store.read(tables.MEMBERSHIP).where(f"{c.VALID_TO} IS NULL").collect()
    return {row[c.RECORD_ID]: row[c.PERSON_ID] for row in rows}


def build_next(job: Job, clusters: dict[str, list[str]]) -> identity.Identities:
    previous = job.published(tables.MEMBERSHIP)
    assert previous is not None
    return identity.next_identities(
        _members(job.spark, clusters), previous, job.id_key(), release_id=SECOND, previous_release=FIRST
    )


def test_everybody_keeps_his_person_under_a_new_id(store: Lake, settings: Config) -> None:
    before = persons(store)

    done = rotation.rotate(store, settings, NEW_KEY, Registry(store).published_ever(), "an auditor")

    crosswalk = walk(store)
    assert set(crosswalk) == {*before.values(), "F00"}
    assert (done.number, done.ids, done.in_lake, done.again) == (1, 4, True, False)
    assert not set(crosswalk) & set(crosswalk.values())
    assert all(old[0] == new[0] and len(new) == 25 for old, new in crosswalk.items())
    assert persons(store) == before, "what was published stays as it was"
    assert privacy.id_key(store.root) == NEW_KEY
    kept = store.root / ".keys" / f"id.key.{privacy.fingerprint(OLD_KEY)}"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (OLD_KEY.hex(), 0o600)
    told = json.dumps(store.rows(tables.KEY_ROTATION), default=str)
    assert not any(key.hex() in told for key in (OLD_KEY, NEW_KEY))

    job = next_job(store)
    found = build_next(job, {**CLUSTERS, "dtks:4": ["dtks:4"]})

    now = {row[c.RECORD_ID]: row[c.PERSON_ID] for row in found.membership.collect()}
    assert {one: now[one] for one in before} == {one: crosswalk[old] for one, old in before.items()}
    assert [(row[c.EVENT], row[c.PERSON_ID]) for row in found.events.collect()] == [("MINTED", now["dtks:4"])]
    fresh = identity.first_identities(_members(store.spark, {"dtks:4": ["dtks:4"]}), NEW_KEY, SECOND)
    assert now["dtks:4"] == fresh.membership.collect()[0][c.PERSON_ID], "minted under the new key"
    published = job.published(PKH)
    assert published is not None
    assert {row[c.PERSON_ID] for row in published.collect()} == {crosswalk[old] for old in before.values()}

    # The next release is published; two periods under two keys are compared as if under one.
    rows = [decided(now[one], "KEEP") for one in ("dtks:1", "dtks:2", "dtks:4")]
    written = {
        tables.MEMBERSHIP.path: _put(store, tables.MEMBERSHIP, found.membership, SECOND),
        PKH.path: _put(store, PKH, frame(store.spark, PKH, rows), SECOND),
    }
    Registry(store).adopt(SECOND, written)
    compared = {(row[c.CHANGE], row[c.ROWS]) for row in diff(store, "pkh", "2025Q4", "2026Q1")}
    assert compared == {("KEEP", 2), ("ADD", 1), ("DROP", 1)}

    # Whom an id of before the first change leads to, the second change does not forget.
    rotation.rotate(store, settings, THIRD_KEY, Registry(store).published_ever())
    again = walk(store)
    assert all(again[old] == again[new] for old, new in crosswalk.items() if new in again)
    assert {again[old] for old in before.values()} == {again[now[one]] for one in before}
    assert len(set(again.values())) == len({*before.values(), "F00", now["dtks:4"]})


def test_visits_and_answers_of_before_meet_their_families_and_units(store: Lake, settings: Config) -> None:
    before = persons(store)
    rotation.rotate(store, settings, NEW_KEY, [FIRST])
    crosswalk = walk(store)
    job = next_job(store)

    drawn = rotation.translated(store, store.read(tables.ASSIGNMENT)).collect()
    assert [(row[c.ASSIGNMENT_ID], row[c.FAMILY_ID]) for row in drawn] == [("V1", crosswalk["F00"])]

    answered = [("pkh", FIRST, before["dtks:1"], "PAID"), ("pkh", FIRST, before["dtks:2"], "REFUSED")]
    rows = [(*one, None, "2026-01-15") for one in answered]
    said = store.spark.createDataFrame(
        rows, "program string, release_id string, unit_id string, status string, reason string, at string"
    )
    found = answers.disagreements(job, rotation.translated(store, said))
    assert found is not None
    assert {(row[c.UNIT_ID], row[c.STATE]) for row in found.collect()} == {
        (crosswalk[before["dtks:2"]], "REFUSED"),
        (crosswalk[before["dtks:3"]], "NO_ANSWER"),
    }


def test_killed_before_its_row_it_has_changed_nothing_and_killed_after_it_is_finished(
    store: Lake, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        message = "the power went"
        raise OSError(message)

    before = persons(store)
    with monkeypatch.context() as broken:
        broken.setattr(Lake, "append_rows", dies)
        with pytest.raises(OSError, match="the power went"):
            rotation.rotate(store, settings, THIRD_KEY, [FIRST])
    assert rotation.newest(store.root) is None
    assert rotation.id_key(store.root, settings) == OLD_KEY
    same = rotation.translated(store, store.read(tables.MEMBERSHIP))
    assert {row[c.PERSON_ID] for row in same.collect()} == set(before.values())

    with monkeypatch.context() as broken:
        broken.setattr(privacy, "replace_id_key", dies)
        with pytest.raises(OSError, match="the power went"):
            rotation.rotate(store, settings, NEW_KEY, [FIRST])
    with pytest.raises(ConfigError, match="not the id key of change 1"):
        rotation.id_key(store.root, settings)
    with pytest.raises(ConfigError, match="not the id key of change 1"):
        rotation.rotate(store, settings, THIRD_KEY, [FIRST])

    done = rotation.rotate(store, settings, NEW_KEY, [FIRST])

    assert (done.again, done.ids, rotation.number(store.root)) == (True, 4, 1)
    assert rotation.id_key(store.root, settings) == NEW_KEY
    with pytest.raises(UsageError, match="already"):
        rotation.rotate(store, settings, OLD_KEY, [FIRST])


def test_the_new_key_is_no_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(privacy.NEW_ID_KEY_VARIABLE, raising=False)
    (tmp_path / "ops").mkdir()
    assert cli.main(["rotate-key", "--lake", str(tmp_path)]) == 2
    assert "--new-key-file" in capsys.readouterr().err
    file = tmp_path / "new.key"
    file.write_text(NEW_KEY.hex())
    file.chmod(0o644)
    assert cli.main(["rotate-key", "--lake", str(tmp_path), "--new-key-file", str(file)]) == 2
    told = capsys.readouterr()
    assert "chmod 600" in told.err
    assert NEW_KEY.hex() not in told.out + told.err
    file.chmod(0o600)
    assert privacy.new_id_key(file) == NEW_KEY
    monkeypatch.setenv(privacy.NEW_ID_KEY_VARIABLE, THIRD_KEY.hex())
    assert privacy.new_id_key(None) == THIRD_KEY


@pytest.mark.slow
def test_the_next_release_has_the_same_persons_families_and_decisions(
    small_lake: SmallLake, spark: SparkSession, settings: Config, tmp_path: Path
) -> None:
    root = tmp_path / "lake"
    shutil.copytree(small_lake.root, root)
    store = Lake(spark, root)
    before = {table.path: _rows(store, table) for table in (tables.PERSON, tables.FAMILY_MEMBER, tables.FAMILY)}
    key = tmp_path / "new.key"
    key.write_text(NEW_KEY.hex())
    key.chmod(0o600)
    rotation.rotate(store, settings, privacy.new_id_key(key), Registry(store).published_ever())
    crosswalk = walk(store)

    request = RunRequest(small_lake.nation / "landing", root, "2026-04", publish=True)
    assert run_pipeline(request, settings, lambda _: None).published

    for table in (tables.PERSON, tables.FAMILY_MEMBER, tables.FAMILY):
        ids = [name for name in (c.PERSON_ID, c.FAMILY_ID, c.HEAD_PERSON_ID) if name in table.columns]
        was = {tuple(crosswalk.get(row[name]) for name in ids) for row in before[table.path]}
        assert {tuple(row[name] for name in ids) for row in _rows(store, table)} == was, table.path
    events = [row for row in _rows(store, tables.CROSSWALK) if row[c.RELEASE_ID] == "2026-04.1"]
    assert events == []
    for program in settings.programs.enabled:
        counted = diff(store, program, small_lake.period, "2026-04")
        moved = {row[c.CHANGE_CAUSE] for row in counted if row[c.CHANGE] != "KEEP"}
        assert moved <= {"AGE", "DECILE_CHANGED", "COMPONENT_CHANGED", "QUOTA"}, program


def _rows(store: Lake, table: TableContract) -> list[dict[str, object]]:
    version = Registry(store).published_versions()[table.path]
    return pl.read_delta(str(store.root / table.path), version=version).to_dicts()
