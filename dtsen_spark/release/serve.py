"""Published tables over SQL: Spark's Thrift server in this process (JDBC, ODBC, BI tools), and Spark Connect if asked.

Clients get views at the Delta versions that the registry names: they see one release in all tables, whatever a
publication or a rollback is doing beside them, and the next one as soon as it is published. Each published period has
a schema of its own beside that, as it was published.

The server has no rights on rows or columns, and a client may read any path that the server can; so it listens on
this machine only, and a role that may see less needs a server of its own under a user that can read less.
"""

import signal
import socket
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog
from pyspark.sql import SparkSession

from dtsen_spark import lake as lakes
from dtsen_spark import session
from dtsen_spark.config import Config
from dtsen_spark.errors import DtsenError, UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.release import roles
from dtsen_spark.release.registry import Registry, contract_of

log = structlog.get_logger(__name__)

SCHEMA: Final = "dtsen"
_HOST: Final = "127.0.0.1"
_REFRESH_SECONDS: Final = 10
_SERVER_CLASS: Final = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"


def serve(config: Config, lake: Path, port: int, role: str | None, connect_port: int | None = None) -> None:
    """Serve the published tables as ``dtsen.<layer>_<name>`` until SIGTERM or SIGINT.

    Earlier periods are ``dtsen_<period>.<layer>_<name>``, such as ``dtsen_2025q4.master_family``. A release that is
    published meanwhile is served within seconds.

    Args:
        config: The configuration.
        lake: Root of the lake; nothing is written into it.
        port: Port on this machine.
        role: Role of ``serve.roles``: its own server over a copy of what it may see; None = all, for operators.
        connect_port: Port for Spark Connect beside it, for operators only; None = none.

    Raises:
        UsageError: There is no lake or no published release, the role is unknown or gets no Spark Connect, or a port
            is in use.
    """
    if role is not None and connect_port is not None:
        message = "--connect-port: a client of Spark Connect runs code of its own as the server's user; not for a role"
        raise UsageError(message)
    if role is not None and role not in config.serve.roles:
        message = f"--role {role}: choose {', '.join(sorted(config.serve.roles))} (serve.roles in the configuration)"
        raise UsageError(message)
    lakes.require_whole(lake)
    for name, number in (("--port", port), ("--connect-port", connect_port)):
        if number is not None:
            _require_free(name, number)
    if role is not None:
        _serve_role(config, lake, port, role)
        return
    with tempfile.TemporaryDirectory(prefix="dtsen-serve-") as folder:
        spark = session.start(_with_catalog(config, Path(folder), port, connect_port), f"dtsen serve {port}")
        try:
            # Derby would leave its log where the command was started.
            _jvm(spark).java.lang.System.setProperty("derby.system.home", folder)
            registry = Registry(Lake(spark, lake))
            names = register(registry)
            _start(spark)
            log.warning("serving", url=f"jdbc:hive2://{_HOST}:{port}/{SCHEMA}", connect=connect_port, views=len(names))
            _wait(registry)
        finally:
            spark.stop()


def _serve_role(config: Config, lake: Path, port: int, role: str) -> None:
    """Serve a role's own lake, made in a folder of its own, by a server of its own."""
    with roles.own_folder() as folder:
        spark = session.start(config, f"dtsen serve {role}")
        try:
            paths = roles.share(Registry(Lake(spark, lake)), config.serve.roles[role], roles.lake_in(folder))
        finally:
            spark.stop()
        log.warning("a role's own lake", role=role, tables=len(paths))
        code = roles.serve_as(config.serve.os_user, lake, folder, port)
    if code:
        message = f"the server of role {role} ended with {code}"
        raise DtsenError(message)


def register(registry: Registry) -> list[str]:
    """Make the views of the current release, and of each published period, in the session's catalog.

    Args:
        registry: Releases of the lake; the session needs a catalog.

    Returns:
        Names of the views: ``dtsen.<layer>_<name>``, then those of periods.

    Raises:
        UsageError: Nothing was published.
    """
    registry.require_current("serve")
    names = _register_schema(registry.lake, SCHEMA, registry.published_versions())
    for period, versions in registry.versions_by_period().items():
        names += _register_schema(registry.lake, schema_of(period), versions)
    return names


def schema_of(period: str) -> str:
    """Return the schema that shows a period as it was published.

    >>> schema_of("2025Q4"), schema_of("2026-02")
    ('dtsen_2025q4', 'dtsen_2026_02')
    """
    return f"{SCHEMA}_{period.lower().replace('-', '_')}"


def _register_schema(lake: Lake, schema: str, versions: Mapping[str, int]) -> list[str]:
    spark = lake.spark
    spark.sql(f"CREATE DATABASE IF NOT EXISTS {schema}")
    served = {}
    for path, version in sorted(versions.items()):
        table = contract_of(path)
        if table is not None:
            name = f"{table.layer}_{table.name}"
            lake.create_view(f"{schema}.{name}", table, version)
            served[name] = f"{schema}.{name}"
    for row in spark.sql(f"SHOW VIEWS IN {schema}").collect():  # a few dozen
        # The list has the session's own temporary views, which are in no schema, as well.
        if row["viewName"] not in served and not row["isTemporary"]:
            # A rollback took the table away.
            spark.sql(f"DROP VIEW {schema}.{row['viewName']}")
    return list(served.values())


def _require_free(name: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            message = f"{name} {port}: cannot listen on {_HOST} ({error.strerror}); choose another with {name}"
            raise UsageError(message) from None


def _with_catalog(config: Config, folder: Path, port: int, connect_port: int | None) -> Config:
    options = {
        **config.spark.options,
        # The catalog lives in memory and dies with the server: the lake's registry is what is true.
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:dtsen;create=true",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.hadoop.hive.exec.scratchdir": str(folder / "scratch"),
        "spark.hadoop.hive.server2.thrift.port": str(port),
        "spark.hadoop.hive.server2.thrift.bind.host": _HOST,
    }
    if connect_port is not None:
        options |= {
            "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
            "spark.connect.grpc.binding.address": _HOST,
            "spark.connect.grpc.binding.port": str(connect_port),
        }
    return config.model_copy(update={"spark": config.spark.model_copy(update={"options": options})})


def _jvm(spark: SparkSession) -> Any:
    return spark.sparkContext._jvm  # the server has no Python interface


def _start(spark: SparkSession) -> None:
    server = getattr(_jvm(spark), _SERVER_CLASS)
    exit_on_error = False
    server.startWithSparkSession(spark._jsparkSession, exit_on_error)


def _wait(registry: Registry) -> None:
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    served = registry.published_versions()
    while not stopped.wait(_REFRESH_SECONDS):
        if (now := registry.published_versions()) != served and now:
            served = now
            log.warning("serving another release", release=registry.current(), views=len(register(registry)))
