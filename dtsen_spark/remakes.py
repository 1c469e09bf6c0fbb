"""Tables that are made anew beside the old ones and take their places together: all of them or none, whatever dies.

An erasure changes many things at once: tables, the registry that names them, accounts, the tombstone. All of it is
prepared first. One renaming of a folder then decides, and from there on every writer who gets hold of the lake can
finish it: what is to be done stands in that folder, and each step may be done twice.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import deltalake
import pyarrow as pa

_NEW: Final = ".new"
_OLD: Final = ".old"
_DECIDED: Final = ".remakes"
_PREPARED: Final = ".remakes.part"
_STEPS: Final = "steps.json"


class Mode(StrEnum):
    """How rows enter a table."""

    APPEND = "append"
    OVERWRITE = "overwrite"


@dataclass(frozen=True)
class Entry:
    """Rows of a small table that go with the remakes, such as those of ``ops/tombstone``.

    Attributes:
        path: The table, from the lake's root; it is there.
        rows: The rows, under its schema.
        mode: Appended, but for rows whose key stands in the table already, or in the place of all its rows.
        key: Columns that tell its rows apart.
    """

    path: str
    rows: pa.Table
    mode: Mode
    key: tuple[str, ...]


def beside(folder: Path) -> Path:
    """Return where the table is made that will take the place of the one in a folder."""
    return folder.with_name(folder.name + _NEW)


def is_remake(folder: Path) -> bool:
    """Say whether a folder holds a table that is being made, or one whose place was taken."""
    return folder.suffix in {_NEW, _OLD}


def decide(root: Path, folders: Sequence[Path], entries: Sequence[Entry]) -> None:
    """Write down what is to be done; from the last line on it will be done. ``finish`` does it.

    Args:
        root: Root of the lake.
        folders: Tables for which another one stands ``beside``.
        entries: Rows that go with them.
    """
    prepared = root / _PREPARED
    shutil.rmtree(prepared, ignore_errors=True)
    prepared.mkdir()
    steps = []
    for number, entry in enumerate(entries):
        file = f"{number}.arrow"
        with pa.OSFile(str(prepared / file), "wb") as sink, pa.ipc.new_file(sink, entry.rows.schema) as writer:
            writer.write_table(entry.rows)
        steps.append({"path": entry.path, "file": file, "mode": entry.mode.value, "key": list(entry.key)})
    tables = [folder.relative_to(root).as_posix() for folder in folders]
    (prepared / _STEPS).write_text(json.dumps({"tables": tables, "entries": steps}), encoding="utf-8")
    prepared.rename(root / _DECIDED)


def is_decided(root: Path) -> bool:
    """Say whether remakes were decided on and are not done yet: what a reader sees may be half of them."""
    return (root / _DECIDED).is_dir()


def finish(root: Path) -> None:
    """Do what was decided, or delete what was made without a decision; the caller holds the lake.

    Args:
        root: Root of the lake.
    """
    decided = root / _DECIDED
    if decided.is_dir():
        steps = json.loads((decided / _STEPS).read_text(encoding="utf-8"))
        for path in steps["tables"]:
            _take_place(root / path)
        for entry in steps["entries"]:
            with pa.OSFile(str(decided / entry["file"]), "rb") as source:
                rows = pa.ipc.open_file(source).read_all()
            _enter(root / entry["path"], rows, Mode(entry["mode"]), entry["key"])
        # Renamed first: half of the steps must not be taken for all of them.
        decided.rename(root / _PREPARED)
    shutil.rmtree(root / _PREPARED, ignore_errors=True)
    # Tables stand two levels below the root or below a build: no deeper folder is looked into.
    for left in (*root.glob(f"*/*{_NEW}"), *root.glob(f"build/*/*/*{_NEW}")):
        shutil.rmtree(left)


def _take_place(folder: Path) -> None:
    new, gone = beside(folder), folder.with_name(folder.name + _OLD)
    if new.is_dir():
        if folder.is_dir():
            folder.rename(gone)
        new.rename(folder)
    shutil.rmtree(gone, ignore_errors=True)


def _enter(table: Path, rows: pa.Table, mode: Mode, key: Sequence[str]) -> None:
    if mode is Mode.APPEND:
        stands = deltalake.DeltaTable(str(table)).to_pyarrow_table(columns=list(key)).to_pylist()
        known = {tuple(row.values()) for row in stands}
        fresh = [tuple(row.values()) not in known for row in rows.select(list(key)).to_pylist()]
        rows = rows.filter(pa.array(fresh, pa.bool_()))
    if rows.num_rows or mode is Mode.OVERWRITE:
        # A table of an older lake may lack a column that its contract has got since.
        deltalake.write_deltalake(str(table), rows, mode=mode.value, schema_mode="merge")
