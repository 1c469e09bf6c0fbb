"""The constants of the synthetic nation (``conf/synthetic/nation.yaml``, ``names.csv``), typed."""

import csv
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from dtsen_spark import config
from dtsen_spark.config import conf_dir


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Families(_Part):
    """Size, place and history of families; the meaning of each figure stands in the file."""

    size_mix: tuple[int, ...]
    neighbourhood: int
    village_neighbourhoods: int
    district_neighbourhoods: int
    twin_of_even_child: float
    hard_negative: float
    migrant: float
    neighbour_district: float
    abroad: float
    deceased_other: float


class Pool(_Part):
    """How people of one pool are named."""

    mononym: tuple[float, float, float, float]
    modern: str
    m: str
    f: str
    second_m: str
    second_f: str
    new_m: str = ""
    new_f: str = ""
    clan: str = ""
    clan_share: float = 0.0
    order: str = ""
    second_share: float = 0.6
    prefix_m: str = ""
    prefix_m_share: float = 0.0
    prefix_f: str = ""
    prefix_f_share: float = 0.0


class Names(_Part):
    """Pools of names and where they are borne."""

    provinces: Mapping[str, tuple[int, ...]]
    other_pools: Mapping[str, float]
    pools: Mapping[str, Pool]
    skew: float
    three_words: float


class Births(_Part):
    """Registered birth dates."""

    heaped: tuple[float, float, float, float]
    poor_record_provinces: tuple[int, ...]
    poor_record_factor: float
    july: float
    december: float
    corrected: float


class Consumption(_Part):
    """The true consumption of families, log of rupiah per person and month."""

    mean: float
    kab_sd: float
    urban: float
    schooling: float
    child: float
    wealth: float
    noise: float
    total_mean: float
    total_sd: float
    visible_mean: float
    visible_sd: float


class Answers(_Part):
    """How ministries answer a hand-over; shares of its selected units but for the last."""

    well_off_from: float
    well_off: float
    moved: float
    declined: float
    no_account: float
    silent: float
    paid_on: float


class Nation(_Part):
    """Everything that is true before any source looks at it.

    Attributes:
        families: Size, place and history.
        names: Pools of names.
        births: Registered birth dates.
        consumption: True consumption.
        answers: What ministries answer to a hand-over.
        words: Name lists: pool and part to names, the commonest first.
    """

    families: Families
    names: Names
    births: Births
    consumption: Consumption
    answers: Answers
    words: Mapping[tuple[str, str], tuple[str, ...]]


def read_yaml(name: str) -> dict[str, Any]:
    """Return a YAML file of ``conf/synthetic``."""
    loaded: dict[str, Any] = config.read_yaml(conf_dir() / "synthetic" / name)
    return loaded


def read_csv(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of ``conf/synthetic``."""
    with (conf_dir() / "synthetic" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def load_nation() -> Nation:
    """Read the constants of the nation."""
    words = {(row["pool"], row["part"]): tuple(row["names"].split()) for row in read_csv("names.csv")}
    return Nation.model_validate({**read_yaml("nation.yaml"), "words": words})
