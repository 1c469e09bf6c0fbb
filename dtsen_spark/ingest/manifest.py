"""What a batch says of itself: ``_manifest.json``, parsed without trust (landing contract, section 1)."""

import json
import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dtsen_spark.tables import LandingTable

MANIFEST: Final = "_manifest.json"
# A file's name becomes a path, a glob and a part of the quarantine: plain names only. The dot before the suffix and
# the leading "part-" keep out hidden files, which Spark's reader skips in silence.
_FILE_NAME: Final = re.compile(r"part-[A-Za-z0-9._=+-]*\.(csv|csv\.gz|parquet)")
# The id becomes the value of a Delta partition and of a predicate.
_BATCH_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,127}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_ROWS: Final = 2**63 - 1
_MAX_FAULTS: Final = 5


class RefusedError(Exception):
    """Raised where a batch must be refused whole; the text is the reason and holds no delivered value."""


def _safe_name(name: str) -> str:
    if PurePath(name).name != name or "\\" in name:
        message = "a file name leaves the batch's folder"
        raise ValueError(message)
    if not _FILE_NAME.fullmatch(name):
        message = "a file must be called part-*.csv, part-*.csv.gz or part-*.parquet, in plain characters"
        raise ValueError(message)
    return name


def _day(text: str) -> date:
    if not _DATE.fullmatch(text):
        message = "must be a day, YYYY-MM-DD"
        raise ValueError(message)
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = "is no day of the calendar"
        raise ValueError(message) from None


class ListedFile(BaseModel):
    """One file as the manifest lists it: name, records in it (without header), SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Annotated[str, AfterValidator(_safe_name)]
    rows: int = Field(ge=0, le=_MAX_ROWS)
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")


class _Manifest(BaseModel):
    # Keys that we do not know are left alone: the contract grows by optional keys.
    model_config = ConfigDict(strict=True)

    source: str
    table: str
    batch_id: str
    as_of: str
    mode: Literal["full", "delta"]
    schema_version: Literal[1] = 1
    files: list[ListedFile]

    @model_validator(mode="after")
    def _files_once(self) -> "_Manifest":
        if len({file.name for file in self.files}) != len(self.files):
            message = "a file is listed twice"
            raise ValueError(message)
        return self


@dataclass(frozen=True)
class Manifest:
    """A manifest that agrees with its folder.

    Attributes:
        as_of: Day that the batch describes.
        mode: ``full`` replaces the table's state, ``delta`` changes it.
        files: Listed files, by name.
    """

    as_of: date
    mode: str
    files: tuple[ListedFile, ...]

    @property
    def rows(self) -> int:
        """Records that the batch claims to hold."""
        return sum(file.rows for file in self.files)


def is_batch_id(text: str) -> bool:
    """Say whether a folder name can be a batch's id."""
    return _BATCH_ID.fullmatch(text) is not None


def parse(content: bytes, table: LandingTable, batch_id: str) -> Manifest:
    """Parse a manifest.

    Args:
        content: Bytes of the file.
        table: Table whose folder it stands in.
        batch_id: Name of its folder.

    Returns:
        The manifest.

    Raises:
        RefusedError: It is not JSON or not an object, a key is missing or of a wrong type, a file name is unsafe, or it
            does not agree with its folder. The reason names keys, never values.
    """
    try:
        loaded: Any = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        message = "manifest: not JSON in UTF-8"
        raise RefusedError(message) from None
    if not isinstance(loaded, dict):
        message = "manifest: not a JSON object"
        raise RefusedError(message)
    try:
        found = _Manifest.model_validate(loaded)
        as_of = _day(found.as_of)
    except ValidationError as error:
        faults = [_describe(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False)]
        more = f" and {len(faults) - _MAX_FAULTS} more" if len(faults) > _MAX_FAULTS else ""
        message = f"manifest: {'; '.join(faults[:_MAX_FAULTS])}{more}"
        raise RefusedError(message) from None
    except ValueError as error:
        message = f"manifest: as_of: {error}"
        raise RefusedError(message) from None
    here = {"source": table.source, "table": table.table, "batch_id": batch_id}
    differing = [key for key, value in here.items() if getattr(found, key) != value]
    if differing:
        message = f"manifest: {', '.join(differing)}: does not agree with the folder"
        raise RefusedError(message)
    return Manifest(as_of, found.mode, tuple(sorted(found.files, key=lambda file: file.name)))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a key that stands twice JSON takes the last: nobody can know which was meant.
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "manifest: a key stands twice in one object"
        raise RefusedError(message)
    return found


def _describe(location: tuple[int | str, ...], text: str) -> str:
    where = ".".join(map(str, location))
    return f"{where}: {text}" if where else text
