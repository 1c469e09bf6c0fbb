"""Expressions that Spark compiles, in place of functions that it interprets.

``array_compact``, ``filter``, ``transform`` and ``array_sort`` have no generated code: a projection that holds one is
evaluated row by row outside the compiled stage, and everything that the function is given is interpreted with it.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F


def present(*texts: Column) -> Column:
    """Return those of several texts that are not null, in their order.

    Args:
        texts: String columns; an empty text counts as null.

    Returns:
        Array of strings, empty where all are null.
    """
    return F.array_remove(F.array(*(F.coalesce(text, F.lit("")) for text in texts)), "")
