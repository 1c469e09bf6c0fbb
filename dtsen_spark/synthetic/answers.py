"""What ministries answer to a hand-over: paid, refused, not found, still waiting, or nothing.

The ids of units are the lake's own, so the nation alone cannot answer. What a ministry knows is its hand-over file
(``dtsen handover``, as CSV), and whom it meets is the nation's truth: the two are joined on the NIK.
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import GenerateConfig
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Period
from dtsen_spark.synthetic.delivery import Delivery, text
from dtsen_spark.synthetic.draw import Draws
from dtsen_spark.synthetic.generate import nation_in
from dtsen_spark.synthetic.nation import load_nation
from dtsen_spark.synthetic.writing import SCRATCH, write_delivery
from dtsen_spark.tables import DELTA, OP, UPSERT

ANSWERS: Final = "program/tanggapan"

_PAID: Final = "PAID"
_TOLD: Final = (c.NIK, c.DECISION, c.NOTICE, c.EFFECTIVE_ON, c.BENEFIT_IDR_YEAR)
_REGISTRY: Final = "dukcapil:"
_INSTALMENTS: Final = 4  # of a year's benefit
_LATEST: Final = 20  # days before the month's end
_STAY: Final = ("REVERSED", "REINSTATED")  # what a person decided on leavers whose benefit goes on
_OUT: Final = "_out"


@dataclass(frozen=True)
class HandedOver:
    """Files of one program that wait for an answer.

    Attributes:
        program: Program code.
        release_id: Release that was handed over.
        unit_id: Column with the unit's id.
        columns: Columns of the files.
        files: One CSV a kab/kota.
        rows: Units in them.
    """

    program: str
    release_id: str
    unit_id: str
    columns: tuple[str, ...]
    files: tuple[Path, ...]
    rows: int


def handed_over(folder: Path, period: str) -> list[HandedOver]:
    """Return, for each program, the newest hand-over that a month can answer; touches no Spark.

    Args:
        folder: The ``--out`` of ``dtsen handover``.
        period: The month: only releases of earlier periods are answered.

    Raises:
        UsageError: The folder holds none.
    """
    month = Period.parse(period).last_day
    found: dict[str, tuple[Any, HandedOver]] = {}
    for path in sorted(folder.glob("*/*/csv/manifest.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        release_id = told["release_id"]
        day, revision = Period.of_release(release_id).last_day, int(release_id.rpartition(".")[2])
        newest = found.get(told["program"])
        if day < month and (newest is None or newest[0] < (day, revision)):
            one = HandedOver(
                program=told["program"],
                release_id=release_id,
                unit_id=c.FAMILY_ID if told["unit"] == "family" else c.PERSON_ID,
                columns=tuple(column["column"] for column in told["columns"]),
                files=tuple(path.with_name(file["name"]) for file in told["files"]),
                rows=told["rows"],
            )
            found[one.program] = ((day, revision), one)
    if not found:
        message = f"--handover {folder}: no CSV hand-over of a period before {period}; 'dtsen handover' writes one"
        raise UsageError(message)
    return [one for _, one in found.values()]


def answer(spark: SparkSession, *, out: Path, period: str, handed: Iterable[HandedOver]) -> int:
    """Deliver the answers of a month to ``out/landing``; the same nation, month and hand-over give the same rows.

    What is delivered is left as it is.

    Args:
        spark: The session.
        out: Folder of a nation whose month is made.
        period: The month.
        handed: From ``handed_over``.

    Returns:
        Delivered answers.
    """
    record = nation_in(out)
    draws, day, handed = Draws(record["seed"]), Period.parse(period).last_day, list(handed)
    delivery = Delivery(
        ANSWERS,
        _answers(_met(_units(spark, handed), out / "truth" / period), draws, period),
        day,
        sum(one.rows for one in handed),
        mode=DELTA,
    )
    folder = out / "landing" / ANSWERS / delivery.batch_id
    manifest = folder / "_manifest.json"
    if manifest.exists():
        return sum(file["rows"] for file in json.loads(manifest.read_text(encoding="utf-8"))["files"])
    # What an interrupted run left.
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    try:
        return write_delivery(spark, delivery, out, GenerateConfig.model_validate(record["generate"]), draws)
    finally:
        shutil.rmtree(out / SCRATCH, ignore_errors=True)


def _units(spark: SparkSession, handed: Iterable[HandedOver]) -> DataFrame:
    def units(one: HandedOver) -> DataFrame:
        schema = ", ".join(f"{name} string" for name in one.columns)
        rows = spark.read.csv([str(file) for file in one.files], schema=schema, header=True, escape='"')
        told = [F.col(name) if name in one.columns else F.lit(None).cast("string").alias(name) for name in _TOLD]
        return rows.select(
            F.lit(one.program).alias("program"),
            F.lit(one.release_id).alias("release_id"),
            F.col(one.unit_id).alias("unit_id"),
            *told,
        )

    return reduce(DataFrame.unionByName, map(units, handed))


def _met(units: DataFrame, truth: Path) -> DataFrame:
    """Add who the NIK truly is (``true_person_id``), whether alive (``true_family_id``), and what the family spends."""
    read = units.sparkSession.read.parquet
    registry = (
        read(str(truth / "person.parquet"))
        .where(F.startswith("record_id", F.lit(_REGISTRY)))
        .select(F.substring("record_id", len(_REGISTRY) + 1, 16).alias(c.NIK), "true_person_id")
    )
    living = read(str(truth / "family.parquet")).select("true_person_id", "true_family_id")
    # unit : registry row is n : 0..1, person : family is 1 : 0..1, family : what it spends is 1 : 1.
    return (
        units.join(registry, c.NIK, "left")
        .join(living, "true_person_id", "left")
        .join(read(str(truth / "consumption.parquet")), "true_family_id", "left")
    )


def _answers(met: DataFrame, draws: Draws, period: str) -> DataFrame:
    nation, day = load_nation(), Period.parse(period).last_day
    rates, spends = nation.answers, nation.consumption
    keys = (F.col("program"), F.col("unit_id"))

    def chance(label: str, rate: float) -> Column:
        return draws.chance(f"answer/{label}", rate, *keys)

    well_off = F.col("log_expenditure") > spends.total_mean + spends.total_sd * NormalDist().inv_cdf(
        rates.well_off_from
    )
    at = F.date_sub(F.lit(day), draws.whole(f"answer/{period}/day", 0, _LATEST, *keys))
    # The first that holds; who waits for an account this month may have one in the next.
    why = (
        F.when(F.col("true_person_id").isNull(), "NOT_FOUND:NIK_TIDAK_DIKENAL")
        .when(F.col("true_family_id").isNull(), "NOT_FOUND:MENINGGAL")
        .when(well_off & chance("well off", rates.well_off), "REFUSED:MAMPU")
        .when(chance("moved", rates.moved), "NOT_FOUND:PINDAH")
        .when(chance("declined", rates.declined), "REFUSED:MENGUNDURKAN_DIRI")
        .when(chance(f"{period}/account", rates.no_account), "PENDING:REKENING_BELUM_AKTIF")
        .otherwise(_PAID)
    )
    selected, leaves = F.col(c.DECISION) == "SELECTED", F.col(c.NOTICE).isNotNull()
    # A leaver's benefit runs until its end holds, and some offices pay on after that.
    ended = ~F.col(c.NOTICE).isin(*_STAY) & F.coalesce(F.col(c.EFFECTIVE_ON).cast("date") <= at, F.lit(False))
    answered = F.when(selected, ~chance(f"{period}/silent", rates.silent)).otherwise(
        leaves & (~ended | chance("paid on", rates.paid_on))
    )
    status = F.when(selected, F.split_part(why, F.lit(":"), F.lit(1))).otherwise(_PAID)
    return (
        met.withColumns({_OUT: why, "status": status, "at": text(at)})
        .where(answered)
        .select(
            "program",
            "release_id",
            "unit_id",
            "status",
            F.when(F.col("status") != _PAID, F.split_part(_OUT, F.lit(":"), F.lit(2))).alias("reason"),
            F.when(
                F.col("status") == _PAID, text(F.floor(F.col(c.BENEFIT_IDR_YEAR).cast("long") / _INSTALMENTS))
            ).alias("amount_idr"),
            "at",
            F.lit(UPSERT).alias(OP),
        )
    )
