"""Targeting errors: whom a program would miss, and whom it would take by mistake."""

from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.welfare.deciles import Cut, cut_points

# Tenths of the population that programs reach for: 10, 20, 30 and 40 %.
TENTHS_OF_PROGRAMS: Final = (1, 2, 3, 4)


Cuts = tuple[tuple[Cut, ...], tuple[Cut, ...]]


def cuts_of_both(df: DataFrame, truth: str, predicted: str, weight: Column) -> Cuts:
    """Find the nine cuts of the true and of the predicted figure.

    Args:
        df: One row for each family with both figures, long, none null.
        truth: Column of the true log expenditure, millionths.
        predicted: Column of the predicted one, millionths.
        weight: Integer weight of a row.

    Returns:
        True cuts, predicted cuts; none where there is no row.
    """
    units = {"weight": weight}
    true_cuts, our_cuts = (cut_points(df, column, units)["weight"] for column in (truth, predicted))
    return true_cuts, our_cuts


def errors_at_shares(
    df: DataFrame, truth: str, predicted: str, weight: Column, cuts: Cuts
) -> dict[str, dict[str, float]]:
    """Compare the poorest shares by prediction with the poorest shares by truth.

    Args:
        df: As for ``cuts_of_both``.
        truth: Column of the true log expenditure, millionths.
        predicted: Column of the predicted one, millionths.
        weight: Integer weight of a row.
        cuts: As ``cuts_of_both`` returns them.

    Returns:
        By share (``10`` to ``40``): ``inclusion_error`` (selected who are not among the poorest, of all selected) and
        ``exclusion_error`` (poorest who are not selected, of all poorest).
    """
    true_cuts, our_cuts = cuts
    if not true_cuts:
        return {}
    zero = F.lit(0).cast("long")
    sums = []
    for k in TENTHS_OF_PROGRAMS:
        poor = F.col(truth) < F.lit(true_cuts[k - 1].score)
        chosen = F.col(predicted) < F.lit(our_cuts[k - 1].score)
        for name, which in (("poor", poor), ("chosen", chosen), ("both", poor & chosen)):
            sums.append(F.coalesce(F.sum(F.when(which, weight.cast("long"))), zero).alias(f"{name}_{k}"))
    row = df.agg(*sums).first()
    counted: dict[str, Any] = row.asDict() if row else {}
    return {
        str(k * 10): {
            "inclusion_error": missed(counted[f"both_{k}"], counted[f"chosen_{k}"]),
            "exclusion_error": missed(counted[f"both_{k}"], counted[f"poor_{k}"]),
        }
        for k in TENTHS_OF_PROGRAMS
    }


def missed(both: int, of: int) -> float:
    """Return the share of ``of`` that is not in ``both``."""
    return 1 - both / of if of else 0.0
