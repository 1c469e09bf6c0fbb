"""What needs no Spark: profiles, sizes, shares."""

import pytest

from dtsen_spark.errors import UsageError
from dtsen_spark.synthetic import load_profile
from dtsen_spark.synthetic.families import count_families, sizes
from dtsen_spark.synthetic.nation import load_nation
from dtsen_spark.synthetic.places import read_shares
from dtsen_spark.synthetic.profile import first_day
from dtsen_spark.synthetic.survey import survey_size


def rates(node: object) -> list[float]:
    if isinstance(node, dict):
        return [rate for key, value in node.items() if key not in {"name", "coverage"} for rate in rates(value)]
    return [float(str(node))]


def test_a_clean_nation_has_no_errors_and_a_harsh_one_more_than_documented() -> None:
    clean, documented, harsh = (rates(load_profile(name).model_dump()) for name in ("clean", "documented", "harsh"))

    assert max(clean) == 0
    assert all(more >= less for more, less in zip(harsh, documented, strict=True))
    assert sum(harsh) > 1.5 * sum(documented)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="clean, documented, harsh"):
        load_profile("pristine")


@pytest.mark.parametrize("quarter", ["2026", "2026Q5", "Q1", "2026-01"])
def test_a_wrong_quarter_stops(quarter: str) -> None:
    with pytest.raises(UsageError):
        first_day(quarter)


@pytest.mark.parametrize("persons", [10, 11, 304, 305, 306, 5_000, 99_999, 285_000_000])
def test_families_hold_exactly_the_persons(persons: int) -> None:
    nation = load_nation()
    families, last = count_families(nation, persons)
    block = sizes(nation)
    blocks, rest = divmod(families - 1, len(block))

    assert blocks * sum(block) + sum(block[:rest]) + last == persons
    assert 1 <= last <= max(block)


@pytest.mark.parametrize("units", [1, 41, 1_640, 4_700_000])
def test_neighbourhoods_are_allotted_by_population(units: int) -> None:
    shares = read_shares()
    firsts = [*shares.allotted(units), units]
    total = sum(shares.persons)

    assert firsts == sorted(firsts)
    assert all(
        abs((after - first) - units * persons / total) < 1
        for first, after, persons in zip(firsts[:-1], firsts[1:], shares.persons, strict=True)
    )


@pytest.mark.parametrize(("families", "households"), [(1_000, 400), (30_000, 10_000), (95_000_000, 475_000)])
def test_survey_size(families: int, households: int) -> None:
    assert survey_size(families) == households
