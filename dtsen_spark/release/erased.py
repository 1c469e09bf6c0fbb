"""What erasures took from published releases: sums alone, so that the signed hashes go on proving the rest.

A content hash is a sum over rows. So what a release was published with is what stands of it now plus what left.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.lake import peek


@dataclass(frozen=True)
class Sum:
    """Rows and the sum of their content hashes.

    Attributes:
        rows: Rows.
        content_hash: Sum of the row hashes over the contract's content columns.
    """

    rows: int = 0
    content_hash: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        """Put two together."""
        return Sum(self.rows + other.rows, self.content_hash + other.content_hash)

    def __sub__(self, other: "Sum") -> "Sum":
        """Take one from another."""
        return Sum(self.rows - other.rows, self.content_hash - other.content_hash)


def sums(table: TableContract, df: DataFrame, current: str) -> dict[str, Sum]:
    """Add up a published table for each release of which it holds rows.

    Args:
        table: The contract.
        df: Its rows.
        current: The current release: a table that is not sliced by period is that one's.

    Returns:
        The sum of each release.
    """
    of = F.col(c.RELEASE_ID) if table.slice_by else F.lit(current)
    counted = (
        df.groupBy(of.alias(c.RELEASE_ID))
        .agg(F.count(F.lit(1)).alias(c.ROWS), F.sum(table.row_hash().cast("decimal(38,0)")).alias(c.CONTENT_HASH))
        .collect()  # a row for each period
    )
    return {row[c.RELEASE_ID]: Sum(row[c.ROWS], int(row[c.CONTENT_HASH])) for row in counted}


def taken(before: Mapping[str, Sum], after: Mapping[str, Sum]) -> dict[str, Sum]:
    """Return what left a table between two sums, by release; releases that lost nothing are left out."""
    left = {release_id: one - after.get(release_id, Sum()) for release_id, one in before.items()}
    return {release_id: one for release_id, one in left.items() if one != Sum()}


def as_detail(held: Iterable[Any], left: Mapping[str, Mapping[str, Sum]]) -> str:
    """Write the detail of a tombstone.

    Args:
        held: What each table held, as dataclasses of counts.
        left: What left each published table, by its path and by release.
    """
    sums_of = {path: {one: asdict(took) for one, took in of.items()} for path, of in left.items() if of}
    return json.dumps({"tables": [asdict(one) for one in held], "left": sums_of}, sort_keys=True)


def erased_since(root: Path, release_id: str) -> dict[str, Sum]:
    """Return what all tombstones of a lake say left a release since it was published, by table path.

    Args:
        root: Root of the lake.
        release_id: The release.
    """
    found: dict[str, Sum] = defaultdict(Sum)
    for row in peek(root, tables.TOMBSTONE):
        for path, of in json.loads(row[c.DETAIL])["left"].items():
            if release_id in of:
                found[path] += Sum(**of[release_id])
    return dict(found)
