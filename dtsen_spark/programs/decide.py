"""From facts to a decision for every unit of one program: conditions, exclusions, the cut inside the quota."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import itemgetter, or_
from typing import Final, TypeAlias

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.expressions import present
from dtsen_spark.programs.facts import (
    DECILE_CAUSE,
    FOUND,
    best_component,
    counted,
    dearest,
    excluded,
    first,
    kab_of,
    protected,
    recipient,
)
from dtsen_spark.programs.rules import ProgramRules, Rules, all_hold

SELECTED: Final = "SELECTED"
ELIGIBLE: Final = "ELIGIBLE"
EXCLUDED: Final = "EXCLUDED"
NOT_ELIGIBLE: Final = "NOT_ELIGIBLE"

# Reasons that every program can give; those of requirements and exclusions come from its rules.
UNRANKED: Final = "UNRANKED"
DECILE_OUTSIDE: Final = "DECILE_OUTSIDE"
NO_COMPONENT: Final = "NO_COMPONENT"
BEYOND_QUOTA: Final = "BEYOND_QUOTA"
WITHIN_QUOTA: Final = "WITHIN_QUOTA"
DECEASED: Final = "DECEASED"
NOT_FOUND: Final = "NOT_FOUND"

# In front of the name of a priority group: why a unit stands before better-ranked ones.
PRIORITY: Final = "PRIORITY_"

RECEIVES: Final = "_receives"
PROTECTED: Final = "_protected"
_UNMET: Final = "_unmet"
_BARRED: Final = "_barred"
_AGAINST: Final = "_against"
_RANK: Final = "_rank"
_KAB: Final = "_kab"
_QUOTA: Final = "_quota"
_ORDER: Final = "_order"
_NEXT: Final = "_next"
_LAST: Final = "_last"
_SALTED: Final = "_salted"
_UNIT: Final = "_unit"

# A reason, and where it holds; null counts as no.
_Named: TypeAlias = tuple[str, Column]


def family_units(families: DataFrame, program: ProgramRules) -> DataFrame:
    """Return every family as a unit of a program: what it lacks, what bars it, what it would get.

    Args:
        families: From ``facts.families``.
        program: Its rules.

    Returns:
        One row for each family.
    """
    rules = program.rules
    taken = _taken(program)
    amount = F.lit(rules.amount_idr_year).cast("long")
    for part in rules.components:
        amount = amount + taken[part.name] * F.lit(part.amount_idr_year).cast("long")
    has = {part.name: taken[part.name] > 0 for part in rules.components}
    lacks = _lacks(rules) + _lacks_component(rules, has.values())
    return families.select(
        c.FAMILY_ID,
        F.lit(None).cast("string").alias(c.PERSON_ID),
        c.REGION_CODE,
        c.DECILE,
        c.SCORE,
        DECILE_CAUSE,
        F.coalesce(recipient(program.program), F.lit(False)).alias(RECEIVES),
        F.coalesce(protected(program.program), F.lit(False)).alias(PROTECTED),
        _names([*has.items()]).alias(c.COMPONENTS),
        _flags(rules, families).alias(c.RED_FLAGS),
        amount.alias(c.BENEFIT_IDR_YEAR),
        *_against(lacks, _bars(program)),
        _rank(program).alias(_RANK),
    )


def _rank(program: ProgramRules) -> Column:
    """Place of the first priority group that a unit belongs to; after the last group where it is in none."""
    rank = F.lit(len(program.rules.priority))
    for place, group in reversed([*enumerate(program.rules.priority)]):
        rank = F.when(F.col(first(program.program, group)), F.lit(place)).otherwise(rank)
    return rank


def _taken(program: ProgramRules) -> dict[str, Column]:
    """Persons that count for each component: dearest first, up to the component's and the family's cap."""
    left: Column = F.lit(program.rules.max_components).cast("long")
    taken: dict[str, Column] = {}
    for part in dearest(program.rules.components):
        count = F.coalesce(counted(program.program, part), F.lit(0).cast("long"))
        if part.max_per_family is not None:
            count = F.least(count, F.lit(part.max_per_family).cast("long"))
        if program.rules.max_components is not None:
            count = F.least(count, left)
            left = left - count
        taken[part.name] = count
    return taken


def person_units(members: DataFrame, program: ProgramRules) -> DataFrame:
    """Return every living person as a unit of a program, placed and ranked as the family is.

    Args:
        members: From ``facts.members``.
        program: Its rules.

    Returns:
        One row for each living person of a family.
    """
    rules = program.rules
    best = best_component(rules.components)
    amount = F.lit(rules.amount_idr_year).cast("long")
    for part in rules.components:
        amount = amount + F.when(best == part.name, F.lit(part.amount_idr_year)).otherwise(0).cast("long")
    lacks = _lacks(rules) + _lacks_component(rules, [best.isNotNull()])
    lacks += [(one.reason, ~all_hold(one.when)) for one in rules.requirements]
    return members.select(
        c.FAMILY_ID,
        c.PERSON_ID,
        c.REGION_CODE,
        c.DECILE,
        c.SCORE,
        DECILE_CAUSE,
        F.col(recipient(program.program)).alias(RECEIVES),
        F.col(protected(program.program)).alias(PROTECTED),
        present(best).alias(c.COMPONENTS),
        _flags(rules, members).alias(c.RED_FLAGS),
        amount.alias(c.BENEFIT_IDR_YEAR),
        *_against(lacks, _bars(program)),
        _rank(program).alias(_RANK),
    )


def barred(units: DataFrame, those: DataFrame, program: ProgramRules, reason: str) -> DataFrame:
    """Bar some units from a program for a reason that is none of its exclusions.

    Args:
        units: From ``family_units`` or ``person_units``.
        those: Ids of a few units, unique.
        program: Its rules.
        reason: The reason.

    Returns:
        The same rows.
    """
    marked = F.broadcast(those.withColumn("_marked", F.lit(True)))
    # unit : the units that are barred is 1 : 0..1.
    joined = units.join(marked, program.unit_id, "left")
    out = F.col("_marked").isNotNull()
    reasons = F.when(out, F.sort_array(F.concat(_AGAINST, F.array(F.lit(reason))))).otherwise(F.col(_AGAINST))
    return joined.withColumns({_BARRED: F.col(_BARRED) | out, _AGAINST: reasons}).select(*units.columns)


def gone_recipients(people: DataFrame, program: ProgramRules, listed_id: str) -> DataFrame:
    """Return those on the program's own list who are no unit now: dead, or no person of the register.

    Args:
        people: From ``facts.gone``, with an opaque id of the listed NIK.
        program: Its rules.
        listed_id: Column of that id.

    Returns:
        One row for each, decided: NOT_ELIGIBLE with DECEASED or NOT_FOUND. A dead person keeps the id where the unit
        is the person; any other unit has the id of the listed NIK.
    """
    gone = people.where(recipient(program.program))
    reason = F.when(F.col(FOUND), F.lit(DECEASED)).otherwise(F.lit(NOT_FOUND))
    is_person = program.unit == "person"
    none = F.lit(None).cast("string")
    return gone.select(
        (none if is_person else F.col(listed_id)).alias(c.FAMILY_ID),
        (F.coalesce(c.PERSON_ID, listed_id) if is_person else none).alias(c.PERSON_ID),
        none.alias(c.REGION_CODE),
        F.lit(None).cast("int").alias(c.DECILE),
        F.lit(None).cast("long").alias(c.SCORE),
        none.alias(DECILE_CAUSE),
        F.lit(True).alias(RECEIVES),
        F.col(protected(program.program)).alias(PROTECTED),
        F.lit(None).cast("long").alias(c.CUT_MARGIN),
        F.array().cast("array<string>").alias(c.COMPONENTS),
        F.array().cast("array<string>").alias(c.RED_FLAGS),
        F.lit(None).cast("long").alias(c.BENEFIT_IDR_YEAR),
        F.lit(NOT_ELIGIBLE).alias(c.DECISION),
        F.array(reason).alias(c.REASONS),
    )


def decide(
    units: DataFrame,
    program: ProgramRules,
    quotas: Mapping[str, int] | None,
    salt: str,
    last_in_deciles: int | None = None,
) -> DataFrame:
    """Decide every unit: NOT_ELIGIBLE, EXCLUDED, or SELECTED up to the quota of its kab/kota, then ELIGIBLE.

    Inside a kab/kota priority groups come first, then the poorest; equal scores go by a hash of period and unit, so
    that the same family is not last each time. Only eligible units are shuffled and sorted, and no sort is larger than
    one kab/kota.

    Args:
        units: From ``family_units`` or ``person_units``.
        program: Its rules.
        quotas: Units of each kab/kota that can be selected; None = no quota.
        salt: The period.
        last_in_deciles: Highest score inside the program's deciles; None where they have no upper end.

    Returns:
        The same rows, with ``decision``, every reason, sorted, and ``cut_margin``: to the quota's cut where the quota
        of the unit's region cuts through its group, else to that of the deciles.
    """
    to_deciles = F.col(c.SCORE) - F.lit(last_in_deciles).cast("long")
    eligible = ~F.col(_UNMET) & ~F.col(_BARRED)
    if quotas is None:
        placed, within, cuts_here = units, F.lit(True), F.lit(False)
        why = [(ELIGIBLE, within)]
    else:
        cuts = _cuts(units.where(eligible), program, quotas, salt)
        # unit : kab/kota is n : 0..1.
        placed = units.withColumn(_KAB, kab_of(F.col(c.REGION_CODE))).join(F.broadcast(cuts), _KAB, "left")
        last = F.col(_LAST)
        has_place = F.coalesce(F.col(_QUOTA) > 0, F.lit(False))
        within = has_place & (last.isNull() | (F.struct(*_place(program, salt)) <= last))
        # Groups that stand before the cut are in as a whole, those behind it out: no score of theirs is the last.
        cuts_here = has_place & last.isNotNull() & (last[_RANK] == F.col(_RANK))
        why = [(WITHIN_QUOTA, within), (BEYOND_QUOTA, ~within)]
    for place, one in enumerate(program.rules.priority):
        why.append((f"{PRIORITY}{one.name}", within & (F.col(_RANK) == place)))
    margin = to_deciles if quotas is None else F.when(cuts_here, F.col(c.SCORE) - F.col(_LAST)[c.SCORE])
    decision = (
        F.when(F.col(_UNMET), F.lit(NOT_ELIGIBLE))
        .when(~eligible, F.lit(EXCLUDED))
        .when(within, F.lit(SELECTED))
        .otherwise(F.lit(ELIGIBLE))
    )
    return placed.withColumns(
        {
            c.DECISION: decision,
            c.REASONS: F.when(eligible, _names(why)).otherwise(F.col(_AGAINST)),
            c.BENEFIT_IDR_YEAR: F.when(eligible & within, F.col(c.BENEFIT_IDR_YEAR)),
            c.CUT_MARGIN: F.coalesce(F.when(eligible, margin), to_deciles),
        }
    ).drop(_UNMET, _BARRED, _AGAINST, _RANK, _KAB, _QUOTA, _LAST)


def _place(program: ProgramRules, salt: str) -> list[Column]:
    """What units of a kab/kota are ordered by: priority group, score, hash of period and unit, unit."""
    unit = F.col(program.unit_id)
    return [F.col(_RANK), F.col(c.SCORE), F.xxhash64(F.lit(salt), unit).alias(_SALTED), unit.alias(_UNIT)]


def _cuts(eligible: DataFrame, program: ProgramRules, quotas: Mapping[str, int], salt: str) -> DataFrame:
    """Find the last unit that is taken in each kab/kota.

    Only what the order needs is shuffled and sorted, and no sort is larger than one kab/kota.

    Args:
        eligible: Units that are eligible.
        program: Its rules.
        quotas: Units of each kab/kota that can be selected.
        salt: The period.

    Returns:
        One row for each kab/kota: its quota, and the place of the last unit that is taken; null where all are.
    """
    shares = local_frame(eligible.sparkSession, sorted(quotas.items()), f"{_KAB} string, {_QUOTA} long")
    keys = [_RANK, c.SCORE, _SALTED, _UNIT]
    order = Window.partitionBy(_KAB).orderBy(*keys)
    # unit : kab/kota is n : 0..1.
    last = (
        eligible.select(kab_of(F.col(c.REGION_CODE)).alias(_KAB), *_place(program, salt))
        .withColumns({_ORDER: F.row_number().over(order), _NEXT: F.lead(_UNIT).over(order)})
        .join(F.broadcast(shares), _KAB)
        .where((F.col(_ORDER) == F.col(_QUOTA)) & F.col(_NEXT).isNotNull())
        .select(_KAB, F.struct(*keys).alias(_LAST))
    )
    # kab/kota : its last unit is 1 : 0..1.
    return shares.join(F.broadcast(last), _KAB, "left")


def _lacks(rules: Rules) -> list[_Named]:
    decile = F.col(c.DECILE)
    return [(UNRANKED, decile.isNull()), (DECILE_OUTSIDE, ~decile.between(rules.deciles[0], rules.deciles[-1]))]


def _lacks_component(rules: Rules, met: Iterable[Column]) -> list[_Named]:
    return [(NO_COMPONENT, ~_any(met))] if rules.component_required else []


def _flags(rules: Rules, families: DataFrame) -> Column:
    # Without family attributes (a source that was never delivered) no flag can be seen.
    seen = [one for one in rules.red_flags if {condition.column for condition in one.when} <= set(families.columns)]
    return _names([(one.reason, all_hold(one.when)) for one in seen])


def _bars(program: ProgramRules) -> list[_Named]:
    found = []
    for one in program.rules.exclusions:
        met = F.col(excluded(program.program, one))
        if one.unless_recipient:
            met = met & ~F.coalesce(recipient(program.program), F.lit(False))
        found.append((one.reason, met))
    return found


def _against(lacks: Sequence[_Named], bars: Sequence[_Named]) -> list[Column]:
    """Whether a unit lacks anything, whether anything bars it, and every name of either, sorted.

    Who only counts or cuts asks for the first two, which cost no list.
    """
    unmet, barring = (_any(holds for _, holds in named) for named in (lacks, bars))
    return [unmet.alias(_UNMET), barring.alias(_BARRED), _names([*lacks, *bars]).alias(_AGAINST)]


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(or_, (F.coalesce(one, F.lit(False)) for one in conditions), F.lit(False))


def _names(named: Sequence[_Named]) -> Column:
    """Names of what holds, sorted: in the plan, as a sort of every row's few texts costs more than the decision."""
    none = F.array().cast("array<string>")
    if not named:
        return none
    texts = (F.when(holds, F.lit(name)) for name, holds in sorted(named, key=itemgetter(0)))
    # Of most units nothing holds: no list is made for them.
    return F.when(_any(holds for _, holds in named), present(*texts)).otherwise(none)
