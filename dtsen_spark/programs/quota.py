"""National quotas, scaled to the population of the lake and shared over regions; plain integers, no Spark."""

from collections.abc import Mapping


def scaled_quota(national: int, units: int, national_units: int) -> int:
    """Return the part of a national quota that a lake of another population has, rounded down.

    >>> scaled_quota(10_000_000, 32_500, 95_006_179)
    3420

    Args:
        national: Quota of the nation, units.
        units: Living persons, or families, in the lake.
        national_units: Persons, or families, that the national quota refers to.
    """
    return national * units // national_units


def largest_remainder(quota: int, units: Mapping[str, int]) -> dict[str, int]:
    """Share a quota over regions by their size (Hamilton's method); equal remainders go by region code.

    >>> largest_remainder(10, {"1101": 1, "1102": 1, "1103": 1})
    {'1101': 4, '1102': 3, '1103': 3}

    Args:
        quota: Units to share.
        units: Size of each region, units.

    Returns:
        Share of each region; they add up to ``quota`` where any region has a unit.
    """
    total = sum(units.values())
    if total == 0:
        return dict.fromkeys(units, 0)
    shares = {region: quota * size // total for region, size in units.items()}
    left = quota - sum(shares.values())
    by_remainder = sorted(units, key=lambda region: (-(quota * units[region] % total), region))
    for region in by_remainder[:left]:
        shares[region] += 1
    return shares
