"""Read the accepted rows, write silver, account for every row, count what was not taken."""

from typing import Final

from pyspark.sql import Column, DataFrame, Observation
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


class _Intake:
    """What comes in, counted while it is read by the write that it will be held against."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._observed: dict[str, Observation] = {}

    def delivered(self, table: str) -> bool:
        return self._job.has(tables.accepted(tables.LANDING[table]))

    def accepted(self, table: str) -> DataFrame:
        contract = tables.accepted(tables.LANDING[table])
        return self._job.read(contract) if self.delivered(table) else self._job.lake.empty(contract)

    def observed(self, table: str, df: DataFrame, incomplete: Column | None = None) -> DataFrame:
        if not self.delivered(table):
            return df
        self._observed[table] = Observation()
        aside = F.lit(0) if incomplete is None else F.count_if(incomplete)
        return df.observe(self._observed[table], F.count(F.lit(1)).alias(c.ROWS_IN), aside.alias(c.ROWS_SET_ASIDE))

    def count(self, read: tuple[str, ...], figure: str) -> int:
        # A plan that Spark found to be empty has nothing to observe.
        return sum(int(self._observed[table].get.get(figure, 0)) for table in read if table in self._observed)


def run(job: Job) -> None:
    """Harmonise a build's accepted rows: one silver table after the other, then the figures.

    Reads ``accepted/*``; writes ``silver/*`` and ``ops/dq_metric``. A table that was never delivered becomes an empty
    silver table.

    Args:
        job: The run.
    """
    config, intake = job.config.harmonise, _Intake(job)
    every = (*FAMILY_TABLES, *PERSON_TABLES, survey.HOUSEHOLD_TABLE, survey.MEMBER_TABLE)
    accepted = {table: intake.observed(table, intake.accepted(table)) for table in every}

    _write(job, intake, tables.FAMILY_RECORD, family_records(accepted, config), tuple(FAMILY_TABLES))
    persons = person_records(accepted, job.read(tables.FAMILY_RECORD), config)
    _write(job, intake, tables.PERSON_RECORD, persons, PERSON_TABLES)
    households = survey.survey_households(accepted[survey.HOUSEHOLD_TABLE])
    _write(job, intake, tables.SURVEY_HOUSEHOLD, households, (survey.HOUSEHOLD_TABLE,))
    members = survey.survey_members(accepted[survey.MEMBER_TABLE])
    _write(job, intake, tables.SURVEY_MEMBER, members, (survey.MEMBER_TABLE,))

    by_source = (tables.PERSON_RECORD, tables.FAMILY_RECORD)
    counted = [findings(job.read(table), F.concat_ws("/", F.col(c.SOURCE), F.lit(table.name))) for table in by_source]
    surveyed = (tables.SURVEY_HOUSEHOLD, tables.SURVEY_MEMBER)
    counted += [findings(job.read(table), F.lit(table.name)) for table in surveyed]
    for register in registers.REGISTERS:
        rows = registers.register_rows(register, intake.accepted(register.table), config)
        complete = registers.is_complete(register)
        kept = intake.observed(register.table, rows, ~complete).where(complete)
        _write(job, intake, register.silver, kept, (register.table,))
        if intake.delivered(register.table):
            counted.append(findings(rows, F.lit(register.silver.name)))
    job.write_metrics(STAGE, count_findings(counted))


def _write(job: Job, intake: _Intake, table: TableContract, df: DataFrame, read: tuple[str, ...]) -> None:
    written = job.write(table, df)
    incomplete = intake.count(read, c.ROWS_SET_ASIDE)
    job.ledger.account(
        STAGE,
        table.path,
        rows_in=intake.count(read, c.ROWS_IN),
        rows_out=written.rows,
        set_aside={registers.INCOMPLETE: incomplete} if incomplete else None,
    )
