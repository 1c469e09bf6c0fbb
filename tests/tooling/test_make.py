"""The commands that people type: make's targets, the jobs, the set-up's demands on a machine."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / ".make" / "setup.sh"
TARGETS = ["setup", "run", "test", "test-all", "check", "bench", "cluster-up", "cluster-down", "serve", "dist", "clean"]
STAGES = ["ingest", "corrections", "harmonise", "linkage", "family", "welfare", "programs", "effects", "marts", "audit"]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # This suite runs under make itself: its flags must not reach the inner one.
    env = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def machine(folder: Path, java: str | None) -> dict[str, str]:
    """An environment whose PATH has no package manager and, where given, a java that says its version."""
    folder.mkdir()
    if java is not None:
        fake = folder / "java"
        fake.write_text(f"#!/bin/bash\necho 'openjdk version \"{java}\" 2025-01-01' >&2\n", encoding="utf-8")
        fake.chmod(0o755)
    return {"PATH": str(folder), "HOME": str(folder)}


def set_up(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash is not None
    return subprocess.run([bash, SETUP], env=env, capture_output=True, text=True, check=False)


def test_make_alone_lists_the_targets() -> None:
    done = make()

    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert done.returncode == 0
    assert set(TARGETS) <= listed
    assert {"PERSONS", "LAKE", "MASTER"} <= listed


def test_another_nation_in_the_same_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".made-with").write_text("persons=10 seed=2 profile=clean\n", encoding="utf-8")

    done = make("generate", "PERSONS=10", "SEED=1", "PROFILE=clean", f"DATA={tmp_path}")

    assert done.returncode != 0
    assert "holds another nation (persons=10 seed=2 profile=clean)" in done.stderr


def test_a_nation_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / ".made-with").write_text("persons=10 seed=1 profile=clean\n", encoding="utf-8")

    assert make("generate", "PERSONS=10", "PROFILE=clean", f"DATA={tmp_path}").returncode == 0
    assert not (tmp_path / "landing").exists()


def test_a_machine_without_java_is_told_how_to_get_it(tmp_path: Path) -> None:
    done = set_up(machine(tmp_path / "bin", java=None))

    assert done.returncode == 2
    assert "there is no java on PATH" in done.stderr
    for advice in ("apt-get install openjdk-17-jre-headless", "dnf install java-17", "brew install openjdk@17"):
        assert advice in done.stderr


@pytest.mark.parametrize(("version", "major"), [("1.8.0_392", "8"), ("11.0.21", "11")])
def test_an_old_java_is_named(tmp_path: Path, version: str, major: str) -> None:
    done = set_up(machine(tmp_path / "bin", java=version))

    assert done.returncode == 2
    assert f"Java 17 or newer is needed; {tmp_path}/bin/java is Java {major}." in done.stderr


def test_a_wrong_java_home_is_named_even_where_java_is_on_the_path(tmp_path: Path) -> None:
    env = machine(tmp_path / "bin", java="17.0.9") | {"JAVA_HOME": str(tmp_path / "gone")}

    done = set_up(env)

    assert done.returncode == 2
    assert f"JAVA_HOME is {tmp_path}/gone" in done.stderr


def test_a_machine_without_python_is_told_how_to_get_it(tmp_path: Path) -> None:
    done = set_up(machine(tmp_path / "bin", java="21.0.1"))

    assert done.returncode == 2
    assert "Python 3.11 or 3.12 is needed" in done.stderr


def script(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python beside the set-up scripts, which are no package."""
    command = [sys.executable, "-c", code]
    folder = ROOT / ".make"
    return subprocess.run(command, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False)


def test_another_jar_than_the_locked_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "delta-spark_4.1_2.13-4.3.1.jar").write_bytes(b"something else")

    done = script("import environment; environment.missing_jars()", DTSEN_JARS=str(tmp_path))

    assert "is not the jar of conf/spark/jars.lock" in done.stderr


def test_jars_in_a_named_folder_are_used(tmp_path: Path) -> None:
    done = script("import environment; print(len(environment.missing_jars()))", DTSEN_JARS=str(tmp_path))

    assert done.stdout.strip() == "3"


def test_a_cluster_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = script(f"import cluster; cluster.require_free({port}, 'CLUSTER_PORT=')")

    assert f"port {port} of 127.0.0.1 is in use" in done.stderr


@pytest.mark.parametrize("name", [*STAGES, "run", "publish", "generate"])
def test_each_job_has_a_file_that_answers_help_without_spark(name: str) -> None:
    env = os.environ | {"JAVA_HOME": "/nowhere"}
    command = [sys.executable, ROOT / "jobs" / f"{name}.py", "--help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-500:]
    assert "Usage" in done.stdout


def test_the_jobs_are_the_stages_of_the_pipeline() -> None:
    from dtsen_spark import pipeline

    assert list(pipeline.NAMES) == STAGES
