"""Rights of one person in a lake of the whole job: to be told, to have access, to be erased, to be warned."""

import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import SparkSession

from dtsen_spark import cli, explain, privacy, remakes, rights, tables
from dtsen_spark import columns as c
from dtsen_spark import lake as lakes
from dtsen_spark.config import Config
from dtsen_spark.errors import LakeError, UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry, Sum, erased_since, sums
from dtsen_spark.tombstones import tombstone_of
from tests.conftest import SmallLake


@pytest.fixture(scope="module")
def store(small_lake: SmallLake, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A copy of the small lake, to be written."""
    root = tmp_path_factory.mktemp("rights") / "lake"
    shutil.copytree(small_lake.root, root)
    return Lake(spark, root)


def somebody(store: Lake) -> dict[str, str]:
    """A living person of a family whom several sources know."""
    persons = pl.read_delta(str(store.root / tables.PERSON.path)).filter(
        pl.col(c.NIK).is_not_null() & pl.col(c.ALIVE) & (pl.col(c.SOURCES).list.len() >= 3)
    )
    return persons.sort(c.PERSON_ID).row(0, named=True)


def dies(*_: object, **__: object) -> None:
    raise InterruptedError


@pytest.mark.slow
def test_a_person_is_explained_and_each_look_is_logged(store: Lake, settings: Config) -> None:
    one = somebody(store)

    found = explain.of_person(store, settings, one[c.NIK], explain.Look("citizen", "request 7", "clerk"))

    assert found is not None
    told = explain.render(found, explain.CITIZEN, "text", "id")
    assert all(text in told for text in ("Desil", "Yang dapat Anda lakukan", "Dukcapil", "PKH"))
    assert one[c.NIK] not in told, "the number of a document is not read back"
    assert one[c.NIK] in explain.render(found, explain.AUDITOR, "text", "en"), "an auditor sees the records"
    data = json.loads(explain.render(found, explain.CITIZEN, "json", "en"))
    assert data["person"][c.NAME] == one[c.NAME]
    assert {row[c.PROGRAM] for row in data["programs"]} == set(settings.programs.enabled)
    assert any(value["source"] for value in data["values"])
    page = explain.render(found, explain.CITIZEN, "html", "en")
    assert "What you can do" in page
    assert "http" not in page
    looks = pl.read_delta(str(store.root / tables.ACCESS_LOG.path))
    wanted = {c.SUBJECT: one[c.PERSON_ID], c.PURPOSE: "request 7", c.ACTOR: "clerk", c.ROLE: "citizen"}
    assert looks.select(list(wanted)).row(-1, named=True) == wanted
    assert sum(part.points for part in found["explanation"].parts) == found["score"][c.SCORE]


@pytest.mark.slow
def test_nobody_is_said_and_logged_too(store: Lake, settings: Config) -> None:
    found = explain.of_person(store, settings, "9999999999999999", explain.Look("citizen", "request"))
    assert found is None
    assert "Nobody with this NIK" in explain.render(found, explain.CITIZEN, "text", "en")
    assert pl.read_delta(str(store.root / tables.ACCESS_LOG.path))[c.SUBJECT].str.contains("nobody").any()


def test_a_nik_is_read_from_standard_input_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert privacy.nik_from(io.StringIO("3201 0101 0170 0001\n")) == "3201010101700001"
    with pytest.raises(UsageError, match="no NIK of 16 digits") as caught:
        privacy.nik_from(io.StringIO("32010101017000\n"))
    assert "32010101017000" not in str(caught.value)
    assert cli.main(["explain", "--lake", str(tmp_path), "--nik", "3201010101700001"]) == 2
    assert "3201010101700001" not in "".join(capsys.readouterr())


@pytest.mark.slow
def test_a_breach_lists_who_stood_in_the_table_then(store: Lake, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    persons = pl.read_delta(str(store.root / tables.PERSON.path))

    found = rights.affected(store, "master/person", now - timedelta(days=1), now, tmp_path / "list")

    assert found.persons == len(persons)
    assert c.NAME in found.exposed["identifying"]
    assert (tmp_path / "list").stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="held nothing"):
        rights.affected(store, "master/person", now - timedelta(days=9), now - timedelta(days=8), tmp_path / "other")
    with pytest.raises(UsageError, match="no such table"):
        rights.affected(store, "master/nobody", now, now, tmp_path / "other")


@pytest.mark.slow
def test_an_erased_person_is_in_no_file_and_the_release_still_opens(
    store: Lake, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = somebody(store)
    rows = pl.read_delta(str(store.root / tables.PERSON.path)).height
    report = rights.access_report(store, settings, one[c.NIK], purpose="request 8")
    kept = [store.path(table, build.name) for build in store.root.glob("build/*") for table in tables.LINKAGE_KEPT]
    held = {"master/person", "linkage/membership", kept[0].relative_to(store.root).as_posix()}
    assert held <= {place["path"] for place in report["tables"]}

    # It dies as soon as it is decided, before any table has taken another one's place; whoever comes next ends it.
    with monkeypatch.context() as broken, pytest.raises(InterruptedError):
        broken.setattr(remakes, "finish", dies)
        rights.erase(store, settings, one[c.NIK], purpose="request 9")
    with pytest.raises(LakeError, match="dtsen maintain"):
        lakes.require_whole(store.root)
    with lakes.hold(store.root):
        again = rights.erase(store, settings, one[c.NIK], purpose="request 9")

    assert not again.removed, "nothing was left to do but to prove it"
    assert again.files_scanned > 0
    assert not any(path.exists() for path in kept)
    registry = Registry(store)
    release = registry.releases()[registry.current() or ""]
    gone = erased_since(store.root, release.release_id)
    for table in (tables.PERSON, tables.MEMBERSHIP, tables.FAMILY_MEMBER, tables.SCORE):
        was = release.manifest["manifest"]["tables"][table.path]
        now = sums(table, store.read(table, version=release.tables[table.path].version), release.release_id)
        stands = now[release.release_id] + gone.get(table.path, Sum())
        assert stands == Sum(was["rows"], int(was["content_hash"])), table.path
    version = registry.published_versions()[tables.PERSON.path]
    left = pl.read_delta(str(store.root / tables.PERSON.path), version=version)
    assert (left.height, one[c.NIK] in left[c.NIK]) == (rows - 1, False)
    for path in store.root.rglob("*.parquet"):
        frame = pl.read_parquet(path, hive_partitioning=False)
        texts = frame.select(pl.col(pl.String))
        assert not any(texts[name].str.contains(one[c.NIK], literal=True).any() for name in texts.columns), path
    tombstone, other = pl.read_delta(str(store.root / tables.TOMBSTONE.path)).sort(c.RECORDED_AT).rows(named=True)
    key = privacy.tombstone_key(store.root, settings.privacy.tombstone_key_file)
    assert tombstone[c.SUBJECT] == tombstone_of(one[c.NIK], key)
    # The registry lists him, and he lives: the law obliges the register to take him in again.
    assert (tombstone[c.BLOCKS], other[c.BLOCKS], again.blocks) == ("OTHERS", "OTHERS", "OTHERS")
    assert len(tombstone[c.RECORD_HASHES]) >= 3
    assert set(tombstone[c.RECORD_HASHES]) <= set(other[c.RECORD_HASHES])
    assert (tombstone[c.ROWS] > 0, other[c.ROWS]) == (True, 0)
    assert json.loads(tombstone[c.DETAIL])["tables"]
    assert other[c.CONTENT_HASH] == again.content_hash
    assert explain.of_person(store, settings, one[c.NIK], explain.Look("citizen", "after")) is None
