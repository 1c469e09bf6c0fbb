"""The same deliveries give the same release: in another lake, from other files, with other partitions, on a cluster."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config, session
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry
from tests.conftest import SmallLake
from tests.repack import repack
from tests.servers import free_ports

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / ".make" / "cluster.py"
_MINUTES = 20


def hashes(spark: SparkSession, lake: Path) -> dict[str, tuple[int, str]]:
    """Rows and content hash of every published table."""
    registry = Registry(Lake(spark, lake))
    release = registry.current()
    assert release is not None
    return {path: (one.rows, one.content_hash) for path, one in registry.releases()[release].tables.items()}


def same_key(source: Path, target: Path) -> None:
    """Give a new lake the id key of another one: ids are part of the content."""
    shutil.copytree(source / ".keys", target / ".keys")


@pytest.fixture
def other_lake(small_lake: SmallLake, tmp_path: Path) -> Path:
    lake = tmp_path / "lake"
    lake.mkdir()
    same_key(small_lake.root, lake)
    return lake


@pytest.mark.slow
def test_other_files_partitions_and_lake_give_the_same_release(
    spark: SparkSession, small_lake: SmallLake, other_lake: Path, tmp_path: Path
) -> None:
    assert repack(small_lake.nation / "landing", tmp_path / "landing") > len(hashes(spark, small_lake.root))
    command = [Path(sys.executable).parent / "dtsen", "run", "--landing", tmp_path / "landing", "--lake", other_lake]
    command += ["--period", small_lake.period, "--publish", "--set", "spark.shuffle_partitions=7"]

    done = _run(command, {"DTSEN_DRIVER_MEMORY": "2g"})

    assert done.returncode == 0, done.stderr
    assert hashes(spark, other_lake) == hashes(spark, small_lake.root)


@pytest.fixture
def cluster() -> Iterator[str]:
    port, ui_port = free_ports(2)
    up = [sys.executable, CLUSTER, "up", "--port", str(port), "--ui-port", str(ui_port), "--worker-memory", "2g"]
    done = _run(up, {})
    assert done.returncode == 0, done.stderr
    yield f"spark://127.0.0.1:{port}"
    assert _run([sys.executable, CLUSTER, "down"], {}).returncode == 0


@pytest.mark.slow
@pytest.mark.cluster
def test_a_job_submitted_to_a_cluster_gives_the_same_release(
    spark: SparkSession, small_lake: SmallLake, other_lake: Path, cluster: str
) -> None:
    jars = [str(path) for path in session.jars()]
    submit = [Path(sys.executable).parent / "spark-submit", "--master", cluster]
    submit += ["--properties-file", config.conf_dir() / "spark" / "standalone.conf"]
    submit += ["--conf", "spark.driver.memory=2g", "--conf", "spark.executor.memory=2g"]
    submit += ["--jars", ",".join(jars), "--driver-class-path", os.pathsep.join(jars), ROOT / "jobs" / "run.py"]
    submit += ["--landing", small_lake.nation / "landing", "--lake", other_lake]

    done = _run([*submit, "--period", small_lake.period, "--publish"], {"PYSPARK_PYTHON": sys.executable})

    assert done.returncode == 0, done.stderr
    assert hashes(spark, other_lake) == hashes(spark, small_lake.root)


def _run(command: list[str | Path], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    # The shared session's gateway must not be taken for that of a submit.
    inherited = {key: value for key, value in os.environ.items() if key != "PYSPARK_GATEWAY_PORT"}
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_MINUTES * 60,
    )
