"""What a role may see, as a lake of its own: the published tables, rows and columns of the role, read-only.

The Thrift server has no rights: a client may read and write any path that the server's user can, and have it load a
jar. So a role's server runs over a copy that holds nothing else, in a process that the operating system keeps from the
lake and from the copies of other roles. Started by root, it gets mounts and processes of its own, in which the lake and
other copies are not there, nothing but its temporary files can be written, and no privilege is left to change that; as
the user that ``serve.os_user`` names, it has the rights of that user besides.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import Any, Final

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
_READ_ONLY_FILE: Final = 0o400
_READ_ONLY_FOLDER: Final = 0o500
_OWNER_ONLY: Final = 0o700
# Folders of other users' servers can be passed through, and not listed.
_PASS_THROUGH: Final = 0o711
_LAKE: Final = "lake"
_HOME: Final = "home"
# The lake becomes an empty folder, the role's own folder stands where those of all roles were, and every mount is
# read-only but that one, in which the copy is. Another user's processes, and what their /proc shows, are not there.
_MOUNTS: Final = """
set -e
mount -t tmpfs -o ro,size=4k tmpfs "$1"
if [ -d /dev/shm ]; then mount -t tmpfs -o ro,size=4k tmpfs /dev/shm; fi
mount --bind "$2" "$3"
mount --bind "$3/lake" "$3/lake"
while read -r _ target _; do
  target=$(printf %b "$target")
  case "$target" in
    /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | "$1" | "$3") ;;
    *) if [ -e "$target" ]; then mount -o remount,bind,ro "$target"; fi ;;
  esac
done < /proc/self/mounts
shift 3
exec "$@"
"""
_UNSHARE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private")
_NO_PRIVILEGES: Final = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--pdeathsig=KILL")
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


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder for one role's server beside those of others, and delete it in the end.

    Yields:
        The folder; nobody else can look into it.

    Raises:
        UsageError: Somebody else made the folder that it belongs in.
    """
    beside = Path(tempfile.gettempdir()).resolve() / f"dtsen-roles-{os.geteuid()}"
    beside.mkdir(mode=_PASS_THROUGH, exist_ok=True)
    if beside.is_symlink() or beside.stat().st_uid != os.geteuid():
        message = f"{beside}: belongs to another user; delete it, or name another folder for temporary files in TMPDIR"
        raise UsageError(message)
    folder = Path(tempfile.mkdtemp(dir=beside))
    try:
        yield folder
    finally:
        _give_write(folder)
        shutil.rmtree(folder, ignore_errors=True)


def lake_in(folder: Path) -> Path:
    """Return the root of the role's lake inside the folder of its server."""
    return folder / _LAKE


def _take_write(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(_READ_ONLY_FOLDER if path.is_dir() else _READ_ONLY_FILE)
    folder.chmod(_READ_ONLY_FOLDER)


def _give_write(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(_OWNER_ONLY)


def can_guard() -> bool:
    """Say whether this process may give a server mounts and processes of its own: root, where the system lets it."""
    if os.geteuid() or any(shutil.which(tool) is None for tool in (_UNSHARE[0], "setpriv")):
        return False
    return not subprocess.run([*_UNSHARE, "true"], check=False, capture_output=True).returncode


def serve_as(user: str, lake: Path, folder: Path, port: int) -> int:
    """Serve a role's lake in a process that cannot read the whole one, until it ends or this one is told to.

    Args:
        user: User of the operating system; empty = that of this process.
        lake: The lake.
        folder: From ``own_folder``, with the role's lake in it.
        port: Port on this machine.

    Returns:
        Exit code of the server; 0 where a signal to this process ended it.

    Raises:
        UsageError: The system does not let this process become the user.
    """
    home = folder / _HOME
    home.mkdir()
    isolated = can_guard()
    place = folder.parent if isolated else folder
    command = [sys.executable, "-c", _COMMAND, "serve", "--lake", str(lake_in(place)), "--port", str(port)]
    try:
        account = pwd.getpwnam(user) if user else None
        if account:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)
        if isolated:
            command = [*_UNSHARE, *_in_mounts(lake, folder), *_unprivileged(account), *command]
            server = subprocess.Popen(command, env=_environment(place / _HOME), cwd="/")
        else:
            if not account:
                log.warning("clients of this role can read what you can: start as root, and name serve.os_user")
            server = subprocess.Popen(command, env=_environment(home), cwd=home, **_identity(account))
    except (PermissionError, LookupError) as error:
        message = f"serve.os_user {user}: cannot run as this user ({type(error).__name__}); start as root"
        raise UsageError(message) from None
    stopped = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        # The first process of its own namespace does not hear a signal that it does not wait for; nothing is lost.
        (server.kill if isolated else server.terminate)()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    code = server.wait()
    return 0 if stopped else code


def _in_mounts(lake: Path, folder: Path) -> list[str]:
    return ["sh", "-c", _MOUNTS, "sh", str(lake.resolve()), str(folder), str(folder.parent)]


def _unprivileged(account: pwd.struct_passwd | None) -> list[str]:
    become = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"] if account else []
    return ["setpriv", *become, *_NO_PRIVILEGES, "--"]


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _environment(home: Path) -> dict[str, str]:
    """The server writes below one folder only, and the key of ids is nobody's business who only reads."""
    own = {"HOME": str(home), "TMPDIR": str(home), "SPARK_LOCAL_DIRS": str(home)}
    own["JAVA_TOOL_OPTIONS"] = f"-Djava.io.tmpdir={home}"
    return {name: value for name, value in os.environ.items() if name != ID_KEY_VARIABLE} | own
