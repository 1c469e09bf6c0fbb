"""Who is told what: the change list of a program with dates, and the text of each notice in plain Indonesian.

A text hangs on codes and dates alone (change, cause, what the end waits for), so it is composed once for each of them
on the driver; no row's own value ever stands in one.
"""

from datetime import date
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import conf_dir, read_yaml, validated
from dtsen_spark.contract import local_frame
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.programs import program_at
from dtsen_spark.release import Registry, changes, write_file

NOTICE_TEXT: Final = "notice_text"
_OTHER: Final = "OTHER"
_ADD: Final = "ADD"


class Templates(BaseModel):
    """``conf/programs/notices/id.yaml``: the parts of which a notice is composed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    months: tuple[str, ...] = Field(min_length=12, max_length=12)
    change: dict[str, str] = Field(description="What changes, by change.")
    because: dict[str, dict[str, str]] = Field(description="Why, by change and cause; OTHER for the rest.")
    from_when: dict[str, str] = Field(description="From when, by what the end waits for; ADD for who enters.")
    objection: str = Field(min_length=1, description="How to object.")

    def day(self, day: date | None) -> str:
        """Write a date in words; empty where there is none."""
        return f"{day.day} {self.months[day.month - 1]} {day.year}" if day else ""

    def text(
        self, change: str, cause: str, notice: str | None, *, title: str, notice_on: date, effective_on: date | None
    ) -> str:
        """Compose a notice: what changes, why, from when, how to object.

        Args:
            change: ADD or DROP.
            cause: Cause code; one without a text takes the nearest longer one's beginning, else OTHER.
            notice: What a leaver's end waits for; None for who enters.
            title: Official name of the program.
            notice_on: Day of the notice.
            effective_on: First day of the change; None while it waits.
        """
        causes = self.because[change]
        general = next((known for known in causes if cause.startswith(f"{known}_")), _OTHER)
        parts = (
            self.change[change],
            causes.get(cause, causes[general]),
            self.from_when[notice if change == tables.DROP and notice else _ADD],
            self.objection,
        )
        dates = {"notice_on": self.day(notice_on), "effective_on": self.day(effective_on)}
        return " ".join(part.format(program=title, **dates) for part in parts)


def templates(path: Path | None = None) -> Templates:
    """Read the texts.

    Args:
        path: File; None = ``conf/programs/notices/id.yaml``.

    Raises:
        ConfigError: The file is missing or wrong.
    """
    path = path or conf_dir() / "programs" / "notices" / "id.yaml"
    return validated(path, Templates, read_yaml(path), "texts")


def notices(lake: Lake, program: str, since: str, until: str) -> DataFrame:
    """Return who enters or leaves a program between two periods, and what they are told.

    Args:
        lake: The lake.
        program: Program code.
        since: Earlier period.
        until: Later period.

    Returns:
        One row for each unit that enters or leaves: the columns of ``release.changes`` and ``notice_text``, by unit.

    Raises:
        UsageError: The program or one of the periods was never published.
    """
    changed = changes(Registry(lake), program, since, until).where(F.col(c.CHANGE).isin(_ADD, tables.DROP))
    texts, title = templates(), program_at(program, Period.parse(until)).title
    codes = (c.CHANGE, c.CHANGE_CAUSE, c.NOTICE, c.NOTICE_ON, c.EFFECTIVE_ON)
    # Changes × causes × dates: a few dozen.
    found = changed.select(*codes).distinct().collect()
    composed = [
        (
            *row,
            texts.text(
                row[c.CHANGE],
                row[c.CHANGE_CAUSE] or _OTHER,
                row[c.NOTICE],
                title=title,
                notice_on=row[c.NOTICE_ON],
                effective_on=row[c.EFFECTIVE_ON],
            ),
        )
        for row in found
        if row[c.NOTICE_ON] is not None
    ]
    schema = ", ".join(f"_{name} {c.COLUMNS[name].type.simpleString()}" for name in codes)
    told = F.broadcast(local_frame(lake.spark, composed, f"{schema}, {NOTICE_TEXT} string"))
    same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in codes]
    # unit : text is n : 0..1.
    return (
        changed.join(told, on=same, how="left")
        .select(*changed.columns, NOTICE_TEXT)
        .orderBy(c.CHANGE, c.FAMILY_ID, c.PERSON_ID)
    )


def write_notices(lake: Lake, program: str, since: str, until: str, path: Path) -> None:
    """Write the notice list as one CSV file, or JSON lines where the name ends in ``.json``."""
    write_file(notices(lake, program, since, until), path)
