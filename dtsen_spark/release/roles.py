"""What a role may see, as a lake of its own: the published tables, rows and columns of the role, read-only.

The Thrift server has no rights: a client may read any path that the server's user can. So a role's server runs over a
copy that holds nothing else, in a process that the operating system keeps from the lake: as another user
(``serve.os_user``), or, started by root, in mounts of its own.
"""

import os
import shutil
import signal
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import RoleConfig
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.lake import Lake
from dtsen_spark.privacy import ID_KEY_VARIABLE
from dtsen_spark.release.registry import Registry, contract_of

log = structlog.get_logger(__name__)

_STATS: Final = "stats"
_NATION: Final = "00"
_READ_ONLY_FILE: Final = 0o444
_READ_ONLY_FOLDER: Final = 0o555
_MOUNTS: Final = """
set -e
mount -t tmpfs -o ro,size=4k tmpfs "$1"
mount --bind "$2" "$2"
mount -o remount,bind,ro "$2"
shift 2
exec "$@"
"""
_COMMAND: Final = "import sys; from dtsen_spark.cli import main; sys.exit(main(sys.argv[1:]))"


def share(registry: Registry, role: RoleConfig, folder: Path) -> list[str]:
    """Write what a role may see as a lake of its own, and take the right to write from it.

    Args:
        registry: Releases of the lake.
        role: The role.
        folder: Root of the role's lake; made here.

    Returns:
        Paths of the tables.

    Raises:
        UsageError: Nothing was published, or nothing of it is the role's.
    """
    release_id = registry.require_current("serve")
    own = Lake(registry.lake.spark, folder)
    written = {}
    for path, version in sorted(registry.published_versions().items()):
        table = contract_of(path)
        if table is not None and _may_see(table, role):
            rows = of_role(registry.lake.read(table, version=version), table, role)
            written[path] = own.write(table, rows)
    if not written:
        message = "--role: nothing that is published is this role's; see serve.roles in the configuration"
        raise UsageError(message)
    Registry(own).adopt(release_id, written)
    _take_write(folder)
    return sorted(written)


def _may_see(table: TableContract, role: RoleConfig) -> bool:
    if not any(fnmatch(table.path, pattern) for pattern in role.tables):
        return False
    # A row that cannot be without what the role must not see is not the role's.
    if any(field.required and field.column.privacy.value not in role.classes for field in table.fields):
        return False
    return not role.region or table.layer == _STATS or c.REGION_CODE in table.columns


def of_role(df: DataFrame, table: TableContract, role: RoleConfig) -> DataFrame:
    """Return the rows of the role's region, with nulls in columns of classes that it must not see.

    Args:
        df: Rows of a table.
        table: Its contract.
        role: The role.
    """
    if role.region and c.REGION_CODE in table.columns:
        code = F.col(c.REGION_CODE)
        inside = code.startswith(role.region)
        # Statistics of the regions above are public, and what a region compares itself with.
        above = F.lit(role.region).startswith(code) | (code == _NATION)
        df = df.where(inside | above if table.layer == _STATS else inside)
    hidden = {
        field.name: F.lit(None).cast(field.column.type)
        for field in table.fields
        if field.column.privacy.value not in role.classes
    }
    return df.withColumns(hidden) if hidden else df


def _take_write(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(_READ_ONLY_FOLDER if path.is_dir() else _READ_ONLY_FILE)
    folder.chmod(_READ_ONLY_FOLDER)


def give_write(folder: Path) -> None:
    """Let the owner delete a role's lake again."""
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        if path.is_dir():
            path.chmod(0o700)


def guarded(command: list[str], user: str, lake: Path, own: Path) -> list[str] | None:
    """Return a command that runs where the lake cannot be read, or None where the system offers nothing.

    Another user of the system is kept out by file permissions. Root can do without one: in mounts of its own, the
    lake is an empty folder and the role's lake is read-only.

    Args:
        command: The server's command.
        user: User of the operating system, if one is configured: it does the guarding.
        lake: The lake.
        own: The role's lake.
    """
    if user:
        return command
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() or shutil.which(unshare[0]) is None:
        return None
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        return None
    return [*unshare, "sh", "-c", _MOUNTS, "sh", str(lake.resolve()), str(own.resolve()), *command]


def serve_as(user: str, lake: Path, own: Path, port: int) -> int:
    """Serve a role's lake in a process that cannot read the whole one, until it ends; signals are passed on.

    Args:
        user: User of the operating system; empty = that of this process.
        lake: The lake.
        own: The role's lake.
        port: Port on this machine.

    Returns:
        Exit code of the server.

    Raises:
        UsageError: The system does not let this process become the user.
    """
    plain = [sys.executable, "-c", _COMMAND, "serve", "--lake", str(own), "--port", str(port)]
    command = guarded(plain, user, lake, own)
    if command is None:
        log.warning("clients of this role can read every path that you can: name a user in serve.os_user")
    home = own.parent / "home"
    home.mkdir()
    home.chmod(0o777)  # the server's user writes here, and here only
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home)}
    # The key of ids is nobody's business who only reads.
    environment.pop(ID_KEY_VARIABLE, None)
    try:
        server = subprocess.Popen(
            command or plain, user=user or None, extra_groups=[] if user else None, env=environment, cwd=home
        )
    except (PermissionError, LookupError, ValueError) as error:
        message = f"serve.os_user {user}: cannot run as this user ({type(error).__name__}); start as root"
        raise UsageError(message) from None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        server.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    return server.wait()
