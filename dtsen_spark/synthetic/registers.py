"""Registers keyed by NIK that DTSEN is enriched with: power, insurance, pay-roll, current beneficiaries."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.delivery import Delivery, World, number, text


def deliver(world: World) -> list[Delivery]:
    """Return the deliveries of pln, bpjstk, bpjskes, pegawai and program."""
    today, living = world.today, world.living
    numbered = world.persons.where(F.col("registered") & (F.col("copy") == 0) & F.col("alive"))
    return [
        Delivery("pln/pelanggan", _power(world), today, world.count),
        Delivery("bpjstk/peserta", _employment_insurance(world, numbered), today, 0.2 * living),
        Delivery("bpjskes/peserta", _health_insurance(world, numbered), today, 0.8 * living),
        Delivery("pegawai/daftar", _payroll(world, numbered), today, 0.05 * living),
        Delivery("program/penerima", _recipients(world, numbered), today, 0.5 * living),
    ]


def _power(world: World) -> DataFrame:
    draws, family = world.draws, F.col("family")
    heads = world.persons.where((F.col("role") == "HEAD") & F.col("alive") & (F.col("copy") == 0))
    metered = (
        world.dwellings.visited(heads, "pln").withColumn("meter", world.dwellings.meter()).where("meter IS NOT NULL")
    )
    kwh = F.exp(4.4 + 0.45 * F.col("welfare") + 0.3 * draws.normal("kwh", family)) * F.sqrt(F.col("size") / 3.0)
    return metered.select(
        F.concat(F.lit("5"), number(family, 2246822519)).alias("id_pelanggan"),
        F.when(F.col("registered") & (draws.uniform("pln/nik", family) < 0.82), F.col("nik")).alias("nik"),
        F.when(draws.uniform("pln/kk", family) < 0.6, F.col("no_kk")).alias("no_kk"),
        F.col("meter").alias("daya"),
        text(F.round(kwh).cast("int")).alias("kwh_bulan"),
    )


def _employment_insurance(world: World, persons: DataFrame) -> DataFrame:
    draws, person = world.draws, F.col("person")
    employee = F.col("status").isin("4", "5")
    wage = F.exp(14.75 + 0.35 * F.col("welfare") + 0.25 * draws.normal("wage", person))
    return persons.where("jobs_cover").select(
        "nik",
        F.when(employee, "PU").otherwise("BPU").alias("segmen"),
        text(F.round(F.when(employee, wage).otherwise(wage * 0.5) / 1000).cast("long") * 1000).alias("upah"),
        F.when(F.col("works") & (draws.uniform("bpjstk/active", person) < 0.92), "1").otherwise("0").alias("aktif"),
    )


def _health_insurance(world: World, persons: DataFrame) -> DataFrame:
    draws, person = world.draws, F.col("person")
    # Heart, stroke, cancer, kidney: what is treated for long and at ruinous cost.
    catastrophic = F.col("chronic").isin(5, 8, 9, 10) & (draws.uniform("treated", person) < 0.5)
    active = (F.col("health_cover") == "PBI") | (draws.uniform("bpjskes/active", person) < 0.85)
    return persons.where("health_cover != ''").select(
        "nik",
        F.col("health_cover").alias("segmen"),
        F.when(active, "1").otherwise("0").alias("aktif"),
        F.when(catastrophic, "1").otherwise("0").alias("kronis"),
    )


def _payroll(world: World, persons: DataFrame) -> DataFrame:
    draws, person = world.draws, F.col("person")
    drawn = draws.uniform("payroll", person)
    state = (
        F.when(drawn < 0.74, "ASN").when(drawn < 0.82, "BUMN").when(drawn < 0.88, "BUMD").when(drawn < 0.94, "TNI")
    ).otherwise("POLRI")
    retired = (F.col("age") >= 58) & ~F.col("works") & (F.col("education") >= 4) & (drawn < 0.35)
    official = F.col("works") & ~F.col("urban") & F.col("age").between(20, 60) & (drawn > 0.992)
    kind = F.when(F.col("status") == "5", state).when(retired, "PENSIUNAN").when(official, "PERANGKAT_DESA")
    return persons.select("nik", kind.alias("jenis")).where("jenis IS NOT NULL")


def _recipients(world: World, persons: DataFrame) -> DataFrame:
    """Return who receives now: the poorer rather than the better-off, chosen in years past with other data."""
    draws, family, person = world.draws, F.col("family"), F.col("person")

    def chosen(program: str, share: float) -> Column:
        return draws.below(F.col("welfare_total") + 0.8 * draws.normal(f"{program}/sight", family), share, sd=1.28)

    carer = ((F.col("role") == "SPOUSE") & ~F.col("male")) | (
        (F.col("role") == "HEAD") & ~F.col("kind").isin("C", "P", "X")
    )
    programs = F.array_compact(
        F.array(
            F.when(carer & (F.col("size") > 1) & chosen("pkh", 0.13), "PKH"),
            F.when(carer & chosen("bpnt", 0.22), "BPNT"),
            F.when(F.col("health_cover") == "PBI", "PBI_JKN"),
            F.when(
                F.col("status").isin("1", "2", "6", "7") & draws.chance("employment", 0.02, person)
                & (F.col("welfare_total") < 0), "EMPLOYMENT",
            ),
        )
    )  # fmt: skip
    since = F.date_sub(F.lit(date(world.today.year, 1, 1)), draws.whole("since", 0, 2500, person))
    return persons.withColumn("program", F.explode(programs)).select(
        "program", "nik", "no_kk", text(F.trunc(since, "month")).alias("sejak")
    )
