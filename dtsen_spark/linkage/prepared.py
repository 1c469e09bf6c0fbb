"""What every later step reads: records in narrow form, the registry, what the NIK collapse linked, and the residue."""

from dataclasses import dataclass
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import DtsenError
from dtsen_spark.job import Job
from dtsen_spark.lake import stored
from dtsen_spark.linkage import collapse, labels, nodes, scoring
from dtsen_spark.linkage import working as w

# Node hashes are made unique by trying another salt: with 64 bits a second try is already unlikely to be needed.
_SALTS: Final = range(4)


class Scratch:
    """Intermediate files of the stage under the build; gone when the stage ends."""

    def __init__(self, job: Job, name: str) -> None:
        """Open a folder of the build's scratch.

        Args:
            job: The job.
            name: Folder.
        """
        self.path = job.lake.scratch(job.release_id) / name

    def keep(self, name: str, df: DataFrame) -> DataFrame:
        """Store a frame under a name and return it as stored: nothing is computed twice, and plans stay small."""
        return stored(df, self.path / name)


@dataclass(frozen=True)
class Prepared:
    """What every later step reads, stored.

    Attributes:
        records: Prepared person records.
        anchors: Registry rows.
        claims: Records outside the registry with the registry row of their NIK, where a rule agrees.
        residue: Claims without an anchor, with their node; a follower has its representative's and a reason.
        units: Family cards of the registry rows of each unit's linked members.
        labels: Decisions of people on pairs.
        apart: Pairs of records that people kept apart, both orders.
        salt: Salt of the nodes.
        residue_rows: Rows of ``residue``.
    """

    records: DataFrame
    anchors: DataFrame
    claims: DataFrame
    residue: DataFrame
    units: DataFrame
    labels: DataFrame
    apart: DataFrame
    salt: int
    residue_rows: int

    def counts(self) -> dict[str, int]:
        """Count claims, anchors, residue and linked records; for training, as only that asks for them."""
        claims = self.claims.count()
        return {
            "claims": claims,
            "anchors": self.anchors.count(),
            "residue": self.residue_rows,
            "linked": claims - self.residue_rows,
        }

    @property
    def linked(self) -> DataFrame:
        """Claims with an anchor."""
        return self.claims.where(F.col(w.ANCHOR).isNotNull())

    @property
    def heads(self) -> DataFrame:
        """Residue records that stand for their node: all but the followers."""
        return self.residue.where(F.col(c.MATCH_REASON).isNull())


def prepare(job: Job, scratch: Scratch, hide_nik_of: str | None = None) -> Prepared:
    """Read silver and collapse records on the NIK.

    Args:
        job: The job; its build has ``silver/person_record``.
        scratch: Where intermediate results are stored.
        hide_nik_of: Source whose NIKs are taken away before anything looks at them (the hide-NIK test).

    Returns:
        The prepared frames.

    Raises:
        DtsenError: Two records share a node under every salt.
    """
    scoring.similarity_functions(job.spark)
    silver = job.read(tables.PERSON_RECORD)
    if hide_nik_of is not None:
        silver = silver.withColumn(c.NIK, F.when(F.col(c.SOURCE) != hide_nik_of, F.col(c.NIK)))
    records = collapse.prepared(silver)
    decisions = job.read(tables.LABEL_PAIR) if job.has(tables.LABEL_PAIR) else job.lake.empty(tables.LABEL_PAIR)
    if job.has(tables.OVERRIDE):
        decisions = labels.united(decisions, job.read(tables.OVERRIDE))
    # Few, and asked for by many steps: each would open both tables once more.
    decisions = scratch.keep("labels", decisions)
    apart = labels.kept_apart(decisions)
    own_kk = F.when(F.col(w.KK_NUMBER).isNotNull(), F.array(w.KK_NUMBER))
    anchors = collapse.spine(records).withColumn(w.HOUSEHOLD_KKS, own_kk)
    claims = scratch.keep("claims", collapse.claims(records, anchors, apart))
    many = job.config.linkage.dummy_persons
    handed_out = scratch.keep("handed_out", collapse.stated_in_vain(claims, many))
    if not handed_out.isEmpty():
        # Laid over what is stored: few numbers, and nothing else of a claim changes.
        claims = collapse.beyond_chance(claims, handed_out)
    open_claims = claims.where(F.col(w.ANCHOR).isNull())
    for salt in _SALTS:
        named = open_claims.withColumn(w.NODE, collapse.node_of_record(salt))
        residue = scratch.keep(f"residue_{salt}", collapse.unregistered_groups(named, many))
        found = residue.agg(
            F.count(F.lit(1)).alias("residue"),
            F.count_if(F.col(c.MATCH_REASON).isNull()).alias("heads"),
            F.count_distinct(F.when(F.col(c.MATCH_REASON).isNull(), F.col(w.NODE))).alias("nodes"),
        ).collect()[0]
        if found["heads"] == found["nodes"]:
            break
    else:
        message = f"two records share a node under each of {len(_SALTS)} salts; give more in {__name__}"
        raise DtsenError(message)
    units = nodes.housemate_kks(claims.where(F.col(w.ANCHOR).isNotNull()))
    return Prepared(records, anchors, claims, residue, units, decisions, apart, salt, int(found["residue"]))
