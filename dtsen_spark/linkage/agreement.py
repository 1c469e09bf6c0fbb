"""When a record that states a NIK is the person of that NIK: the rules of the deterministic step, named one by one.

A NIK is evidence, not identity: one that is borrowed from the head of the family, reused or mistyped lands on
another living person about half the time, so a rule also asks for a name or a full birth date.
"""

from functools import partial
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.expressions import FEW, first_few, present
from dtsen_spark.linkage import working as w

NIK_NAME_BIRTH: Final = "NIK_NAME_BIRTH"
NIK_BIRTH: Final = "NIK_BIRTH"
NIK_NAME: Final = "NIK_NAME"
NIK_KK_YEAR: Final = "NIK_KK_YEAR"
NIK_DAY: Final = "NIK_DAY"
RULES: Final = (NIK_NAME_BIRTH, NIK_BIRTH, NIK_NAME, NIK_KK_YEAR, NIK_DAY)

# Jaro-Winkler of 0.92 on sorted, normalised tokens: spelling drift passes. Alone it would be too loose
# ("SRI WAHYUNI" and "SITI WAHYUNI" reach it), beside an equal NIK it is not.
_SIMILAR_NAME: Final = 0.92
_LETTERS_FOR_AN_EDIT: Final = 5
_YEARS_OF_A_SLIP: Final = 10  # one digit of a year
_LETTERS_OF_A_NICKNAME: Final = 4
MOST_YEARS_OF_TWO_SEXES: Final = 5  # I3: records of two sexes are of one person only if born within so many years

# What a record must show to be compared; the other side's columns carry the prefix.
COMPARED: Final = (
    c.NAME_SORTED,
    c.NAME_TOKENS,
    c.SEX,
    c.BIRTH_YEAR,
    c.BIRTH_MONTH,
    c.BIRTH_DAY,
    c.BIRTH_HEAPED,
    c.MOTHER_NAME_NORM,
    w.KK_NUMBER,
)


def similarity(left: Column, right: Column) -> Column:
    """Return the Jaro-Winkler similarity of two texts, 0 where either is null."""
    return F.call_function("jaro_winkler", F.coalesce(left, F.lit("")), F.coalesce(right, F.lit("")))


def rule(prefix: str) -> Column:
    """Return the first rule under which a record is the person whose NIK it states, else null.

    Args:
        prefix: Prefix of the other side's ``COMPARED`` columns; the record's own have none.

    Returns:
        A name of ``RULES``, or null. Both sides state the same NIK.
    """
    met = _conditions(prefix)
    return F.coalesce(*(F.when(met[name], F.lit(name)) for name in RULES))


def holding_rules(prefix: str) -> Column:
    """Return every rule that a pair meets, in the order of ``RULES``: where one fails, the next would carry the link.

    Args:
        prefix: As of ``rule``.
    """
    met = _conditions(prefix)
    return present(*(F.when(met[name], F.lit(name)) for name in RULES))


def certain(prefix: str) -> Column:
    """Say whether two records are spelt alike and of one full birth date.

    What a NIK that very many persons state asks for: among thousands some share a day, a sex or a token by chance.

    Args:
        prefix: As of ``rule``.
    """
    # The date first: it spares most strangers the comparison of their names.
    return _same_date(prefix) & _spelt_alike(prefix)


def sex_differs(prefix: str) -> Column:
    """Say whether the sexes of two records differ, or may do so since one of them is unknown.

    Only a cluster that holds such a record can break I3 (two sexes and birth years more than five apart).

    Args:
        prefix: As of ``rule``.
    """
    return F.coalesce(F.col(c.SEX) != F.col(prefix + c.SEX), F.lit(True))


def _both(prefix: str, name: str) -> tuple[Column, Column]:
    return F.col(name), F.col(prefix + name)


def _same(prefix: str, name: str) -> Column:
    # Unknown is not equal: a null must not carry a rule.
    left, right = _both(prefix, name)
    return F.coalesce(left == right, F.lit(False))


def _same_day(prefix: str) -> Column:
    return _same(prefix, c.BIRTH_MONTH) & _same(prefix, c.BIRTH_DAY)


def _same_date(prefix: str) -> Column:
    return _same(prefix, c.BIRTH_YEAR) & _same_day(prefix)


def _spelt_alike(prefix: str) -> Column:
    names = _both(prefix, c.NAME_SORTED)
    return _same(prefix, c.NAME_SORTED) | (similarity(*names) >= _SIMILAR_NAME) | _few_edits(*names)


def _conditions(prefix: str) -> dict[str, Column]:
    both, same = partial(_both, prefix), partial(_same, prefix)
    tokens, other_tokens = both(c.NAME_TOKENS)
    shared = F.coalesce(F.size(F.array_intersect(tokens, other_tokens)), F.lit(0))
    contained = (shared > 0) & (shared == F.least(F.size(tokens), F.size(other_tokens)))
    same_name, spelt_alike = same(c.NAME_SORTED), _spelt_alike(prefix)
    similar_name = spelt_alike | contained | _within(*both(c.NAME_SORTED)) | _cut_short(*both(c.NAME_SORTED))

    sex, other_sex = both(c.SEX)
    sex_allows = F.coalesce(sex == other_sex, F.lit(True))
    year, other_year = both(c.BIRTH_YEAR)
    same_day, same_date = _same_day(prefix), _same_date(prefix)
    # A day and a month that changed places keep the year, so "same year" covers the swap.
    birth_allows = same(c.BIRTH_YEAR) | (same_day & (F.abs(year - other_year) <= _YEARS_OF_A_SLIP)) | year.isNull()
    heaped = F.coalesce(F.col(prefix + c.BIRTH_HEAPED), F.lit(False))
    mother_agrees = same(c.MOTHER_NAME_NORM)
    within_a_year = F.coalesce(F.abs(year - other_year) <= 1, F.lit(False))
    # Another sex and another generation are two persons (I3), whatever their name.
    one_generation = sex_allows | F.coalesce(F.abs(year - other_year) <= MOST_YEARS_OF_TWO_SEXES, F.lit(True))

    return {
        # A wrong sex is a slip of the form where name and full date agree.
        NIK_NAME_BIRTH: (similar_name & sex_allows & F.coalesce(birth_allows, F.lit(False)))
        | (spelt_alike & same_date),
        NIK_BIRTH: same_date & same(c.SEX) & (~heaped | (shared > 0) | mother_agrees),
        # Of one token the name is common enough to ask for the sex and nearly the year.
        NIK_NAME: same_name & one_generation & ((F.size(tokens) > 1) | (same(c.SEX) & within_a_year)),
        NIK_KK_YEAR: same(w.KK_NUMBER) & same(c.BIRTH_YEAR) & same(c.SEX),
        # A nickname beside a slip in the year: that a borrower shares day, month and sex is one in some thousands.
        NIK_DAY: same_day & ~heaped & same(c.SEX) & (F.abs(year - other_year) <= _YEARS_OF_A_SLIP),
    }


def _few_edits(left: Column, right: Column) -> Column:
    # The jar's Jaro-Winkler falls to 0.88 over one replaced letter in the middle of a long name.
    return F.coalesce(
        F.levenshtein(left, right) * _LETTERS_FOR_AN_EDIT <= F.least(F.length(left), F.length(right)), F.lit(False)
    )


def _cut_short(left: Column, right: Column) -> Column:
    # Initials: as many tokens, each the beginning of its counterpart; sorting keeps them side by side.
    one, other = F.split(left, " "), F.split(right, " ")
    fits = (F.size(one) == F.size(other)) & (F.size(one) <= FEW)
    for a, b in zip(first_few(one), first_few(other), strict=True):
        fits = fits & F.coalesce(F.startswith(a, b) | F.startswith(b, a), F.lit(True))
    return F.coalesce(fits, F.lit(False))


def _within(left: Column, right: Column) -> Column:
    # Nicknames are often the tail of a name ("YOHANES", "HANES"): the letters of one inside the other.
    one, other = F.replace(left, F.lit(" "), F.lit("")), F.replace(right, F.lit(" "), F.lit(""))
    long_enough = F.least(F.length(one), F.length(other)) >= _LETTERS_OF_A_NICKNAME
    return F.coalesce(long_enough & (F.contains(one, other) | F.contains(other, one)), F.lit(False))
