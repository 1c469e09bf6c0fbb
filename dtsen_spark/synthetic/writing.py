"""Deliveries as files of the landing zone, and the truth beside them."""

import csv
import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Final

import pyarrow.parquet
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark.config import GenerateConfig
from dtsen_spark.synthetic.delivery import MODES, PERSON, Delivery, World
from dtsen_spark.synthetic.draw import Draws
from dtsen_spark.tables import LANDING

_CHECK: Final = "check"  # name of the visit that sees what is true today
SCRATCH: Final = "_scratch"  # beside landing/ and truth/ while they are made
_CSV: Final = {"escape": '"', "ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false", "emptyValue": ""}
_FILE: Final = "_file"
_ORDER: Final = "_order"
_SHORT: Final = "_short"
# Files are filled by hash, so some hold more rows than others.
_ROOM: Final = 1.1
_FIELDS_LEFT: Final = 3
_HASH_CHUNK: Final = 1 << 20


def keep_records(spark: SparkSession, delivery: Delivery, out: Path) -> Delivery:
    """Store the records of a person table aside: the delivery and the truth both read them.

    Args:
        spark: The session.
        delivery: Any delivery; tables without persons are left as they are.
        out: Folder of the nation.

    Returns:
        The delivery, over stored rows where it holds records of persons.
    """
    if not delivery.person_key:
        return delivery
    folder = str(out / SCRATCH / "records" / delivery.path / delivery.batch_id)
    delivery.rows.write.parquet(folder)
    return replace(delivery, rows=spark.read.parquet(folder))


def write_delivery(spark: SparkSession, delivery: Delivery, out: Path, config: GenerateConfig, draws: Draws) -> int:
    """Write one table's batch: files first, manifest last.

    Args:
        spark: The session.
        delivery: The table.
        out: Folder of the nation.
        config: Rows in a file, and its format.
        draws: The nation's chance.

    Returns:
        Records delivered.
    """
    folder = out / "landing" / delivery.path / delivery.batch_id
    scratch = out / SCRATCH / "files" / delivery.path / delivery.batch_id
    files = max(1, int(-(-delivery.expected * _ROOM // config.rows_per_file)))
    spoilt = _spoilt(delivery, draws)
    if config.file_format == "parquet":
        suffix = "parquet"
        numbered = spoilt.drop(_SHORT).withColumn(_FILE, _file_of(delivery, files))
        sorted_rows = numbered.repartitionById(files, F.col(_FILE)).drop(_FILE)
        sorted_rows.sortWithinPartitions(*LANDING[delivery.path].key).write.parquet(str(scratch))
    else:
        suffix = config.file_format
        compression = "gzip" if suffix.endswith("gz") else "none"
        lines = _lines(spark, spoilt, delivery, files)
        lines.write.option("compression", compression).text(str(scratch))
    return _move(scratch, folder, delivery, suffix)


def _file_of(delivery: Delivery, files: int) -> Column:
    keys = [F.col(name) for name in LANDING[delivery.path].key]
    return F.pmod(F.xxhash64(*keys), F.lit(files)).cast("int")


def _lines(spark: SparkSession, rows: DataFrame, delivery: Delivery, files: int) -> DataFrame:
    """Return the lines of all files: one partition a file, its header first, the rest in the order of a hash."""
    columns = delivery.columns
    line = F.to_csv(F.struct(*columns), _CSV)
    cut = F.when(F.col(_SHORT), F.substring_index(line, ",", _FIELDS_LEFT)).otherwise(line)
    body = rows.select(_file_of(delivery, files).alias(_FILE), F.lit(1).alias(_ORDER), cut.alias("value"))
    header = spark.range(files).select(
        F.col("id").cast("int").alias(_FILE), F.lit(0).alias(_ORDER), F.lit(",".join(columns)).alias("value")
    )
    each = body.union(header).repartitionById(files, F.col(_FILE))
    return each.sortWithinPartitions(_ORDER, F.xxhash64("value"), "value").select("value")


def _empty_key(delivery: Delivery, draws: Draws) -> Column:
    return draws.chance(f"{delivery.path}/empty key", delivery.broken.empty_key, *_keys(delivery))


def _keys(delivery: Delivery) -> list[Column]:
    return [F.col(name) for name in LANDING[delivery.path].key]


def _spoilt(delivery: Delivery, draws: Draws) -> DataFrame:
    """Return the contract's columns with some rows broken, each in one way, and ``_short`` for rows to be cut."""
    table, broken, keys = LANDING[delivery.path], delivery.broken, _keys(delivery)
    key = table.key[0]

    def hit(label: str, rate: float) -> Column:
        return draws.chance(f"{delivery.path}/{label}", rate, *keys)

    columns = {name: F.col(name) for name in delivery.columns}
    if table.parent:
        orphaned = hit("orphan", broken.orphan)
        columns[table.parent[1]] = F.when(orphaned, F.concat(F.lit("X"), table.parent[1])).otherwise(
            F.col(table.parent[1])
        )
    rows = delivery.rows.withColumns(
        {
            _SHORT: hit("short", broken.too_few_fields),
            "_again": F.explode(
                F.when(hit("again", broken.duplicate_key), F.array(F.lit(0), F.lit(1))).otherwise(F.array(F.lit(0)))
            ),
            "_keyless": _empty_key(delivery, draws),
        }
    )
    # The second row under a key differs from the first, else it would count once.
    told = "nama" if "nama" in columns else table.columns[-1]
    columns[told] = F.when(F.col("_again") == 1, F.lit("LAIN")).otherwise(F.col(told))
    columns[key] = F.when(~F.col("_keyless"), F.col(key))
    return rows.select(*(column.alias(name) for name, column in columns.items()), _SHORT)


def _move(scratch: Path, folder: Path, delivery: Delivery, suffix: str) -> int:
    folder.mkdir(parents=True)
    rows: dict[str, int] = {}
    for number, part in enumerate(sorted(scratch.glob("part-*"))):
        target = folder / f"part-{number:05d}.{suffix}"
        shutil.move(part, target)
        rows[target.name] = _records(target, suffix)
    shutil.rmtree(scratch)
    write_manifest(folder, delivery.path, as_of=delivery.as_of.isoformat(), mode=delivery.mode, rows=rows)
    return sum(rows.values())


def write_manifest(folder: Path, path: str, *, as_of: str, mode: str, rows: Mapping[str, int]) -> None:
    """Write the manifest of a batch, last of all: without it the batch is still being delivered.

    Args:
        folder: Folder of the batch; its name is the batch's id.
        path: Landing table as ``source/table``.
        as_of: Day that the batch describes, ``YYYY-MM-DD``.
        mode: ``full`` or ``delta``.
        rows: Rows of each file, by name; the files are there.
    """
    source, table = path.split("/")
    manifest = {
        "source": source,
        "table": table,
        "batch_id": folder.name,
        "as_of": as_of,
        "mode": mode,
        "schema_version": 1,
        "files": [{"name": name, "rows": count, "sha256": _sha256(folder / name)} for name, count in rows.items()],
    }
    (folder / "_manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _records(path: Path, suffix: str) -> int:
    """Count the records of a file (not its lines, not its header), a line at a time."""
    if suffix == "parquet":
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    opened = gzip.open if suffix.endswith("gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_truth(world: World, records: DataFrame, folder: Path) -> None:
    """Write who each record is, who lives in which family, what families truly spend and how they live.

    Args:
        world: The nation.
        records: From ``truth_of``: every record that was delivered.
        folder: Where ``person.parquet``, ``family.parquet``, ``consumption.parquet`` and ``dwelling.parquet`` (items
            of Regsosek's form as a visit of today would find them) go.
    """
    records.write.mode("overwrite").parquet(str(folder / "person.parquet"))
    members = world.persons.where(F.col("alive") & (F.col("copy") == 0))
    members.select(
        _family_id().alias("true_family_id"), _person_id("person").alias("true_person_id"), "no_kk"
    ).write.mode("overwrite").parquet(str(folder / "family.parquet"))
    world.families.select(_family_id().alias("true_family_id"), "log_expenditure").write.mode("overwrite").parquet(
        str(folder / "consumption.parquet")
    )
    found = world.dwellings.visited(world.families, _CHECK)
    found.select(
        _family_id().alias("true_family_id"),
        *(column.alias(name) for name, column in world.dwellings.regsosek().items()),
    ).write.mode("overwrite").parquet(str(folder / "dwelling.parquet"))


def truth_of(deliveries: Sequence[Delivery], draws: Draws, *more: str) -> DataFrame:
    """Return who the records of deliveries are.

    Args:
        deliveries: Any deliveries; tables without persons are left out.
        draws: The nation's chance.
        more: Further columns of theirs.

    Returns:
        One row for each row of a person table that has its key: record_id, true_person_id, error_mode, ``more``.
    """
    persons = [delivery for delivery in deliveries if delivery.person_key]
    return reduce(DataFrame.union, [_truth_of(delivery, draws, *more) for delivery in persons])


def _truth_of(delivery: Delivery, draws: Draws, *more: str) -> DataFrame:
    source = delivery.path.split("/")[0]
    kept = delivery.rows.where(~_empty_key(delivery, draws))
    return kept.select(
        F.concat_ws(":", F.lit(source), str(delivery.person_key)).alias("record_id"),
        _person_id(PERSON).alias("true_person_id"),
        F.col(MODES).alias("error_mode"),
        *more,
    )


def _person_id(column: str) -> Column:
    return F.concat(F.lit("P"), F.lpad(F.col(column).cast("string"), 12, "0"))


def _family_id() -> Column:
    return F.concat(F.lit("F"), F.lpad(F.col("family").cast("string"), 11, "0"))
