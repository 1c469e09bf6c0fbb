"""The only place that builds a Spark session: local, standalone or under spark-submit."""

import os
import shlex
from collections.abc import Mapping
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from dtsen_spark.config import Config, conf_dir
from dtsen_spark.errors import UsageError

JARS_VARIABLE: Final = "DTSEN_JARS"
DRIVER_MEMORY_VARIABLE: Final = "DTSEN_DRIVER_MEMORY"

# Properties that a result depends on or that a trap taught us; the reason stands beside each.
_FIXED: Final[dict[str, str]] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Constraint propagation explodes over Splink's nested CASE columns: the driver hangs in Catalyst.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    # Published tables stay at Delta reader version 1, so that every reader can read them.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.databricks.delta.properties.defaults.checkpointPolicy": "classic",
    # The registry's versions must stay in a table's log for as long as 'dtsen maintain' retains them.
    "spark.databricks.delta.properties.defaults.logRetentionDuration": "interval 3650 days",
    # A table's first files would otherwise be listed by a Spark job of 50 tasks at each read.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.sql.shuffledHashJoinFactor": "2",
    # Joins on ids of millions of rows: where every partition of one side is small, hashing it costs less than sorting
    # both. Larger partitions are sorted as before, so that memory is bounded.
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64m",
    # A write of one period or batch would sort all its rows by that one value first.
    "spark.sql.maxConcurrentOutputFileWriters": "4",
    # Of the default 100 generated classes a single stage has more: what comes again (the next program, the next table,
    # the next release of a session) would be compiled again, by Java twice.
    "spark.sql.codegen.cache.maxEntries": "1000",
    # Three calls to the JVM and a walk over the stack for every operation on a column, to name a line in an error.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.parquet.compression.codec": "zstd",
}
# Hadoop's own local file system starts chmod and readlink for each file that it makes, twice; this one asks Java.
_LOCAL_FILES: Final = ("spark.hadoop.fs.file.impl", "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem")
_JARS: Final = ("delta-*.jar", "hadoop-bare-naked-local-fs-*.jar")
# Generated code of wide rows has methods beyond 8,000 bytes, which Java would interpret for ever: it must be told to
# compile them. Its quick compiler runs out of registers there unless it leaves calls as calls; its thorough one gives
# them up in any case, and does so before much of its time is spent. A session makes more classes than the default code
# cache holds.
_JVM: Final = (
    "-XX:-DontCompileHugeMethods -XX:C1MaxInlineSize=0 -XX:C1MaxTrivialSize=0 -XX:MaxNodeLimit=30000 "
    "-XX:ReservedCodeCacheSize=512m"
)


def jars_dir() -> Path:
    """Return the folder of the locked jars: ``DTSEN_JARS``, or ``jars/`` beside ``conf/``."""
    named = os.environ.get(JARS_VARIABLE)
    return Path(named) if named else conf_dir().parent / "jars"


def jars() -> list[Path]:
    """Return the jars that a session needs: those of the lock, and similarity functions from Splink's wheel.

    Raises:
        UsageError: Jars are missing.
    """
    found = [sorted(jars_dir().glob(pattern)) for pattern in _JARS]
    if not all(found):
        message = f"{jars_dir()}: jars of conf/spark/jars.lock are missing; run 'make setup', or name their folder in "
        raise UsageError(message + JARS_VARIABLE)
    similarity = sorted(Path(str(files("splink"))).glob("internals/files/spark_jars/*_spark4*.jar"))[-1:]
    return [*chain(*found), *similarity]


def start(config: Config, app_name: str) -> SparkSession:
    """Start the session of this process, or return the one that runs.

    Under ``spark-submit`` the master, memory, cores and jars come from the submit command; here only the
    properties that results depend on are set.

    Args:
        config: The configuration.
        app_name: Name in Spark's UI.

    Returns:
        The session.

    Raises:
        UsageError: The jars are missing.
    """
    builder = SparkSession.builder.appName(app_name)
    for key, value in _FIXED.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.sql.shuffle.partitions", str(config.spark.shuffle_partitions))
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        paths = [str(path) for path in jars()]
        memory = os.environ.get(DRIVER_MEMORY_VARIABLE, config.spark.driver_memory)
        log4j = (conf_dir() / "spark" / "log4j2.properties").as_uri()
        # Spark gives Java these as well, in front of ours: of settings the last one holds, an agent cannot come twice.
        given = shlex.split(os.environ.get("SPARK_SUBMIT_OPTS", ""))
        asked = shlex.join(option for option in given if option.startswith("-XX:"))
        builder = (
            builder.master(config.spark.master or "local[*]")
            .config("spark.jars", ",".join(paths))
            .config("spark.driver.extraClassPath", os.pathsep.join(paths))
            .config("spark.driver.memory", memory)
            .config("spark.executor.memory", config.spark.executor_memory)
            .config("spark.driver.extraJavaOptions", f"{_JVM} -Dlog4j2.configurationFile={log4j} {asked}")
            .config("spark.executor.extraJavaOptions", _JVM)
            .config("spark.ui.enabled", str(config.spark.ui).lower())
        )
        # Elsewhere executors would need the class before they have fetched the jar.
        if not config.spark.master or config.spark.master.startswith("local"):
            builder = builder.config(*_LOCAL_FILES)
        if config.spark.event_log_dir:
            builder = builder.config("spark.eventLog.enabled", "true").config(
                "spark.eventLog.dir", config.spark.event_log_dir
            )
    for key, value in config.spark.options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def beside(spark: SparkSession, settings: Mapping[str, str]) -> SparkSession:
    """Return a session of the same application with other settings, for what reads or writes files in its own way.

    A new session has only what the application was started with; of the properties that results depend on it gets those
    of the given one.

    Args:
        spark: The session.
        settings: Properties of SQL that differ in the other one.
    """
    other = spark.newSession()
    same = {key: str(spark.conf.get(key, value)) for key, value in _FIXED.items() if other.conf.isModifiable(key)}
    for key, value in {**same, **settings}.items():
        other.conf.set(key, value)
    return other
