"""Targeting errors: whom a program would miss, and whom it would take by mistake."""

from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.welfare.deciles import cut_points

# Tenths of the population that programs reach for: 10, 20, 30 and 40 %.
_TENTHS: Final = (1, 2, 3, 4)


def errors_at_shares(df: DataFrame, truth: str, predicted: str, weight: Column) -> dict[str, dict[str, float]]:
    """Compare the poorest shares by prediction with the poorest shares by truth.

    Args:
        df: One row for each family with both figures, long, none null.
        truth: Column of the true log expenditure, millionths.
        predicted: Column of the predicted one, millionths.
        weight: Integer weight of a row.

    Returns:
        By share (``10`` to ``40``): ``inclusion_error`` (selected who are not among the poorest, of all selected) and
        ``exclusion_error`` (poorest who are not selected, of all poorest).
    """
    units = {"weight": weight}
    true_cuts, our_cuts = (cut_points(df, column, units)["weight"] for column in (truth, predicted))
    if not true_cuts:
        return {}
    zero = F.lit(0).cast("long")
    sums = []
    for k in _TENTHS:
        poor = F.col(truth) < F.lit(true_cuts[k - 1].score)
        chosen = F.col(predicted) < F.lit(our_cuts[k - 1].score)
        for name, which in (("poor", poor), ("chosen", chosen), ("both", poor & chosen)):
            sums.append(F.coalesce(F.sum(F.when(which, weight.cast("long"))), zero).alias(f"{name}_{k}"))
    row = df.agg(*sums).first()
    counted: dict[str, Any] = row.asDict() if row else {}
    return {
        str(k * 10): {
            "inclusion_error": _missed(counted[f"both_{k}"], counted[f"chosen_{k}"]),
            "exclusion_error": _missed(counted[f"both_{k}"], counted[f"poor_{k}"]),
        }
        for k in _TENTHS
    }


def _missed(both: int, of: int) -> float:
    return 1 - both / of if of else 0.0
