"""What the README shows to readers runs as it stands: without Spark on any lake, by Spark Connect from its server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry
from tests.conftest import SmallLake
from tests.frames import frame
from tests.servers import free_ports, serving

README = Path(__file__).resolve().parents[2] / "README.md"
EVERY = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
CONNECT = [text for text in EVERY if "sc://" in text]
SNIPPETS = [text for text in EVERY if text not in CONNECT]
LAKE = "data/lake-100000"
PORT = "15002"


def test_the_readme_shows_polars_duckdb_delta_rs_and_spark_connect() -> None:
    assert all(any(f"import {name}" in one for one in SNIPPETS) for name in ("polars", "duckdb", "DeltaTable"))
    assert all(LAKE in one for one in SNIPPETS)
    assert len(CONNECT) == 1
    assert PORT in CONNECT[0]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.split()[1])
def test_a_snippet_gives_rows(snippet: str, small_lake: SmallLake) -> None:
    *lines, last = snippet.replace(LAKE, str(small_lake.root)).strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    shown = eval(last, names)
    assert len(shown) >= 5


@pytest.mark.slow
@pytest.mark.serve
def test_the_snippet_of_spark_connect_reads_the_served_views(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, tmp_path / "lake")
    of_row = {c.REGION_CODE: "00", c.REGION_LEVEL: 0, c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
    rows = [{**of_row, c.DECILE: k, c.PERSONS: 100 + k, c.SUPPRESSED: False} for k in range(1, 11)]
    registry = Registry(lake)
    registry.open("2026Q1", revise=False)
    built = {
        table.path: lake.write(table, frame(spark, table, rows), build="2026Q1.1") for table in (tables.STATS_DECILE,)
    }
    registry.conclude("2026Q1.1", "run", passed=True, failed=[])
    registry.publish("2026Q1.1", built, run_id="run", signoff_roles=())
    port, connect_port = free_ports(2)
    own = Path(sys.executable).parent
    command = [own / "dtsen", "serve", "--lake", lake.root, "--port", port, "--connect-port", connect_port]
    *lines, last = CONNECT[0].replace(PORT, str(connect_port)).strip().splitlines()
    with serving(command, port, tmp_path):
        # A process of its own: a session of this kind cannot stand beside the tests' own.
        client = subprocess.run(
            [sys.executable, "-c", "\n".join([*lines, f"print({last}['persons'].tolist())"])],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert client.stdout.strip() == str([100 + k for k in range(1, 11)]), client.stderr
