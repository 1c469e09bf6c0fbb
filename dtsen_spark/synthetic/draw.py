"""Chance as a pure function: every draw is a hash of the seed, a label and the keys of its row.

Nothing here depends on partitions, on row order or on what was drawn before, so any row of the nation can be made
alone and again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from pyspark.sql import Column
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Draws:
    """All chance of one nation.

    Attributes:
        seed: The nation's seed.
    """

    seed: int

    def uniform(self, label: str, *keys: Column) -> Column:
        """Return a draw from [0, 1) with 53 bits; another label or key gives an independent draw."""
        hashed = F.xxhash64(F.lit(self.seed), F.lit(label), *keys)
        return F.shiftrightunsigned(hashed, 11) / F.lit(float(2**53))

    def normal(self, label: str, *keys: Column) -> Column:
        """Return a standard normal draw (Box and Muller 1958)."""
        radius = F.sqrt(-2.0 * F.log(1.0 - self.uniform(label + "/radius", *keys)))
        return radius * F.cos(2.0 * math.pi * self.uniform(label + "/angle", *keys))

    def chance(self, label: str, rate: float | Column, *keys: Column) -> Column:
        """Return true with probability ``rate``."""
        return F.lit(False) if rate == 0 and isinstance(rate, int | float) else self.uniform(label, *keys) < rate

    def whole(self, label: str, low: int, high: int, *keys: Column) -> Column:
        """Return an integer from ``low`` to ``high``, both included, each equally likely."""
        return (F.floor(self.uniform(label, *keys) * (high - low + 1)) + low).cast("int")

    def one_of(self, label: str, words: Sequence[str], *keys: Column) -> Column:
        """Return one of a few words, each equally likely."""
        return pick(literal_words(words), self.uniform(label, *keys))

    @staticmethod
    def below(score: Column, share: float, sd: float) -> Column:
        """Return whether a normal score of mean 0 is among the lowest ``share``."""
        return F.lit(True) if share >= 1 else score < sd * NormalDist().inv_cdf(share)

    def element(self, label: str, items: Column, *keys: Column) -> Column:
        """Return one element of an array column, each equally likely; null where it is empty."""
        return pick(items, self.uniform(label, *keys))


def literal_words(words: Sequence[str]) -> Column:
    """Return an array of words that Spark folds into one constant."""
    return F.split(F.lit("\x1f".join(words)), "\x1f")


def pick(items: Column, position: Column) -> Column:
    """Return the element of an array at a position in [0, 1); null where the array is empty."""
    return F.get(items, F.floor(position * F.size(items)).cast("int"))


def classed(latent: Column, shares: Sequence[float], codes: Sequence[str | None]) -> Column:
    """Cut a standard normal latent into classes of given shares.

    Args:
        latent: Standard normal, low first.
        shares: Share of each class; their sum is 1.
        codes: Code of each class; None = null.

    Returns:
        The code of the class that the latent falls into.
    """
    total = 0.0
    result: Column | None = None
    for share, code in zip(shares[:-1], codes[:-1], strict=True):
        total += share
        cut = latent < NormalDist().inv_cdf(min(total, 1 - 1e-9))
        result = F.when(cut, F.lit(code)) if result is None else result.when(cut, F.lit(code))
    last = F.lit(codes[-1])
    return last if result is None else result.otherwise(last)


def by_share(draw: Column, shares: Sequence[tuple[str, float]], rest: str) -> Column:
    """Return a word by the shares of a uniform draw; ``rest`` takes what is left of 1."""
    total = 0.0
    result: Column | None = None
    for word, share in shares:
        total += share
        result = F.when(draw < total, F.lit(word)) if result is None else result.when(draw < total, F.lit(word))
    return F.lit(rest) if result is None else result.otherwise(F.lit(rest))
