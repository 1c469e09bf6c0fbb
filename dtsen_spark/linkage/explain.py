"""Why each record belongs to its person: the rule or the weights level by level, and what would have changed it."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.lake import Lake
from dtsen_spark.linkage import agreement, collapse, levels, nodes, scoring
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.assignment import State
from dtsen_spark.linkage.model import LATEST, MODELS, LinkageModel, load, untrained

_OTHER: Final = "other_"
_RANK: Final = "rank"

_PARTS: Final = "array<struct<comparison: string, level: string, weight: double>>"

COLUMNS: Final = (
    c.PERSON_ID,
    c.RECORD_ID_L,
    c.RECORD_ID_R,
    c.MATCH_REASON,
    c.NIK_GRADE,
    c.STATE,
    c.MATCH_WEIGHT,
    c.PRIOR_WEIGHT,
    c.NEEDED_WEIGHT,
    c.RUNNER_UP_WEIGHT,
    c.AGREEMENT,
    c.HOLDING_RULES,
    c.DECISIVE,
    c.MODEL_VERSION,
)


def explain_links(store: Lake, persons: DataFrame, release: str) -> DataFrame:
    """Explain every link of some persons, and for a record alone its best candidate.

    Where the model decided, the weights are those that the release was decided on; where a rule or a person decided,
    the levels are computed now, under the same model, so that the reader sees what the pair agrees on.

    Args:
        store: The lake; the release's build must still be there.
        persons: One row for each person: ``person_id``; few.
        release: The release.

    Returns:
        One row for each current record of the persons, in ``COLUMNS``:
        ``record_id_l`` the record; ``record_id_r`` the record it hangs on (null for a registry row and where nothing
        came near); ``match_reason``; ``nik_grade``; ``state`` (``LINKED``; why not, where the record is alone);
        ``match_weight`` (bits, prior included), ``prior_weight``, ``needed_weight``, ``runner_up_weight`` (bits, null
        where they played no part); ``agreement`` (JSON list of comparison, level, weight: with the prior they add up
        to the weight); ``holding_rules`` (deterministic rules that the pair meets; empty where it states no equal NIK);
        ``decisive`` (comparisons, or the one rule, without any one of which the link would not hold);
        ``model_version``.
    """
    current = store.read(tables.MEMBERSHIP, build=release).where(F.col(c.VALID_TO).isNull())
    # n : 1, a record is of one person.
    held = current.join(F.broadcast(persons.select(c.PERSON_ID).distinct()), c.PERSON_ID)
    mine = held.select(
        c.PERSON_ID, F.col(c.RECORD_ID).alias(c.RECORD_ID_L), c.MATCH_REASON, c.NIK_GRADE, c.MATCH_WEIGHT
    )
    edges = store.read(tables.EDGE, build=release)
    model = _model(store, edges)
    silver = store.read(tables.PERSON_RECORD, build=release)
    partners = _partners(mine, edges, silver)
    looked_at = _compared(partners, silver, store, model)
    # 1 : 1, a record has one partner.
    found = partners.join(looked_at, c.RECORD_ID_L, "left")
    agreed = F.coalesce("edge_agreement", c.AGREEMENT)
    rules = F.coalesce(c.HOLDING_RULES, F.array().cast("array<string>"))
    by_rule = F.col(c.MATCH_REASON).startswith("NIK_")
    scored = F.col("edge_agreement").isNotNull()
    short_without = F.filter(
        F.from_json(agreed, _PARTS),
        lambda part: F.col(c.MATCH_WEIGHT) - part["weight"] < F.col(c.NEEDED_WEIGHT),
    )
    needful = F.array_sort(F.transform(short_without, lambda part: part["comparison"]))
    return found.select(
        *(name for name in COLUMNS if name in partners.columns),
        F.when(scored, F.lit(round(levels.prior_bits(model), levels.WEIGHT_DIGITS))).alias(c.PRIOR_WEIGHT),
        agreed.alias(c.AGREEMENT),
        rules.alias(c.HOLDING_RULES),
        F.when(by_rule & (F.size(rules) == 1), rules)
        .when(scored & (F.col(c.STATE) == State.LINKED), needful)
        .otherwise(F.array().cast("array<string>"))
        .alias(c.DECISIVE),
        F.lit(model.version).alias(c.MODEL_VERSION),
    ).select(*COLUMNS)


def _model(store: Lake, edges: DataFrame) -> LinkageModel:
    first = edges.select(c.MODEL_VERSION).limit(1).collect()
    folder = store.root / MODELS
    return load(folder, first[0][c.MODEL_VERSION] if first else LATEST) or untrained()


def _partners(mine: DataFrame, edges: DataFrame, silver: DataFrame) -> DataFrame:
    """Find for each record the one that it hangs on: by its edge, else the registry row, else who states its NIK."""
    both = edges.drop(c.REASON).unionByName(
        edges.drop(c.REASON).select(
            *(name for name in edges.columns if name not in {c.RECORD_ID_L, c.RECORD_ID_R, c.REASON}),
            F.col(c.RECORD_ID_R).alias(c.RECORD_ID_L),
            F.col(c.RECORD_ID_L).alias(c.RECORD_ID_R),
        )
    )
    whose = mine.select(F.col(c.RECORD_ID_L).alias(c.RECORD_ID_R), F.col(c.PERSON_ID).alias("their_person"))
    is_link = F.coalesce(F.col("their_person") == F.col(c.PERSON_ID), F.lit(False)) & (F.col(c.STATE) == State.LINKED)
    alone = F.col("n_records") == 1
    sizes = mine.groupBy(c.PERSON_ID).agg(F.count(F.lit(1)).alias("n_records"))
    found = (
        # n : m over the edges of a few records.
        both.join(F.broadcast(mine.select(c.PERSON_ID, c.RECORD_ID_L)), c.RECORD_ID_L)
        .join(F.broadcast(whose), c.RECORD_ID_R, "left")
        .join(F.broadcast(sizes), c.PERSON_ID)
        .where(is_link | (alone & (F.col(c.STATE) != State.LINKED)))
        .withColumnRenamed(c.MATCH_WEIGHT, "edge_weight")
        .groupBy(c.RECORD_ID_L)
        .agg(
            F.max_by(
                F.struct(c.RECORD_ID_R, "edge_weight", c.RUNNER_UP_WEIGHT, c.NEEDED_WEIGHT, c.STATE, c.AGREEMENT),
                F.struct("edge_weight", c.RECORD_ID_R),
            ).alias("edge")
        )
    )
    stated = silver.select(F.col(c.RECORD_ID).alias(c.RECORD_ID_L), c.NIK, c.SOURCE)
    seen = mine.join(stated, c.RECORD_ID_L)  # 1 : 1, a record is in silver once
    least = F.min(F.struct((F.col(c.SOURCE) != collapse.REGISTRY).alias(_RANK), F.col(c.RECORD_ID_L)))
    names_person = seen.groupBy(c.PERSON_ID).agg(least[c.RECORD_ID_L].alias("names_person"))
    names_nik = (
        seen.where(F.col(c.NIK).isNotNull()).groupBy(c.PERSON_ID, c.NIK).agg(least[c.RECORD_ID_L].alias("names_nik"))
    )
    by_nik = F.col(c.MATCH_REASON).startswith("NIK_")
    by_rule = F.when(by_nik, F.coalesce("names_nik", "names_person")).otherwise(F.col("names_person"))
    scored = F.col(c.MATCH_REASON).startswith("SCORE") | (F.col("names_person") == F.col(c.RECORD_ID_L))
    # n : 1 each, a record has one edge, one person and one NIK.
    joined = (
        seen.join(found, c.RECORD_ID_L, "left")
        .join(names_person, c.PERSON_ID)
        .join(names_nik, [c.PERSON_ID, c.NIK], "left")
    )
    by_edge = scored & F.col("edge").isNotNull() & (F.col(c.SOURCE) != collapse.REGISTRY)
    partner = F.when(by_edge, F.col(f"edge.{c.RECORD_ID_R}")).otherwise(by_rule)
    played = F.when(by_edge, F.col("edge"))
    return joined.select(
        c.PERSON_ID,
        c.RECORD_ID_L,
        F.when(partner != F.col(c.RECORD_ID_L), partner).alias(c.RECORD_ID_R),
        c.MATCH_REASON,
        c.NIK_GRADE,
        F.coalesce(played[c.STATE], F.lit(State.LINKED)).alias(c.STATE),
        played["edge_weight"].alias(c.MATCH_WEIGHT),
        played[c.NEEDED_WEIGHT].alias(c.NEEDED_WEIGHT),
        played[c.RUNNER_UP_WEIGHT].alias(c.RUNNER_UP_WEIGHT),
        played[c.AGREEMENT].alias("edge_agreement"),
    )


def _compared(partners: DataFrame, silver: DataFrame, store: Lake, model: LinkageModel) -> DataFrame:
    """Compare the pairs that no edge explains: ``record_id_l``, ``agreement``, ``holding_rules``."""
    scoring.similarity_functions(store.spark)
    pairs = partners.where(F.col("edge_agreement").isNull() & F.col(c.RECORD_ID_R).isNotNull()).select(
        c.RECORD_ID_L, c.RECORD_ID_R
    )
    wanted = pairs.select(F.col(c.RECORD_ID_L).alias(c.RECORD_ID)).union(pairs.select(c.RECORD_ID_R)).distinct()
    own_kk = F.when(F.col(w.KK_NUMBER).isNotNull(), F.array(w.KK_NUMBER))
    node = F.xxhash64(c.RECORD_ID)  # a name for the join below; nothing is stored under it
    records = (
        collapse.prepared(silver.join(F.broadcast(wanted), c.RECORD_ID, "left_semi"))
        .withColumn(w.NODE, node)
        .withColumn(w.INACTIVE, F.lit(False))
        .withColumn(w.HOUSEHOLD_KKS, own_kk)
    )
    listed = store.read(tables.LINKAGE_TERM).where(F.col(c.MODEL_VERSION) == model.version)
    named = pairs.withColumns({w.LEFT: F.xxhash64(c.RECORD_ID_L), w.RIGHT: F.xxhash64(c.RECORD_ID_R)})
    beside = levels.side_by_side(named.select(w.LEFT, w.RIGHT), nodes.featured(records, listed))
    weighed = levels.weighed(beside, model).select(w.LEFT, w.RIGHT, levels.explanation(model).alias(c.AGREEMENT))
    compared = (*agreement.COMPARED, w.NIK_NUMBER)
    mine = records.select(F.col(w.NODE).alias(w.LEFT), *compared)
    other = records.select(F.col(w.NODE).alias(w.RIGHT), *(F.col(name).alias(_OTHER + name) for name in compared))
    one_nik = F.col(w.NIK_NUMBER) == F.col(_OTHER + w.NIK_NUMBER)
    rules = F.when(one_nik, agreement.holding_rules(_OTHER))
    # n : 1 each, a record has one row, a pair one verdict.
    return (
        named.join(mine, w.LEFT)
        .join(other, w.RIGHT)
        .withColumn(c.HOLDING_RULES, rules)
        .select(c.RECORD_ID_L, w.LEFT, w.RIGHT, c.HOLDING_RULES)
        .join(weighed, [w.LEFT, w.RIGHT])
        .select(c.RECORD_ID_L, c.AGREEMENT, c.HOLDING_RULES)
    )
