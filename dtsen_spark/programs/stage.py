"""The programs stage: reads scores, persons and registers, writes ``programs/<program>``."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import privacy, tables
from dtsen_spark.job import Job, Period
from dtsen_spark.programs import changes, decide, facts, reinstate, wages, withdraw
from dtsen_spark.programs.quota import largest_remainder, scaled_quota
from dtsen_spark.programs.rules import ProgramRules, load_rules, rules_then

STAGE: Final = "programs"

_WRITERS: Final = 3
_LISTED_ID: Final = "_listed_id"
_LEAVERS: Final = (decide.DECEASED, decide.NOT_FOUND, changes.MERGED)


def run(job: Job) -> None:
    """Decide every program of the configuration by the rules of the period.

    Reads ``welfare/score``, ``master/person_attribute``, the registers that know a NIK, ``corrections/ticket``, and the
    decisions of the last published release; writes ``programs/<program>``.

    Args:
        job: The run.
    """
    programs = load_rules(job.config.programs.enabled, job.period)
    decided = decide_all(job, programs)
    # A small table's write mostly waits for its plan and its commit: a few go side by side.
    with ThreadPoolExecutor(_WRITERS) as writers:
        figures = dict(writers.map(lambda one: (one[0], _write(job, *one)), decided.frames.items()))
    _report(job, programs, decided, figures)
    for register in decided.missing_registers:
        job.ledger.metric(STAGE, "register_never_delivered", 1, subject=register, severity="warning")
    without = [kab for kab in decided.sizes if kab not in decided.wage_floors]
    if any(one.wage_above_minimum for p in programs for one in p.rules.exclusions):
        job.ledger.metric(STAGE, "kabkota_without_minimum_wage", len(without), rule="WAGE_ABOVE_MINIMUM")
        for province in sorted({kab[:2] for kab in without}):
            job.ledger.metric(STAGE, "wage_rule_off", 1, rule="WAGE_ABOVE_MINIMUM", region_code=province)


@dataclass(frozen=True)
class Decided:
    """Decisions of several programs, not written yet.

    Attributes:
        frames: Rows of ``programs/<program>``, by program.
        quotas: Units of each kab/kota that can be selected, by program; None where there is no quota.
        sizes: Families and persons of each kab/kota.
        wage_floors: Minimum wage of each kab/kota that has one, rupiah a month.
        missing_registers: Registers that were never delivered.
    """

    frames: Mapping[str, DataFrame]
    quotas: Mapping[str, Mapping[str, int] | None]
    sizes: Mapping[str, tuple[int, int]]
    wage_floors: Mapping[str, int]
    missing_registers: tuple[str, ...]


@dataclass(frozen=True)
class _Gathered:
    """What all programs decide on, in files of the build's scratch folder.

    Attributes:
        listed: From ``facts.gone``, with an opaque id of the listed NIK.
        families: From ``facts.families``.
        members: From ``facts.members``; not asked for where no program is of persons.
        tickets: From ``facts.subjects``; None where there are none.
        fates: What became of units that are gone, by unit (person, family); none without a release before.
        cuts: Lowest score above each decile; none without deciles.
    """

    listed: DataFrame
    families: DataFrame
    members: DataFrame
    tickets: DataFrame | None
    fates: Mapping[str, DataFrame]
    cuts: Mapping[int, int]


def decide_all(job: Job, programs: Sequence[ProgramRules], scores: DataFrame | None = None) -> Decided:
    """Decide programs over the build's scores, persons and registers.

    Args:
        job: The run; intermediate files go to its scratch folder.
        programs: Rules to decide by.
        scores: Rows of ``welfare/score`` to decide on (a simulation's); None = the build's.

    Returns:
        The decisions, to be written or compared.
    """
    scored = job.read(tables.SCORE) if scores is None else scores
    sizes = _sizes(scored)
    floors = wages.at(wages.read(), job.period.last_day, sizes)
    registers = facts.registers(job, programs)
    people = job.keep(
        STAGE, "people", facts.persons(job.read(tables.PERSON_ATTRIBUTE), registers.facts, programs, floors)
    )
    flagged = facts.flag_columns(programs) and job.has(tables.FAMILY_ATTRIBUTE)
    attributes = job.read(tables.FAMILY_ATTRIBUTE) if flagged else None
    families = job.keep(STAGE, "families", facts.families(scored, people, attributes, _decile_causes(job), programs))
    # None of them needs another, and most are mostly plans: side by side nothing waits for them.
    with ThreadPoolExecutor(_WRITERS) as writers:
        members = writers.submit(_members, job, programs, people, families)
        listed = writers.submit(_listed, job, programs, people)
        tickets = writers.submit(_tickets, job, people)
        fates = writers.submit(_fates, job, programs, people, families)
    gathered = _Gathered(listed.result(), families, members.result(), tickets.result(), fates.result(), _cuts(job))
    quotas = {p.program: _quotas(job, p, sizes) for p in programs}
    # Seconds of planning each, before the first row is read.
    with ThreadPoolExecutor(_WRITERS) as planners:
        planned = planners.map(lambda p: (p.program, _decisions(job, p, gathered, quotas[p.program])), programs)
        frames = dict(planned)
    return Decided(frames, quotas, sizes, floors, registers.missing)


def _members(job: Job, programs: Sequence[ProgramRules], people: DataFrame, families: DataFrame) -> DataFrame:
    if not any(program.unit == "person" for program in programs):
        return families
    return job.keep(STAGE, "members", facts.members(people, families, programs))


def _listed(job: Job, programs: Sequence[ProgramRules], people: DataFrame) -> DataFrame:
    """Gather once whom each program would look for among all persons."""
    gone = facts.gone(people, programs)
    flags = [name(program.program) for program in programs for name in (facts.recipient, facts.protected)]
    named = privacy.with_opaque_id(gone, job.id_key(), F.concat(F.lit("listed "), F.col(c.NIK)), _LISTED_ID, "R")
    return job.keep(STAGE, "listed", named.select(c.PERSON_ID, c.ALIVE, facts.FOUND, *flags, _LISTED_ID))


def _tickets(job: Job, people: DataFrame) -> DataFrame | None:
    if not job.has(tables.TICKET):
        return None
    return job.keep(STAGE, "tickets", facts.subjects(job.read(tables.TICKET), people))


def _sizes(scores: DataFrame) -> dict[str, tuple[int, int]]:
    """Families and persons of each kab/kota; a few hundred rows on the driver."""
    rows = (
        scores.groupBy(facts.kab_of(F.col(c.REGION_CODE)).alias(c.KAB_CODE))
        .agg(F.count(F.lit(1)).alias(c.FAMILIES), F.coalesce(F.sum(c.MEMBERS), F.lit(0)).alias(c.PERSONS))
        .collect()
    )
    return {row[c.KAB_CODE]: (int(row[c.FAMILIES]), int(row[c.PERSONS])) for row in rows}


def _units(program: ProgramRules, sizes: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    place = 0 if program.unit == "family" else 1
    return {kab: size[place] for kab, size in sizes.items()}


def _quotas(job: Job, program: ProgramRules, sizes: Mapping[str, tuple[int, int]]) -> dict[str, int] | None:
    if program.rules.quota is None:
        return None
    units = _units(program, sizes)
    return largest_remainder(_part(job, program, program.rules.quota.national, units), units)


def _part(job: Job, program: ProgramRules, national: int, units: Mapping[str, int]) -> int:
    """Return the part of a national figure that a lake of so many units has."""
    figures = job.config.programs
    nation = figures.national_families if program.unit == "family" else figures.national_persons
    return scaled_quota(national, sum(units.values()), nation)


def _decisions(job: Job, program: ProgramRules, gathered: _Gathered, quotas: Mapping[str, int] | None) -> DataFrame:
    if program.unit == "family":
        units = decide.family_units(gathered.families, program)
    else:
        units = decide.person_units(gathered.members, program)
    if gathered.tickets is not None:
        units = decide.barred(units, withdraw.withdrawn(gathered.tickets, program), program, withdraw.WITHDRAWN)
    above = gathered.cuts.get(program.rules.deciles[-1])
    # The cut is the lowest score of the decile above.
    decided = decide.decide(units, program, quotas, job.period.text, None if above is None else above - 1)
    decided = decided.unionByName(decide.gone_recipients(gathered.listed, program, _LISTED_ID))
    past = _past(job, program, gathered)
    terms = program.rules.reinstate
    if terms is not None and gathered.tickets is not None:
        papers = reinstate.with_papers(gathered.tickets, terms)
        decided = reinstate.put_back(decided, papers, past.decisions if past else None, program, terms)
    return changes.with_changes(decided, program, past, job.period.last_day)


def _cuts(job: Job) -> dict[int, int]:
    if not job.has(tables.CUTPOINT):
        return {}
    # Nine for each unit.
    cuts = job.read(tables.CUTPOINT).where(F.col(c.UNIT) == job.config.welfare.unit).select(c.K, c.SCORE).collect()
    return {row[c.K]: row[c.SCORE] for row in cuts}


def _past(job: Job, program: ProgramRules, gathered: _Gathered) -> changes.Past | None:
    published = job.published(tables.decision(program.program))
    if published is None or job.previous_release is None:
        return None
    decisions = published.where(F.col(c.RELEASE_ID) == job.previous_release)
    then = Period.of_release(job.previous_release)
    return changes.Past(decisions, rules_then(program.program, then), gathered.fates[program.unit])


def _fates(job: Job, programs: Sequence[ProgramRules], people: DataFrame, families: DataFrame) -> dict[str, DataFrame]:
    """Gather what became of units that are gone, for the kinds of units that programs have."""
    if job.previous_release is None:
        return {}
    crosswalk = None
    if job.has(tables.CROSSWALK):
        crosswalk = job.read(tables.CROSSWALK).where(F.col(c.RELEASE_ID) == job.release_id)
    members = job.published(tables.FAMILY_MEMBER)
    if members is None:
        members = job.lake.empty(tables.FAMILY_MEMBER)
    ways = {
        "person": lambda: changes.person_fates(people, crosswalk),
        "family": lambda: changes.family_fates(families, people, members),
    }
    units = sorted({program.unit for program in programs})
    return {unit: job.keep(STAGE, f"{unit}_fates", ways[unit]()) for unit in units}


def _decile_causes(job: Job) -> DataFrame | None:
    """What moved the decile of each family whose decile moved, as the welfare stage tells it."""
    if not job.has(tables.WELFARE_CHANGE):
        return None
    moved = job.read(tables.WELFARE_CHANGE).where(F.col(c.DECILE_CAUSE).isNotNull())
    return moved.select(c.FAMILY_ID, F.col(c.DECILE_CAUSE).alias(facts.DECILE_CAUSE))


def _write(job: Job, program: str, decisions: DataFrame) -> dict[str, int]:
    """Write the decisions of a program, and return its figures, counted while they are written."""
    is_selected = F.col(c.DECISION) == decide.SELECTED
    is_gone = reduce(or_, map(changes.has, _LEAVERS))
    counted = Observation()
    observed = decisions.observe(
        counted,
        F.count(F.lit(1)).alias(c.ROWS),
        F.count_if(is_gone).alias("units_gone"),
        F.count_if(is_selected).alias("units_selected"),
        F.count_if(F.col(c.DECISION) == decide.ELIGIBLE).alias("units_beyond_quota"),
        F.count_if(F.col(c.DECISION) == decide.EXCLUDED).alias("units_excluded"),
        F.count_if(F.col(c.CHANGE) == tables.DROP).alias("units_dropped"),
        F.count_if(F.col(c.CHANGE_VS_RECIPIENT) == tables.DROP).alias("recipients_dropped"),
        F.count_if(c.HOLD).alias("units_held"),
        F.coalesce(F.sum(c.BENEFIT_IDR_YEAR), F.lit(0)).alias("benefit_total_idr_year"),
    )
    job.write(tables.decision(program), observed)
    return {name: int(value) for name, value in counted.get.items()}


def _report(
    job: Job, programs: Sequence[ProgramRules], decided: Decided, counted: Mapping[str, Mapping[str, int]]
) -> None:
    """Enter accounts and figures of what was written."""
    for program in programs:
        path = tables.decision(program.program).path
        figures = counted[program.program]
        units = _units(program, decided.sizes)
        rows_out = figures[c.ROWS] - figures["units_gone"]
        job.ledger.account(STAGE, path, rows_in=sum(units.values()), rows_out=rows_out)
        shares = decided.quotas[program.program]
        if shares is not None:
            job.ledger.metric(STAGE, "quota_units", sum(shares.values()), subject=path)
        if program.rules.budget is not None:
            budget = _part(job, program, program.rules.budget.national_idr_year, units)
            above = max(figures["benefit_total_idr_year"] - budget, 0)
            job.ledger.metric(STAGE, "budget_idr_year", budget, subject=path)
            job.ledger.metric(STAGE, "benefit_above_budget_idr_year", above, subject=path, severity="warning")
        for name, value in figures.items():
            if name != c.ROWS:
                job.ledger.metric(STAGE, name, value, subject=path)
