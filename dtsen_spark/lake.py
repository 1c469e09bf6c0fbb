"""The only module that has Spark speak Delta: read, replace a slice, append, publish, restore.

Layout under the root: ``<layer>/<name>`` holds published rows (and bronze, quarantine, ops, models);
``build/<release_id>/<layer>/<name>`` holds a release that is being made.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import deltalake
import pyarrow as pa
from delta.tables import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from filelock import FileLock, Timeout
from pyspark.sql import Column, DataFrame, DataFrameWriter, Observation, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import remakes
from dtsen_spark.contract import TableContract, arrow_table, local_frame
from dtsen_spark.errors import ContractError, LakeError, LakeLockedError, UsageError

_BUILD: Final = "build"
_LOCK_FILE: Final = ".lock"


@dataclass(frozen=True)
class Written:
    """What a write left: counted while it was written, not afterwards.

    Attributes:
        rows: Rows of the written frame.
        content_hash: Sum of the row hashes over the contract's content columns; empty before silver.
        version: Delta version of the write.
    """

    rows: int
    content_hash: str
    version: int


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Hold the lake: one writer at a time.

    The lock is the operating system's, so that of a process that died is free at once. Where one died while tables took
    the places of others, that is finished first.

    Args:
        root: Root of the lake; made if it is not there.

    Raises:
        LakeLockedError: Another run holds it.
        LakeError: The lake cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / _LOCK_FILE)
        lock.acquire(timeout=0)
    except Timeout:
        message = f"{root}: another run holds this lake; wait for it to end, or use another --lake"
        raise LakeLockedError(message) from None
    except OSError as error:
        message = f"{root}: the lake cannot be written ({error.strerror})"
        raise LakeError(message) from error
    try:
        remakes.finish(root)
        yield
    finally:
        lock.release()


def require(root: Path) -> None:
    """Check that there is a lake; touches no Spark.

    Raises:
        UsageError: There is none.
    """
    if not (root / "ops").is_dir():
        message = f"{root}: no lake here; 'dtsen run' makes one"
        raise UsageError(message)


def require_whole(root: Path) -> None:
    """Check that no table is half-way to another one's place; touches no Spark. Who holds the lake need not.

    Raises:
        UsageError: There is no lake.
        LakeError: An erasure is at work, or died.
    """
    require(root)
    if remakes.is_decided(root):
        message = (
            f"{root}: an erasure replaces tables; try again soon. If it died, 'dtsen maintain --lake {root}' ends it"
        )
        raise LakeError(message)


def peek(root: Path, table: TableContract, version: int | None = None) -> list[dict[str, Any]]:
    """Read a small published table without Spark, for what must be known before a session starts.

    Args:
        root: Root of the lake.
        table: The contract of a table that does not grow with the population, such as one of ``ops`` or ``stats``.
        version: Delta version; None = the newest.

    Returns:
        Its rows; none where there is no such table.
    """
    try:
        stored = deltalake.DeltaTable(str(root / table.layer / table.name), version=version)
    except TableNotFoundError:
        return []
    rows: list[dict[str, Any]] = stored.to_pyarrow_table().to_pylist()
    return rows


def stored(df: DataFrame, path: Path) -> DataFrame:
    """Write rows to files that this run reads again, and return them as read: nothing is computed twice.

    Args:
        df: The rows.
        path: Folder of the files; what stood there is replaced.
    """
    # Read back at once and dropped: quick to pack counts more than small, so no dictionary is looked for either. Their
    # schema is known, no job looks for it.
    packed = df.write.mode("overwrite").option("compression", "snappy").option("parquet.enable.dictionary", "false")
    packed.parquet(str(path))
    return df.sparkSession.read.schema(df.schema).parquet(str(path))


def _condition(slice_values: Mapping[str, str]) -> str:
    return " AND ".join(f"{name} = '{value}'" for name, value in sorted(slice_values.items()))


def forget_tables(spark: SparkSession) -> None:
    """Have Delta forget the tables that it opened: it keeps the log and some 2 MB of plan of each in memory.

    Of a table that is gone or was replaced it would go on with the old log.

    Args:
        spark: The session.
    """
    jvm: Any = spark.sparkContext._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


class Lake:
    """A lake of Delta tables under one root."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        """Open a lake.

        Args:
            spark: The session.
            root: Root folder; need not exist yet.
        """
        self.spark = spark
        self.root = root.absolute()

    def path(self, table: TableContract, build: str | None = None) -> Path:
        """Return the folder of a table: published, or in the build of a release."""
        base = self.root / _BUILD / build if build else self.root
        return base / table.layer / table.name

    def scratch(self, build: str) -> Path:
        """Return the folder for intermediate files of a build; ``drop_scratch`` deletes it."""
        return self.root / _BUILD / build / "_scratch"

    def drop_scratch(self, build: str) -> None:
        """Delete the intermediate files of a build."""
        shutil.rmtree(self.scratch(build), ignore_errors=True)

    def drop(self, table: TableContract, build: str) -> None:
        """Delete a table of a build, where there is one, with its history."""
        shutil.rmtree(self.path(table, build), ignore_errors=True)
        forget_tables(self.spark)

    def exists(self, table: TableContract, build: str | None = None) -> bool:
        """Say whether a table has been written."""
        return (self.path(table, build) / "_delta_log").is_dir()

    def read(self, table: TableContract, build: str | None = None, version: int | None = None) -> DataFrame:
        """Read a table under its contract.

        Args:
            table: The contract.
            build: Release whose build is read; None = the published table.
            version: Delta version; None = the newest.

        Returns:
            One row for each stored row, in the contract's columns.

        Raises:
            LakeError: The table is not there.
        """
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        path = self.path(table, build)
        if not self.exists(table, build):
            message = f"{path}: no such table; run the stage that makes it first"
            raise LakeError(message)
        return table.conform(reader.load(str(path)))

    def create_view(self, name: str, table: TableContract, version: int) -> None:
        """Make or replace a view in the session's catalog that shows a published table at one Delta version.

        Args:
            name: Schema and name of the view.
            table: The contract; its columns' meanings become the view's comments.
            version: Delta version.
        """
        comments = ", ".join(
            f"`{field.name}` COMMENT '{_quoted(field.metadata['comment'])}'" for field in table.schema.fields
        )
        columns = ", ".join(f"`{column}`" for column in table.columns)
        self.spark.sql(
            f"CREATE OR REPLACE VIEW {name} ({comments}) COMMENT '{_quoted(table.one_row_is)}' "
            f"AS SELECT {columns} FROM delta.`{self.path(table)}` VERSION AS OF {version}"
        )

    def empty(self, table: TableContract) -> DataFrame:
        """Return a frame of no rows under a contract."""
        return local_frame(self.spark, [], table.schema)

    def write(
        self,
        table: TableContract,
        df: DataFrame,
        *,
        build: str | None = None,
        slice_values: Mapping[str, str] | None = None,
    ) -> Written:
        """Replace a table, or one slice of it; a repeat gives the same table.

        Rows, content hash and nulls in required columns are counted while the frame is written.

        Args:
            table: The contract; the frame is made to conform.
            df: The rows.
            build: Release whose build is written; None = the published place.
            slice_values: Value of each ``slice_by`` column; every row must have them. None = the whole table.

        Returns:
            Rows, content hash, Delta version.

        Raises:
            ContractError: The frame breaks the contract, or a required column holds nulls.
        """
        condition = _condition(slice_values or {})
        path = self.path(table, build)
        observation = Observation()
        observed = self._observed(table, table.conform(df), observation)
        if not self.exists(table, build):
            # A table's first write makes the whole table. Nothing is there to replace, and to look for it costs a job.
            writer = self._writer(table, observed, "append")
        elif condition:
            writer = self._writer(table, observed, "overwrite").option("replaceWhere", condition)
        else:
            writer = self._writer(table, observed, "overwrite").option("overwriteSchema", "true")
        writer.save(str(path))
        return self._written(table, path, observation.get)

    def append(self, table: TableContract, df: DataFrame, *, build: str | None = None) -> Written:
        """Append rows to a table.

        Args:
            table: The contract; the frame is made to conform.
            df: The rows.
            build: Release whose build is written; None = the published place.

        Returns:
            Rows and content hash of the appended rows, Delta version.

        Raises:
            ContractError: The frame breaks the contract, or a required column holds nulls.
        """
        path = self.path(table, build)
        observation = Observation()
        observed = self._observed(table, table.conform(df), observation)
        self._writer(table, observed, "append").save(str(path))
        return self._written(table, path, observation.get)

    def append_rows(self, table: TableContract, rows: list[dict[str, Any]]) -> None:
        """Append a few driver-side rows to a table, such as a run's accounts; absent columns are null."""
        if not rows:
            return
        if not self.exists(table):
            # Spark makes the table: its comments and properties are those of every other.
            self.append(table, local_frame(self.spark, _ordered(table, rows), table.schema).coalesce(1))
            return
        # A run keeps some forty such records; each would cost more in Spark jobs than most stages' rows.
        # A table of an older lake may lack a column that its contract has got since.
        deltalake.write_deltalake(str(self.path(table)), _arrow(table, rows), mode="append", schema_mode="merge")

    def clear(self, table: TableContract, slice_values: Mapping[str, str]) -> None:
        """Delete one slice of a table, where there is one; for rows that a stage is about to write again."""
        if self.exists(table):
            deltalake.DeltaTable(str(self.path(table))).delete(_condition(slice_values))

    def rows(self, table: TableContract, build: str | None = None) -> list[dict[str, Any]]:
        """Read a small table without a Spark job, as ``peek`` does; none where there is no such table."""
        return peek(self.path(table, build).parents[1], table)

    def slices(self, table: TableContract, build: str | None = None) -> list[dict[str, str]]:
        """Return the slices that the newest version of a table holds, each as values of its ``slice_by`` columns."""
        if not self.exists(table, build):
            return []
        found: list[dict[str, str]] = deltalake.DeltaTable(str(self.path(table, build))).partitions()
        return sorted(found, key=str)

    def update(self, table: TableContract, condition: Column, values: Mapping[str, Column]) -> None:
        """Set columns of the rows where a condition holds; files without such a row stay as they are.

        Args:
            table: A table outside the builds.
            condition: Which rows.
            values: New value of each column, an expression over the row.
        """
        DeltaTable.forPath(self.spark, str(self.path(table))).update(condition, dict(values))

    def version(self, table: TableContract) -> int:
        """Return the newest Delta version of a published table, -1 where there is none."""
        return self._version(self.path(table)) if self.exists(table) else -1

    def restore(self, table: TableContract, version: int) -> None:
        """Put a published table back to an earlier Delta version."""
        if self.version(table) != version:
            DeltaTable.forPath(self.spark, str(self.path(table))).restoreToVersion(version)

    def compact(self, table: TableContract) -> int:
        """Make small files of a table one; a repeat finds nothing to do and writes no version.

        Returns:
            Files that were replaced.
        """
        done = DeltaTable.forPath(self.spark, str(self.path(table))).optimize().executeCompaction().first()
        return int(done["metrics"]["numFilesRemoved"]) if done else 0

    def vacuum(self, table: TableContract, keep_versions: Sequence[int], keep_hours: int) -> int:
        """Delete files of a table that neither its newest version nor a kept one needs; a repeat finds none.

        Args:
            table: The contract.
            keep_versions: Delta versions that stay readable.
            keep_hours: Least age of a deleted file, hours.

        Returns:
            Files that were deleted.

        Raises:
            LakeError: The log does not know a kept version any more.
        """
        path = self.path(table)
        stored = deltalake.DeltaTable(str(path))
        try:
            # Only listed: deleting through the library would enter every run in the log as two versions.
            unneeded = stored.vacuum(
                retention_hours=keep_hours,
                dry_run=True,
                enforce_retention_duration=False,
                full=True,
                keep_versions=list(keep_versions),
            )
        except DeltaError as error:
            message = f"{path}: a retained version is not in the log any more; nothing was deleted"
            raise LakeError(message) from error
        # A file that went before is still named as removed; a checksum beside a file that stays is named as unknown.
        there = [file for name in unneeded if (file := path / name).exists() and not file.name.startswith(".")]
        for file in there:
            file.unlink()
            file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
        return len(there)

    def folders(self) -> list[Path]:
        """Return the folder of every Delta table: published, operational, and of each build."""
        patterns = ("*/*/_delta_log", f"{_BUILD}/*/*/*/_delta_log")
        folders = {found.parent for pattern in patterns for found in self.root.glob(pattern)}
        return sorted(folder for folder in folders if not remakes.is_remake(folder))

    def read_folder(self, folder: Path) -> DataFrame:
        """Read whatever table stands in a folder, for what concerns every table alike, such as erasure."""
        return self.spark.read.format("delta").load(str(folder))

    def write_beside(self, folder: Path, df: DataFrame, table: TableContract | None) -> Written | None:
        """Write another table beside one, for ``take_places``: neither old files nor its history will stay.

        Delta's log keeps the extremes of columns, and its old files deleted rows; only another table has neither.

        Args:
            folder: The table.
            df: Its rows, read from it.
            table: Its contract, where the rows are to be counted.

        Returns:
            What was written, where there is a contract.
        """
        beside = remakes.beside(folder)
        shutil.rmtree(beside, ignore_errors=True)
        partitions = deltalake.DeltaTable(str(folder)).metadata().partition_columns
        observation = Observation()
        rows = self._observed(table, table.conform(df), observation) if table else df
        rows.write.format("delta").partitionBy(*partitions).save(str(beside))
        return self._written(table, beside, observation.get) if table else None

    def take_places(
        self,
        folders: Sequence[Path],
        appended: Mapping[TableContract, Sequence[Mapping[str, Any]]],
        replaced: Mapping[TableContract, Sequence[Mapping[str, Any]]],
    ) -> None:
        """Put the tables of ``write_beside`` in the places of the old ones, with rows that say so: all or nothing.

        A run that dies in it has either changed nothing, or the next who holds the lake finishes it.

        Args:
            folders: The tables.
            appended: Rows for operational tables; one of a key that is there already is left out.
            replaced: All rows of small operational tables.
        """
        entries = []
        for mode, rows_of in ((remakes.Mode.APPEND, appended), (remakes.Mode.OVERWRITE, replaced)):
            for table, rows in rows_of.items():
                if not self.exists(table):
                    self.append(table, self.empty(table))
                entries.append(remakes.Entry(table.path, _arrow(table, rows), mode, table.key))
        remakes.decide(self.root, folders, entries)
        remakes.finish(self.root)
        forget_tables(self.spark)

    def versions_between(self, table: TableContract, since: datetime, until: datetime) -> list[int]:
        """Return the versions of a table that were its newest at some moment of a window, oldest first.

        Args:
            table: The contract.
            since: Begin of the window, with a time zone.
            until: End of the window, with a time zone.
        """
        commits = sorted(
            (int(one["version"]), datetime.fromtimestamp(one["timestamp"] / 1000, UTC))
            for one in deltalake.DeltaTable(str(self.path(table))).history()
        )
        ends = [*(moment for _, moment in commits[1:]), None]
        return [
            version
            for (version, begin), end in zip(commits, ends, strict=True)
            if begin <= until and (end is None or end >= since)
        ]

    def _observed(self, table: TableContract, df: DataFrame, observation: Observation) -> DataFrame:
        counted = [F.count_if(F.col(f.name).isNull()).alias(f"null_{f.name}") for f in table.fields if f.required]
        if table.is_hashed:
            # Decimal, not long: a sum of 64-bit hashes passes 64 bits at a few rows.
            digest = F.coalesce(F.sum(table.row_hash().cast("decimal(38,0)")), F.lit(0).cast("decimal(38,0)"))
            counted.append(digest.alias(c.CONTENT_HASH))
        return df.observe(observation, F.count(F.lit(1)).alias(c.ROWS), *counted)

    def _writer(self, table: TableContract, df: DataFrame, mode: str) -> DataFrameWriter:
        writer = df.write.format("delta").mode(mode).partitionBy(*table.slice_by)
        if table.published:
            return writer
        # Only outsiders ask for ranges of values; our stages read whole tables or slices, so that least and greatest
        # values of 32 columns would be computed for nobody.
        return writer.option("delta.dataSkippingNumIndexedCols", "0")

    def _written(self, table: TableContract, path: Path, counted: Mapping[str, Any]) -> Written:
        broken = [
            f"{f.name}: {counted[f'null_{f.name}']:,} nulls"
            for f in table.fields
            if f.required and counted[f"null_{f.name}"]
        ]
        if broken:
            message = f"{table.path}: required columns hold nulls ({'; '.join(broken)})"
            raise ContractError(message)
        return Written(int(counted[c.ROWS]), str(counted.get(c.CONTENT_HASH, "")), self._version(path))

    def _version(self, path: Path) -> int:
        # Read from the log directly: asking Spark for the history costs a job for each write.
        try:
            return int(deltalake.DeltaTable(str(path)).version())
        except TableNotFoundError as error:
            message = f"{path}: not a readable Delta table"
            raise LakeError(message) from error


def _ordered(table: TableContract, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in table.columns) for row in rows]


def _arrow(table: TableContract, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return arrow_table(_ordered(table, rows), table.schema)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
