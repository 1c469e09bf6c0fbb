"""Registers beside the four sources: power, insurances, pay-rolls, beneficiaries; and decided pairs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import codes, tables
from dtsen_spark import columns as c
from dtsen_spark.config import HarmoniseConfig
from dtsen_spark.contract import TableContract
from dtsen_spark.harmonise.dates import day_of
from dtsen_spark.harmonise.numbers import kk_or_null, nik_or_null
from dtsen_spark.harmonise.values import kk_rejected, rejected, select_values, text_of, with_reasons

_RAW_PREFIX: Final = "_raw_"
INCOMPLETE: Final = "key_not_taken"  # the register is about a person or pair, and the row does not say which


@dataclass(frozen=True)
class Register:
    """A register and the silver table that it becomes.

    Attributes:
        table: Landing table.
        silver: Silver table.
        coded: Our columns with a code list or a range.
    """

    table: str
    silver: TableContract
    coded: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Our columns that are taken from text."""
        return tuple(name for name in self.silver.columns if codes.source_columns(name, self.table))


REGISTERS: Final = (
    Register("pln/pelanggan", tables.POWER_CUSTOMER, (c.POWER_VA, c.KWH_MONTH)),
    Register("bpjstk/peserta", tables.EMPLOYMENT_INSURANCE, (c.SEGMENT, c.WAGE_IDR_MONTH, c.ACTIVE)),
    Register("bpjskes/peserta", tables.HEALTH_INSURANCE, (c.SEGMENT, c.ACTIVE, c.CATASTROPHIC)),
    Register("pegawai/daftar", tables.PAYROLL, (c.PAYROLL_KIND,)),
    Register("program/penerima", tables.RECIPIENT, (c.PROGRAM,)),
    Register("label/pasangan", tables.LABEL_PAIR, (c.LABEL,)),
)


def register_rows(register: Register, accepted: DataFrame, config: HarmoniseConfig) -> DataFrame:
    """Bring a register's rows to one meaning.

    Args:
        register: Which.
        accepted: Its accepted rows.
        config: Plausible dates, patterns of numbers that nobody has.

    Returns:
        One row for each accepted row, in the columns of the silver table, with ``value_reasons``; a row whose required
        columns are null says nothing of anybody and is for the caller to set aside.
    """
    others = {f"{_RAW_PREFIX}{name}": text_of(name, register.table) for name in register.texts}
    valued = select_values(accepted, register.table, register.coded, {**others, c.AS_OF: F.col(c.AS_OF)})
    taken = valued.withColumns({name: _taken(name, F.col(f"{_RAW_PREFIX}{name}"), config) for name in register.texts})
    reasons = [_reason(name, F.col(f"{_RAW_PREFIX}{name}")) for name in register.texts]
    return with_reasons(taken, *reasons).drop(*others)


def _taken(name: str, raw: Column, config: HarmoniseConfig) -> Column:
    readers: dict[str, Callable[[], Column]] = {
        c.NIK: lambda: nik_or_null(raw, config.number_dummies),
        c.NO_KK: lambda: kk_or_null(raw, config.number_dummies),
        c.SINCE: lambda: day_of(raw, date.fromisoformat(config.earliest_birth), F.col(c.AS_OF)),
        c.DECIDED_AT: lambda: F.try_to_timestamp(raw),
    }
    return readers[name]() if name in readers else raw


def _reason(name: str, raw: Column) -> Column:
    return kk_rejected(raw, F.col(name)) if name == c.NO_KK else rejected(name, raw, F.col(name))


def is_complete(register: Register) -> Column:
    """Return whether a row says whom or what it is about: none of the silver table's required columns is null."""
    required = [F.col(field.name).isNotNull() for field in register.silver.fields if field.required]
    complete = required[0]
    for condition in required[1:]:
        complete = complete & condition
    return complete
