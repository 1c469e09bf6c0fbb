"""What a stage gets: the session, the lake with its build, the configuration, the ledger."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import rotation, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake, Written, stored
from dtsen_spark.ledger import Ledger

_QUARTER = re.compile(r"(\d{4})Q([1-4])")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_MONTHS_IN_QUARTER = 3
_DECEMBER = 12


@dataclass(frozen=True)
class Period:
    """A quarter (``2026Q1``) or a month (``2026-02``).

    Attributes:
        text: As written.
        year: Year.
        last_month: Its last month, 1 to 12.
        is_quarter: Whether the nation is re-ranked.
    """

    text: str
    year: int
    last_month: int
    is_quarter: bool

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Parse a period.

        Args:
            text: ``YYYYQn`` or ``YYYY-MM``.

        Raises:
            UsageError: It is neither.
        """
        if found := _QUARTER.fullmatch(text):
            return cls(text, int(found[1]), int(found[2]) * _MONTHS_IN_QUARTER, is_quarter=True)
        if found := _MONTH.fullmatch(text):
            return cls(text, int(found[1]), int(found[2]), is_quarter=False)
        message = f"--period {text}: write a quarter such as 2026Q1 or a month such as 2026-02"
        raise UsageError(message)

    @classmethod
    def of_release(cls, release_id: str) -> "Period":
        """Return the period of a release, such as ``2026Q1`` of ``2026Q1.1``.

        Raises:
            UsageError: The text before the last dot is no period.
        """
        return cls.parse(release_id.rpartition(".")[0])

    @property
    def last_day(self) -> date:
        """Last day of the period: batches up to it are taken, ages are of it."""
        if self.last_month == _DECEMBER:
            return date(self.year, _DECEMBER, 31)
        return date(self.year, self.last_month + 1, 1) - timedelta(days=1)


@dataclass(frozen=True)
class Job:
    """One run of one release, as a stage sees it.

    Attributes:
        spark: The session.
        config: The configuration.
        lake: The lake.
        landing: Root of the deliveries.
        period: Period of the release.
        release_id: Release that is being made.
        previous_release: Last published release, if any.
        ledger: Accounts and figures of this run.
        outputs: What the stage wrote so far, by table path; the pipeline keeps it with the stage.
        published_versions: Delta version of each table of the last published release, by path, as the registry says.
    """

    spark: SparkSession
    config: Config
    lake: Lake
    landing: Path
    period: Period
    release_id: str
    previous_release: str | None
    ledger: Ledger
    outputs: dict[str, Written]
    published_versions: Mapping[str, int] = field(default_factory=dict)

    def read(self, table: TableContract) -> DataFrame:
        """Read a table of the build."""
        return self.lake.read(table, build=self.release_id)

    def has(self, table: TableContract) -> bool:
        """Say whether the build has a table."""
        return self.lake.exists(table, build=self.release_id)

    def published(self, table: TableContract) -> DataFrame | None:
        """Read a table of the last published release, as that release left it.

        The newest Delta version may be that of a publication which died half way: only what the registry names counts.

        Args:
            table: The contract.

        Returns:
            The table's rows, of earlier periods as well where it is sliced, their ids as under the key of now; None
            where that release has no such table.
        """
        version = self.published_versions.get(table.path)
        if version is None:
            return None
        return rotation.of_today(self.lake, table, self.lake.read(table, version=version))

    def write(self, table: TableContract, df: DataFrame) -> Written:
        """Write a table of the build; a published table gets its period and release id here.

        Args:
            table: The contract.
            df: The rows; ``period`` and ``release_id`` need not be there.

        Returns:
            Rows, content hash, version.
        """
        names = set(table.columns)
        if c.PERIOD in names:
            df = df.withColumn(c.PERIOD, F.lit(self.period.text))
        if c.RELEASE_ID in names:
            df = df.withColumn(c.RELEASE_ID, F.lit(self.release_id))
        written = self.lake.write(table, df, build=self.release_id)
        self.outputs[table.path] = written
        return written

    def keep(self, folder: str, name: str, df: DataFrame) -> DataFrame:
        """Store a frame in the build's scratch and return it as stored: nothing is computed twice, plans stay small.

        Args:
            folder: Of the stage, so that stages do not overwrite each other.
            name: Name inside it; what stood there is replaced.
            df: The rows.

        Returns:
            The same rows, read from files until the scratch is dropped.
        """
        return stored(df, self.lake.scratch(self.release_id) / folder / name)

    def write_metrics(self, stage: str, df: DataFrame) -> None:
        """Replace this release's figures by frame of one stage in ``ops/dq_metric``.

        Args:
            stage: Stage of the pipeline.
            df: One row for each figure: metric, subject, rule, region_code, value (double), severity.
        """
        figures = (
            df.withColumn(c.STAGE, F.lit(stage))
            .withColumn(c.RELEASE_ID, F.lit(self.release_id))
            .withColumn(c.PERIOD, F.lit(self.period.text))
            .withColumn(c.RECORDED_AT, F.current_timestamp())
        )
        self.lake.write(tables.DQ_METRIC, figures, slice_values={c.RELEASE_ID: self.release_id, c.STAGE: stage})

    def id_key(self) -> bytes:
        """Return the key of opaque ids."""
        return rotation.id_key(self.lake.root, self.config)
