"""Read the accepted rows, write silver, account for every row, count what was not taken."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions, tables
from dtsen_spark.accepted import accepted_rows, is_delivered
from dtsen_spark.config import HarmoniseConfig
from dtsen_spark.contract import TableContract
from dtsen_spark.harmonise import names, registers, survey
from dtsen_spark.harmonise.consistency import contradictions
from dtsen_spark.harmonise.corrections import corrections
from dtsen_spark.harmonise.families import FAMILY_TABLES, family_records
from dtsen_spark.harmonise.figures import REGISTRY_STATES, codes_not_sure, count_findings, findings
from dtsen_spark.harmonise.persons import PERSON_TABLES, REGISTRY, person_records
from dtsen_spark.harmonise.values import text_of
from dtsen_spark.job import Job
from dtsen_spark.lake import Written

STAGE: Final = "harmonise"
_ACTIVE: Final = "ACTIVE"
_TABLES_AT_ONCE: Final = 2


class _Intake:
    """What comes in, counted while it is read by the write that it will be held against."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._observed: dict[str, Observation] = {}

    def delivered(self, table: str) -> bool:
        return is_delivered(self._job.lake, self._job.release_id, table)

    def accepted(self, table: str) -> DataFrame:
        return accepted_rows(self._job.lake, self._job.release_id, table)

    def observed(self, table: str, df: DataFrame, incomplete: Column | None = None) -> DataFrame:
        if not self.delivered(table):
            return df
        self._observed[table] = Observation()
        aside = F.lit(0) if incomplete is None else F.count_if(incomplete)
        return df.observe(self._observed[table], F.count(F.lit(1)).alias(c.ROWS_IN), aside.alias(c.ROWS_SET_ASIDE))

    def count(self, read: tuple[str, ...], figure: str) -> int:
        # A plan that Spark found to be empty has nothing to observe.
        return sum(int(self._observed[table].get.get(figure, 0)) for table in read if table in self._observed)


@dataclass(frozen=True)
class _Silver:
    """One silver table: its rows, and the landing tables that they were read from."""

    table: TableContract
    rows: DataFrame
    read: tuple[str, ...]


def run(job: Job) -> None:
    """Harmonise a build's accepted rows: every silver table, then the figures.

    Reads the accepted rows and ``corrections/override``; writes ``silver/*`` and ``ops/dq_metric``. A table that was
    never delivered becomes an empty silver table.

    Args:
        job: The run.
    """
    config, intake = job.config.harmonise, _Intake(job)
    every = (*FAMILY_TABLES, *PERSON_TABLES, survey.HOUSEHOLD_TABLE, survey.MEMBER_TABLE)
    accepted = {table: intake.observed(table, intake.accepted(table)) for table in every}
    counted: list[DataFrame] = []
    beside = [*_survey(accepted), *_registers(intake, config, counted)]
    families = _Silver(tables.FAMILY_RECORD, family_records(accepted, config), tuple(FAMILY_TABLES))
    with ThreadPoolExecutor(_TABLES_AT_ONCE) as pool:
        # Survey and registers hang on nothing else: written beside the large tables, whose serial tails leave cores.
        side = [pool.submit(job.write, one.table, one.rows) for one in beside]
        written = [job.write(families.table, families.rows)]
        members = person_records(accepted, job.read(tables.FAMILY_RECORD), config)
        persons = _Silver(tables.PERSON_RECORD, members, PERSON_TABLES)
        written.append(job.write(persons.table, persons.rows))
        written += [one.result() for one in side]
    for one, what in zip((families, persons, *beside), written, strict=True):
        _account(job, intake, one, what)

    by_source = (tables.PERSON_RECORD, tables.FAMILY_RECORD)
    counted += [findings(job.read(table), F.concat_ws("/", F.col(c.SOURCE), F.lit(table.name))) for table in by_source]
    surveyed = (tables.SURVEY_HOUSEHOLD, tables.SURVEY_MEMBER)
    counted += [findings(job.read(table), F.lit(table.name)) for table in surveyed]
    found = contradictions(job.read(tables.PERSON_RECORD), job.read(tables.RECIPIENT), job.period.last_day)
    unsure = codes_not_sure(_region_codes(intake))
    job.write_metrics(STAGE, count_findings(counted).unionByName(found).unionByName(unsure))
    if job.has(tables.OVERRIDE):
        job.write(tables.CORRECTION, corrections(job.read(tables.OVERRIDE)))
    _enter_coverage(job)
    rules = names.rules()
    job.ledger.metric(STAGE, "name_rules", rules.count, subject="conf/names/rules.csv", rule=rules.version)


def _region_codes(intake: _Intake) -> dict[regions.System, list[tuple[str, DataFrame, Column]]]:
    systems: dict[str, regions.System] = {REGISTRY: "kemendagri", **FAMILY_TABLES}
    found: dict[regions.System, list[tuple[str, DataFrame, Column]]] = {}
    for table, system in systems.items():
        found.setdefault(system, []).append((table, intake.accepted(table), text_of(c.REGION_CODE, table)))
    return found


def _survey(accepted: dict[str, DataFrame]) -> list[_Silver]:
    households = survey.survey_households(accepted[survey.HOUSEHOLD_TABLE])
    members = survey.survey_members(accepted[survey.MEMBER_TABLE])
    return [
        _Silver(tables.SURVEY_HOUSEHOLD, households, (survey.HOUSEHOLD_TABLE,)),
        _Silver(tables.SURVEY_MEMBER, members, (survey.MEMBER_TABLE,)),
    ]


def _registers(intake: _Intake, config: HarmoniseConfig, counted: list[DataFrame]) -> list[_Silver]:
    found = []
    for register in registers.REGISTERS:
        rows = registers.register_rows(register, intake.accepted(register.table), config)
        complete = registers.is_complete(register)
        kept = intake.observed(register.table, rows, ~complete).where(complete)
        found.append(_Silver(register.silver, kept, (register.table,)))
        if intake.delivered(register.table):
            counted.append(findings(rows, F.lit(register.silver.name)))
    return found


def _enter_coverage(job: Job) -> None:
    """Hold the registry's active residents against Dukcapil's own table, kab/kota by kab/kota.

    ``registry_coverage`` is their share of the table; ``registry_coverage_relative`` is that of the nation's share, so
    that a gap shows in a sample of the nation too (1 = as everywhere).
    """
    mine = (F.col(c.RELEASE_ID) == job.release_id) & (F.col(c.STAGE) == STAGE)
    active = mine & (F.col(c.METRIC) == REGISTRY_STATES) & (F.col(c.RULE) == _ACTIVE)
    rows = job.lake.read(tables.DQ_METRIC).where(active).collect()  # one for each kab/kota
    delivered = {row[c.REGION_CODE]: row[c.VALUE] for row in rows}
    residents = regions.population()
    nation = sum(delivered.get(kab, 0.0) for kab in residents) / sum(residents.values())
    for kab, total in sorted(residents.items()):
        share = delivered.get(kab, 0.0) / total
        job.ledger.metric(STAGE, "registry_coverage", share, subject=REGISTRY, region_code=kab)
        if nation:
            job.ledger.metric(STAGE, "registry_coverage_relative", share / nation, subject=REGISTRY, region_code=kab)


def _account(job: Job, intake: _Intake, silver: _Silver, written: Written) -> None:
    for landing in silver.read:
        # The gate holds what was read here against what was accepted at intake.
        if intake.delivered(landing):
            job.ledger.metric(STAGE, "rows_read", intake.count((landing,), c.ROWS_IN), subject=landing)
    incomplete = intake.count(silver.read, c.ROWS_SET_ASIDE)
    job.ledger.account(
        STAGE,
        silver.table.path,
        rows_in=intake.count(silver.read, c.ROWS_IN),
        rows_out=written.rows,
        set_aside={registers.INCOMPLETE: incomplete} if incomplete else None,
    )
