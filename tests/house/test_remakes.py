"""Tables that take the places of others: wherever it dies, all of them do or none, and rows are entered once."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from dtsen_spark import lake as lakes
from dtsen_spark import remakes
from dtsen_spark.errors import LakeError
from dtsen_spark.remakes import Entry, Mode

TABLES = ("master/person", "silver/record", "build/2026Q1.1/master/person")
STONES, BATCHES = "ops/tombstone", "ops/batch"


def write(root: Path, path: str, *values: int) -> None:
    deltalake.write_deltalake(str(root / path), pa.table({"key": values, "note": ["x"] * len(values)}))


def values(root: Path, path: str) -> list[int]:
    return sorted(deltalake.DeltaTable(str(root / path)).to_pyarrow_table()["key"].to_pylist())


def made(root: Path) -> Path:
    """A lake whose tables hold 1, and others beside them that hold 2."""
    for path in (*TABLES, STONES, BATCHES):
        write(root, path, 1)
    for path in TABLES:
        write(root, str(remakes.beside(Path(path))), 2)
    return root


def take(root: Path) -> None:
    rows = pa.table({"key": [1, 2], "note": ["x", "new"]})
    entries = [Entry(STONES, rows, Mode.APPEND, ("key",)), Entry(BATCHES, rows.slice(1), Mode.OVERWRITE, ("key",))]
    remakes.decide(root, [root / path for path in TABLES], entries)
    remakes.finish(root)


class DiedError(Exception):
    """Where a process is killed."""


def dying(step: int, patch: pytest.MonkeyPatch) -> None:
    """Die at a step: before any call that changes files, counted from 0."""
    calls = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise DiedError
            return function(*args, **named)

        return call

    for owner, name in ((Path, "rename"), (Path, "write_text"), (shutil, "rmtree"), (deltalake, "write_deltalake")):
        patch.setattr(owner, name, counted(getattr(owner, name)))


def test_wherever_it_dies_all_tables_are_taken_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for step in range(100):
        root = made(tmp_path / str(step))
        with monkeypatch.context() as patch:
            dying(step, patch)
            try:
                take(root)
            except DiedError:
                pass
            else:
                break
        if step % 2:
            # Dies again where it is finished, one step further.
            with monkeypatch.context() as patch, contextlib.suppress(DiedError):
                dying(1, patch)
                remakes.finish(root)
        with lakes.hold(root):
            ends.append([*(values(root, path) for path in TABLES), values(root, STONES), values(root, BATCHES)])
        assert not [path for path in root.rglob("*") if path.suffix in {".new", ".old"} or "remakes" in path.name], step
    undone, done = [[1]] * 5, [[2], [2], [2], [1, 2], [2]]
    assert set(map(str, ends)) == {str(undone), str(done)}
    assert ends == sorted(ends), "once decided it is done, whatever dies later"


def test_a_reader_is_told_while_tables_are_half_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = made(tmp_path / "lake")
    lakes.require_whole(root)
    with monkeypatch.context() as patch, pytest.raises(DiedError):
        dying(4, patch)
        take(root)
    with pytest.raises(LakeError, match="dtsen maintain"):
        lakes.require_whole(root)
    with lakes.hold(root):
        pass
    lakes.require_whole(root)
