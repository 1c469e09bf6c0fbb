"""``generate --next``: the deliveries of the month after, and what is true at its end.

A delta is the difference between what a table says of the touched families before and after the month, by the same
expressions as the first delivery.
"""

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark.config import GenerateConfig
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Period
from dtsen_spark.synthetic import registers, tickets
from dtsen_spark.synthetic.answers import ANSWERS, HandedOver, answer
from dtsen_spark.synthetic.delivery import Delivery, World
from dtsen_spark.synthetic.generate import AT_ONCE, RECORD, UPDATES, Summary, make_world, nation_in
from dtsen_spark.synthetic.life import Life, Lived, Month
from dtsen_spark.synthetic.nation import load_nation
from dtsen_spark.synthetic.places import read_places
from dtsen_spark.synthetic.profile import BrokenRates, Profile, first_day
from dtsen_spark.synthetic.sources import dtks, dukcapil, regsosek
from dtsen_spark.synthetic.writing import SCRATCH, keep_records, truth_of, write_delivery, write_truth
from dtsen_spark.tables import DELETE, DELTA, LANDING, OP, UPSERT

_REPEATED: Final = 0.05  # of the rows of a delta: there twice
_LATE: Final = 0.05  # of the changed records: told of once more as they were before, with an earlier date
_LATE_BATCH: Final = "late"
# What a delta may hold against the rows of the families that the month touched.
_ROOM: Final = 2.0


def month_of(out: Path, period: str | None) -> str:
    """Return the month that ``generate_next`` makes or finds; touches no Spark.

    Args:
        out: Folder of a nation.
        period: The month; None = the one after the last deliveries.

    Raises:
        UsageError: The folder holds no nation, or the month neither is there nor follows.
    """
    record = nation_in(out)
    made = [update["period"] for update in record.get(UPDATES, [])]
    last = Period.parse(made[-1] if made else record["generate"]["quarter"])
    following = f"{last.last_day + timedelta(days=1):%Y-%m}"
    if period not in {None, following, *made}:
        message = f"--period {period}: the deliveries of {out} go on with {following}"
        raise UsageError(message)
    return period or following


def generate_next(
    spark: SparkSession, *, out: Path, period: str, share: float, handed: Sequence[HandedOver] = ()
) -> Summary:
    """Add a month to a nation: ``delta`` batches to its landing zone, and ``truth/<month>``.

    The same nation, month, share and hand-over give the same rows. A month that is there is left as it is, but for
    answers that it lacks; what an interrupted run left of one is made anew.

    Args:
        spark: The session.
        out: Folder of a nation that ``generate`` made.
        period: The month, of ``month_of``.
        share: Share of the families, and so of the persons, in whose family something happens.
        handed: What ministries answer in the month, from ``handed_over``.

    Returns:
        Delivered rows of each table, and ``persons`` and ``families`` of the nation after the month.

    Raises:
        UsageError: There is no nation, another version made it, or the month is there with another share.
    """
    made = _month(spark, out, period, share)
    if not handed:
        return made
    return replace(made, rows=made.rows | {ANSWERS: answer(spark, out=out, period=period, handed=handed)})


def _month(spark: SparkSession, out: Path, period: str, share: float) -> Summary:
    record = nation_in(out)
    made: list[dict[str, Any]] = record.get(UPDATES, [])
    for update in made:
        if update["period"] == period:
            if update["share"] != share:
                message = f"{out}: {period} was made with --share {update['share']}; it is left as it is"
                raise UsageError(message)
            return Summary(update["rows"], made=False)
    told = [*((one["period"], one["share"]) for one in made), (period, share)]
    months = [Month(number, Period.parse(text), part) for number, (text, part) in enumerate(told, start=1)]
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    try:
        rows = _make(spark, record, months, out)
    finally:
        shutil.rmtree(out / SCRATCH, ignore_errors=True)
    # Last of all: without this entry the month counts as never made.
    record[UPDATES] = [*made, {"period": period, "share": share, "rows": rows}]
    (out / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return Summary(rows, made=True)


def _make(spark: SparkSession, record: dict[str, Any], months: Sequence[Month], out: Path) -> dict[str, int]:
    """Live the nation up to the last of the months and write what it delivers."""
    profile = Profile.model_validate(record["profile"])
    config = GenerateConfig.model_validate(record["generate"])
    scratch = out / SCRATCH
    world = make_world(
        spark, profile, persons=record["persons"], seed=record["seed"], today=first_day(config.quarter), scratch=scratch
    )
    life = Life(spark, load_nation(), read_places(spark, scratch), str(scratch / "months"))
    before: tuple[World, Period] | None = None
    for month in months[:-1]:
        world = life.live(world, month).world
        before = (world, month.period)
    month = months[-1]
    lived = life.live(world, month)
    # What an interrupted run left.
    for batch in (out / "landing").glob("*/*/*"):
        if batch.name in {f"{month.last_day:%Y%m%d}-01", f"{_late_day(month):%Y%m%d}-{_LATE_BATCH}"}:
            shutil.rmtree(batch)
    former = out / "truth" / months[-2].text if len(months) > 1 else out / "truth"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        changes = list(pool.map(lambda one: keep_records(spark, one, out), _changes(lived, month)))
        deliveries = [*changes, *_late(lived, changes, month), *tickets.monthly(lived.world, month.period, before)]
        known = _records(spark, former, changes, world)
        truth = pool.submit(write_truth, lived.world, known, out / "truth" / month.text)
        written = [(one.path, pool.submit(write_delivery, spark, one, out, config, world.draws)) for one in deliveries]
        rows: dict[str, int] = {}
        for path, done in written:
            rows[path] = rows.get(path, 0) + done.result()
        truth.result()
    living = lived.world.persons.where(F.col("alive") & (F.col("copy") == 0)).count()
    return rows | {"persons": living, "families": lived.world.families.count()}


def _tables(world: World) -> dict[str, Delivery]:
    """Return what is updated every month: registry, Regsosek, DTKS and registers, but neither P3KE nor Susenas."""
    modules = (dukcapil, regsosek, dtks, registers)
    return {one.path: one for module in modules for one in module.deliver(world)}


def _changes(lived: Lived, month: Month) -> list[Delivery]:
    """Return one delta for each table that is updated, over the touched families."""
    was, now = _tables(lived.before), _tables(lived.after)
    share = _ROOM * month.share
    return [
        replace(
            one,
            rows=_difference(was[path].rows, one, lived.world, month),
            as_of=month.last_day,
            expected=one.expected * share,
            mode=DELTA,
        )
        for path, one in now.items()
    ]


def _difference(was: DataFrame, now: Delivery, world: World, month: Month) -> DataFrame:
    """Return the rows that are new or differ (U), some of them twice, and the keys that are gone (D)."""
    table = LANDING[now.path]
    key, told = list(table.key), F.xxhash64(*table.columns).alias("_told")
    # row now : the same row before is 1 : 0..1, keys are unique.
    same = now.rows.join(was.select(*key, told), key, "left").where(
        F.xxhash64(*table.columns).eqNullSafe(F.col("_told"))
    )
    changed = now.rows.join(same.select(*key), key, "left_anti")
    gone = was.join(now.rows.select(*key), key, "left_anti")
    others = [name for name in table.columns if name not in key]
    emptied = gone.withColumns({name: F.lit(None).cast("string") for name in others})
    twice = world.draws.chance(f"{month.text}/{now.path}/repeated", _REPEATED, *map(F.col, key))
    repeats = F.explode(F.when(twice, F.array(F.lit(0), F.lit(1))).otherwise(F.array(F.lit(0))))
    told_twice = changed.withColumn("_repeat", repeats).drop("_repeat")
    return told_twice.withColumn(OP, F.lit(UPSERT)).unionByName(emptied.withColumn(OP, F.lit(DELETE)))


def _late_day(month: Month) -> date:
    before = month.last_day.replace(day=1) - timedelta(days=1)
    return before.replace(day=15)


def _late(lived: Lived, changes: Sequence[Delivery], month: Month) -> list[Delivery]:
    """Return rows that come too late: records as they were before the month, of a day before it; what is newer wins."""
    was = _tables(lived.before)
    late = []
    for one in changes:
        if one.person_key:
            key = list(LANDING[one.path].key)
            draw = lived.world.draws.chance(f"{month.text}/{one.path}/late", _LATE, *map(F.col, key))
            updated = one.rows.where((F.col(OP) == UPSERT) & draw).select(*key).distinct()
            # 1 : 1, keys are unique on both sides.
            rows = was[one.path].rows.join(updated, key, "left_semi").withColumn(OP, F.lit(UPSERT))
            late.append(replace(one, rows=rows, as_of=_late_day(month), batch=_LATE_BATCH, broken=BrokenRates()))
    return late


def _records(spark: SparkSession, former: Path, changes: Sequence[Delivery], world: World) -> DataFrame:
    """Return who the records are after the month: those of the truth before it, but for what was changed."""
    told = truth_of(changes, world.draws, OP).distinct()
    kept = spark.read.parquet(str(former / "person.parquet")).join(told, "record_id", "left_anti")  # a key
    return kept.unionByName(told.where(F.col(OP) == UPSERT).drop(OP))
