"""What a release scores again, and what it takes over, together are the pairs that a full run scores."""

import itertools
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import local_frame
from dtsen_spark.linkage import blocking, candidates, changes, model, nodes
from dtsen_spark.linkage import working as w
from tests.linkage.conftest import KEY, Lab, Linked, crowd, nik, record

CAP = 3
WORLDS = 60
MONTHS = 2
_TYPES = {
    w.NODE: "bigint",
    w.UNIT: "bigint",
    w.INACTIVE: "boolean",
    w.NAME_CLASS: "int",
    w.TOKENS: "array<string>",
    c.BIRTH_YEAR: "int",
    c.BIRTH_MONTH: "int",
    c.BIRTH_DAY: "int",
    c.BIRTH_HEAPED: "boolean",
    w.DATE_NUMBER: "int",
    w.VILLAGE: "bigint",
    w.DISTRICT: "bigint",
    w.REGENCY: "bigint",
    w.PROVINCE: "bigint",
    w.HOUSEHOLD_KKS: "array<bigint>",
    w.NIK_NUMBER: "bigint",
}
SCHEMA = ", ".join(f"{name} {_TYPES.get(name, 'string')}" for name in nodes.COLUMNS)

Node = dict[str, Any]


def a_node(world: int, draw: random.Random) -> Node:
    """Few names, dates (some of them each other's day and month), places and cards, so that blocks overflow."""
    tokens = draw.choice([[f"4:A{world}"], [f"2:B{world}"], [f"2:B{world}", f"4:A{world}"], []])
    year, month, day = draw.choice([(1980, 3, 4), (1980, 4, 3), (1981, 3, 4), (1980, 5, 5), (None, None, None)])
    return {
        c.NAME_SORTED: " ".join(tokens) or None,
        w.TOKENS: tokens,
        c.NAME_PHONETIC: draw.choice([f"P{world}", f"Q{world}", None]),
        c.MOTHER_NAME_NORM: draw.choice([f"M{world}", None, None]),
        c.SEX: draw.choice("LP"),
        c.BIRTH_YEAR: year,
        c.BIRTH_MONTH: month,
        c.BIRTH_DAY: day,
        w.DATE_NUMBER: year * 10_000 + month * 100 + day if year and month and day else None,
        w.DISTRICT: world * 10 + draw.randrange(2),
        w.REGENCY: world,
        w.HOUSEHOLD_KKS: draw.choice([None, [world * 10 + 1], [world * 10 + 1, world * 10 + 2]]),
        w.NAME_CLASS: draw.randrange(3),
    }


def a_nation(draw: random.Random) -> dict[int, Node]:
    """Many worlds that share no key: eight nodes of the registry and eight of the residue each."""
    return {
        sign * (world * 1000 + number): a_node(world, draw)
        for world in range(1, WORLDS + 1)
        for sign in (1, -1)
        for number in range(8)
    }


def a_month_later(before: dict[int, Node], draw: random.Random) -> dict[int, Node]:
    """In most worlds up to three nodes leave, change, or come."""
    now = dict(before)
    for world in range(1, WORLDS + 1):
        for _ in range(draw.randrange(4)):
            there = [node for node in now if abs(node) // 1000 == world]
            match draw.choice(("leave", "change", "card", "come")):
                case "leave":
                    del now[draw.choice(there)]
                case "change":
                    now[draw.choice(there)] = a_node(world, draw)
                case "card":
                    node = draw.choice(there)
                    now[node] = {**now[node], w.HOUSEHOLD_KKS: [world * 10 + draw.randrange(3)]}
                case "come":
                    number = 1 + max(abs(node) for node in there)
                    now[draw.choice((1, -1)) * number] = a_node(world, draw)
    return now


class Bench:
    """Node tables to pairs; a stand-in for the model gives each pair a weight that both nodes' values make."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark = spark
        self.root = root
        self.kept: dict[str, DataFrame] = {}
        self.number = itertools.count()

    def keep(self, name: str, df: DataFrame) -> DataFrame:
        path = str(self.root / f"{next(self.number)}-{name}")
        df.write.parquet(path)
        self.kept[name] = self.spark.read.parquet(path)
        return self.kept[name]

    def table(self, found: dict[int, Node]) -> DataFrame:
        rows = [tuple({**one, w.NODE: node}.get(name) for name in nodes.COLUMNS) for node, one in found.items()]
        return self.keep("keyed", blocking.keyed(local_frame(self.spark, rows, SCHEMA)))

    def scored(self, table: DataFrame, keys: DataFrame) -> tuple[DataFrame, int]:
        blocks = blocking.candidate_pairs(keys, CAP, self.keep)
        left, right = (
            table.select(F.col(w.NODE).alias(key), F.col(c.NODE_HASH).alias(f"{key}_hash")) for key in (w.LEFT, w.RIGHT)
        )
        weight = F.xxhash64(f"{w.LEFT}_hash", f"{w.RIGHT}_hash").alias(c.MATCH_WEIGHT)
        pairs = blocks.pairs.join(left, w.LEFT).join(right, w.RIGHT).select(w.LEFT, w.RIGHT, w.MATCH_KEY, weight)
        return self.keep("scored", pairs), blocks.dropped

    def in_full(self, table: DataFrame) -> tuple[DataFrame, int]:
        return self.scored(table, blocking.key_rows(table).withColumn(blocking.FRESH, F.lit(True)))

    def turned(self) -> list[int]:
        """Blocks that turned too large or small enough in the newest month, by refinement."""
        found = [self.kept[f"touched_blocks_{at}"] for at in range(3)]
        return [one.where("large <> was_large").count() for one in found]


def listed(pairs: DataFrame) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in pairs.select(w.LEFT, w.RIGHT, w.MATCH_KEY, c.MATCH_WEIGHT).collect())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [13, pytest.param(14, marks=pytest.mark.slow)])
def test_months_of_change_give_the_pairs_of_full_runs(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    bench = Bench(spark, tmp_path)
    nation = a_nation(draw)
    before = bench.table(nation)
    pairs, dropped = bench.in_full(before)
    peers, turned, given_up = 0, [0, 0, 0], set()
    for _ in range(MONTHS):
        nation = a_month_later(nation, draw)
        now = bench.table(nation)
        found = changes.since(before, now, CAP, bench.keep, most=len(nation))
        assert found is not None
        assert found.keys is not None
        fresh, _ = bench.scored(now, found.keys)
        held = changes.between_others(pairs, found.ends)
        wanted, wanted_dropped = bench.in_full(now)

        assert listed(held.unionByName(fresh)) == listed(wanted)
        assert dropped + found.dropped == wanted_dropped
        assert held.count() > 0, "something is taken over"
        assert 0 < fresh.count() < wanted.count(), "not all is scored again"
        turned = [sum(both) for both in zip(turned, bench.turned(), strict=True)]
        peers += fresh.where(F.col(w.RIGHT) < 0).count()
        given_up.add(found.dropped)
        before, pairs, dropped = now, wanted, wanted_dropped
    assert min(turned) > 0, "blocks turned at each refinement"
    assert peers > 0
    assert dropped > 0
    assert len(given_up) > 1


def test_another_model_or_cap_is_another_basis() -> None:
    one = model.fitted({}, {}, prior=0.1, facts={})
    other = model.fitted({}, {}, prior=0.2, facts={})

    assert candidates.fingerprint(one, 5) == candidates.fingerprint(one, 5)
    assert len({candidates.fingerprint(*made) for made in ((one, 5), (other, 5), (one, 6))}) == 3


FAMILY = {c.NO_KK: "3201010101990009", c.FAMILY_RECORD_ID: "p3ke/keluarga:z"}


def a_quarter() -> list[dict[str, Any]]:
    """A crowd that the NIK links, and 40 records that it does not: some of the crowd's persons, some of nobody."""
    people = crowd(200)
    without = [
        {**row, c.RECORD_ID: f"p3ke:{row[c.RECORD_ID]}", c.SOURCE: "p3ke", c.NIK: None} for row in people[1:80:4]
    ]
    strangers = [
        record(f"regsosek:n{i}", f"{'ABCDEFGHIJ'[i % 10]}ULAN PURN{'AIUEO'[i // 10]}MA", f"19{60 + i}-02-0{1 + i % 5}")
        for i in range(20)
    ]
    return [*people, *without, *strangers]


def its_month(before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One person dies in the registry, records leave, come, and are corrected; a family card changes."""
    rows = {row[c.RECORD_ID]: dict(row) for row in before}
    registered, others = (
        [one for one in rows if one.startswith(source)]
        for source in (
            "dukcapil:",
            "p3ke:",
        )
    )
    del rows[registered[1]], rows[others[2]], rows["regsosek:n3"]
    rows[others[0]].update({c.BIRTH_MONTH: 11, c.BIRTH_DAY: 30})
    rows[others[4]].update(FAMILY)
    rows["regsosek:n5"].update({c.REGION_CODE: "1101012001"})
    came = record(f"dukcapil:{nik(88)}", "BULAN PURNAMA", "1961-02-02")
    twin = record("p3ke:n1", "BULAN PURNAMA", "1961-02-02", **FAMILY)
    return [*rows.values(), came, twin]


def written(linked: Linked) -> dict[str, tuple[int, str]]:
    return {path: (one.rows, one.content_hash) for path, one in linked.job.outputs.items()}


@pytest.mark.slow
def test_a_month_is_what_a_run_in_full_gives(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTSEN_ID_KEY", KEY)
    lab = Lab(spark, tmp_path / "one")
    first = lab.run(a_quarter())
    shutil.copytree(lab.root, tmp_path / "other")
    other = Lab(spark, tmp_path / "other")
    other.releases, other.versions = list(lab.releases), dict(lab.versions)
    another_basis = local_frame(spark, [("of other code", 0)], tables.LINKAGE_BASIS.schema)
    other.lake.write(tables.LINKAGE_BASIS, another_basis, build=other.releases[-1])

    month, rebuilt = (one.run(its_month(a_quarter())) for one in (lab, other))

    assert written(month) == written(rebuilt)
    assert {tables.EDGE.path, tables.REVIEW_QUEUE.path, *(one.path for one in tables.LINKAGE_KEPT)} <= set(
        written(month)
    )
    assert written(month)[tables.SCORED_PAIR.path] != written(first)[tables.SCORED_PAIR.path]
    again = [
        {row[c.METRIC]: row[c.VALUE] for row in one.job.ledger.drain_metrics()}["nodes_scored_again"]
        for one in (month, rebuilt)
    ]
    assert again[1] == written(rebuilt)[tables.NODE.path][0], "all nodes"
    assert 5 <= again[0] < again[1] / 2
