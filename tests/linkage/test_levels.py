"""Weights by plain expressions are those of Splink."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import collapse, levels, model, nodes, scoring
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.comparisons import COMPARISONS
from dtsen_spark.linkage.terms import TermKind

from .conftest import frame, record

RECORDS = [
    record("dtks:1", "RUDI HERMANSYAH", "1975-04-09", mother_name_norm="SITI", no_kk="3201010101990001"),
    record("dtks:2", "RUDY HERMANSYAH", "1975-09-04", mother_name_norm="SITI AMINAH", nik="3201010904750001"),
    record("dtks:3", "RUDI", "1975-04-09", region_code="3201", nik="3201010904760001", sex="P"),
    record("dtks:4", None, None, region_code=None, sex=None),
    record("dtks:5", "HERMAN SYAH RUDI", "1985-04-09", no_kk="3201010101990001"),
]


def test_the_same_weights_as_splink(spark: SparkSession) -> None:
    scoring.similarity_functions(spark)
    counts = {one.name: dict(enumerate(range(7, 7 + len(one.levels)))) for one in COMPARISONS}
    others = {one.name: {at: 900 - 40 * at for at in range(len(one.levels))} for one in COMPARISONS}
    fitted = model.fitted(counts, others, prior=1e-4, facts={})
    own_kk = F.when(F.col(w.KK_NUMBER).isNotNull(), F.array(w.KK_NUMBER))
    prepared = collapse.prepared(frame(spark, RECORDS)).withColumn(w.NODE, F.substring_index(c.RECORD_ID, ":", -1))
    prepared = prepared.withColumns(
        {w.NODE: F.col(w.NODE).cast("bigint"), w.INACTIVE: F.lit(False), w.HOUSEHOLD_KKS: own_kk}
    )
    terms = spark.createDataFrame(
        [(TermKind.TOKEN.value, "RUDI", 1), (TermKind.NAME.value, "HERMANSYAH RUDI", 2)],
        f"{c.TERM_KIND} string, {c.TERM} string, {c.TERM_CLASS} int",
    )
    table = nodes.featured(prepared, terms)
    pairs = spark.createDataFrame(
        [(left, right, "0") for left in range(1, 6) for right in range(left + 1, 6)],
        f"{w.LEFT} bigint, {w.RIGHT} bigint, {w.MATCH_KEY} string",
    )
    gammas = [levels.GAMMA + one.name for one in COMPARISONS]
    wanted = scoring.score(table, pairs, fitted).orderBy(w.LEFT, w.RIGHT).collect()
    found = levels.weighed(levels.side_by_side(pairs, table), fitted).orderBy(w.LEFT, w.RIGHT).collect()
    assert [[row[name] for name in gammas] for row in found] == [[row[name] for name in gammas] for row in wanted]
    assert [row[c.MATCH_WEIGHT] for row in found] == pytest.approx([row[c.MATCH_WEIGHT] for row in wanted], abs=2e-4)
