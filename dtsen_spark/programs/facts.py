"""What the rules need to know of a person and of a family, gathered once for all programs.

The registers that know a NIK (pay-roll, insurances, the programs' own lists) are folded into one row a NIK before they
meet the persons: one shuffle of the registers and one join, whatever their number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import codes, tables
from dtsen_spark import columns as c
from dtsen_spark.contract import TableContract, local_frame
from dtsen_spark.job import Job
from dtsen_spark.programs.rules import Component, Condition, Exclusion, Group, ProgramRules, all_hold

EMPLOYMENT_SEGMENT: Final = "_employment_segment"
HEALTH_SEGMENT: Final = "_health_segment"
FOUND: Final = "_found"
DECILE_CAUSE: Final = "_decile_cause"

_WAGE_FLOOR: Final = "_minimum_wage"
_KAB_DIGITS: Final = 4
_REGISTRY: Final = "dukcapil:"
_OF_TICKET: Final = (c.TICKET_KIND, c.PROGRAM, c.OUTCOME, c.STATE_SINCE, c.EVIDENCE_TYPES, c.IDENTIFIED_ON)
_REGISTERS: Final[tuple[TableContract, ...]] = (
    tables.PAYROLL,
    tables.EMPLOYMENT_INSURANCE,
    tables.HEALTH_INSURANCE,
    tables.RECIPIENT,
)


def recipient(program: str) -> str:
    """Name of the flag: the unit is on the program's own list."""
    return f"_receives_{program}"


def excluded(program: str, exclusion: Exclusion) -> str:
    """Name of the flag: an exclusion's test is met."""
    return f"_{program}_{exclusion.reason}"


def counted(program: str, component: Component) -> str:
    """Name of the count: persons of a family whose dearest component it is."""
    return f"_{program}_{component.name}"


def protected(program: str) -> str:
    """Name of the flag: somebody of a group that the program protects."""
    return f"_{program}_is_protected"


def first(program: str, group: Group) -> str:
    """Name of the flag: somebody of a group that comes first inside the quota."""
    return f"_{program}_first_{group.name}"


def subjects(tickets: DataFrame, people: DataFrame) -> DataFrame:
    """Put the person on each ticket about somebody whom the registry knows and who lives.

    Args:
        tickets: ``corrections/ticket``.
        people: From ``persons``: one row for each person, with NIK.

    Returns:
        One row for each such ticket: ``person_id``, ``family_id``, and what programs ask of a ticket.
    """
    # A registry record is named by its NIK.
    numbered = tickets.where(F.col(c.SUBJECT_RECORD_ID).startswith(_REGISTRY)).select(
        F.substring_index(c.SUBJECT_RECORD_ID, ":", -1).alias(c.NIK), *_OF_TICKET
    )
    # ticket : person is n : 0..1; the few tickets decide the size.
    return people.where(c.ALIVE).select(c.NIK, c.PERSON_ID, c.FAMILY_ID).join(numbered, c.NIK).drop(c.NIK)


def kab_of(region: Column) -> Column:
    """Return the cell that quotas are cut in: kab/kota, or what is sure above it; empty where nothing is."""
    return F.coalesce(F.substring(region, 1, _KAB_DIGITS), F.lit(""))


@dataclass(frozen=True)
class Registers:
    """One row a NIK with what other registers say.

    Attributes:
        facts: ``nik``, ``payroll_kind``, segments, ``wage_idr_month``, ``catastrophic``, a flag for each program.
        missing: Registers that were never delivered: exclusions that hang on them are off.
    """

    facts: DataFrame
    missing: tuple[str, ...]


def registers(job: Job, programs: Sequence[ProgramRules]) -> Registers:
    """Fold every register that knows a NIK into one row a NIK.

    Args:
        job: The run.
        programs: Rules of the period.

    Returns:
        The facts, unique by NIK.
    """
    flags = {recipient(p.program): F.col(c.PROGRAM) == p.program for p in programs}
    # Codes are folded as numbers in the order of their texts: for the greatest of texts Spark would sort every row.
    coded = {c.PAYROLL_KIND: c.PAYROLL_KIND, EMPLOYMENT_SEGMENT: c.SEGMENT, HEALTH_SEGMENT: c.SEGMENT}
    lists = {name: F.array(*map(F.lit, _sorted_codes(listed))) for name, listed in coded.items()}
    segment = F.when(F.col(c.ACTIVE), F.col(c.SEGMENT))
    columns: dict[TableContract, dict[str, Column]] = {
        tables.PAYROLL: {c.PAYROLL_KIND: F.array_position(lists[c.PAYROLL_KIND], F.col(c.PAYROLL_KIND))},
        # An inactive member is covered by nobody and earns nothing there.
        tables.EMPLOYMENT_INSURANCE: {
            EMPLOYMENT_SEGMENT: F.array_position(lists[EMPLOYMENT_SEGMENT], segment),
            c.WAGE_IDR_MONTH: F.when(F.col(c.ACTIVE), F.col(c.WAGE_IDR_MONTH)),
        },
        tables.HEALTH_INSURANCE: {
            HEALTH_SEGMENT: F.array_position(lists[HEALTH_SEGMENT], segment),
            c.CATASTROPHIC: F.col(c.CATASTROPHIC),
        },
        tables.RECIPIENT: flags,
    }
    parts = []
    for table in _REGISTERS:
        read = job.read(table) if job.has(table) else job.lake.empty(table)
        parts.append(read.select(c.NIK, *(column.alias(name) for name, column in columns[table].items())))
    united = parts[0]
    for part in parts[1:]:
        united = united.unionByName(part, allowMissingColumns=True)
    names = [name for table in _REGISTERS for name in columns[table]]
    facts = united.groupBy(c.NIK).agg(*(F.max(name).alias(name) for name in names))
    facts = facts.withColumns({name: F.get(of, (F.col(name) - 1).cast("int")) for name, of in lists.items()})
    return Registers(facts, tuple(table.path for table in _REGISTERS if not job.has(table)))


def _sorted_codes(name: str) -> list[str]:
    return sorted(code.code for code in codes.code_list(name).codes)


def persons(
    attributes: DataFrame, facts: DataFrame, programs: Sequence[ProgramRules], wages: Mapping[str, int]
) -> DataFrame:
    """Join persons to the registers and put every person-level test of every program beside them.

    Args:
        attributes: ``master/person_attribute``.
        facts: One row a NIK, from ``registers``.
        programs: Rules of the period.
        wages: Minimum wage of each kab/kota, rupiah a month; where there is none the wage rule is off.

    Returns:
        One row for each person, dead ones included, and one for each NIK that receives a program but is no person's
        (``_found`` false): the columns that rules ask for, flags of recipients and exclusions.
    """
    # person : NIK is 0..1 : 0..1 (a person's own verified NIK, and each NIK folded to one row).
    joined = attributes.withColumn(FOUND, F.lit(True)).join(facts, c.NIK, "full_outer")
    joined = joined.withColumn(FOUND, F.coalesce(FOUND, F.lit(False))).where(F.col(FOUND) | _on_a_list(programs))
    joined = _with_wage_floor(joined, wages)
    flags: dict[str, Column] = {}
    for program in programs:
        flags |= _flags(program)
    wanted = _conditioned(programs)
    kept = (c.PERSON_ID, c.FAMILY_ID, c.NIK, c.ALIVE, FOUND)
    return joined.select(*kept, *sorted(wanted - set(kept)), *(column.alias(name) for name, column in flags.items()))


def gone(people: DataFrame, programs: Sequence[ProgramRules]) -> DataFrame:
    """Return who is on the list of a program and is no unit now: dead, or no person of the register.

    Args:
        people: From ``persons``.
        programs: Rules of the period.

    Returns:
        Those rows: few.
    """
    return people.where(_on_a_list(programs) & (~F.col(FOUND) | ~F.col(c.ALIVE)))


def _on_a_list(programs: Sequence[ProgramRules]) -> Column:
    flags = (F.coalesce(recipient(program.program), F.lit(False)) for program in programs)
    return reduce(or_, flags, F.lit(False))


def _with_wage_floor(df: DataFrame, wages: Mapping[str, int]) -> DataFrame:
    schema = f"_kab string, {_WAGE_FLOOR} long"
    floors = F.broadcast(local_frame(df.sparkSession, sorted(wages.items()), schema))
    # person : kab/kota is n : 0..1.
    return df.join(floors, kab_of(F.col(c.REGION_CODE)) == F.col("_kab"), "left").drop("_kab")


def _barred(exclusion: Exclusion) -> Column:
    if exclusion.payroll_kinds:
        return F.col(c.PAYROLL_KIND).isin(*exclusion.payroll_kinds)
    if exclusion.wage_above_minimum:
        return F.col(c.WAGE_IDR_MONTH) > F.col(_WAGE_FLOOR)
    if exclusion.employment_segments:
        return F.col(EMPLOYMENT_SEGMENT).isin(*exclusion.employment_segments)
    if exclusion.health_segments:
        return F.col(HEALTH_SEGMENT).isin(*exclusion.health_segments)
    return all_hold(exclusion.when)


def _belongs(group: Group) -> Column:
    return F.coalesce(c.CATASTROPHIC, F.lit(False)) if group.catastrophic else all_hold(group.when)


def _conditions(program: ProgramRules) -> list[Condition]:
    components = [condition for part in program.rules.components for condition in part.when]
    requirements = [condition for part in program.rules.requirements for condition in part.when]
    exclusions = [condition for part in program.rules.exclusions for condition in part.when]
    groups = [condition for part in (*program.rules.priority, *program.rules.protected) for condition in part.when]
    return components + requirements + exclusions + groups


def _conditioned(programs: Sequence[ProgramRules]) -> set[str]:
    return {condition.column for program in programs for condition in _conditions(program)}


def flag_columns(programs: Sequence[ProgramRules]) -> list[str]:
    """Return the columns of a family that red flags ask for, sorted; those of the score are there anyway."""
    asked = {condition.column for p in programs for flag in p.rules.red_flags for condition in flag.when}
    return sorted(asked - {c.FAMILY_ID, c.MEMBERS, c.REGION_CODE})


def dearest(components: Sequence[Component]) -> tuple[Component, ...]:
    """Return components by amount, dearest first, equal ones by name."""
    return tuple(sorted(components, key=lambda part: (-part.amount_idr_year, part.name)))


def best_component(components: Sequence[Component]) -> Column:
    """Return the name of the dearest component that a person meets, null where none: a person counts once."""
    best = F.lit(None).cast("string")
    for part in reversed(dearest(components)):
        best = F.when(all_hold(part.when), F.lit(part.name)).otherwise(best)
    return best


def families(
    scores: DataFrame,
    people: DataFrame,
    attributes: DataFrame | None,
    moved: DataFrame | None,
    programs: Sequence[ProgramRules],
) -> DataFrame:
    """Fold persons to families: who is in it, whom an exclusion bars, how many count for each component.

    Args:
        scores: ``welfare/score`` of the period.
        people: From ``persons``.
        attributes: ``master/family_attribute``; None where no red flag asks for it.
        moved: ``family_id``, ``_decile_cause`` of families whose decile moved; None where nobody told.
        programs: Rules of the period.

    Returns:
        One row for each family of ``scores``: region, decile, score, why the decile moved, flags, counts, and what red
        flags ask for.
    """
    folded: list[Column] = []
    for program in programs:
        flags = [recipient(program.program)]
        flags += [excluded(program.program, one) for one in program.rules.exclusions if one.scope == "family"]
        if program.unit == "family":
            flags += [protected(program.program), *(first(program.program, one) for one in program.rules.priority)]
        folded += [F.max(name).alias(name) for name in flags]
        if program.unit == "family":
            best = best_component(program.rules.components)
            folded += [
                F.count_if(best == part.name).alias(counted(program.program, part)) for part in program.rules.components
            ]
    living = people.where(F.col(c.ALIVE) & F.col(c.FAMILY_ID).isNotNull()).groupBy(c.FAMILY_ID).agg(*folded)
    ranked = scores.select(c.FAMILY_ID, c.MEMBERS, c.REGION_CODE, c.DECILE, c.SCORE)
    if attributes is not None:
        # family : its attributes is 1 : 0..1.
        ranked = ranked.join(attributes.select(c.FAMILY_ID, *flag_columns(programs)), c.FAMILY_ID, "left")
    if moved is None:
        ranked = ranked.withColumn(DECILE_CAUSE, F.lit(None).cast("string"))
    else:
        # family : why its decile moved is 1 : 0..1.
        ranked = ranked.join(moved, c.FAMILY_ID, "left")
    # family : its folded members is 1 : 1.
    return ranked.join(living, c.FAMILY_ID, "left")


def members(people: DataFrame, families: DataFrame, programs: Sequence[ProgramRules]) -> DataFrame:
    """Place every living person as the family is placed; once for all programs of persons.

    Args:
        people: From ``persons``.
        families: From ``families``.
        programs: Rules of the period.

    Returns:
        One row for each living person of a family: what these programs ask of a person, and of the family region,
        decile, score, why the decile moved, what red flags ask for, and its flags of exclusions in place of the
        person's.
    """
    of_persons = [program for program in programs if program.unit == "person"]
    barred = [excluded(p.program, one) for p in of_persons for one in p.rules.exclusions if one.scope == "family"]
    seen = [name for name in flag_columns(of_persons) if name in families.columns]
    placed = families.select(c.FAMILY_ID, c.REGION_CODE, c.DECILE, c.SCORE, DECILE_CAUSE, *seen, *barred)
    asked = _conditioned(of_persons).union(*map(_flags, of_persons))
    own = sorted(asked - set(placed.columns) - {c.PERSON_ID})
    # person : family is n : 1; the family's flags stand for those of the person.
    return people.where(F.col(c.ALIVE)).select(c.PERSON_ID, c.FAMILY_ID, *own).join(placed, c.FAMILY_ID)


def _flags(program: ProgramRules) -> dict[str, Column]:
    """A program's flags of a person, by name."""
    name, rules = program.program, program.rules
    return {
        recipient(name): F.coalesce(recipient(name), F.lit(False)),
        protected(name): reduce(or_, map(_belongs, rules.protected), F.lit(False)),
        **{first(name, group): _belongs(group) for group in rules.priority},
        **{excluded(name, one): F.coalesce(_barred(one), F.lit(False)) for one in rules.exclusions},
    }
