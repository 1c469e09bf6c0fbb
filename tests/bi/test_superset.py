"""What Superset imports agrees with the contracts; a real Superset loads it and draws it from the served views."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import superset, tables
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry
from dtsen_spark.wording import LANGUAGES
from tests.frames import frame
from tests.servers import free_ports, serving

URL = "hive://bi@127.0.0.1:10000/dtsen"
CONTRACTS = {f"{table.layer}_{table.name}": table for table in tables.STATS}
# The folder of an environment of its own (make test-superset makes one): its packages are older than ours.
SUPERSET = os.environ.get("DTSEN_SUPERSET", "")


def parts(kind: str, language: str = "id") -> list[dict[str, object]]:
    return [one for name, one in superset.documents(URL, language).items() if name.startswith(f"{kind}/")]


def test_a_dataset_has_the_columns_of_its_contract() -> None:
    for dataset in parts("datasets"):
        table = CONTRACTS[dataset["table_name"]]
        assert [column["column_name"] for column in dataset["columns"]] == list(table.columns)
        assert all(column["description"] for column in dataset["columns"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_chart_asks_for_columns_that_there_are(language: str) -> None:
    datasets = {dataset["uuid"]: dataset for dataset in parts("datasets")}
    charts = parts("charts", language)
    assert len(charts) >= 9
    for chart in charts:
        dataset, params = datasets[chart["dataset_uuid"]], chart["params"]
        columns = {column["column_name"] for column in dataset["columns"]}
        asked = {*params["groupby"], *(one["subject"] for one in params["adhoc_filters"])}
        assert asked | {params.get("x_axis", c.PERIOD)} <= columns, chart["slice_name"]
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        assert {*params.get("metrics", [params.get("metric")])} <= metrics


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_has_a_place_and_rows_fit_the_grid(language: str) -> None:
    (dashboard,) = parts("dashboards", language)
    position = dashboard["position"]
    placed = {one["meta"]["uuid"] for one in position.values() if isinstance(one, dict) and one["type"] == "CHART"}
    assert placed == {chart["uuid"] for chart in parts("charts", language)}
    for row in (one for one in position.values() if isinstance(one, dict) and one["type"] == "ROW"):
        assert sum(position[key]["meta"]["width"] for key in row["children"]) <= 12


def test_charts_that_add_up_persons_are_of_one_period_and_one_level() -> None:
    (dashboard,) = parts("dashboards")
    (period,) = dashboard["metadata"]["native_filter_configuration"]
    assert period["requiredFirst"]
    over_time = set(period["scope"]["excluded"])
    for number, chart in enumerate(parts("charts"), start=1):
        assert any(one["subject"] == c.REGION_LEVEL for one in chart["params"]["adhoc_filters"])
        assert (number in over_time) == (chart["params"].get("x_axis") == c.PERIOD)


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    one, other = (superset.write(tmp_path / name, URL, "en").read_bytes() for name in ("a.zip", "b.zip"))
    assert one == other
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        database = yaml.safe_load(file.read("dtsen/databases/DTSEN.yaml"))
    assert database["sqlalchemy_uri"] == URL
    assert not database["allow_dml"]
    with pytest.raises(UsageError, match="--lang fr"):
        superset.write(tmp_path / "c.zip", URL, "fr")


def release(spark: SparkSession, root: Path) -> Lake:
    """A lake of one release with a few rows of each statistic that the dashboard shows."""
    nation = {c.REGION_CODE: "00", c.REGION_LEVEL: 0, c.REGION_NAME: "Indonesia", c.SUPPRESSED: False}
    of_release = {c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
    south = {**nation, c.REGION_CODE: "73", c.REGION_LEVEL: 1, c.REGION_NAME: "Sulawesi Selatan"}
    open_tickets = {c.CHANNEL: "desa", c.OUTCOME: "OPEN", c.ACTION: "SUBMIT", c.OVERDUE: True, c.TICKETS: 77}
    rows = {
        tables.STATS_REGION: [{**nation, c.PERSONS: 4321, c.FAMILIES: 1234}],
        tables.STATS_DECILE: [
            *({**nation, c.DECILE: k, c.PERSONS: 400 + k} for k in range(1, 11)),
            {**south, c.DECILE: 1, c.PERSONS: 99},
        ],
        tables.STATS_BUDGET: [{**nation, c.PROGRAM: "pkh", c.DECILE: 1, c.BENEFIT_TOTAL_IDR_YEAR: 5_000_000}],
        tables.STATS_CHANGE: [{**nation, c.PROGRAM: "pkh", c.CHANGE: "ADD", c.CHANGE_CAUSE: "NEW_UNIT", c.ROWS: 56}],
        tables.STATS_OBJECTION: [{**nation, **open_tickets}],
        tables.STATS_TREND: [
            {**nation, c.METRIC: metric, c.SUBJECT: subject, c.VALUE: value}
            for metric, subject, value in (("selected", "pkh", 300.0), ("cut_point_idr_month", "1", 693_000.0))
        ],
    }  # fmt: skip
    lake = Lake(spark, root)
    registry = Registry(lake)
    registry.open("2026Q1", revise=False)
    built = {
        table.path: lake.write(table, frame(spark, table, [{**row, **of_release} for row in own]), build="2026Q1.1")
        for table, own in rows.items()
    }
    registry.conclude("2026Q1.1", "run", passed=True, failed=[])
    registry.publish("2026Q1.1", built, run_id="run", signoff_roles=())
    return lake


@contextmanager
def superset_of(files: list[Path], folder: Path) -> Iterator[str]:
    """A Superset that has imported files and asks nobody for a password; only ever for this test."""
    (port,) = free_ports(1)
    settings = folder / "superset_config.py"
    settings.write_text(
        f"SECRET_KEY = 'of a test on this machine, and nothing else'\n"
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder / 'superset.db'}'\n"
        "AUTH_ROLE_PUBLIC = 'Admin'\nWTF_CSRF_ENABLED = False\nTALISMAN_ENABLED = False\n"
    )
    environment = {
        **os.environ, "SUPERSET_CONFIG_PATH": str(settings), "SUPERSET_HOME": str(folder), "FLASK_APP": "superset",
    }  # fmt: skip
    command = Path(SUPERSET) / "superset"

    def run(*arguments: str | Path) -> None:
        done = subprocess.run([command, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    run("db", "upgrade")
    who = ("--username", "admin", "--firstname", "a", "--lastname", "b", "--email", "a@b.c", "--password", "admin")
    run("fab", "create-admin", *who)
    run("init")
    for file in files:
        run("import-dashboards", "-p", file, "-u", "admin")
    log = (folder / "superset.log").open("w")
    server = subprocess.Popen([command, "run", "-p", str(port)], env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(60):
            try:
                urllib.request.urlopen(f"{address}/health")
                break
            except OSError:
                time.sleep(1)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


@pytest.mark.slow
@pytest.mark.serve
@pytest.mark.skipif(not SUPERSET, reason="DTSEN_SUPERSET names no environment with Superset (make test-superset)")
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on PATH")
def test_superset_imports_and_draws_the_dashboard(spark: SparkSession, tmp_path: Path) -> None:
    lake = release(spark, tmp_path / "lake")
    (port,) = free_ports(1)
    url = f"hive://bi@127.0.0.1:{port}/dtsen"
    command = [Path(sys.executable).parent / "dtsen", "serve", "--lake", lake.root, "--port", str(port)]
    files = [superset.write(tmp_path / f"{language}.zip", url, language) for language in LANGUAGES]
    with serving(command, port, tmp_path), superset_of(files, tmp_path) as address:
        for language, persons in zip(LANGUAGES, ("Penduduk", "Persons"), strict=True):
            page = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,2600",
                 "--virtual-time-budget=120000", "--dump-dom",
                 f"{address}/superset/dashboard/dtsen-{language}/?standalone=1"],
                capture_output=True, text=True, check=True, timeout=240,
            ).stdout  # fmt: skip
            # Of the big number, the provinces, the changes, the objections.
            for told in (persons, "4,321", "1,234", "Sulawesi Selatan", "NEW_UNIT", ">77<"):
                assert told in page, told
            assert page.count("<canvas") >= 4, "the charts over periods and desil"
            assert "Unexpected error" not in page
