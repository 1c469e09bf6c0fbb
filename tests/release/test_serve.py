"""BI clients read the published tables: a JDBC client and a Python one."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from pyhive import hive

from dtsen_spark import columns as c
from dtsen_spark import config
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release import serve
from tests.servers import free_ports, serving

JOIN = (
    "SELECT count(*) AS units, sum(f.members) AS members "
    "FROM dtsen.programs_pkh d JOIN dtsen.master_family f ON f.family_id = d.family_id"
)


@pytest.fixture
def server(published: Lake, tmp_path: Path) -> Iterator[int]:
    (port,) = free_ports(1)
    command = [Path(sys.executable).parent / "dtsen", "serve", "--lake", published.root, "--port", str(port)]
    with serving(command, port, tmp_path):
        yield port


@pytest.mark.slow
@pytest.mark.serve
def test_jdbc_and_python_clients_join_published_tables(server: int, published: Lake) -> None:
    beeline = Path(pyspark.__file__).parent / "bin" / "beeline"
    url = f"jdbc:hive2://127.0.0.1:{server}/dtsen"
    done = subprocess.run(
        [beeline, "-u", url, "-n", "bi", "--silent=true", "--outputformat=csv2", "-e", JOIN],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split()[-2:] == ["units,members", "3,9"]

    with hive.connect("127.0.0.1", server, username="bi") as connection:
        cursor = connection.cursor()
        cursor.execute(JOIN)
        assert cursor.fetchall() == [(3, 9)]
        cursor.execute("SHOW TABLES IN dtsen")
        assert {row[1] for row in cursor.fetchall()} == {"master_family", "programs_pkh"}
        cursor.execute("DESCRIBE dtsen.programs_pkh")
        comments = {row[0]: row[2] for row in cursor.fetchall()}
        assert comments[c.BENEFIT_IDR_YEAR] == c.COLUMNS[c.BENEFIT_IDR_YEAR].comment
    # Nothing is left in the lake.
    assert not list(published.root.glob("*derby*")) + list(published.root.glob("metastore*"))


def test_a_port_in_use_an_unknown_role_and_no_lake_are_refused_before_spark(tmp_path: Path) -> None:
    settings = config.load()
    with pytest.raises(UsageError, match="no lake here"):
        serve(settings, tmp_path, free_ports(1)[0], None)
    (tmp_path / "ops").mkdir()
    with pytest.raises(UsageError, match="--role minister"):
        serve(settings, tmp_path, free_ports(1)[0], "minister")
    with pytest.raises(UsageError, match="not for a role"):
        serve(settings, tmp_path, free_ports(1)[0], "analyst", free_ports(1)[0])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port}"):
            serve(settings, tmp_path, port, None)
        with pytest.raises(UsageError, match=f"--connect-port {port}"):
            serve(settings, tmp_path, free_ports(1)[0], None, port)
