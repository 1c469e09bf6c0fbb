"""A release that is killed again and again ends as the one that was left alone, and nobody sees it half done."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

import dtsen_spark
from dtsen_spark import columns as c
from dtsen_spark import lake as lakes
from dtsen_spark import pipeline, tables
from dtsen_spark.cli import main
from dtsen_spark.errors import ExitCode
from dtsen_spark.lake import Lake, peek
from dtsen_spark.release import Registry, State
from tests.conftest import INTERPRETED, SmallLake
from tests.release.conftest import PKH

_REPOSITORY = Path(dtsen_spark.__file__).parents[1]
_MAIN = "import sys; from dtsen_spark.cli import main; sys.exit(main(sys.argv[1:]))"
_PATIENCE_SECONDS = 900


class Command:
    """A ``dtsen`` command in a process group of its own, that can be killed as a whole."""

    def __init__(self, log: Path, *arguments: str, java: str = "") -> None:
        self.log = log
        environment = os.environ | {"DTSEN_DRIVER_MEMORY": "2g", "PYTHONPATH": str(_REPOSITORY)}
        environment["SPARK_SUBMIT_OPTS"] = f"{os.environ['SPARK_SUBMIT_OPTS']} {java}"
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *arguments],
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,
            )

    def kill_when(self, reached: Callable[[], bool]) -> bool:
        """SIGKILL the whole group as soon as a point is reached; false where the command ended before."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while self.process.poll() is None:
            if reached():
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                return True
            if time.monotonic() > until:
                os.killpg(self.process.pid, signal.SIGKILL)
                pytest.fail(f"the point was not reached: {self.text()}")
            time.sleep(0.005)
        return False

    def end(self) -> int:
        return self.process.wait(timeout=_PATIENCE_SECONDS)

    def text(self) -> str:
        return self.log.read_text()


def versions(*folders: Path) -> set[Path]:
    """The commits of tables, all together."""
    return {commit for folder in folders for commit in (folder / "_delta_log").glob("*.json")}


def commits(*folders: Path) -> int:
    """Delta versions of tables, all together."""
    return len(versions(*folders))


def readable(root: Path) -> set[str]:
    """Releases that a reader at the registry's versions sees in whole tables, read without Spark."""
    published = [json.loads(row[c.TABLES_JSON]) for row in _events(root) if row[c.TABLES_JSON]]
    found: set[str] = set()
    for table in (tables.PERSON, tables.FAMILY, tables.MEMBERSHIP, tables.FAMILY_MEMBER):
        if published and table.path in published[-1]:
            stored = DeltaTable(str(root / table.path), version=published[-1][table.path]["version"])
            found |= set(stored.to_pyarrow_table(columns=[c.RELEASE_ID])[c.RELEASE_ID].to_pylist())
    return found


def _events(root: Path) -> list[dict[str, object]]:
    return sorted(peek(root, tables.RELEASE), key=lambda row: str(row[c.RECORDED_AT]))


def hashes(root: Path, release_id: str) -> dict[str, tuple[int, str]]:
    """Rows and content hash of each table of a published release."""
    of_release = [row for row in _events(root) if row[c.RELEASE_ID] == release_id and row[c.TABLES_JSON]]
    stored = json.loads(str(of_release[-1][c.TABLES_JSON]))
    return {path: (one["rows"], one["content_hash"]) for path, one in stored.items()}


@pytest.mark.kill
def test_a_publication_that_is_killed_is_finished_and_its_lock_is_free(
    lake: Lake, audited: Callable[..., dict[str, lakes.Written]], tmp_path: Path
) -> None:
    first = audited("2025Q4.1", {"A": "SELECTED"})
    Registry(lake).publish("2025Q4.1", first, run_id="run", signoff_roles=())
    built = audited("2026Q1.1", {"B": "SELECTED"})
    detail = json.dumps({"tables": {path: vars(one) for path, one in built.items()}})
    lake.append_rows(
        tables.RUN,
        [{c.RELEASE_ID: "2026Q1.1", c.STAGE: "programs", c.STATE: pipeline.DONE, c.DETAIL: detail}],
    )
    published = [lake.path(table) for table in (tables.FAMILY, PKH)]
    before = commits(*published)

    command = Command(tmp_path / "log", "publish", "--lake", str(lake.root), "--period", "2026Q1")
    locked = False

    def half_way() -> bool:
        nonlocal locked
        # Java greets once the lock is held. Of two at once the other one is told at once.
        if not locked and "incubator" in command.text():
            locked = main(["publish", "--lake", str(lake.root), "--period", "2026Q1"]) == ExitCode.LOCKED
        return locked and commits(*published) > before

    assert command.kill_when(half_way), command.text()

    assert readable(lake.root) == {"2025Q4.1"}
    assert Registry(lake).current() == "2025Q4.1"
    with lakes.hold(lake.root):  # the lock of a process that died is free
        assert Registry(lake).publish("2026Q1.1", built, run_id="again", signoff_roles=())
    assert readable(lake.root) == {"2026Q1.1"}
    assert Registry(lake).releases()["2026Q1.1"].state is State.PUBLISHED


@dataclass(frozen=True)
class Point:
    """Where a run is killed.

    Attributes:
        name: For the message of a failure.
        reached: Says of the lake and the run's output whether it is there; made when the run begins.
    """

    name: str
    reached: Callable[[Path, Command], Callable[[], bool]]


def _in(stage: str) -> Point:
    """While a stage writes its tables."""

    def make(root: Path, command: Command) -> Callable[[], bool]:
        folder = root / "build" / "2026Q1.2" / _FIRST_TABLE[stage].path
        before = commits(folder)
        return lambda: commits(folder) > before

    return Point(f"in {stage}", make)


def _before(stage: str) -> Point:
    """When a stage's accounts or figures are entered, just before the row that says that it is done."""

    def make(root: Path, command: Command) -> Callable[[], bool]:
        entries = [root / table.path for table in (tables.LEDGER, tables.DQ_METRIC)]
        earlier = pipeline.NAMES[: pipeline.NAMES.index(stage)]
        seen: set[Path] = set()

        def reached() -> bool:
            text = command.text()
            if not all(f"\n{name} " in f"\n{text}" for name in earlier):
                return False
            if not seen:
                seen.update(versions(*entries))
            # A stage that was tried before clears its figures first.
            return any('"DELETE"' not in commit.read_text() for commit in versions(*entries) - seen)

        return reached

    return Point(f"before {stage} is done", make)


def _after(stage: str) -> Point:
    return Point(f"after {stage}", lambda _, command: lambda: f"\n{stage} " in f"\n{command.text()}")


def _publishing(written: int) -> Point:
    """When some of the published tables have been replaced."""

    def make(root: Path, command: Command) -> Callable[[], bool]:
        published = [root / path for path in hashes(root, "2026Q1.1")]
        before = commits(*published)
        return lambda: commits(*published) >= before + written

    return Point(f"after {written} published tables", make)


_FIRST_TABLE = {
    "ingest": tables.SET_ASIDE,
    "corrections": tables.TICKET,
    "harmonise": tables.PERSON_RECORD,
    "linkage": tables.MEMBERSHIP,
    "family": tables.PERSON,
    "welfare": tables.SCORE,
    "programs": PKH,
    "effects": tables.EFFECT,
    "marts": tables.STATS_REGION,
}
# Before and after each stage's commit; while the longest of them write; while tables are published one after the other.
_WRITING = ("ingest", "harmonise", "linkage", "family", "welfare", "programs")
# Has nothing to enter where no ticket was decided: what is after the stage before it is before its own commit.
_SILENT = "effects"
POINTS = (
    *(
        point
        for stage in pipeline.NAMES
        for point in (
            *((_in(stage),) if stage in _WRITING else ()),
            *((_before(stage),) if stage != _SILENT else ()),
            _after(stage),
        )
    ),
    *(_publishing(written) for written in (1, 4, 8, 12, 16)),
)


@dataclass(frozen=True)
class Revision:
    """The next revision of the small lake's release, to be made by processes of their own.

    Attributes:
        alone: A lake where it was made and nothing happened.
        classes: Archive of the classes that Java loaded for it: whoever comes later reads and checks them no more.
        arguments: Of the command, but for the lake.
    """

    alone: Path
    classes: Path
    arguments: tuple[str, ...]

    def start(self, root: Path, log: Path) -> Command:
        return Command(log, *self.arguments, "--lake", str(root), java=f"-XX:SharedArchiveFile={self.classes}")


@pytest.fixture(scope="module")
def revision(small_lake: SmallLake, tmp_path_factory: pytest.TempPathFactory) -> Revision:
    folder = tmp_path_factory.mktemp("alone")
    alone = shutil.copytree(small_lake.root, folder / "lake")
    arguments = ("run", "--landing", str(small_lake.nation / "landing"), "--period", small_lake.period)
    # Interpreted plans: some forty new processes of which each would compile its own.
    settings = ("--set", "spark.shuffle_partitions=2", "--set", f"spark.options={json.dumps(INTERPRETED)}")
    found = Revision(alone, folder / "classes.jsa", (*arguments, "--revise", "--publish", *settings))
    java = f"-XX:ArchiveClassesAtExit={found.classes}"
    first = Command(folder / "log", *found.arguments, "--lake", str(alone), java=java)
    assert first.end() == 0, first.text()
    return found


@pytest.mark.slow
@pytest.mark.kill
@pytest.mark.timeout(7200)
def test_a_release_that_is_killed_thirty_times(small_lake: SmallLake, revision: Revision, tmp_path: Path) -> None:
    assert len(POINTS) >= 30
    killed, log = shutil.copytree(small_lake.root, tmp_path / "killed"), tmp_path / "log"

    for point in POINTS:
        command = revision.start(killed, log)
        reached = point.reached(killed, command)
        assert command.kill_when(reached), f"{point.name}: {command.text()}"
        assert readable(killed) == {"2026Q1.1"}, point.name
    last = revision.start(killed, log)
    assert last.end() == 0, last.text()

    assert hashes(killed, "2026Q1.2") == hashes(revision.alone, "2026Q1.2")
    assert readable(killed) == {"2026Q1.2"}
    done = Counter(
        row[c.STAGE]
        for row in peek(killed, tables.RUN)
        if row[c.RELEASE_ID] == "2026Q1.2" and row[c.STATE] == pipeline.DONE
    )
    assert done == dict.fromkeys(pipeline.NAMES, 1), "a stage that was done was done again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many bytes."""
    folder = tmp_path / "disk"

    def mount(size: int) -> Path:
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here ({mounted.stderr.strip()})")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _size(folder: Path) -> int:
    """Room that a folder takes on a disk: most of a small lake's files are smaller than a block."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*"))


@pytest.mark.slow
@pytest.mark.kill
@pytest.mark.timeout(7200)
def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(
    small_lake: SmallLake, revision: Revision, disk: Callable[[int], Path], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    before = _size(small_lake.root)
    grown = _size(revision.alone) - before
    mounted = disk(before * 6)
    root, stone = mounted / "lake", mounted / "stone"
    shutil.copytree(small_lake.root, root)
    # In the first stage, and near the end: a run needs more room than it leaves behind.
    for share in (0.02, 0.9):
        with stone.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(mounted).free - int(grown * share))
        full = revision.start(root, log)
        assert full.end() == ExitCode.OTHER, full.text()
        assert "the disk is full" in full.text(), full.text()
        assert readable(root) == {"2026Q1.1"}
        stone.unlink()
    again = revision.start(root, log)
    assert again.end() == 0, again.text()
    assert hashes(root, "2026Q1.2") == hashes(revision.alone, "2026Q1.2")
    assert readable(root) == {"2026Q1.2"}
