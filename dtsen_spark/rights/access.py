"""A person's right of access (UU 27/2022 art. 32): what is held, where, and who looked, within 3 x 24 hours."""

from dataclasses import asdict
from typing import Any

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import explain, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import local_frame
from dtsen_spark.lake import Lake
from dtsen_spark.rights.traces import keys_of, traces

Row = dict[str, Any]


def access_report(store: Lake, config: Config, nik: str, *, purpose: str, actor: str | None = None) -> Row:
    """Return everything that is held on a person, for the person.

    Args:
        store: The lake.
        config: The configuration.
        nik: 16 digits, from standard input.
        purpose: What for; kept in the access log.
        actor: Who asks; None = the user of the operating system.

    Returns:
        ``held`` (as an auditor sees it; None where the release knows nobody), ``tables`` (rows of each table of every
        layer that are the person's or name the NIK), ``looks`` (who looked, what for, when).

    Raises:
        UsageError: Nothing is published.
    """
    held = explain.of_person(store, config, nik, explain.Look("subject", purpose, actor))
    keys = keys_of(store, nik)
    places = [asdict(one) for one in traces(store, keys)]
    return {"held": held, "tables": places, "looks": _looks(store, list(keys.person_ids))}


def _looks(store: Lake, person_ids: list[str]) -> list[Row]:
    subjects = F.broadcast(local_frame(store.spark, [(one,) for one in person_ids], f"{c.SUBJECT} string"))
    looks = store.read(tables.ACCESS_LOG).join(subjects, c.SUBJECT, "left_semi").orderBy(c.RECORDED_AT)
    return [row.asDict() for row in looks.collect()]  # looks at one person
