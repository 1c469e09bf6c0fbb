"""Another key for the opaque ids: the crosswalk from old to new ids, and the door at which old ones are translated.

What was published keeps the ids that it was published with. A rotation gives every id that was ever given out a new one
under the new key and keeps both in ``ops/id_crosswalk``; from then on whatever an earlier release left is translated
where it is read for another: the next release finds its persons and families, and mints under the new key. The row of
``ops/key_rotation`` is what makes it so: before it nothing has changed, after it all has.
"""

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import privacy, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import ConfigError, UsageError
from dtsen_spark.lake import Lake, peek
from dtsen_spark.ledger import utc_now

_MESSAGE: Final = "rotated:"
_ID: Final = "_any_id"
_NEWEST: Final = "_newest_id"
_RELEASES: Final = "releases"
_FORMER: Final = "former"


@dataclass(frozen=True)
class Rotated:
    """What a change of the key did.

    Attributes:
        number: How many there have been.
        ids: Ids in the crosswalk.
        in_lake: Whether the lake's own key was replaced; else whoever gives the key gives the new one from now on.
        again: Whether the key had been changed to this one before; nothing but the key's file was looked after.
    """

    number: int
    ids: int
    in_lake: bool
    again: bool


def newest(root: Path) -> Mapping[str, Any] | None:
    """Return the last change of the key, None where there was none; reads no Spark.

    Args:
        root: Root of the lake.
    """
    return max(_all(root), key=lambda row: int(row[c.ROTATION]), default=None)


def _all(root: Path) -> list[dict[str, Any]]:
    return peek(root, tables.KEY_ROTATION)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(row[c.DETAIL])
    return told


def number(root: Path) -> int:
    """Return how often the key was changed."""
    last = newest(root)
    return int(last[c.ROTATION]) if last else 0


def id_key(root: Path, config: Config) -> bytes:
    """Return the key of opaque ids, which is that of the last change.

    Args:
        root: Root of the lake.
        config: The configuration.

    Raises:
        ConfigError: There is no key, or it is an earlier one: ids under it would be of nobody.
    """
    key = privacy.id_key(root, config.privacy.key_file)
    last = newest(root)
    if last is not None and privacy.fingerprint(key) != last[c.FINGERPRINT]:
        message = (
            f"{root}: this is not the id key of change {last[c.ROTATION]}; give that key, or where the change was "
            "interrupted run dtsen rotate-key with it again"
        )
        raise ConfigError(message)
    return key


def rotate(store: Lake, config: Config, key: bytes, published: Sequence[str], actor: str | None = None) -> Rotated:
    """Change the key of all opaque ids; the caller holds the lake.

    Interrupted, it has either changed nothing or all but the file of the lake's own key; the same call finishes it.

    Args:
        store: The lake.
        config: The configuration: the key of now.
        key: The key that takes its place.
        published: Releases that were ever published: their ids are the old ones.
        actor: Who; None = the user of the operating system.

    Raises:
        UsageError: The new key is the key of now, or was one before; or nothing was published.
        ConfigError: The key of now is not the lake's.
    """
    mark, last = privacy.fingerprint(key), newest(store.root)
    if last is not None and last[c.FINGERPRINT] == mark:
        return Rotated(int(last[c.ROTATION]), last[c.ROWS], privacy.replace_id_key(store.root, key), again=True)
    former = privacy.fingerprint(id_key(store.root, config))
    if mark == former or any(mark in {row[c.FINGERPRINT], _told(row)[_FORMER]} for row in _all(store.root)):
        message = "the new key has been this lake's id key already: make another (openssl rand -hex 32)"
        raise UsageError(message)
    if not published:
        message = f"{store.root}: nothing was published; begin with the new key"
        raise UsageError(message)
    count = str(number(store.root) + 1)
    written = store.write(tables.ID_CROSSWALK, _crosswalk(store, key, count), slice_values={c.ROTATION: count})
    row = {
        c.ROTATION: count,
        c.FINGERPRINT: mark,
        c.ROWS: written.rows,
        c.DETAIL: json.dumps({_RELEASES: sorted(published), _FORMER: former}),
        c.ACTOR: actor or getpass.getuser(),
        c.RECORDED_AT: utc_now(),
    }
    store.append_rows(tables.KEY_ROTATION, [row])
    return Rotated(int(count), written.rows, privacy.replace_id_key(store.root, key), again=False)


def _crosswalk(store: Lake, key: bytes, rotation: str) -> DataFrame:
    old = _given(store)
    # An id of before an earlier change leads to whom the id leads that it was given then; 1 : 1.
    known = translated(store, old.withColumn(_NEWEST, F.col(c.OLD_ID)), [_NEWEST])
    message, prefix = F.concat(F.lit(_MESSAGE), F.col(_NEWEST)), F.substring(_NEWEST, 1, 1)
    fresh = privacy.with_key(known, key).withColumn(c.NEW_ID, privacy.opaque_id(message, prefix))
    return privacy.without_key(fresh).select(c.OLD_ID, c.NEW_ID, F.lit(rotation).alias(c.ROTATION))


def _given(store: Lake) -> DataFrame:
    """Every id that stands in a published table, a field check or a decision on a leaver, or did so before."""
    programs = [tables.decision(folder.name) for folder in (store.root / tables.decision("").layer).glob("*")]
    others = (tables.ASSIGNMENT, tables.LEAVER_DECISION)
    known = [*(one for one in tables.TABLES if one.published or one in others), *programs]
    parts = [
        store.read(table).select(F.col(name).alias(c.OLD_ID))
        for table in sorted(known, key=lambda one: one.path)
        if store.exists(table)
        for name in privacy.KEYED_IDS
        if name in table.columns
    ]
    if store.exists(tables.ID_CROSSWALK):
        parts.append(store.read(tables.ID_CROSSWALK).select(c.OLD_ID))
    return reduce(DataFrame.union, parts).where(F.col(c.OLD_ID).isNotNull()).distinct()


def translated(store: Lake, df: DataFrame, names: Iterable[str] = privacy.KEYED_IDS) -> DataFrame:
    """Return rows with the newest id of everybody, whatever key their ids were made under.

    Args:
        store: The lake.
        df: Any frame.
        names: Columns with ids; those that the frame does not have are passed over.
    """
    last = newest(store.root)
    if last is None:
        return df
    walk = store.read(tables.ID_CROSSWALK).where(F.col(c.ROTATION) == last[c.ROTATION])
    columns = df.columns
    for name in sorted(set(names) & set(columns)):
        known = walk.select(F.col(c.OLD_ID).alias(name), F.col(c.NEW_ID).alias(_ID))
        # n : 0..1, an id that is not in the crosswalk is of the newest key.
        df = df.join(known, name, "left").withColumn(name, F.coalesce(_ID, name)).drop(_ID)
    return df.select(*columns)


def of_today(store: Lake, table: TableContract, df: DataFrame) -> DataFrame:
    """Return the rows of a published table as if all had been published under the key of now.

    Args:
        store: The lake.
        table: Its contract.
        df: Its rows, as earlier releases left them.
    """
    last = newest(store.root)
    if last is None or not set(privacy.KEYED_IDS) & set(table.columns):
        return df
    before = F.col(c.RELEASE_ID).isin(_told(last)[_RELEASES])
    # Only what was published before is translated: it gets less with each release.
    return translated(store, df.where(before)).unionByName(df.where(~before))
