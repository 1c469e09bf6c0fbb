"""A scored nation without a pipeline before it: what the programs and the statistics read, made of numbers.

Two quarters, published with their decisions, the later one with its statistics too: a tenth of the families is scored
anew in between, and some persons die or turn out to be one. Every value hangs on the number of its person or family
and on nothing else.
"""

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Final
from uuid import uuid4

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import marts, programs, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger
from dtsen_spark.release import Registry

_PERIODS: Final = ("2025Q4", "2026Q1")
# Ten families of thirty persons: the number of each family's first person, and the end.
_FIRST: Final = (0, 1, 3, 6, 10, 15, 20, 24, 27, 29, 30)
_FAMILIES: Final = len(_FIRST) - 1
_ID_DIGITS: Final = 24
_KABS: Final = 514
_VILLAGES: Final = 12
_TENTHS: Final = 10
_LOWEST: Final = 12_000_000  # log rupiah a month, in millionths
_WIDTH: Final = 400_000
_RECORDS: Final = ("dukcapil", "dtks", "regsosek")


def job(spark: SparkSession, config: Config, root: Path, persons: int) -> Job:
    """Return a job of the later quarter over a lake where the earlier one is published, made unless it stands there.

    Args:
        spark: The session.
        config: The configuration.
        root: Root of the lake.
        persons: Persons, dead ones included, rounded down to whole tens of families of thirty.

    Returns:
        The job. Its quarter is published as well, so that it can be handed over; it compares with the one before.
    """
    lake = Lake(spark, root)
    registry = Registry(lake)
    persons -= persons % _FIRST[-1]
    for period in _PERIODS:
        if not (lake.exists(tables.RELEASE) and registry.is_published(period)):
            _publish(lake, config, period, persons)
    before, now = registry.published_chain()
    return _job(lake, config, now, before)


def _job(lake: Lake, config: Config, release_id: str, previous: str | None) -> Job:
    stands = Registry(lake).releases()[previous].tables if previous else {}
    period = Period.of_release(release_id)
    return Job(
        spark=lake.spark,
        config=config,
        lake=lake,
        landing=lake.root,
        period=period,
        release_id=release_id,
        previous_release=previous,
        ledger=Ledger(release_id, period.text, run_id=uuid4().hex),
        outputs={},
        published_versions={path: one.version for path, one in stands.items()},
    )


def _publish(lake: Lake, config: Config, period: str, persons: int) -> None:
    registry = Registry(lake)
    previous = registry.current() if lake.exists(tables.RELEASE) else None
    made = _job(lake, config, registry.open(period, revise=False), previous)
    for table, rows in _rows(lake.spark, persons, later=period == _PERIODS[-1]).items():
        made.write(table, _filled(table, rows))
    programs.run(made)
    if period == _PERIODS[-1]:
        # A report reads the statistics of a published release.
        marts.run(made)
    registry.conclude(made.release_id, made.ledger.run_id, passed=True, failed=[])
    registry.publish(made.release_id, made.outputs, run_id=made.ledger.run_id, signoff_roles=())


def _draw(name: str, values: int, of: str = "number") -> Column:
    return F.pmod(F.xxhash64(F.col(of), F.lit(name)), F.lit(values))


def _in(name: str, per_mille: int, of: str = "number") -> Column:
    return _draw(name, 1000, of) < per_mille


def _one_of(name: str, *values: str) -> Column:
    return F.element_at(F.array(*map(F.lit, values)), (_draw(name, len(values)) + 1).cast("int"))


def _rows(spark: SparkSession, persons: int, *, later: bool) -> dict[TableContract, DataFrame]:
    place = F.pmod(F.col("id"), F.lit(_FIRST[-1]))
    inside = reduce(lambda found, first: found + (place >= first).cast("long"), _FIRST[1:-1], F.lit(0).cast("long"))
    first = F.element_at(F.array(*map(F.lit, _FIRST)), (F.col("_inside") + 1).cast("int"))
    everybody = (
        spark.range(persons)
        .withColumn("_inside", inside)
        .select(
            F.col("id").alias("number"),
            (F.floor(F.col("id") / _FIRST[-1]) * _FAMILIES + F.col("_inside")).alias("family"),
            (place == first).alias("_head"),
        )
    )
    gone = F.lit(later) & ~F.col("_head")
    people = everybody.where(~(gone & _in("merged", 2))).select(
        "number",
        _person(F.col("number")).alias(c.PERSON_ID),
        F.when(~(gone & _in("died", 5)), _family(F.col("family"))).alias(c.FAMILY_ID),
        F.lpad(F.col("number").cast("string"), 16, "3").alias(c.NIK),
        (~(gone & _in("died", 5))).alias(c.ALIVE),
        _draw("age", 90).cast("int").alias(c.AGE),
        _one_of("sex", "L", "P").alias(c.SEX),
        _in("pregnant", 10).alias(c.PREGNANT),
        _in("school", 250).alias(c.IN_SCHOOL),
        _one_of("level", "PRIMARY", "LOWER_SECONDARY", "UPPER_SECONDARY").alias(c.SCHOOL_LEVEL),
        _one_of("work", "OWN_ACCOUNT", "CASUAL_OTHER", "PRIVATE_EMPLOYEE", "FAMILY_WORKER").alias(c.EMPLOYMENT_STATUS),
        _one_of("disability", "NONE", "NONE", "NONE", "NONE", "MILD", "SEVERE").alias(c.DISABILITY),
        _village(F.col("family")).alias(c.REGION_CODE),
        F.array(*map(F.lit, _RECORDS)).alias(c.SOURCES),
    )
    living = people.where(c.ALIVE).groupBy(c.FAMILY_ID).agg(F.count(F.lit(1)).cast("int").alias(c.MEMBERS))
    # family : its living members is 1 : 1, as no head dies.
    families = _families(spark, persons // _FIRST[-1] * _FAMILIES, later=later).join(living, c.FAMILY_ID)
    numbers = everybody.withColumn(c.NIK, F.lpad(F.col("number").cast("string"), 16, "3"))
    given = {
        tables.SCORE: families,
        tables.FAMILY: families,
        tables.FAMILY_ATTRIBUTE: families.withColumns(
            {c.POWER: _one_of("power", "VA_450", "VA_900", "VA_1300", "VA_2200"), c.HAS_CAR: _in("car", 100)}
        ),
        tables.PERSON: people,
        tables.PERSON_ATTRIBUTE: people,
        tables.FAMILY_MEMBER: people.where(F.col(c.FAMILY_ID).isNotNull()),
        tables.MEMBERSHIP: people.withColumn("_source", F.explode(c.SOURCES)).withColumns(
            {c.RECORD_ID: F.concat_ws(":", "_source", c.NIK), c.VALID_TO: F.lit(None).cast("string")}
        ),
        tables.PAYROLL: numbers.where(_in("payroll", 20)).withColumn(
            c.PAYROLL_KIND, _one_of("kind", "ASN", "TNI", "PENSIUNAN", "PERANGKAT_DESA", "BUMN")
        ),
        tables.EMPLOYMENT_INSURANCE: numbers.where(_in("insured", 150)).withColumns(
            {c.SEGMENT: _one_of("tk", "PU", "BPU"), c.WAGE_IDR_MONTH: _draw("wage", 6_000_000), c.ACTIVE: F.lit(True)}
        ),
        tables.HEALTH_INSURANCE: numbers.where(_in("covered", 900)).withColumns(
            {c.SEGMENT: _one_of("jkn", "PBI", "PPU", "PBPU"), c.ACTIVE: F.lit(True), c.CATASTROPHIC: _in("ill", 5)}
        ),
        tables.RECIPIENT: _recipients(numbers),
        tables.TICKET: _tickets(numbers),
        tables.TICKET_EVENT: _events(numbers),
        tables.CUTPOINT: _cuts(spark),
    }
    if later:
        merged = everybody.where(~F.col("_head") & _in("merged", 2))
        given[tables.CROSSWALK] = merged.select(
            "number",
            _person(F.col("number")).alias(c.PERSON_ID),
            F.lit("MERGED").alias(c.EVENT),
            _person(F.col("number") - 1).alias(c.OTHER_PERSON_ID),
        )
        given[tables.WELFARE_CHANGE] = families.where(F.col("_anew")).withColumns(
            {
                c.MOVE: F.lit("MOVED"),
                c.DECILE_CAUSE: _one_of("cause", "OWN_DATA", "MEMBERSHIP", "MODEL", "CUT"),
                c.PREVIOUS_RELEASE: F.lit(f"{_PERIODS[0]}.1"),
            }
        )
    return given


def _person(number: Column) -> Column:
    return _id("P", number)


def _family(number: Column) -> Column:
    return _id("F", number)


def _id(prefix: str, number: Column) -> Column:
    """As long as an id of the register and in no order either: joining, sorting and packing ids costs what it does."""
    text = F.concat(F.lit(prefix), number.cast("string"))
    return F.concat(F.lit(prefix), F.upper(F.left(F.sha2(text, 256), F.lit(_ID_DIGITS))))


def _village(family: Column) -> Column:
    """Villages of 514 kab/kota in 34 provinces; some hundred families of each at 3 million persons."""
    kab = F.pmod(F.xxhash64(family, F.lit("kab")), F.lit(_KABS))
    village = F.pmod(F.xxhash64(family, F.lit("village")), F.lit(_VILLAGES))
    return F.concat(
        F.lpad((F.floor(kab / 16) + 11).cast("string"), 2, "0"),
        F.lpad((kab % 16 + 1).cast("string"), 2, "0"),
        F.lpad((F.floor(village / 4) + 1).cast("string"), 2, "0"),
        F.lpad((village + 2001).cast("string"), 4, "0"),
    )


def _families(spark: SparkSession, families: int, *, later: bool) -> DataFrame:
    place = F.pmod(F.col("id"), F.lit(_FAMILIES))
    head = F.floor(F.col("id") / _FAMILIES) * _FIRST[-1] + F.element_at(
        F.array(*map(F.lit, _FIRST)), (place + 1).cast("int")
    )
    anew = _in("anew", 100, "id") if later else F.lit(False)
    score = _draw("score", _TENTHS * _WIDTH, "id")
    score = F.when(anew, _draw("anew score", _TENTHS * _WIDTH, "id")).otherwise(score)
    return (
        spark.range(families)
        .withColumns({"number": F.col("id"), "_anew": anew, "_score": score})
        .select(
            "number",
            "_anew",
            _family(F.col("id")).alias(c.FAMILY_ID),
            _person(head).alias(c.HEAD_PERSON_ID),
            _village(F.col("id")).alias(c.REGION_CODE),
            (F.col("_score") + _LOWEST).alias(c.SCORE),
            (F.floor(F.col("_score") / _WIDTH) + 1).cast("int").alias(c.DECILE),
            F.lit("RANKED").alias(c.STATE),
        )
    )


def _recipients(numbers: DataFrame) -> DataFrame:
    shares = {"pkh": 30, "bpnt": 60, "pbi_jkn": 330, "employment": 10}
    some = reduce(or_, (_in(name, share) for name, share in shares.items()))
    named = F.array(*(F.when(_in(name, share), F.lit(name)) for name, share in shares.items()))
    listed = numbers.where(some).withColumn(c.PROGRAM, F.explode(named)).where(F.col(c.PROGRAM).isNotNull())
    # One in a thousand is nobody whom the registry knows.
    return listed.withColumn(
        c.NIK, F.when(_in("unknown", 1), F.concat(F.lit("9"), F.substring(c.NIK, 2, 15))).otherwise(F.col(c.NIK))
    )


def _tickets(numbers: DataFrame) -> DataFrame:
    return numbers.where(_in("ticket", 2)).withColumns(
        {
            c.TICKET_ID: F.concat(F.lit("T"), F.col("number").cast("string")),
            c.TICKET_KIND: _one_of("asks", "INCLUSION", "WITHDRAWAL", "DATA_ERROR"),
            c.PROGRAM: F.lit(None).cast("string"),
            c.SUBJECT_RECORD_ID: F.concat(F.lit("dukcapil:"), F.col(c.NIK)),
            c.REGION_CODE: _village(F.col("family")),
            c.CHANNEL: _one_of("channel", "desa", "portal"),
            c.STATE: F.lit("RECEIVED_BPS"),
            c.OUTCOME: _one_of("outcome", "UPHELD", "REJECTED", "OPEN"),
            c.EVIDENCE_TYPES: F.array(F.lit("KTP"), F.lit("MEDICAL_LETTER")),
        }
    )


def _events(numbers: DataFrame) -> DataFrame:
    """Three steps of each ticket."""
    step = F.posexplode(F.array(*map(F.lit, ("SUBMITTED", "ID_CHECKED", "MUSDES_APPROVED")))).alias("step", "state")
    return (
        _tickets(numbers)
        .select("number", c.TICKET_ID, step)
        .withColumns(
            {
                c.EVENT_KEY: F.concat_ws(":", c.TICKET_ID, "step"),
                c.STATE_BEFORE: F.col("state"),
                c.DAYS: _draw("days", 20).cast("int"),
                c.REASON: F.lit(None).cast("string"),
            }
        )
    )


def _cuts(spark: SparkSession) -> DataFrame:
    return spark.range(1, _TENTHS).select(
        F.col("id").cast("int").alias(c.K),
        (F.lit(_LOWEST) + F.col("id") * _WIDTH).alias(c.SCORE),
        F.col("id").alias(c.WEIGHT_BELOW),
        F.lit("person").alias(c.UNIT),
        F.col("id").alias("number"),
    )


def _filled(table: TableContract, rows: DataFrame) -> DataFrame:
    """Give every column that the rows do not have a value of its type, so that a row is as wide as a real one."""
    missing = {}
    for name in table.columns:
        kind = c.COLUMNS[name].type.simpleString()
        if name in rows.columns:
            missing[name] = F.col(name).cast(kind)
        elif kind == "string":
            missing[name] = F.concat(F.lit("V"), _draw(name, 50).cast("string"))
        elif kind == "boolean":
            missing[name] = _in(name, 300)
        elif kind == "date":
            missing[name] = F.date_add(F.lit("2020-01-01").cast("date"), _draw(name, 2000).cast("int"))
        elif kind == "timestamp":
            missing[name] = F.timestamp_seconds(F.lit(1_700_000_000) + _draw(name, 1_000_000))
        elif kind.startswith("array"):
            missing[name] = F.array(_draw(name, 1000)).cast(kind)
        else:
            missing[name] = _draw(name, 1_000_000).cast(kind)
    return rows.select(*(column.alias(name) for name, column in missing.items()))
