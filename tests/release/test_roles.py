"""A role sees its tables, rows and columns, and a client of its server gets at nothing else."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyhive import hive
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import RoleConfig
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry, roles
from tests.frames import frame
from tests.release.conftest import PKH
from tests.servers import free_ports, serving

ALL = ("identifying", "specific", "ordinary", "public")


def seen(spark: SparkSession, table, rows, role: RoleConfig) -> list[dict[str, object]]:
    return [row.asDict() for row in roles.of_role(frame(spark, table, rows), table, role).collect()]


def test_a_region_sees_its_rows_and_the_statistics_above_it(spark: SparkSession) -> None:
    role = RoleConfig(tables=("*/*",), classes=ALL, region="32")
    families = [{c.FAMILY_ID: code, c.REGION_CODE: code} for code in ("3201012001", "3301012001", "32")]
    stats = [{c.REGION_CODE: code} for code in ("00", "32", "3201", "33")]

    assert {row[c.FAMILY_ID] for row in seen(spark, tables.FAMILY, families, role)} == {"3201012001", "32"}
    assert {row[c.REGION_CODE] for row in seen(spark, tables.STATS_REGION, stats, role)} == {"00", "32", "3201"}


def test_columns_of_classes_that_a_role_must_not_see_are_empty(spark: SparkSession) -> None:
    role = RoleConfig(tables=("*/*",), classes=("public", "ordinary"), region="")
    rows = seen(spark, tables.FAMILY, [{c.FAMILY_ID: "F1", c.NO_KK: "3201010101010001", c.MEMBERS: 3}], role)
    assert [(row[c.FAMILY_ID], row[c.NO_KK], row[c.MEMBERS]) for row in rows] == [("F1", None, 3)]


def test_a_role_gets_a_read_only_lake_of_its_tables(published: Lake, tmp_path: Path) -> None:
    own = tmp_path / "role" / "lake"
    role = RoleConfig(tables=("stats/*", "programs/pkh"), classes=("specific", "ordinary", "public"), region="")

    assert roles.share(Registry(published), role, own) == ["programs/pkh"]

    assert not [path for path in own.rglob("*") if path.stat().st_mode & 0o222]
    assert Registry(Lake(published.spark, own)).current() == "2026Q1.1"
    assert Lake(published.spark, own).read(PKH).count() == 3
    nothing = RoleConfig(tables=("stats/*",), classes=ALL, region="")
    with pytest.raises(UsageError, match="nothing that is published is this role's"):
        roles.share(Registry(published), nothing, tmp_path / "none")


@pytest.fixture
def server(published: Lake, tmp_path: Path) -> Iterator[int]:
    (port,) = free_ports(1)
    command = [Path(sys.executable).parent / "python", "-c", roles._COMMAND, "serve", "--lake", published.root]
    with serving([*command, "--port", str(port), "--role", "pkh"], port, tmp_path):
        yield port


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A file in the folder of another role's server."""
    with roles.own_folder() as folder:
        (folder / "any.txt").write_text("another role's")
        yield folder


def test_a_servers_folder_is_nobody_elses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with roles.own_folder() as folder:
        (folder / "lake").mkdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert not folder.parent.stat().st_mode & 0o066
    assert not folder.exists()
    folder.parent.rmdir()
    (tmp_path / "mine").mkdir()
    folder.parent.symlink_to(tmp_path / "mine")
    with pytest.raises(UsageError, match="belongs to another user"), roles.own_folder():
        pass


def files_of(root: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def fails(cursor: hive.Cursor, statement: str) -> bool:
    try:
        cursor.execute(statement)
    except hive.OperationalError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.serve
def test_a_client_of_a_role_gets_at_nothing_else(server: int, published: Lake, elsewhere: Path) -> None:
    lake = published.root
    jar = lake / "any.jar"
    jar.touch()
    before = files_of(lake)
    with hive.connect("127.0.0.1", server, username="bi") as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW TABLES IN dtsen")
        assert {row[1] for row in cursor.fetchall()} == {"programs_pkh"}
        cursor.execute("SELECT count(*) FROM dtsen.programs_pkh")
        assert cursor.fetchall() == [(3,)]
        refused = [
            "SELECT * FROM dtsen.master_family",
            "INSERT INTO dtsen.programs_pkh SELECT * FROM dtsen.programs_pkh",
            "DELETE FROM dtsen.programs_pkh",
        ]
        if roles.can_guard():
            # Where the operating system guards the lake: its paths lead nowhere, nor do those of another role's copy.
            refused += [
                f"SELECT * FROM delta.`{lake}/master/family`",
                f"SELECT * FROM delta.`/proc/1/root{lake}/master/family`",
                f"SELECT * FROM text.`{lake}/.lock`",
                f"SELECT * FROM text.`{elsewhere}`",
                f"SELECT * FROM text.`{elsewhere.parent}/*/any.txt`",
                f"INSERT OVERWRITE DIRECTORY '{lake.parent}/new' USING csv SELECT 1 AS one",
                f"CREATE TABLE default.mine USING delta LOCATION '{lake}/master/family'",
                f"CREATE TABLE default.new USING delta LOCATION '{lake}/new' AS SELECT 1 AS one",
                f"DROP TABLE delta.`{lake}/master/family`",
            ]
            # Spark says nothing of a jar that it does not find, and adds none.
            fails(cursor, f"ADD JAR {jar}")
            cursor.execute("LIST JARS")
            assert not [row for row in cursor.fetchall() if jar.name in row[0]]
        assert [one for one in refused if not fails(cursor, one)] == []
        cursor.execute("SET spark.sql.shuffle.partitions=3")
        cursor.execute("SELECT count(*) FROM dtsen.programs_pkh")
        assert cursor.fetchall() == [(3,)]
    assert files_of(lake) == before
