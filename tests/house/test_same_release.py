"""The same deliveries give the same release: in another lake, from other files, with other partitions, on a cluster."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
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
# The script of spark-submit does not find its own home in a folder with a space in its name.
SUBMITTER = {"PYSPARK_PYTHON": sys.executable, "SPARK_HOME": str(Path(pyspark.__file__).parent)}


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


@pytest.fixture
def cluster() -> Iterator[str]:
    port, ui_port = free_ports(2)
    up = [sys.executable, CLUSTER, "up", "--port", str(port), "--ui-port", str(ui_port), "--worker-memory", "2g"]
    done = _run(up)
    assert done.returncode == 0, done.stderr
    yield f"spark://127.0.0.1:{port}"
    assert _run([sys.executable, CLUSTER, "down"]).returncode == 0


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.kill
def test_other_files_partitions_and_a_cluster_that_loses_a_worker_give_the_same_release(
    spark: SparkSession, small_lake: SmallLake, other_lake: Path, cluster: str, tmp_path: Path
) -> None:
    landing, log = tmp_path / "landing", tmp_path / "log"
    assert repack(small_lake.nation / "landing", landing) > len(hashes(spark, small_lake.root))
    with log.open("w") as file:
        job = subprocess.Popen(
            list(map(str, _submit(landing, other_lake, small_lake.period, cluster))),
            cwd=ROOT,
            env=_environment() | SUBMITTER,
            stdout=file,
            stderr=file,
        )
    try:
        # In the linkage, the longest stage: harmonise has said that it is done.
        until = time.monotonic() + _MINUTES * 60
        while "\nharmonise " not in log.read_text() and job.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        worker = int((ROOT / ".cluster" / "worker-1.pid").read_text(encoding="utf-8"))
        # The whole group: the worker with its executor.
        os.killpg(worker, signal.SIGKILL)
        assert job.poll() is None, "the worker was killed after the job's end"
        assert job.wait(timeout=_MINUTES * 60) == 0, log.read_text()
    finally:
        job.kill()
    assert "Lost executor" in log.read_text()
    assert hashes(spark, other_lake) == hashes(spark, small_lake.root)


def _submit(landing: Path, lake: Path, period: str, cluster: str) -> list[str | Path]:
    jars = [str(path) for path in session.jars()]
    submit: list[str | Path] = [Path(sys.executable).parent / "spark-submit", "--master", cluster]
    submit += ["--properties-file", config.conf_dir() / "spark" / "standalone.conf"]
    # Eight partitions and compiled plans, where the small lake has two and interpreted ones.
    properties = {"spark.driver.memory": "2g", "spark.executor.memory": "2g"}
    submit += [part for name, value in properties.items() for part in ("--conf", f"{name}={value}")]
    submit += ["--jars", ",".join(jars), "--driver-class-path", os.pathsep.join(jars), ROOT / "jobs" / "run.py"]
    return [*submit, "--landing", landing, "--lake", lake, "--period", period, "--publish"]


def _environment() -> dict[str, str]:
    # The shared session's gateway must not be taken for that of a submit.
    return {key: value for key, value in os.environ.items() if key != "PYSPARK_GATEWAY_PORT"}


def _run(command: list[str | Path]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_MINUTES * 60,
    )
