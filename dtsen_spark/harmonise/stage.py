"""Read the accepted rows, write silver, account for every row, count what was not taken."""

from collections.abc import Mapping
from functools import reduce
from typing import Final, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.harmonise import registers, survey
from dtsen_spark.harmonise.families import FAMILY_TABLES, family_records
from dtsen_spark.harmonise.figures import count_findings, findings
from dtsen_spark.harmonise.persons import PERSON_TABLES, person_records
from dtsen_spark.job import Job

STAGE: Final = "harmonise"
_TABLES: Final = (
    *FAMILY_TABLES,
    *PERSON_TABLES,
    survey.HOUSEHOLD_TABLE,
    survey.MEMBER_TABLE,
    *(register.table for register in registers.REGISTERS),
)


class _Intake(NamedTuple):
    rows: int
    incomplete: int


def run(job: Job) -> None:
    """Harmonise a build's accepted rows: one silver table after the other, then the figures.

    Reads ``accepted/*``; writes ``silver/*`` and ``ops/dq_metric``. A table that was never delivered becomes an empty
    silver table.

    Args:
        job: The run.
    """
    config = job.config.harmonise
    accepted = {table: _accepted(job, table) for table in _TABLES}
    register_rows = {
        register: registers.register_rows(register, accepted[register.table], config)
        for register in registers.REGISTERS
    }
    intake = _take_in(job, accepted, register_rows)

    _write(job, tables.FAMILY_RECORD, family_records(accepted, config), [intake[table] for table in FAMILY_TABLES])
    persons = person_records(accepted, job.read(tables.FAMILY_RECORD), config)
    _write(job, tables.PERSON_RECORD, persons, [intake[table] for table in PERSON_TABLES])
    households = survey.survey_households(accepted[survey.HOUSEHOLD_TABLE])
    _write(job, tables.SURVEY_HOUSEHOLD, households, [intake[survey.HOUSEHOLD_TABLE]])
    members = survey.survey_members(accepted[survey.MEMBER_TABLE])
    _write(job, tables.SURVEY_MEMBER, members, [intake[survey.MEMBER_TABLE]])
    for register, rows in register_rows.items():
        _write(job, register.silver, rows.where(registers.is_complete(register)), [intake[register.table]])

    by_source = (tables.PERSON_RECORD, tables.FAMILY_RECORD)
    counted = [findings(job.read(table), F.concat_ws("/", F.col(c.SOURCE), F.lit(table.name))) for table in by_source]
    surveyed = (tables.SURVEY_HOUSEHOLD, tables.SURVEY_MEMBER)
    counted += [findings(job.read(table), F.lit(table.name)) for table in surveyed]
    counted += [
        findings(rows, F.lit(register.silver.name))
        for register, rows in register_rows.items()
        if _is_there(job, register.table)
    ]
    job.write_metrics(STAGE, count_findings(counted))


def _is_there(job: Job, table: str) -> bool:
    return job.has(tables.accepted(tables.LANDING[table]))


def _accepted(job: Job, table: str) -> DataFrame:
    contract = tables.accepted(tables.LANDING[table])
    return job.read(contract) if job.has(contract) else job.lake.empty(contract)


def _take_in(
    job: Job, accepted: Mapping[str, DataFrame], register_rows: Mapping[registers.Register, DataFrame]
) -> dict[str, _Intake]:
    """Count what comes in, apart from the writes that it will be held against; one job for all tables."""
    frames = {table: (df, F.lit(False)) for table, df in accepted.items()}
    frames |= {register.table: (rows, ~registers.is_complete(register)) for register, rows in register_rows.items()}
    listed = [_marked(df, table, aside) for table, (df, aside) in frames.items() if _is_there(job, table)]
    found = dict.fromkeys(_TABLES, _Intake(0, 0))
    if listed:
        every = reduce(DataFrame.unionByName, listed).groupBy(c.SUBJECT)
        counts = every.agg(F.count(F.lit(1)).alias(c.ROWS_IN), F.count_if(c.ROWS_SET_ASIDE).alias(c.ROWS_SET_ASIDE))
        found |= {row[c.SUBJECT]: _Intake(row[c.ROWS_IN], row[c.ROWS_SET_ASIDE]) for row in counts.collect()}
    return found


def _marked(df: DataFrame, table: str, aside: Column) -> DataFrame:
    return df.select(F.lit(table).alias(c.SUBJECT), aside.alias(c.ROWS_SET_ASIDE))


def _write(job: Job, table: TableContract, df: DataFrame, intake: list[_Intake]) -> None:
    written = job.write(table, df)
    incomplete = sum(each.incomplete for each in intake)
    job.ledger.account(
        STAGE,
        table.path,
        rows_in=sum(each.rows for each in intake),
        rows_out=written.rows,
        set_aside={registers.INCOMPLETE: incomplete} if incomplete else None,
    )
