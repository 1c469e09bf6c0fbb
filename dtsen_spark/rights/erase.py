"""A person's right to be erased: every layer, every file, with proof (UU 27/2022 art. 42 to 45).

Delta keeps deleted rows in older files and the extremes of each column in its log, so a table that held the person is
made anew without him, beside the old one. Once all are there they take the old ones' places together: nothing of their
history stays. Earlier releases can then no longer be read from these tables. What stays of the person is a tombstone: a
keyed hash and the sums of what left, by which the signed hashes of the releases go on proving the rest.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import privacy, tables
from dtsen_spark.config import Config
from dtsen_spark.errors import LakeError
from dtsen_spark.ingest import APPLIED
from dtsen_spark.lake import Lake, Written
from dtsen_spark.ledger import utc_now
from dtsen_spark.release import Registry, Sum, as_detail, contract_of, sums, taken
from dtsen_spark.remakes import beside
from dtsen_spark.rights.traces import (
    OWN,
    Keys,
    Trace,
    flagged,
    keys_of,
    text_columns,
    traces,
    without_mention,
)
from dtsen_spark.tombstones import Block, record_hash, standing, tombstone_of

STAGE: Final = "erase"
_REGISTRY: Final = "dukcapil"
_TEXT_FILES: Final = frozenset({".json", ".html", ".md", ".csv", ".txt", ".log", ".yaml", ""})
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Erasure:
    """What was erased, and the proof.

    Attributes:
        subject: Keyed hash of the NIK: the tombstone.
        blocks: Which later deliveries of the person are set aside.
        removed: What each table held.
        content_hash: Sum over the tables of the hashes of the removed rows.
        files_scanned: Files that were searched afterwards, live or not.
    """

    subject: str
    blocks: Block
    removed: tuple[Trace, ...]
    content_hash: str
    files_scanned: int


def erase(
    store: Lake, config: Config, nik: str, *, purpose: str, actor: str | None = None, block: Block | None = None
) -> Erasure:
    """Erase a person's identifying data from every layer of the lake; the caller holds it.

    His own rows leave; in rows of others that name his NIK, that value becomes null. Decisions and scores stay behind
    their opaque ids: they are accounts of public money, which the law keeps.

    Args:
        store: The lake.
        config: The configuration: the id key.
        nik: 16 digits, from standard input.
        purpose: What for, such as a request's number; kept in the access log.
        actor: Who; None = the user of the operating system.
        block: Which later deliveries of the person are set aside; None = as his tombstone says, and where he has none
            all, but not the registry's of a resident who lives, since the law obliges the register to list him.

    Returns:
        What left, and how many files were searched to prove it.

    Raises:
        LakeError: Something of the person is still there.
    """
    key = privacy.tombstone_key(store.root, config.privacy.tombstone_key_file)
    subject = tombstone_of(nik, key)
    builds = [folder.name for folder in sorted((store.root / "build").glob("*"))]
    for build, table in product(builds, tables.LINKAGE_KEPT):
        # Without one node, counts that the next release would go on from are wrong: all go, and it links in full.
        store.drop(table, build)
    keys = keys_of(store, nik)
    stone = standing(store.rows(tables.TOMBSTONE)).get(subject, {})
    told = Block(stone[c.BLOCKS]) if stone.get(c.BLOCKS) else None
    blocks = block or told or (Block.OTHERS if _is_living_resident(store, keys) else Block.ALL)
    row = privacy.access_row(
        at=utc_now(),
        subject=subject,
        purpose=purpose,
        role="controller",
        actor=actor,
        detail=f"erase, block {blocks}",
    )
    store.append_rows(tables.ACCESS_LOG, [row])
    held = tuple(one for one in traces(store, keys) if not one.path.startswith("ops/"))
    frame = keys.frame(store.spark)
    registry = Registry(store)
    current = registry.current() or ""
    made: dict[str, Written | None] = {}
    left: dict[str, dict[str, Sum]] = {}
    for one in held:
        made[one.path], left[one.path] = _make_anew(store, one.path, frame, current)
    batches, accounts = _accounts(store, held, frame)
    content_hash = str(sum(int(one.digest) for one in held))
    known = {record_hash(one, key) for one in keys.record_ids}
    tombstone = {
        c.SUBJECT: subject,
        c.BLOCKS: blocks.value,
        c.RECORD_HASHES: sorted(known | set(stone.get(c.RECORD_HASHES) or ())),
        c.CONTENT_HASH: content_hash,
        c.ROWS: sum(one.own for one in held),
        c.DETAIL: as_detail(held, left),
        c.PURPOSE: purpose,
        c.RECORDED_AT: utc_now(),
    }
    store.take_places(
        [store.root / one.path for one in held],
        appended={
            tables.TOMBSTONE: [tombstone],
            tables.RELEASE: registry.renewed({path: one for path, one in made.items() if contract_of(path)}),
            tables.LEDGER: accounts,
        },
        replaced={tables.BATCH: batches} if accounts else {},
    )
    for build in builds:
        store.drop_scratch(build)
    return Erasure(subject, blocks, held, content_hash, _prove(store, keys))


def _is_living_resident(store: Lake, keys: Keys) -> bool:
    if not (keys.person_ids and store.exists(tables.PERSON)):
        return False
    ids = privacy.looked_up(store.spark, c.PERSON_ID, keys.person_ids)
    listed = F.col(c.ALIVE) & F.array_contains(c.SOURCES, _REGISTRY)
    return not store.read(tables.PERSON).join(ids, c.PERSON_ID, "left_semi").where(listed).isEmpty()


def _accounts(store: Lake, held: Iterable[Trace], keys: DataFrame) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the accounts of batches without the rows: the next run finds as many in bronze as ``ops/batch`` says.

    Returns:
        All rows of ``ops/batch``, and the rows for ``ops/ledger``.
    """
    own = {one.path for one in held if one.own}
    of_bronze = {tables.bronze(table).path: table for table in tables.LANDING.values()}
    left: dict[tuple[str, str, str], tuple[int, int]] = {}
    for path in sorted(own & set(of_bronze)):
        table = of_bronze[path]
        marked = flagged(path, store.read_folder(store.root / path), keys)
        counts = marked.groupBy(c.BATCH_ID).agg(F.count(F.lit(1)), F.count_if(~F.col(OWN))).collect()  # one for each
        left |= {(table.source, table.table, batch_id): (before, after) for batch_id, before, after in counts}
    known = store.rows(tables.BATCH)
    entered = []
    for row in known:
        before, after = left.get((row[c.SOURCE], row[c.SOURCE_TABLE], row[c.BATCH_ID]), (0, 0))
        # Where bronze holds another number of rows than the batch has, something was lost: that stays to be seen.
        if before > after and row[c.STATE] == APPLIED and row[c.ROWS] == before:
            row[c.ROWS] = after
            entered.append(_erased(row, before, after))
    return known, entered


def _erased(batch: Mapping[str, Any], before: int, after: int) -> dict[str, Any]:
    erased = before - after
    return {
        c.RUN_ID: uuid4().hex,
        c.STAGE: STAGE,
        c.SUBJECT: f"{batch[c.SOURCE]}/{batch[c.SOURCE_TABLE]}",
        c.BATCH_ID: batch[c.BATCH_ID],
        c.ROWS_IN: before,
        c.ROWS_OUT: after,
        c.ROWS_SET_ASIDE: erased,
        c.SET_ASIDE_REASON: json.dumps({"erased": erased}),
        c.RECORDED_AT: utc_now(),
    }


def _make_anew(store: Lake, path: str, keys: DataFrame, current: str) -> tuple[Written | None, dict[str, Sum]]:
    folder, table = store.root / path, contract_of(path)
    df = store.read_folder(folder)
    before = sums(table, df, current) if table else {}
    marked = flagged(path, df, keys).where(~F.col(OWN))
    texts = set(text_columns(df))
    kept = marked.select(*(without_mention(df, name) if name in texts else F.col(f"`{name}`") for name in df.columns))
    written = store.write_beside(folder, kept, table)
    return written, taken(before, sums(table, store.read_folder(beside(folder)), current)) if table else {}


def _prove(store: Lake, keys: Keys) -> int:
    """Search every file of the lake, referenced by a table or not.

    Raises:
        LakeError: The NIK or a record id is found; the message says where, not what.
    """
    found = [one.path for one in traces(store, keys) if not one.path.startswith("ops/")]
    found += [str(path) for path in _loose(store.root, store.folders())]
    needles = [needle.encode() for needle in (keys.nik, *keys.record_ids)]
    scanned = 0
    for path in sorted(store.root.rglob("*")):
        if path.is_file() and ".keys" not in path.parts:
            scanned += 1
            if path.suffix in _TEXT_FILES and _holds(path, needles):
                found.append(path.relative_to(store.root).as_posix())
    if found:
        message = f"{store.root}: {len(found)} places still hold the person ({', '.join(found[:5])}); erase again"
        raise LakeError(message)
    return scanned


def _loose(root: Path, folders: Iterable[Path]) -> list[Path]:
    """Parquet files outside of every table."""
    inside = set(folders)
    return [path for path in root.rglob("*.parquet") if not inside & set(path.parents)]


def _holds(path: Path, needles: list[bytes]) -> bool:
    longest = max(map(len, needles))
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            window = tail + chunk
            if any(needle in window for needle in needles):
                return True
            tail = window[-longest:]
    return False
