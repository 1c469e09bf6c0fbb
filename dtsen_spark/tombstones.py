"""Tombstones: by what an erased person is known again, and whose deliveries of them are set aside.

A tombstone holds keyed hashes of the NIK and of the record ids, nothing else of the person. Whether it blocks is its
own to say: the registry lists each resident whom the law obliges the state to know (UU 23/2006, UU 24/2013), so its
rows of a living resident come back; what other sources say of him does not.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.tables import LandingTable

NIK_MESSAGE: Final = "tombstone "
RECORD_MESSAGE: Final = "record "

_REGISTRY: Final = "dukcapil"
_OWN_VOICE: Final = "usulan"  # objections are the person's own word


class Block(StrEnum):
    """Which deliveries of an erased person are set aside."""

    ALL = "ALL"
    OTHERS = "OTHERS"
    NONE = "NONE"


def tombstone_of(nik: str, key: bytes) -> str:
    """Return the keyed hash under which an erased person is remembered.

    Args:
        nik: 16 digits.
        key: From ``privacy.tombstone_key``.
    """
    return _hash(NIK_MESSAGE + nik, key)


def record_hash(record_id: str, key: bytes) -> str:
    """Return the keyed hash under which a record of an erased person is remembered."""
    return _hash(RECORD_MESSAGE + record_id, key)


def _hash(message: str, key: bytes) -> str:
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


def standing(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the newest tombstone of each subject.

    Args:
        rows: Rows of ``ops/tombstone``.
    """
    return {row[c.SUBJECT]: row for row in sorted(rows, key=lambda row: row[c.RECORDED_AT])}


def blocked(rows: Sequence[Mapping[str, Any]], table: LandingTable) -> list[str]:
    """Return the keyed hashes of NIKs and records whose rows in a delivery of a table are set aside, sorted.

    Args:
        rows: Rows of ``ops/tombstone``.
        table: The landing table.
    """
    kept = {Block.NONE.value} | ({Block.OTHERS.value} if table.source in {_REGISTRY, _OWN_VOICE} else set())
    stones = [row for row in standing(rows).values() if (row.get(c.BLOCKS) or Block.ALL.value) not in kept]
    of_records = table.source in tables.PERSON_SOURCES
    return sorted(
        {row[c.SUBJECT] for row in stones}
        | {one for row in stones if of_records for one in row.get(c.RECORD_HASHES) or ()}
    )
