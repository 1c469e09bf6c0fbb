"""The Spark expressions of the lists against the same rule in plain Python, on every code of every list."""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from dtsen_spark import codes, tables
from dtsen_spark import columns as c
from dtsen_spark.harmonise.values import select_values
from tests.harmonise.test_codes import TRAPS

TABLES = ("dukcapil/penduduk", "dtks/rumah_tangga", "dtks/anggota", "regsosek/keluarga", "regsosek/anggota")
OTHER_TABLES = ("p3ke/keluarga", "p3ke/individu", "susenas/anggota", "bpjstk/peserta", "pegawai/daftar")


def _cases(table, names):
    """Each code of each list alone, the hand-written rows, and a code that no list knows."""
    yield {}
    yield from (row for _, of, row, _ in TRAPS if of == table)
    for name in names:
        for listed in codes.code_list(name).lists(table):
            for code in [*listed.codes, "95"]:
                held = (
                    {listed.only_if.column: listed.only_if.code if listed.only_if.equal else "3"}
                    if listed.only_if
                    else {}
                )
                yield {**held, **dict.fromkeys(listed.columns, f" 0{code}" if code.isdigit() else code)}


def _wanted(name, table, row):
    ours = codes.code_list(name).ours(table, row)
    return str(ours == codes.YES).lower() if ours and isinstance(c.COLUMNS[name].type, BooleanType) else ours


def test_spark_and_python_read_every_code_alike(spark):
    frames, wanted = [], {}
    for table in (*TABLES, *OTHER_TABLES):
        contract = tables.accepted(tables.LANDING[table])
        names = [name for name in codes.code_lists() if codes.code_list(name).lists(table)]
        cases = list(_cases(table, names))
        rows = [tuple({c.NATIVE_KEY: str(i), **row}.get(n) for n in contract.columns) for i, row in enumerate(cases)]
        valued = select_values(
            spark.createDataFrame(rows, contract.schema), table, names, {c.NATIVE_KEY: F.col(c.NATIVE_KEY)}
        )
        texts = F.array(*(F.col(name).cast("string") for name in names))
        frames.append(
            valued.select(F.lit(table).alias("t"), F.col(c.NATIVE_KEY).cast("int").alias("i"), texts.alias("found"))
        )
        wanted |= {(table, i): [_wanted(name, table, row) for name in names] for i, row in enumerate(cases)}
    found = reduce(DataFrame.unionByName, frames).collect()
    assert len(wanted) > 700
    assert {(row["t"], row["i"]): row["found"] for row in found} == wanted
