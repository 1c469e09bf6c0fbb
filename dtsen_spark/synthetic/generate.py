"""``generate``: from a seed to a landing zone and its truth."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from pyspark.sql import SparkSession

from dtsen_spark.config import Config
from dtsen_spark.errors import UsageError
from dtsen_spark.synthetic import registers, survey, tickets
from dtsen_spark.synthetic.delivery import Delivery, World
from dtsen_spark.synthetic.draw import Draws
from dtsen_spark.synthetic.dwelling import Dwellings
from dtsen_spark.synthetic.families import count_families, make_families
from dtsen_spark.synthetic.names import Names
from dtsen_spark.synthetic.nation import load_nation
from dtsen_spark.synthetic.places import read_places, read_shares
from dtsen_spark.synthetic.population import make_persons
from dtsen_spark.synthetic.profile import Profile, first_day, load_profile
from dtsen_spark.synthetic.sources import dtks, dukcapil, p3ke, regsosek
from dtsen_spark.synthetic.writing import SCRATCH, keep_records, truth_of, write_delivery, write_truth

# Raise it when the same arguments give other rows.
VERSION: Final = 2
RECORD: Final = "_nation.json"
UPDATES: Final = "updates"
_UNFINISHED: Final = "_nation.part"
_OURS: Final = ("landing", "truth", SCRATCH)
# Small tables leave cores idle, so several are written at a time.
AT_ONCE: Final = 3


@dataclass(frozen=True)
class Summary:
    """What ``generate`` left.

    Attributes:
        rows: Delivered records of each landing table (``source/table``), and ``persons`` and ``families``.
        made: False where the same nation was there already and was left as it is.
    """

    rows: dict[str, int]
    made: bool


def generate(spark: SparkSession, config: Config, *, persons: int, seed: int, out: Path, profile: str) -> Summary:
    """Write a synthetic nation: ``out/landing`` in the landing contract, and ``out/truth``.

    The same arguments give the same rows, whatever the partitions. A nation made before with the same arguments is
    left as it is; what an interrupted run left is made anew.

    Args:
        spark: The session.
        config: Section ``generate``: quarter, rows in a file, format.
        persons: Living persons, exactly.
        seed: Seed of all chance.
        out: Folder; made where it is not there.
        profile: Name of the error profile.

    Returns:
        Rows of each table.

    Raises:
        UsageError: The profile is unknown, the quarter is wrong, or ``out`` holds something else.
    """
    rates = load_profile(profile)
    today = first_day(config.generate.quarter)
    arguments = {
        "version": VERSION,
        "persons": persons,
        "seed": seed,
        "profile": rates.model_dump(mode="json"),
        "generate": config.generate.model_dump(mode="json"),
    }
    if (known := _standing(out, arguments)) is not None:
        return Summary(known, made=False)
    # Says that what stands here is ours to make anew, should this run be interrupted.
    (out / _UNFINISHED).touch()
    for name in _OURS:
        shutil.rmtree(out / name, ignore_errors=True)
    world = make_world(spark, rates, persons=persons, seed=seed, today=today, scratch=out / SCRATCH)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # The large ones first, so that none is left alone at the end.
        deliveries = list(pool.map(lambda delivery: keep_records(spark, delivery, out), _deliveries(world)))
        truth = pool.submit(write_truth, world, truth_of(deliveries, world.draws), out / "truth")
        written = {
            delivery.path: pool.submit(write_delivery, spark, delivery, out, config.generate, world.draws)
            for delivery in deliveries
        }
        rows = {path: done.result() for path, done in written.items()}
        truth.result()
    shutil.rmtree(out / SCRATCH)
    rows |= {"persons": persons, "families": world.count}
    (out / RECORD).write_text(json.dumps({**arguments, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    (out / _UNFINISHED).unlink()
    return Summary(rows, made=True)


def _standing(out: Path, arguments: dict[str, Any]) -> dict[str, int] | None:
    """Return the rows of a nation made before with these arguments; None where one is to be made."""
    record = out / RECORD
    if record.is_file():
        made: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        rows: dict[str, int] = made.pop("rows", {})
        made.pop(UPDATES, None)
        if made == arguments:
            return rows
        differs = ", ".join(key for key in arguments if made.get(key) != arguments[key])
        message = f"{out}: holds another nation ({differs} differ); name another --out, or delete it"
        raise UsageError(message)
    if out.exists() and not out.is_dir():
        message = f"{out}: is a file; --out must name a folder"
        raise UsageError(message)
    ours = {*_OURS, _UNFINISHED} if (out / _UNFINISHED).exists() else set()
    foreign = [path for path in out.glob("*") if path.name not in ours and not path.name.startswith(".")]
    if foreign:
        message = f"{out}: holds {len(foreign)} other files or folders; name an empty or new folder as --out"
        raise UsageError(message)
    out.mkdir(parents=True, exist_ok=True)
    return None


def nation_in(out: Path) -> dict[str, Any]:
    """Return what is recorded of a nation: the arguments that it was made with, rows, later months.

    Raises:
        UsageError: The folder holds no nation, or another version made it.
    """
    path = out / RECORD
    if not path.is_file():
        message = f"{out}: no nation here; 'dtsen generate --persons N --out {out}' makes one"
        raise UsageError(message)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if record["version"] != VERSION:
        message = f"{out}: made by another version of the generator; make the nation again"
        raise UsageError(message)
    return record


def make_world(spark: SparkSession, profile: Profile, *, persons: int, seed: int, today: date, scratch: Path) -> World:
    """Make the families and persons that every source reads, and keep them in a folder.

    Args:
        spark: The session.
        profile: Error profile.
        persons: Living persons.
        seed: Seed of all chance.
        today: The day on which the nation is true.
        scratch: Folder for what is kept.

    Returns:
        The nation.
    """
    nation, draws = load_nation(), Draws(seed)
    names, shares = Names(nation, draws), read_shares()
    places = read_places(spark, scratch)
    families = make_families(spark, nation, profile, places, shares, draws, names, persons=persons, today=today)
    families.write.parquet(str(scratch / "families"))
    families = spark.read.parquet(str(scratch / "families"))
    make_persons(families, nation, profile, draws, names, today).write.parquet(str(scratch / "persons"))
    return World(
        families=families,
        persons=spark.read.parquet(str(scratch / "persons")),
        draws=draws,
        profile=profile,
        dwellings=Dwellings(draws),
        today=today,
        count=count_families(nation, persons)[0],
        living=persons,
    )


def _deliveries(world: World) -> list[Delivery]:
    modules = (dukcapil, regsosek, dtks, p3ke, survey, registers, tickets)
    return [delivery for module in modules for delivery in module.deliver(world)]
