"""Second half of ``make setup``: the environment in .venv and the jars in jars/, both from locks.

Runs on a bare Python. Does nothing, in well under a second, where everything is there already; a set-up that was
interrupted is begun anew; two at once wait for each other.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv"
BIN: Final = VENV / "bin"
STAMP: Final = VENV / "setup.json"
PYTHON_LOCK: Final = ROOT / "requirements-dev.lock"
JARS_LOCK: Final = ROOT / "conf" / "spark" / "jars.lock"
# What the jars name as dependencies and Spark ships already, or no plain table uses: 85 MB left where they are.
NOT_NEEDED: Final = (
    "org.*:*,com.fasterxml*:*,com.google*:*,com.github*:*,commons-*:*,javax.*:*,io.airlift:*,io.unitycatalog:*,"
    "io.delta:delta-kernel*"
)
# Builds the packages that have no wheel; installed first, so that no build fetches an unpinned tool.
BUILD_TOOL: Final = "setuptools"


class SetupError(Exception):
    """Raised when the machine or the network lacks something; the message says what to do."""


def say(message: str) -> None:
    """Write one line about the progress to standard error."""
    sys.stderr.write(f"setup: {message}\n")
    sys.stderr.flush()


def jars_dir() -> Path:
    """Return the folder of the jars: ``DTSEN_JARS``, or ``jars/`` of the checkout (as ``dtsen_spark.session`` does)."""
    named = os.environ.get("DTSEN_JARS")
    return Path(named) if named else ROOT / "jars"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locked_jars() -> dict[str, str]:
    """Read the lock of the jars: Maven coordinate ``group:artifact:version`` to SHA-256."""
    lines = [line.split() for line in JARS_LOCK.read_text(encoding="utf-8").splitlines()]
    return {coordinate: digest for digest, coordinate in (line for line in lines if line and line[0] != "#")}


def jar_name(coordinate: str) -> str:
    """Return the file name of a coordinate.

    >>> jar_name("io.delta:delta-storage:4.3.1")
    'delta-storage-4.3.1.jar'
    """
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def place() -> dict[str, str]:
    """Return what an environment cannot be moved away from: its folder and its Python."""
    return {"root": str(ROOT), "python": f"{sys.version_info.major}.{sys.version_info.minor}"}


def wanted() -> dict[str, str]:
    """Return what the environment must have been made from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    # Settings of linters stand in the same file and change nothing in the environment.
    parts = [project["project"], project["build-system"], project["tool"]["hatch"]]
    return place() | {
        "lock": sha256(PYTHON_LOCK),
        "script": sha256(Path(__file__)),
        "project": hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(),
    }


def stamped() -> dict[str, str]:
    """Return what the environment was made from; empty where none was completed."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


@contextmanager
def alone() -> Iterator[None]:
    """Hold the set-up of this checkout; a second one waits."""
    with (ROOT / ".setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path) -> None:
    """Run a command whose output the user sees on standard error.

    Raises:
        SetupError: It failed.
    """
    # Settings of a shell's own environment must not reach into this one.
    env = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=env, cwd=ROOT, check=False)
    if done.returncode:
        message = (
            f"'{' '.join(map(str, command[:4]))} ...' failed (see above); when that is mended, run the command again"
        )
        raise SetupError(message)


def selected(lock: Path, keep: Callable[[str], bool]) -> str:
    """Return the pins, with their hashes, of those packages of a lock whose name is to be kept."""
    kept, on = [], False
    for line in lock.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line[:1].isspace():
            on = keep(line.partition("==")[0])
        if on:
            kept.append(line)
    return "".join(kept)


def make_environment() -> None:
    """Make or renew ``.venv`` from the lock, with this project installed in place."""
    stamp = stamped()
    renewable = {key: stamp.get(key) for key in place()} == place() and (BIN / "python").exists()
    STAMP.unlink(missing_ok=True)
    if not renewable:
        say("making the environment in .venv (about 1.2 GB; once, some minutes)")
        venv.create(VENV, clear=True, symlinks=True, with_pip=True)
    else:
        say("the lock or the project changed: renewing the environment in .venv")
    quiet = () if sys.stderr.isatty() else ("--quiet",)
    install = (BIN / "python", "-m", "pip", "install", "--disable-pip-version-check", *quiet)
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(folder, "build.lock")
        tool.write_text(selected(PYTHON_LOCK, lambda name: name == BUILD_TOOL), encoding="utf-8")
        run(*install, "--require-hashes", "-r", tool)
    run(*install, "--require-hashes", "--no-build-isolation", "--use-pep517", "-r", PYTHON_LOCK)
    run(*install, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    STAMP.write_text(json.dumps(wanted()), encoding="utf-8")
    say("the environment is ready")


def missing_jars() -> list[str]:
    """Return the coordinates of the jars that are not there.

    Raises:
        SetupError: A jar is there and is not the locked one.
    """
    missing = []
    for coordinate, digest in locked_jars().items():
        path = jars_dir() / jar_name(coordinate)
        if not path.exists():
            missing.append(coordinate)
        elif (found := sha256(path)) != digest:
            message = (
                f"{path} is not the jar of conf/spark/jars.lock (sha256 {found}, locked {digest}); "
                "remove the file and run the command again"
            )
            raise SetupError(message)
    return missing


def fetch_jars(coordinates: list[str]) -> None:
    """Fetch jars by Spark's own Ivy, check each and only then put it into its folder.

    Raises:
        SetupError: No network, or a fetched jar is not the locked one.
    """
    say(f"fetching {len(coordinates)} jars, once: {', '.join(coordinates)}")
    locked = locked_jars()
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder, "nothing.py")
        nothing.touch()
        # The scripts in .venv/bin do not bear a space in the folder's name; those of the package do.
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        spark_home = VENV / "lib" / version / "site-packages" / "pyspark"
        command: list[str | Path] = [
            *(spark_home / "bin" / "spark-submit", "--master", "local[1]", "--conf", f"spark.jars.ivy={folder}"),
            *("--packages", ",".join(coordinates), "--exclude-packages", NOT_NEEDED, nothing),
        ]
        env = os.environ | {
            "SPARK_HOME": str(spark_home),
            "PYSPARK_PYTHON": str(BIN / "python"),
            "SPARK_LOCAL_HOSTNAME": "localhost",
        }
        done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder, check=False)
        for coordinate in coordinates:
            fetched = Path(folder, "jars", f"{coordinate.split(':')[0]}_{jar_name(coordinate)}")
            if not fetched.exists():
                sys.stderr.write(done.stdout[-2000:] + done.stderr[-4000:])
                message = (
                    f"{coordinate} could not be fetched (see above). Without a network: put {jar_name(coordinate)} "
                    f"into {jars_dir()}, or name a folder that holds the jars of conf/spark/jars.lock in DTSEN_JARS"
                )
                raise SetupError(message)
            if (found := sha256(fetched)) != locked[coordinate]:
                message = (
                    f"the repository sent another {coordinate} than conf/spark/jars.lock names (sha256 {found}, "
                    f"locked {locked[coordinate]}); it was not installed: ask who runs the repository"
                )
                raise SetupError(message)
            install_jar(fetched)
    say(f"the jars are ready in {jars_dir()}")


def install_jar(fetched: Path) -> None:
    """Put a checked jar into its folder at once, so that a copy that was cut off is never taken for one."""
    jars_dir().mkdir(parents=True, exist_ok=True)
    target = jars_dir() / fetched.name.partition("_")[2]
    partial = target.with_suffix(".part")
    shutil.copyfile(fetched, partial)
    partial.replace(target)


def main() -> int:
    """Bring the checkout up to date with its locks.

    Returns:
        0, or 2 where the machine or the network lacks something.
    """
    try:
        # Where all is done nothing is written, so that a read-only checkout can be used by others.
        if stamped() != wanted() or missing_jars():
            with alone():
                if stamped() != wanted():
                    make_environment()
                if missing := missing_jars():
                    fetch_jars(missing)
    except SetupError as error:
        say(str(error))
        return 2
    except OSError as error:
        say(f"{error.filename}: {error.strerror}; nothing else was changed")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
