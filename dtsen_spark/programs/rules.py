"""The rules of programs as dated data: ``conf/programs/<program>.yaml``, validated before Spark starts.

One file is one program; it holds versions with a validity, so that a past period is decided by the rules of its day.
A condition names a column of a person or a family, an operator and a value; nothing else can be said, so a
rule can be read by those who make policy and run as one Spark expression.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, IntegerType, StringType

from dtsen_spark import codes, tables
from dtsen_spark import columns as c
from dtsen_spark.config import conf_dir, read_yaml, validated
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import ConfigError
from dtsen_spark.job import Period

Scalar = bool | int | str
# Of the decision, of the person (of a family: its head), of the family's card.
HANDOVER_COLUMNS: Final = (
    *(name for name in tables.decision("").columns),
    c.NIK,
    c.NAME,
    c.SEX,
    c.BIRTH_DATE,
    c.NO_KK,
    c.MEMBERS,
)
_NAME: Final = r"^[A-Z][A-Z0-9_]*$"
_DECILES: Final = range(1, 11)
_SCALARS: Final[dict[type, type]] = {BooleanType: bool, IntegerType: int, StringType: str}


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Op(StrEnum):
    """What a condition asks of a value; an unknown value never meets a condition."""

    EQ = "eq"
    IN = "in"
    GE = "ge"
    LE = "le"


class Condition(_Rule):
    """One question to one column of a person."""

    asked: ClassVar[TableContract] = tables.PERSON_ATTRIBUTE

    column: str = Field(description="Column of the table that is asked.")
    op: Op = Field(description="eq, in, ge, le.")
    value: Scalar | tuple[Scalar, ...] = Field(description="Value, or the list of 'in'.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.column not in self.asked.columns:
            message = f"{self.column} is no column of {self.asked.path}"
            raise ValueError(message)
        if isinstance(self.value, tuple) != (self.op is Op.IN):
            message = f"{self.column}: 'in' takes a list, every other operator one value"
            raise ValueError(message)
        wanted = _SCALARS.get(type(c.COLUMNS[self.column].type))
        if wanted is None or any(type(value) is not wanted for value in self.values):
            message = f"{self.column}: the value must be of type {c.COLUMNS[self.column].type.simpleString()}"
            raise ValueError(message)
        if self.op in {Op.GE, Op.LE} and wanted is not int:
            message = f"{self.column}: {self.op} compares numbers only"
            raise ValueError(message)
        listed = codes.code_lists().get(self.column)
        known = {code.code for code in listed.codes} if listed and wanted is str else None
        if known is not None and (strange := sorted(set(map(str, self.values)) - known)):
            message = f"{self.column}: {', '.join(strange)} is in no code list"
            raise ValueError(message)
        return self

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The value, or the values of ``in``."""
        return self.value if isinstance(self.value, tuple) else (self.value,)

    def holds(self) -> Column:
        """Return whether a person meets it; never null."""
        column = F.col(self.column)
        match self.op:
            case Op.EQ:
                met = column == F.lit(self.value)
            case Op.IN:
                met = column.isin(*self.values)
            case Op.GE:
                met = column >= F.lit(self.value)
            case Op.LE:
                met = column <= F.lit(self.value)
        return F.coalesce(met, F.lit(False))


class FamilyCondition(Condition):
    """One question to one column of a family."""

    asked: ClassVar[TableContract] = tables.FAMILY_ATTRIBUTE


def all_hold(conditions: Sequence[Condition]) -> Column:
    """Return whether a person meets every condition; true where there is none."""
    met = F.lit(True)
    for condition in conditions:
        met = met & condition.holds()
    return met


class Component(_Rule):
    """A part of the benefit that hangs on a person, such as a pupil of primary school."""

    name: str = Field(pattern=_NAME)
    when: tuple[Condition, ...] = Field(min_length=1)
    amount_idr_year: int = Field(ge=0, description="Rupiah a year for each person.")
    max_per_family: int | None = Field(default=None, ge=1, description="Most persons of a family; null = no bound.")


class Requirement(_Rule):
    """What the person must meet (programs for persons); the name is the reason where they do not."""

    reason: str = Field(pattern=_NAME)
    when: tuple[Condition, ...] = Field(min_length=1)


class Exclusion(_Rule):
    """What bars a unit that is eligible otherwise; exactly one test is given."""

    reason: str = Field(pattern=_NAME)
    scope: Literal["person", "family"] = Field(description="The person alone, or anyone in the family.")
    payroll_kinds: tuple[str, ...] = Field(default=())
    wage_above_minimum: bool = Field(default=False, description="Reported wage above the region's minimum wage.")
    employment_segments: tuple[str, ...] = Field(default=(), description="Active in such a segment.")
    health_segments: tuple[str, ...] = Field(default=(), description="Active in such a segment.")
    when: tuple[Condition, ...] = Field(default=())
    unless_recipient: bool = Field(default=False, description="Does not bar who receives the program already.")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        tests = (self.payroll_kinds, self.wage_above_minimum, self.employment_segments, self.health_segments, self.when)
        if sum(bool(test) for test in tests) != 1:
            message = f"{self.reason}: give exactly one test"
            raise ValueError(message)
        for name, stated in ((c.PAYROLL_KIND, self.payroll_kinds), (c.SEGMENT, self._segments)):
            known = {code.code for code in codes.code_list(name).codes}
            if strange := sorted(set(stated) - known):
                message = f"{self.reason}: {', '.join(strange)} is in no code list"
                raise ValueError(message)
        return self

    @property
    def _segments(self) -> tuple[str, ...]:
        return (*self.employment_segments, *self.health_segments)


class Group(_Rule):
    """Persons whom a program treats apart; a family is in the group where any living member is."""

    name: str = Field(pattern=_NAME)
    catastrophic: bool = Field(default=False, description="Under treatment for a catastrophic illness.")
    when: tuple[Condition, ...] = Field(default=())

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if self.catastrophic == bool(self.when):
            message = f"{self.name}: give exactly one test, catastrophic or when"
            raise ValueError(message)
        return self


class RedFlag(_Rule):
    """What speaks against a family's need without deciding: it asks for a look."""

    reason: str = Field(pattern=_NAME)
    when: tuple[FamilyCondition, ...] = Field(min_length=1)


class Quota(_Rule):
    """How many units the nation pays for; a lake with another population has its part of it."""

    national: int = Field(ge=1, description="Units of the program's unit.")
    source: str = Field(min_length=1)


class Budget(_Rule):
    """What the nation pays in a year; a lake with another population has its part of it."""

    national_idr_year: int = Field(ge=1, description="Rupiah a year.")
    source: str = Field(min_length=1)


class Reinstatement(_Rule):
    """When a person who was dropped is put back between rankings."""

    ticket_kinds: tuple[str, ...] = Field(min_length=1, description="Kinds of ticket that can ask for it.")
    evidence: str = Field(pattern=_NAME, description="Evidence that the ticket must carry.")
    despite: tuple[str, ...] = Field(min_length=1, description="Reasons that do not stand against it.")


class Rules(_Rule):
    """One version of a program's rules."""

    valid_from: date
    valid_to: date | None = Field(description="Last day, null = until further notice.")
    legal_reference: str = Field(min_length=1, description="Law or decree that the version rests on.")
    source: str = Field(min_length=1, description="Where the figures were read.")
    deciles: tuple[int, ...] = Field(min_length=1, description="Deciles that can receive.")
    quota: Quota | None = None
    budget: Budget | None = None
    priority: tuple[Group, ...] = Field(
        default=(), description="Who comes first inside a quota, the first group first; then all others."
    )
    protected: tuple[Group, ...] = Field(default=(), description="Leavers who stay until a field check.")
    amount_idr_year: int = Field(default=0, ge=0, description="Rupiah a year for the unit itself.")
    components: tuple[Component, ...] = Field(default=())
    max_components: int | None = Field(default=None, ge=1, description="Most persons of a family with a component.")
    component_required: bool = Field(default=False, description="A unit without component is not eligible.")
    requirements: tuple[Requirement, ...] = Field(default=())
    exclusions: tuple[Exclusion, ...] = Field(default=())
    red_flags: tuple[RedFlag, ...] = Field(default=())
    reinstate: Reinstatement | None = None
    grace_days: int = Field(default=0, ge=0, description="Days between a leaver's notice and the end of the benefit.")
    human_decision: bool = Field(
        default=False, description="A leaver leaves only after a person decided so (UU 27/2022 art. 10)."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            message = "valid_to stands before valid_from"
            raise ValueError(message)
        if self.deciles != tuple(range(self.deciles[0], self.deciles[-1] + 1)) or not set(self.deciles) <= set(
            _DECILES
        ):
            message = "deciles must rise from the lowest to the highest without a gap, within 1 to 10"
            raise ValueError(message)
        named = (
            [part.name for part in self.components],
            [*(r.reason for r in self.requirements)],
            [*(e.reason for e in self.exclusions)],
            [*(f.reason for f in self.red_flags)],
            [*(g.name for g in self.priority)],
            [*(g.name for g in self.protected)],
        )
        if any(len(set(names)) < len(names) for names in named):
            message = "two components, requirements, exclusions, red flags or groups have one name"
            raise ValueError(message)
        if self.priority and self.quota is None:
            message = "priority is the order inside a quota: it needs one"
            raise ValueError(message)
        if self.component_required and not self.components:
            message = "component_required needs components"
            raise ValueError(message)
        return self


class Handover(_Rule):
    """What the ministry that runs the program may receive (UU 27/2022 art. 16: no more than it needs)."""

    recipient: str = Field(min_length=1, description="Who receives the files.")
    purpose: str = Field(min_length=1, description="What they may be used for.")
    legal_reference: str = Field(min_length=1, description="Law or agreement that allows it.")
    columns: tuple[str, ...] = Field(min_length=1, description="Columns of the files, in order.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if strange := sorted(set(self.columns) - set(HANDOVER_COLUMNS)):
            message = f"columns: {', '.join(strange)} cannot be handed over; there are: {', '.join(HANDOVER_COLUMNS)}"
            raise ValueError(message)
        if len(set(self.columns)) < len(self.columns):
            message = "columns: one is named twice"
            raise ValueError(message)
        return self


class Program(_Rule):
    """One file of ``conf/programs``."""

    program: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    says: str = Field(min_length=1, description="What it is, in one phrase.")
    title: str = Field(min_length=1, description="Official name, as notices say it.")
    unit: Literal["person", "family"]
    handover: Handover | None = Field(default=None, description="What its ministry receives; null = nothing.")
    versions: tuple[Rules, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ordered = sorted(self.versions, key=lambda rules: rules.valid_from)
        for earlier, later in pairwise(ordered):
            if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
                message = f"versions overlap: one from {earlier.valid_from}, one from {later.valid_from}"
                raise ValueError(message)
        for rules in self.versions:
            if self.unit == "family" and rules.requirements:
                message = "requirements are of persons; a family program uses components"
                raise ValueError(message)
            if self.unit == "family" and any(exclusion.scope == "person" for exclusion in rules.exclusions):
                message = "a family program excludes by family"
                raise ValueError(message)
            if self.unit == "family" and rules.reinstate:
                message = "reinstate is for programs of persons: a medical letter is a person's"
                raise ValueError(message)
            if self.unit == "person" and (rules.max_components or any(k.max_per_family for k in rules.components)):
                message = "caps by family are for family programs"
                raise ValueError(message)
        return self

    def at(self, day: date) -> Rules | None:
        """Return the version that is valid on a day, None where there is none."""
        valid = (r for r in self.versions if r.valid_from <= day and (r.valid_to is None or day <= r.valid_to))
        return next(valid, None)


class ProgramRules(_Rule):
    """The rules of one program as they hold for one period."""

    program: str
    unit: Literal["person", "family"]
    rules: Rules
    title: str = ""
    handover: Handover | None = None

    @property
    def unit_id(self) -> str:
        """Column that names a unit."""
        return c.PERSON_ID if self.unit == "person" else c.FAMILY_ID


def folder() -> Path:
    """Return the folder of the programs' rules."""
    return conf_dir() / "programs"


def parse(path: Path) -> Program:
    """Read and validate one program's file.

    Args:
        path: YAML file; its stem is the program's name.

    Raises:
        ConfigError: The file is missing or not YAML, or breaks a rule; the message lists every fault.
    """
    found = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml"))) or "none"
    missing = f"no rules for program '{path.stem}' (programs.enabled); there are: {found}"
    program = validated(path, Program, read_yaml(path, missing=missing), "rules")
    if program.program != path.stem:
        message = f"{path}: program: {program.program} is not the file's name"
        raise ConfigError(message)
    return program


def load_rules(names: Sequence[str], period: Period) -> tuple[ProgramRules, ...]:
    """Read the rules of programs as they hold on a period's last day; touches no Spark.

    Args:
        names: Programs, by file name.
        period: Period that is decided.

    Returns:
        One entry for each name, in order.

    Raises:
        ConfigError: A file is missing or wrong, a program is named twice, or has no version for the period.
    """
    if len(set(names)) < len(names):
        message = "programs.enabled: a program is named twice"
        raise ConfigError(message)
    return tuple(program_at(name, period) for name in names)


def program_at(name: str, period: Period) -> ProgramRules:
    """Return one program's rules as they hold on a period's last day.

    Raises:
        ConfigError: The file is missing or wrong, or the program has no version for the period.
    """
    program = parse(folder() / f"{name}.yaml")
    rules = program.at(period.last_day)
    if rules is None:
        message = (
            f"{program.program}.yaml: no version is valid on {period.last_day} ({period.text}); add one, "
            "or drop the program"
        )
        raise ConfigError(message)
    return ProgramRules(
        program=program.program, unit=program.unit, rules=rules, title=program.title, handover=program.handover
    )


def rules_then(name: str, period: Period) -> Rules | None:
    """Return the version of a program's rules that held in an earlier period, None where there was none."""
    return parse(folder() / f"{name}.yaml").at(period.last_day)


def changed_rules(path: Path, period: Period) -> tuple[ProgramRules, ...]:
    """Read what a simulation changes: by program, fields of the version that holds for a period.

    Args:
        path: YAML file such as ``pkh: {deciles: [1, 2], quota: {national: 12000000, source: proposal}}``.
        period: Period that is decided.

    Returns:
        The changed rules of each program that the file names.

    Raises:
        ConfigError: The file cannot be read, names an unknown program, or what it says is no rule.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content or not all(isinstance(one, dict) for one in content.values()):
        message = f"--rules {path}: must hold programs with changed fields, such as 'pkh: {{deciles: [1, 2]}}'"
        raise ConfigError(message)
    changed = []
    for name, fields in content.items():
        known = program_at(str(name), period)
        # Validated as a whole program: a change can break a rule that spans fields.
        whole = {
            "program": known.program,
            "says": "simulated",
            "title": known.title,
            "unit": known.unit,
            "versions": [{**known.rules.model_dump(), **fields}],
        }
        program = validated(path, Program, whole, f"rules of {name}")
        changed.append(known.model_copy(update={"rules": program.versions[0]}))
    return tuple(changed)
