"""What the model compares, level by level, highest agreement first; nothing here is read or written.

Levels are SQL over ``<column>_l`` and ``<column>_r`` of the node table. Rarity of a name is part of the level (what two
people share by chance hangs on how common it is), so that one table of m and u says everything.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Level:
    """One level of agreement.

    Attributes:
        name: Name in the model file and in explanations.
        sql: Condition over the two sides; levels are tried in order.
        m: Probability among matches where it is fixed; None = counted.
        u: The same among non-matches.
    """

    name: str
    sql: str
    m: float | None = None
    u: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One thing that two records say about a person.

    Attributes:
        name: Name in the model file and in explanations.
        missing: Condition under which it says nothing (weight 0).
        levels: Levels in order; the last one takes the rest.
    """

    name: str
    missing: str
    levels: tuple[Level, ...]


_SHARED = "array_intersect(tokens_l, tokens_r)"
_CONTAINED = f"size({_SHARED}) > 0 and size({_SHARED}) = least(size(tokens_l), size(tokens_r))"
# Tokens carry their rarity class in front: the greatest shared token is the rarest.
_RARITY = f"left(array_max({_SHARED}), 1)"
_SAME_NAME = "name_sorted_l = name_sorted_r"
_SIMILAR = "jaro_winkler(name_sorted_l, name_sorted_r)"
# Initials and names cut short ("A. SRI", "MUH. RIZ"): as many tokens, each the beginning of its counterpart.
_CUT_SHORT = (
    "size(split(name_sorted_l, ' ')) = size(split(name_sorted_r, ' ')) and forall(zip_with(split(name_sorted_l, ' '), "
    "split(name_sorted_r, ' '), (a, b) -> startswith(a, b) or startswith(b, a)), fits -> fits)"
)
# One edit in eight letters: the jar's Jaro-Winkler falls to 0.88 over one replaced letter inside a long name.
_FEW_EDITS = "levenshtein(name_sorted_l, name_sorted_r) * 8 <= least(length(name_sorted_l), length(name_sorted_r))"

NAME: Final = Comparison(
    "name",
    "name_sorted_l is null or name_sorted_r is null",
    (
        Level("same, below 1 in 100 000", f"{_SAME_NAME} and name_class_l = 4"),
        Level("same, below 1 in 10 000", f"{_SAME_NAME} and name_class_l = 3"),
        Level("same, below 1 in 1 000", f"{_SAME_NAME} and name_class_l = 2"),
        Level("same, common", _SAME_NAME),
        Level("same letters without spaces", "compact_l = compact_r"),
        Level("similar", f"{_SIMILAR} >= 0.95 or {_FEW_EDITS}"),
        Level("tokens cut short", _CUT_SHORT),
        Level("contained, rare token", f"{_CONTAINED} and {_RARITY} = '4'"),
        Level("contained, token below 1 in 10 000", f"{_CONTAINED} and {_RARITY} = '3'"),
        Level("contained, token below 1 in 1 000", f"{_CONTAINED} and {_RARITY} = '2'"),
        Level("contained, common token", _CONTAINED),
        Level("shared rare token", f"size({_SHARED}) > 0 and {_RARITY} = '4'"),
        Level("shared token below 1 in 1 000", f"size({_SHARED}) > 0 and {_RARITY} >= '2'"),
        Level(
            "letters of one within the other",
            "length(compact_l) >= 4 and length(compact_r) >= 4 "
            "and (contains(compact_l, compact_r) or contains(compact_r, compact_l))",
        ),
        Level("somewhat similar", f"{_SIMILAR} >= 0.88 or jaro_winkler(compact_l, compact_r) >= 0.92"),
        Level("shared common token", f"size({_SHARED}) > 0"),
        Level("sounds alike", "name_phonetic_l = name_phonetic_r"),
        Level("other", "ELSE"),
    ),
)

_SAME_DATE = "date_number_l = date_number_r"
_SAME_DAY = "birth_month_l = birth_month_r and birth_day_l = birth_day_r"
_SAME_YEAR = "birth_year_l = birth_year_r"

BIRTH: Final = Comparison(
    "birth",
    "birth_year_l is null or birth_year_r is null",
    (
        Level("same date", f"{_SAME_DATE} and not coalesce(birth_heaped_l, false)"),
        Level("same date, one that offices put in", _SAME_DATE),
        Level(
            "day and month changed places",
            f"{_SAME_YEAR} and birth_month_l = birth_day_r and birth_day_l = birth_month_r",
        ),
        Level("one digit differs", "levenshtein(cast(date_number_l as string), cast(date_number_r as string)) = 1"),
        Level("same day, another year", f"{_SAME_DAY} and abs(birth_year_l - birth_year_r) <= 10"),
        Level("same year and month", f"{_SAME_YEAR} and birth_month_l = birth_month_r"),
        Level(
            "same year, one date unknown or put in",
            f"{_SAME_YEAR} and (date_number_l is null or date_number_r is null "
            "or coalesce(birth_heaped_l, false) or coalesce(birth_heaped_r, false))",
        ),
        Level("same year", _SAME_YEAR),
        Level("two years apart at most", "abs(birth_year_l - birth_year_r) <= 2"),
        Level("five years apart at most", "abs(birth_year_l - birth_year_r) <= 5"),
        Level("other", "ELSE"),
    ),
)

SEX: Final = Comparison(
    "sex", "sex_l is null or sex_r is null", (Level("same", "sex_l = sex_r"), Level("other", "ELSE"))
)

_MOTHER_SIMILAR = "jaro_winkler(mother_name_norm_l, mother_name_norm_r)"
MOTHER: Final = Comparison(
    "mother",
    "mother_name_norm_l is null or mother_name_norm_r is null",
    (
        Level("same", "mother_name_norm_l = mother_name_norm_r"),
        Level("similar", f"{_MOTHER_SIMILAR} >= 0.9"),
        Level(
            "shared token",
            "size(array_intersect(split(mother_name_norm_l, ' '), split(mother_name_norm_r, ' '))) > 0",
        ),
        Level("other", "ELSE"),
    ),
)

_SAME_HOUSEHOLD = "arrays_overlap(household_kks_l, household_kks_r)"
HOUSEHOLD: Final = Comparison(
    "household",
    "household_kks_l is null or household_kks_r is null",
    (Level("same", _SAME_HOUSEHOLD), Level("other", "ELSE")),
)

# Who lives in one household lives in one village: where the household agrees, the region has nothing to add.
REGION: Final = Comparison(
    "region",
    f"province_l is null or province_r is null or coalesce({_SAME_HOUSEHOLD}, false)",
    (
        Level("same village", "village_l = village_r"),
        Level("same kecamatan", "district_l = district_r"),
        Level("same kab/kota", "regency_l = regency_r"),
        Level("same province", "province_l = province_r"),
        Level("other", "ELSE"),
    ),
)

_NIK_L = "cast(nik_number_l as string)"
_NIK_R = "cast(nik_number_r as string)"
# Probabilities of the NIK are stated, not counted: a pair with equal NIKs is labelled by that very NIK. Equal NIKs
# reach the model only where the collapse found name and birth date in disagreement (borrowed, reused), so they say
# nothing. A differing serial says what birth date, sex and region have said: nothing more.
NIK: Final = Comparison(
    "nik",
    "nik_number_l is null or nik_number_r is null or nik_number_l = nik_number_r "
    "or nik_number_l div 10000 = nik_number_r div 10000",
    (
        Level(
            "one digit differs, same serial",
            f"nik_number_l % 10000 = nik_number_r % 10000 and levenshtein({_NIK_L}, {_NIK_R}) = 1",
            m=0.4,
            u=1e-5,
        ),
        Level(
            "two digits differ, same serial",
            f"nik_number_l % 10000 = nik_number_r % 10000 and levenshtein({_NIK_L}, {_NIK_R}) = 2",
            m=0.1,
            u=1e-4,
        ),
        Level("other", "ELSE", m=0.5, u=0.99989),
    ),
)

COMPARISONS: Final = (NAME, BIRTH, SEX, MOTHER, HOUSEHOLD, REGION, NIK)
