"""A hot key in the linkage: one name and birth date, or one NIK, on very many records, against ordinary ones."""

import shutil
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from dtsen_spark import columns as c
from dtsen_spark import linkage, pipeline, session, tables
from dtsen_spark.bench.nation import nation
from dtsen_spark.bench.ratios import Bound, Candidate, Timing, Verdict, compare, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.harmonise.names import with_names
from dtsen_spark.job import Job
from dtsen_spark.lake import Lake

_BASE: Final = "without further records"
_ORDINARY: Final = "ordinary records"
_HOT_NAME: Final = "one name and birth date"
_HOT_NIK: Final = "one NIK"
_GATE: Final = 1.2
# Of nobody: the registry of a synthetic nation has no such name.
_NAME: Final = "SANG HYANG KUNCI"
_BORN: Final = (1970, 1, 1)
_SOURCE: Final = "regsosek"
_ADDED: Final = "added"
_MOTHER: Final = "_mother"
_NAMES: Final = (
    c.NAME_NORM,
    c.NAME_SORTED,
    c.NAME_TOKENS,
    c.TOKEN_COUNT,
    c.NAME_PHONETIC,
    c.MOTHER_NAME_NORM,
)


def measure(out: Console, config: Config, root: Path, persons: int, records: int, rounds: int) -> list[Verdict]:
    """Link a nation with records added: ordinary ones, ones that share name and birth date, ones that share a NIK.

    The added records are copies of delivered ones without NIK and in families of their own, so the ordinary ones find
    whom they are copies of. The cost of added records is what the run takes beyond one without them.

    Args:
        out: Where the figures go.
        config: The configuration.
        root: The workspace.
        persons: Persons of the nation.
        records: Records that are added.
        rounds: Timed rounds of each candidate.

    Returns:
        The verdicts on both hot keys: what they cost, and how many they link wrongly.
    """
    landing = nation(config, root, persons) / "landing"
    store = Lake(session.start(config, "dtsen bench hot"), root / f"lake-hot-{persons}")
    request = pipeline.RunRequest(landing, store.root, config.generate.quarter, last="harmonise")
    pipeline.run(request, config, lambda _: None)
    job = pipeline.job_of_build(store, config)
    delivered = job.read(tables.PERSON_RECORD)
    linkage.train(job)
    registered = delivered.where((F.col(c.SOURCE) == "dukcapil") & F.col(c.NIK).isNotNull())
    owner = registered.agg(F.min(c.RECORD_ID)).collect()[0][0]
    copies = _copies(delivered, records)
    silvers = {
        _BASE: delivered,
        _ORDINARY: delivered.unionByName(copies),
        _HOT_NAME: delivered.unionByName(_with_one_name(copies)),
        _HOT_NIK: delivered.unionByName(_with_nik_of(copies, delivered, owner)),
    }
    jobs = {name: _build(job, root / f"hot-{number}", df) for number, (name, df) in enumerate(silvers.items())}
    timings = compare([Candidate(name, partial(linkage.run, one)) for name, one in jobs.items()], rounds)
    verdicts = [_cost(timings, name) for name in (_HOT_NAME, _HOT_NIK)]
    wrong = {
        f"{_HOT_NAME}: records that share a person": _together(jobs[_HOT_NAME]),
        # Copies of the owner's own record are his, with his NIK or without.
        f"{_HOT_NIK}: records that joined its owner": _of_owner(jobs[_HOT_NIK], owner)
        - _of_owner(jobs[_ORDINARY], owner),
    }
    verdicts += [Verdict(Bound(f"wrong: {what}", "one", 0), number) for what, number in wrong.items()]
    print_comparison(out, f"{records:,} records more in the linkage of {persons:,} persons", timings, verdicts)
    return verdicts


def _copies(delivered: DataFrame, records: int) -> DataFrame:
    """Records of one source again, as often as it takes, without NIK, each in a family of its own."""
    source = delivered.where((F.col(c.SOURCE) == _SOURCE) & F.col(c.NAME).isNotNull())
    times = -(-records // source.count())
    number = F.concat_ws("-", F.lit(_ADDED), F.col("id"), c.RECORD_ID)
    return (
        source.crossJoin(F.broadcast(source.sparkSession.range(times)))
        .orderBy("id", c.RECORD_ID)
        .limit(records)
        .withColumns({c.RECORD_ID: number, c.FAMILY_RECORD_ID: number, c.NO_KK: F.lit(None).cast("string")})
        .withColumns({c.NIK: F.lit(None).cast("string"), c.NIK_GRADE: F.lit(None).cast("string")})
        .select(*delivered.columns)
    )


def _with_one_name(copies: DataFrame) -> DataFrame:
    named = with_names(
        copies.drop(*_NAMES).withColumns({c.NAME: F.lit(_NAME), _MOTHER: F.lit(None).cast("string")}), c.NAME, _MOTHER
    )
    year, month, day = map(F.lit, _BORN)
    born = {c.BIRTH_DATE: F.make_date(year, month, day), c.BIRTH_YEAR: year, c.BIRTH_MONTH: month, c.BIRTH_DAY: day}
    return named.withColumns(born).select(*copies.columns)


def _with_nik_of(copies: DataFrame, delivered: DataFrame, owner: str) -> DataFrame:
    """The NIK of somebody in the registry, stated by everybody."""
    theirs = delivered.where(F.col(c.RECORD_ID) == owner).select(c.NIK, c.NIK_GRADE)
    return copies.drop(c.NIK, c.NIK_GRADE).crossJoin(F.broadcast(theirs)).select(*copies.columns)


def _build(job: Job, root: Path, silver: DataFrame) -> Job:
    """A copy of the lake whose build has other person records."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(job.lake.root, root)
    copied = pipeline.job_of_build(Lake(job.spark, root), job.config)
    copied.write(tables.PERSON_RECORD, silver)
    return copied


def _cost(timings: dict[str, Timing], name: str) -> Verdict:
    """What added records cost over as many ordinary ones, both beyond a run without them: median."""

    def ratio(spent: Callable[[Timing], tuple[float, ...]]) -> float:
        base, ordinary, hot = (spent(timings[one]) for one in (_BASE, _ORDINARY, name))
        return statistics.median((h - b) / (o - b) for b, o, h in zip(base, ordinary, hot, strict=True))

    bound = Bound(f"{name}, beyond none", f"{_ORDINARY}, beyond none", _GATE)
    return Verdict(bound, ratio(lambda one: one.seconds), ratio(lambda one: one.cpu_seconds))


def _members(job: Job) -> DataFrame:
    return job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull()).select(c.RECORD_ID, c.PERSON_ID)


def _together(job: Job) -> int:
    """Added records that share a person with another added record."""
    added = _members(job).where(F.col(c.RECORD_ID).startswith(_ADDED))
    shared = added.groupBy(c.PERSON_ID).agg(F.count(F.lit(1)).alias(c.ROWS)).where(F.col(c.ROWS) > 1)
    return int(shared.agg(F.coalesce(F.sum(c.ROWS), F.lit(0))).collect()[0][0])


def _of_owner(job: Job, owner: str) -> int:
    """Added records in the person of a registry row."""
    members = _members(job)
    person = members.where(F.col(c.RECORD_ID) == owner).select(c.PERSON_ID)
    return members.where(F.col(c.RECORD_ID).startswith(_ADDED)).join(F.broadcast(person), c.PERSON_ID, "semi").count()
