"""Field checks over a published release: what samples of it estimate, and visits from their draw to their errors."""

import shutil

import numpy as np
import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import pipeline, tables, verification
from dtsen_spark.corrections import sampling
from dtsen_spark.corrections.estimation import Sample, exclusion_error, inclusion_error
from dtsen_spark.lake import Lake
from dtsen_spark.release import Registry
from dtsen_spark.synthetic import generate

PERSONS = 20_000
SAMPLES, VISITS = 2000, 1000
BUDGET = 220
MONTH = "2026-04"


@pytest.fixture(scope="module")
def released(spark, settings, tmp_path_factory):
    """Every family of a released nation as arrays: stratum, visits of each stratum, selected for PKH, truly poor.

    Of 20,000 persons: of 2,000 some 70 families are selected, and intervals of a few dozen visits cover less often.
    """
    folder = tmp_path_factory.mktemp("released")
    generate(spark, settings, persons=PERSONS, seed=3, out=folder / "nation", profile="documented")
    request = pipeline.RunRequest(
        folder / "nation" / "landing", folder / "lake", settings.generate.quarter, publish=True
    )
    outcome = pipeline.run(request, settings, lambda _: None)
    assert outcome.published, outcome.gate
    store = Lake(spark, folder / "lake")
    drawn_from = verification.families(store, outcome.release_id, ("pkh",))
    spent = verification.true_living(store, folder / "nation" / "truth", drawn_from.select(c.FAMILY_ID))
    members = store.read(tables.SCORE).select(c.FAMILY_ID, c.MEMBERS)
    rows = (
        drawn_from.withColumn(c.STRATUM, sampling.stratum(0))
        .join(members, c.FAMILY_ID)
        .join(spent, c.FAMILY_ID)
        .orderBy(c.FAMILY_ID)
        .toPandas()
    )
    names, stratum = np.unique(rows[c.STRATUM], return_inverse=True)
    sizes = dict(zip(names, np.bincount(stratum).tolist(), strict=True))
    visits = sampling.allocated(sizes, VISITS, sampling.load_terms())
    order = rows["log_expenditure"].argsort(kind="stable")
    reached = rows[c.MEMBERS][order].cumsum() / rows[c.MEMBERS].sum()
    poor = np.zeros(len(rows), bool)
    poor[order[(reached <= 0.4).to_numpy()]] = True
    return stratum, np.array([visits[name] for name in names]), rows[sampling.SELECTED].to_numpy(bool), poor


@pytest.mark.slow
def test_intervals_of_samples_of_a_released_nation_cover_its_errors(released):
    stratum, visits, selected, poor = released
    sizes = np.bincount(stratum)
    members = [np.flatnonzero(stratum == one) for one in range(len(sizes))]
    truths = (selected & ~poor).sum() / selected.sum(), (poor & ~selected).sum() / poor.sum()
    chance = np.random.default_rng(2026)
    covered = np.zeros((SAMPLES, 2), bool)
    for at in range(SAMPLES):
        drawn = np.concatenate(
            [chance.choice(of, size=size, replace=False) for of, size in zip(members, visits, strict=True)]
        )
        probability = (visits / sizes)[stratum[drawn]]
        told = Sample(stratum[drawn], probability, np.ones(len(drawn), bool), selected[drawn], poor[drawn])
        for which, (estimator, truth) in enumerate(zip((inclusion_error, exclusion_error), truths, strict=True)):
            found = estimator(told)
            assert found is not None
            covered[at, which] = found.low <= truth <= found.high
    assert (np.abs(covered.mean(axis=0) - 0.95) <= 0.02).all(), covered.mean(axis=0)


@pytest.mark.slow
def test_visits_go_from_their_draw_to_estimated_errors(spark, small_lake, settings, tmp_path):
    nation = shutil.copytree(small_lake.nation, tmp_path / "nation")
    root = shutil.copytree(small_lake.root, tmp_path / "lake")
    store = Lake(spark, root)
    release = small_lake.outcome.release_id
    programs = settings.programs.enabled

    drawn = verification.sample(store, release, small_lake.period, programs, BUDGET)
    files = verification.write_assignments(store, small_lake.period, tmp_path / "visits")
    delivered = verification.simulate(store, nation / "truth", nation / "landing", "2026-04-20")
    request = pipeline.RunRequest(nation / "landing", root, MONTH, last="corrections")
    pipeline.run(request, settings, lambda _: None)
    found = verification.estimate(store, pipeline.newest_build(store), programs)

    assert drawn == delivered == BUDGET
    assert files == len(list((tmp_path / "visits").glob("*.csv")))
    nations = {one.program: one for one in found if one.region == "00"}
    assert set(nations) == set(programs)
    assert {one.region for one in found} > {"00"}, "by province too"
    pkh = nations["pkh"]
    assert pkh.inclusion is not None
    assert pkh.exclusion is not None
    assert 0 < pkh.exclusion.low < pkh.exclusion.value < pkh.exclusion.high < 1
    assignments = store.read(tables.ASSIGNMENT).where(F.col(c.PERIOD) == small_lake.period)
    villages = assignments.agg(F.count_distinct(c.REGION_CODE)).collect()[0][0]
    assert files == villages
    assert Registry(store).current() == release, "a draw publishes nothing"
    # What was found in the dwellings stands as verified values, with the photo's digest.
    seen = store.read(tables.OVERRIDE, build=f"{MONTH}.1").where(F.col(c.ORIGIN) == "FIELD_CHECK")
    areas = seen.where(F.col(c.INDICATOR) == c.FLOOR_AREA_M2).withColumnRenamed(c.TICKET_ID, c.ASSIGNMENT_ID)
    placed = areas.join(assignments, c.ASSIGNMENT_ID)
    true = verification.true_living(store, nation / "truth", placed.select(c.FAMILY_ID))
    told = F.get_json_object("_changes", "$.r302")
    found = placed.join(true, c.FAMILY_ID).select(
        (F.col(c.VALUE_TEXT) == told).alias("as_found"), c.STATE, F.size(c.EVIDENCE).alias("photos")
    )
    rows = found.collect()
    assert len(rows) > 0.8 * BUDGET
    assert {tuple(row) for row in rows} == {(True, "STANDING", 1)}
