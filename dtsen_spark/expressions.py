"""Expressions that Spark compiles, in place of functions that it interprets.

``array_compact``, ``filter``, ``transform`` and ``array_sort`` have no generated code: a projection that holds one is
evaluated row by row outside the compiled stage, and everything that the function is given is interpreted with it.
"""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType

# Elements of a short list, such as the words of a name, that are looked at one by one; hardly a name has more.
FEW: Final = 8


def first_few(values: Column) -> list[Column]:
    """Return the first ``FEW`` elements of an array column, each null where the array ends before it."""
    return [F.get(values, F.lit(position)) for position in range(FEW)]


def present(*texts: Column) -> Column:
    """Return those of several texts that are not null, in their order.

    Args:
        texts: String columns; an empty text counts as null.

    Returns:
        Array of strings, empty where all are null.
    """
    return F.array_remove(F.array(*(F.coalesce(text, F.lit("")) for text in texts)), "")


def constant(values: Sequence[float], position: Column) -> Column:
    """Return one of a list of constants: an array that Spark folds once, and an element that is never null.

    Args:
        values: The constants; one text, for an expression for each of a thousand takes seconds to analyse.
        position: Integer column, not null: 0 for the first; outside of the list the query fails.

    Returns:
        Double column.
    """
    if len(set(values)) == 1:
        return F.lit(float(values[0]))
    # The text of a double is that double again, to the last bit.
    listed = F.split(F.lit(",".join(repr(float(value)) for value in values)), ",", -1)
    return listed.cast(ArrayType(DoubleType(), containsNull=False))[position]
