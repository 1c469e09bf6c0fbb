"""Quotas: scaled down, shared by largest remainder, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from dtsen_spark.programs.quota import largest_remainder, scaled_quota

SIZES = st.dictionaries(st.from_regex(r"[1-9]\d{3}", fullmatch=True), st.integers(0, 6_000_000), min_size=1)


def test_a_lake_of_the_nations_size_has_the_nations_quota() -> None:
    assert scaled_quota(96_800_000, 289_060_513, 289_060_513) == 96_800_000
    assert scaled_quota(96_800_000, 100_000, 289_060_513) == 33_487  # 33,487.6 rounded down


def test_equal_remainders_go_by_code() -> None:
    assert largest_remainder(2, {"1103": 5, "1101": 5, "1102": 5}) == {"1101": 1, "1102": 1, "1103": 0}


def test_no_population_has_no_share() -> None:
    assert largest_remainder(10, {"1101": 0}) == {"1101": 0}


@given(quota=st.integers(0, 100_000_000), units=SIZES)
def test_shares_add_up_and_stay_within_one_of_their_part(quota: int, units: dict[str, int]) -> None:
    shares = largest_remainder(quota, units)
    total = sum(units.values())

    assert sum(shares.values()) == (quota if total else 0)
    assert all(abs(shares[kab] * total - quota * size) < max(total, 1) for kab, size in units.items())
