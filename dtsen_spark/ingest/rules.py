"""Why a row is set aside: every reason, and the rules that a row breaks by itself (landing contract, section 2.1)."""

from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import IngestConfig
from dtsen_spark.expressions import present
from dtsen_spark.tables import DELETE, UPSERT, LandingTable

KEY_SEPARATOR: Final = "|"

# Reasons that a row shows by itself.
EMPTY_KEY: Final = "empty_key"
FIELD_COUNT: Final = "field_count"
FIELD_TOO_LONG: Final = "field_too_long"
UNDECODABLE: Final = "undecodable"
UNKNOWN_OP: Final = "unknown_op"
ERASED: Final = "erased"  # of a person who was erased; found in ``erased``
OWN: Final = (EMPTY_KEY, ERASED, FIELD_COUNT, FIELD_TOO_LONG, UNDECODABLE, UNKNOWN_OP)
# Reasons that other rows give it; they are found in ``rivals``.
DUPLICATE_KEY: Final = "duplicate_key"
ORPHAN: Final = "orphan"
REPEATED: Final = "repeated"

_SEPARATOR: Final = "\x1f"
_REPLACEMENT: Final = "\ufffd"  # what the decoder puts in place of bytes that are no UTF-8


@dataclass(frozen=True)
class Record:
    """One record as the row rules look at it.

    Attributes:
        fields: Its fields as delivered.
        corrupt: Text of a record that could not be parsed, else null.
        key: The parts of its native key, trimmed, null where empty.
        operation: Its operation.
        was_decoded: The reader decoded its bytes (CSV) and replaced what was no UTF-8.
    """

    fields: list[Column]
    corrupt: Column
    key: list[Column]
    operation: Column
    was_decoded: bool

    @property
    def whole(self) -> Column:
        """The whole text of the record."""
        return F.coalesce(self.corrupt, F.concat_ws(_SEPARATOR, *self.fields))


def native_key(parts: list[Column]) -> Column:
    """Return the native key: its parts joined by ``|``, null where one is empty."""
    complete = F.coalesce(*(F.when(part.isNull(), F.lit(False)) for part in parts), F.lit(True))
    return F.when(complete, F.concat_ws(KEY_SEPARATOR, *parts))


def row_reasons(record: Record, config: IngestConfig) -> Column:
    """Return the reasons that a row shows by itself, sorted; an empty array where it breaks no rule.

    Args:
        record: The record.
        config: Limits.
    """
    whole = record.whole
    undecodable = whole.contains(_REPLACEMENT) | whole.contains("\0")
    if not record.was_decoded:
        # Parquet hands bytes through as they are.
        undecodable = undecodable | ~F.is_valid_utf8(whole)
    longest = F.array_max(F.array(*(F.length(value) for value in record.fields)))
    reasons = {
        EMPTY_KEY: native_key(record.key).isNull(),
        FIELD_COUNT: record.corrupt.isNotNull(),
        FIELD_TOO_LONG: (F.length(whole) > config.max_record_chars) & (longest > config.max_record_chars),
        UNDECODABLE: undecodable,
        UNKNOWN_OP: ~F.coalesce(record.operation.isin(UPSERT, DELETE), F.lit(False)),
    }
    found = [F.when(test, F.lit(reason)) for reason, test in sorted(reasons.items())]
    return present(*found)


def judged_again(table: LandingTable, config: IngestConfig) -> dict[str, Column]:
    """Return what a bronze row would get today: native key and reasons, by column.

    Args:
        table: Its table.
        config: Today's limits.
    """
    key = [F.col(name) for name in table.key]
    fields = [F.col(name) for name in (*table.columns, c.EXTRA)]
    record = Record(fields, F.col(c.CORRUPT), key, F.col(c.OP), was_decoded=False)
    # Nothing of an erased person's row was kept that could be judged.
    reasons = F.when(F.array_contains(c.REASONS, ERASED), F.col(c.REASONS)).otherwise(row_reasons(record, config))
    return {c.NATIVE_KEY: native_key(key), c.REASONS: reasons}
