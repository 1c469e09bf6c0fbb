"""BI clients read the published tables: a JDBC client and a Python one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from pyhive import hive

from dtsen_spark import columns as c
from dtsen_spark import config, tables
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry, serve
from tests.frames import frame
from tests.release.conftest import PKH

_START_SECONDS = 180
JOIN = (
    "SELECT count(*) AS units, sum(f.members) AS members "
    "FROM dtsen.programs_pkh d JOIN dtsen.master_family f ON f.family_id = d.family_id"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def published(lake: Lake) -> Lake:
    of_release = {c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
    decided = {c.REASONS: ["WITHIN_QUOTA"], c.CHANGE: "ADD", c.CHANGE_VS_RECIPIENT: "ADD", c.DECISION: "SELECTED"}
    families = [{c.FAMILY_ID: f"F{n}", c.MEMBERS: 3, **of_release} for n in range(4)]
    rows = {
        tables.FAMILY: families,
        PKH: [{c.FAMILY_ID: f"F{n}", **decided, **of_release} for n in range(3)],
    }
    registry = Registry(lake)
    registry.open("2026Q1", revise=False)
    built = {
        table.path: lake.write(table, frame(lake.spark, table, some), build="2026Q1.1") for table, some in rows.items()
    }
    registry.conclude("2026Q1.1", "run", passed=True, failed=[])
    registry.publish("2026Q1.1", built, run_id="run", signoff_roles=())
    return lake


@pytest.fixture
def server(published: Lake, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    command = [Path(sys.executable).parent / "dtsen", "serve", "--lake", str(published.root), "--port", str(port)]
    log = tmp_path / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, cwd=tmp_path, env=os.environ | {"DTSEN_DRIVER_MEMORY": "1g"}
        )
    try:
        _wait_for(port, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, log.read_text()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail(f"no server within {_START_SECONDS} s: {log.read_text()}")


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
        serve(settings, tmp_path, free_port(), None)
    (tmp_path / "ops").mkdir()
    with pytest.raises(UsageError, match="--role minister"):
        serve(settings, tmp_path, free_port(), "minister")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port}"):
            serve(settings, tmp_path, port, None)
