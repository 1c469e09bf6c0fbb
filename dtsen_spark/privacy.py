"""Keyed ids and the key they hang on; how a person is looked up; the row that a look leaves in the access log.

A key and a looked-up NIK enter Spark only as columns of a one-row frame: a literal would stand in plans and event logs.
"""

import getpass
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

import structlog
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, StringType, StructField, StructType

from dtsen_spark import columns as c
from dtsen_spark.contract import TableContract, local_frame
from dtsen_spark.errors import ConfigError, ContractError, UsageError

log = structlog.get_logger(__name__)

_KEY_BYTES: Final = 32
_BLOCK_BYTES: Final = 64  # block size of SHA-256, RFC 2104
_INNER: Final = "_id_key_inner"
_OUTER: Final = "_id_key_outer"
_ID_HEX_DIGITS: Final = 24  # 96 bits: among 3e8 persons the chance of one collision is below 1e-12
_NIK: Final = re.compile(r"\d{16}")
# An id behind which one person or family stands: opaque, and personal all the same (UU 27/2022 art. 1).
_SUBJECT_IDS: Final = frozenset({c.PERSON_ID, c.OTHER_PERSON_ID, c.HEAD_PERSON_ID, c.FAMILY_ID})
KEYED_IDS: Final = (*sorted(_SUBJECT_IDS), c.UNIT_ID)
ID_KEY_VARIABLE: Final = "DTSEN_ID_KEY"
NEW_ID_KEY_VARIABLE: Final = "DTSEN_NEW_ID_KEY"


def id_key(lake: Path, key_file: str = "") -> bytes:
    """Return the key of all opaque ids, making one in the lake where there is none.

    Args:
        lake: Root of the lake.
        key_file: File that the configuration names; empty = ``<lake>/.keys/id.key``.

    Returns:
        32 bytes.

    Raises:
        ConfigError: The key is not 64 hex digits, its file can be read by others, or the named file is missing.
    """
    if (text := os.environ.get(ID_KEY_VARIABLE)) is not None:
        return _parse(text, f"environment variable {ID_KEY_VARIABLE}")
    if key_file:
        return key_of_file(Path(key_file))
    path = _own_key(lake)
    return key_of_file(path) if path.exists() else _make(path)


def _own_key(lake: Path) -> Path:
    return lake / ".keys" / "id.key"


def new_id_key(key_file: Path | None) -> bytes:
    """Return the key that is to take the place of the id key, from a file or the environment, never an argument.

    Args:
        key_file: File of mode 600; None = the environment variable ``DTSEN_NEW_ID_KEY``.

    Raises:
        UsageError: There is neither.
        ConfigError: It is no key, or its file can be read by others.
    """
    if key_file is not None:
        return key_of_file(key_file)
    text = os.environ.get(NEW_ID_KEY_VARIABLE)
    if text is None:
        message = f"name a file of mode 600 with the new key by --new-key-file, or give it as {NEW_ID_KEY_VARIABLE}"
        raise UsageError(message)
    return _parse(text, f"environment variable {NEW_ID_KEY_VARIABLE}")


def fingerprint(key: bytes) -> str:
    """Return what tells one key from another and nothing else of it."""
    return hashlib.sha256(b"fingerprint of an id key" + key).hexdigest()[:16]


def replace_id_key(lake: Path, key: bytes) -> bool:
    """Put a new id key in the place of the lake's own; the old one stays beside it, under its fingerprint.

    Args:
        lake: Root of the lake.
        key: The new key.

    Returns:
        False where the lake has no key of its own: then whoever gives the key gives the new one from now on.
    """
    path = _own_key(lake)
    if not path.exists():
        return False
    old = key_of_file(path)
    if old != key:
        _write_key(path.with_name(f"id.key.{fingerprint(old)}"), old)
        _write_key(path, key)
    return True


def tombstone_key(lake: Path, key_file: str = "") -> bytes:
    """Return the key of the tombstones of erased persons, making one in the lake where there is none.

    It is not the key of the ids: that one may be changed, and a hash of a forgotten NIK cannot be made again.

    Args:
        lake: Root of the lake.
        key_file: File that the configuration names; empty = ``<lake>/.keys/tombstone.key``.

    Returns:
        32 bytes.

    Raises:
        ConfigError: As of ``id_key``.
    """
    path = Path(key_file) if key_file else lake / ".keys" / "tombstone.key"
    return key_of_file(path) if key_file or path.exists() else _make(path)


def key_of_file(path: Path) -> bytes:
    """Read a key.

    Args:
        path: File of mode 600 with 64 hex digits.

    Raises:
        ConfigError: It is missing, can be read by others, or holds no key; the message does not say what it holds.
    """
    if not path.exists():
        message = f"{path}: no such key file"
        raise ConfigError(message)
    if path.stat().st_mode & 0o077:
        message = f"{path}: the key can be read by others; run chmod 600 on it"
        raise ConfigError(message)
    return _parse(path.read_text(encoding="ascii", errors="replace"), str(path))


def _make(path: Path) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    _write_key(path, key)
    log.warning("made a new key: keep a copy, what it made cannot be made again without it", file=str(path))
    return key


def _write_key(path: Path, key: bytes) -> None:
    # Written under another name first: a key file is whole or not there, even if the process dies here.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_name(f"{path.name}.half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key.hex())
    half.replace(path)


def _parse(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        message = f"{where}: the key must be {2 * _KEY_BYTES} hex digits"
        raise ConfigError(message)
    return key


def with_opaque_id(df: DataFrame, key: bytes, message: Column, name: str, prefix: str) -> DataFrame:
    """Add an opaque id: HMAC-SHA-256 (RFC 2104) of a message under the id key, composed from ``sha2``.

    Args:
        df: Any frame.
        key: The id key.
        message: String column to hash, not null; say the kind of thing in it, so that a person and a family differ.
        name: Column to add.
        prefix: One letter in front of the id: P person, F family.

    Returns:
        ``df`` with ``name``; the same rows. The one-row key frame is joined by broadcast (1 : n).
    """
    return without_key(with_key(df, key).withColumn(name, opaque_id(message, F.lit(prefix))))


def opaque_id(message: Column, prefix: Column) -> Column:
    """Return the opaque id of a message in a frame from ``with_key``: the prefix and 96 bits of the keyed hash."""
    return F.concat(prefix, F.upper(F.substring(keyed_hash(message), 1, _ID_HEX_DIGITS)))


def with_key(df: DataFrame, key: bytes) -> DataFrame:
    """Put a key beside each row (1 : n), for ``keyed_hash``.

    Args:
        df: Any frame.
        key: The key.
    """
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    pads = (bytearray(byte ^ 0x36 for byte in padded), bytearray(byte ^ 0x5C for byte in padded))
    return df.crossJoin(F.broadcast(_one_row(df.sparkSession, pads)))


def keyed_hash(message: Column) -> Column:
    """Return HMAC-SHA-256 (RFC 2104) of a message in hex digits, in a frame from ``with_key``; null of null."""
    inner = F.unhex(F.sha2(F.concat(F.col(_INNER), message.cast("binary")), 256))
    return F.sha2(F.concat(F.col(_OUTER), inner), 256)


def without_key(df: DataFrame) -> DataFrame:
    """Take the key of ``with_key`` away again."""
    return df.drop(_INNER, _OUTER)


def _one_row(spark: SparkSession, pads: tuple[bytearray, bytearray]) -> DataFrame:
    schema = StructType([StructField(_INNER, BinaryType()), StructField(_OUTER, BinaryType())])
    return local_frame(spark, [pads], schema)


def nik_from(stream: TextIO) -> str:
    """Read one NIK from a stream, so that no shell history or process list shows it.

    Args:
        stream: Standard input.

    Returns:
        16 digits.

    Raises:
        UsageError: The first line is no NIK; the message does not say what it was.
    """
    nik = re.sub(r"[\s.-]", "", stream.readline())
    if not _NIK.fullmatch(nik):
        message = "--nik -: standard input has no NIK of 16 digits on its first line"
        raise UsageError(message)
    return nik


def looked_up(spark: SparkSession, name: str, values: Iterable[str]) -> DataFrame:
    """Return a frame of one column with values to look up: for joins, never as literals.

    Args:
        spark: The session.
        name: The column.
        values: A few values.
    """
    return F.broadcast(
        local_frame(spark, [(value,) for value in values], StructType([StructField(name, StringType())]))
    )


def access_row(
    *, at: datetime, subject: str, purpose: str, role: str, actor: str | None = None, detail: str = ""
) -> dict[str, Any]:
    """Return the row of ``ops/access_log`` that a look at a person or family leaves; to be written before it is shown.

    Args:
        at: When.
        subject: Opaque id of who was looked at; never a NIK.
        purpose: What for.
        role: Role of who looks.
        actor: Who looks; None = the user of the operating system.
        detail: What was looked at.
    """
    return {
        c.RECORDED_AT: at,
        c.ACTOR: actor or getpass.getuser(),
        c.ROLE: role,
        c.PURPOSE: purpose,
        c.SUBJECT: subject,
        c.DETAIL: detail,
    }


def class_of(table: TableContract) -> c.Privacy:
    """Return the strictest privacy class of a table's columns; a table that tells of no person is public.

    Args:
        table: The contract.
    """
    classes = {field.column.privacy for field in table.fields}
    if not table.text_columns and c.Privacy.IDENTIFYING not in classes and not _SUBJECT_IDS & set(table.columns):
        return c.Privacy.PUBLIC
    # In the order of their declaration, strictest first.
    return c.Privacy.IDENTIFYING if table.text_columns else next(one for one in c.Privacy if one in classes)


def require_no_person(table: TableContract) -> None:
    """Raise where a table that leaves the register could name a person: for statistics, before they are written.

    Args:
        table: The contract.

    Raises:
        ContractError: It has an identifying column, or the id of a person or family; the message names them.
    """
    personal = [
        field.name
        for field in table.fields
        if field.column.privacy is c.Privacy.IDENTIFYING or field.name in _SUBJECT_IDS
    ]
    if personal or table.text_columns:
        names = ", ".join([*personal, *table.text_columns])
        message = f"{table.path}: {names} may not leave the register: only statistics without a person may"
        raise ContractError(message)
