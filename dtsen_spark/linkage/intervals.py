"""A share with its 95 % interval."""

from scipy.stats import binomtest

_DIGITS = 9


def share(part: float, whole: float) -> float:
    """Return ``part`` of ``whole``, nine digits; 1 where there is nothing to be wrong on."""
    return round(part / whole, _DIGITS) if whole else 1.0


def share_with_interval(part: int, whole: int) -> dict[str, float]:
    """Return a share with Wilson's 95 % interval (Wilson 1927), which holds near 0 and 1 too.

    Args:
        part: Successes.
        whole: Trials.

    Returns:
        ``value``, ``low``, ``high``; between 0 and 1.
    """
    if not whole:
        return {"value": 1.0, "low": 0.0, "high": 1.0}
    found = binomtest(part, whole).proportion_ci(method="wilson")
    return {
        "value": share(part, whole),
        "low": round(float(found.low), _DIGITS),
        "high": round(float(found.high), _DIGITS),
    }
