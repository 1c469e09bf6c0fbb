"""Code lists as data: one CSV for each of our columns, with the maps from each source's codes.

``conf/codes/<column>.csv`` holds our codes (rows of source ``dtsen``, with label and tier) and a row for each code of
each source. A row's ``code`` may be empty: the source's code is known and says nothing about the column. An empty
``source_code`` is what an empty field says. Where a source asks in several columns, the first that says something
counts, in the order of the file; columns joined by ``|`` are one question asked several times, and the least code of
them counts. ``only_if`` (``column=code`` or ``column!=code``) limits a list to the rows where it holds.

Beside them: ``numbers.csv`` (counts and amounts with their range), ``fields.csv`` (names, numbers, dates and keys)
and ``indicators.csv`` (the 39 variables of the welfare model).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from dtsen_spark import columns as c
from dtsen_spark.config import conf_dir
from dtsen_spark.errors import ConfigError
from dtsen_spark.tables import LANDING

OURS: Final = "dtsen"
YES: Final = "YES"
NO: Final = "NO"
UNKNOWN_CODE: Final = "unknown_code"
# The survey carries the same items under the same codes (landing contract, section 2).
_SAME_CODES: Final[Mapping[str, str]] = {"susenas": "regsosek"}
_NOT_LISTS: Final = frozenset({"indicators", "numbers", "fields"})
_PERSONS: Final = 13
_FAMILIES: Final = 26


@dataclass(frozen=True)
class Code:
    """One of our codes.

    Attributes:
        code: Upper-case word, or the letter or word that the column's meaning names.
        label: What it means, in Indonesian, as on the forms.
        tier: Rank inside the list, 0 lowest: by living standard for dwellings, goods and jobs, else by order of
            listing. Coarse codes of a source have a tier of their own.
    """

    code: str
    label: str
    tier: int


@dataclass(frozen=True)
class Condition:
    """When a source's list holds.

    Attributes:
        column: Column of the same row.
        code: Code it is compared with.
        equal: Whether it must be that code, or must not be it (an empty field is not it).
    """

    column: str
    code: str
    equal: bool

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Parse ``column=code`` or ``column!=code``."""
        name, _, code = text.partition("=")
        return cls(name.rstrip("!").strip(), key(code), equal=not name.endswith("!"))

    def holds(self, row: Mapping[str, str | None]) -> bool:
        """Say whether it holds in a delivered row."""
        value = row.get(self.column)
        return (value is not None and key(value) == self.code) is self.equal


@dataclass(frozen=True)
class SourceList:
    """The codes of one source's question, mapped to ours.

    Attributes:
        source: Source.
        columns: The column, or several that ask the same.
        only_if: When the list holds; None = always.
        codes: Our code for each code of the source; None where it says nothing.
        empty: Our code for an empty field.
        labels: The source's label of each code.
        list_source: Where the list comes from.
    """

    source: str
    columns: tuple[str, ...]
    only_if: Condition | None
    codes: Mapping[str, str | None]
    empty: str | None
    labels: Mapping[str, str]
    list_source: str


@dataclass(frozen=True)
class CodeList:
    """The codes of one column and how every source's codes reach them.

    Attributes:
        name: Column name.
        codes: Our codes, in order of the file.
        sources: The sources' lists, in order of the file.
    """

    name: str
    codes: tuple[Code, ...]
    sources: tuple[SourceList, ...]
    _tiers: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def tier(self, code: str) -> int:
        """Return the tier of one of our codes.

        Raises:
            KeyError: The list has no such code.
        """
        return self._tiers[code]

    def lists(self, table: str) -> tuple[SourceList, ...]:
        """Return the lists that a landing table's columns can answer, such as those of ``dtks/anggota``."""
        landing = LANDING[table]
        source = _SAME_CODES.get(landing.source, landing.source)
        wanted = {landing.source, source}
        return tuple(s for s in self.sources if s.source in wanted and set(s.columns) <= set(landing.columns))

    def ours(self, table: str, row: Mapping[str, str | None]) -> str | None:
        """Return our code for one delivered row: the same rule as ``map_column``, in plain Python.

        Args:
            table: Landing table, such as ``dtks/anggota``.
            row: Delivered text by column.
        """
        for listed in self.lists(table):
            if listed.only_if is not None and not listed.only_if.holds(row):
                continue
            given = sorted(k for name in listed.columns if (k := key(row.get(name) or "")) in listed.codes)
            if given and (code := listed.codes[given[0]]) is not None:
                return code
            if listed.empty is not None and not any(row.get(name) for name in listed.columns):
                return listed.empty
        return None


class Level(StrEnum):
    """Whom a variable is asked of."""

    PERSON = "person"
    FAMILY = "family"


class Kind(StrEnum):
    """What a variable's values are: codes of a list, yes or no, a number of things, a quantity."""

    CATEGORY = "category"
    FLAG = "flag"
    COUNT = "count"
    NUMBER = "number"


@dataclass(frozen=True)
class Indicator:
    """One of the 39 variables of the welfare model.

    Attributes:
        name: Column name.
        level: Asked of a person or of a family.
        kind: category (a code list), flag, count or number.
        unit: Unit of a count or number.
        low: Least plausible value.
        high: Greatest plausible value.
        missing: What is done where the value is missing.
        source: Item of the public list that it stands for.
    """

    name: str
    level: Level
    kind: Kind
    unit: str
    low: int | None
    high: int | None
    missing: str
    source: str


@dataclass(frozen=True)
class NumberField:
    """A count or amount of one source.

    Attributes:
        name: Our column.
        source: Source.
        column: The source's column.
        low: Least value that is taken.
        high: Greatest value that is taken.
        list_source: Where the range comes from.
    """

    name: str
    source: str
    column: str
    low: int
    high: int
    list_source: str


def key(text: str) -> str:
    """Return a source's code in the form that the lists hold: no spaces, upper case, no leading zeros.

    >>> key(" 01 "), key("0"), key("l")
    ('1', '0', 'L')
    """
    bare = text.strip().upper()
    return bare.lstrip("0") or "0" if bare else ""


def folder() -> Path:
    """Return the folder of the code lists."""
    return conf_dir() / "codes"


def read_rows(path: Path, header: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a small CSV of the configuration.

    Args:
        path: File, UTF-8.
        header: Columns that it must have.

    Returns:
        One dict for each row; no value is None.

    Raises:
        ConfigError: The file is missing, or its header or a row is not as it must be.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except FileNotFoundError:
        message = f"{path}: no such file"
        raise ConfigError(message) from None
    if tuple(reader.fieldnames or ()) != header:
        message = f"{path}: the header must be {','.join(header)}"
        raise ConfigError(message)
    broken = [number for number, row in enumerate(rows, start=2) if None in row or None in row.values()]
    if broken:
        message = f"{path}: line {broken[0]} has too few or too many fields"
        raise ConfigError(message)
    return rows


_HEADER: Final = ("source", "source_column", "only_if", "source_code", "code", "label", "tier", "list_source")


def parse_list(path: Path) -> CodeList:
    """Read and check one code list.

    Args:
        path: ``<column>.csv``.

    Returns:
        The list.

    Raises:
        ConfigError: The column is unknown, a code of ours has no tier, a map names a code that is not ours, or a
            source's code is mapped twice; the message lists every fault with its line.
    """
    name = path.stem
    if name not in c.COLUMNS:
        message = f"{path}: no column of this name"
        raise ConfigError(message)
    ours: dict[str, Code] = {}
    groups: dict[tuple[str, str, str], list[tuple[int, dict[str, str]]]] = {}
    faults: list[str] = []
    for line, row in enumerate(read_rows(path, _HEADER), start=2):
        if row["source"] != OURS:
            groups.setdefault((row["source"], row["source_column"], row["only_if"]), []).append((line, row))
        elif row["code"] in ours:
            faults.append(f"line {line}: {row['code']} is declared twice")
        elif not row["tier"].isdigit():
            faults.append(f"line {line}: {row['code']} has no tier")
        else:
            ours[row["code"]] = Code(row["code"], row["label"], int(row["tier"]))
    sources = tuple(_source_list(group, lines, set(ours), faults) for group, lines in groups.items())
    if faults:
        message = f"{path}: {'; '.join(faults)}"
        raise ConfigError(message)
    return CodeList(name, tuple(ours.values()), sources, {code.code: code.tier for code in ours.values()})


def _source_list(
    group: tuple[str, str, str], lines: list[tuple[int, dict[str, str]]], ours: set[str], faults: list[str]
) -> SourceList:
    source, columns, only_if = group
    mapped: dict[str, str | None] = {}
    labels: dict[str, str] = {}
    for line, row in lines:
        code = key(row["source_code"])
        if code in mapped:
            faults.append(f"line {line}: {source} {columns} {code} is mapped twice")
        if row["code"] and row["code"] not in ours:
            faults.append(f"line {line}: {row['code']} is not a code of ours")
        mapped[code] = row["code"] or None
        labels[code] = row["label"]
    empty = mapped.pop("", None)
    condition = Condition.parse(only_if) if only_if else None
    return SourceList(source, tuple(columns.split("|")), condition, mapped, empty, labels, lines[0][1]["list_source"])


@cache
def code_lists() -> dict[str, CodeList]:
    """Return every code list by column name.

    Raises:
        ConfigError: A list breaks its rules.
    """
    paths = sorted(path for path in folder().glob("*.csv") if path.stem not in _NOT_LISTS)
    return {path.stem: parse_list(path) for path in paths}


def code_list(name: str) -> CodeList:
    """Return the code list of a column.

    Args:
        name: Column name.

    Raises:
        ConfigError: There is none.
    """
    try:
        return code_lists()[name]
    except KeyError:
        message = f"{folder() / name}.csv: no code list for column {name}"
        raise ConfigError(message) from None


@cache
def indicators() -> tuple[Indicator, ...]:
    """Return the 39 variables of the welfare model: 13 of persons, 26 of families.

    Raises:
        ConfigError: The file breaks its rules, or the numbers are not 13 and 26.
    """
    path = folder() / "indicators.csv"
    header = ("name", "level", "kind", "unit", "low", "high", "missing", "source")
    declared = []
    for row in read_rows(path, header):
        try:
            level, kind = Level(row["level"]), Kind(row["kind"])
        except ValueError as error:
            message = f"{path}: {row['name']}: {error}"
            raise ConfigError(message) from None
        if row["name"] not in c.COLUMNS or (kind is Kind.CATEGORY and row["name"] not in code_lists()):
            message = f"{path}: {row['name']} is not a column, or a category without a code list"
            raise ConfigError(message)
        low, high = (int(row[bound]) if row[bound] else None for bound in ("low", "high"))
        declared.append(Indicator(row["name"], level, kind, row["unit"], low, high, row["missing"], row["source"]))
    persons = sum(indicator.level is Level.PERSON for indicator in declared)
    if (persons, len(declared) - persons) != (_PERSONS, _FAMILIES):
        message = f"{path}: {persons} person and {len(declared) - persons} family variables instead of 13 and 26"
        raise ConfigError(message)
    return tuple(declared)


@cache
def numbers() -> tuple[NumberField, ...]:
    """Return every count and amount that a source delivers, with the range that is taken.

    Raises:
        ConfigError: The file breaks its rules.
    """
    header = ("name", "source", "source_column", "low", "high", "list_source")
    return tuple(
        NumberField(r["name"], r["source"], r["source_column"], int(r["low"]), int(r["high"]), r["list_source"])
        for r in read_rows(folder() / "numbers.csv", header)
    )


def number_field(name: str, table: str) -> NumberField | None:
    """Return how a landing table delivers a count or amount of ours; None where it does not."""
    landing = LANDING[table]
    wanted = {landing.source, _SAME_CODES.get(landing.source, landing.source)}
    found = (n for n in numbers() if n.name == name and n.source in wanted and n.column in landing.columns)
    return next(found, None)


@cache
def asked_by(name: str) -> frozenset[str]:
    """Return the sources that deliver an indicator as a code or a number; what every record has is in neither."""
    listed = code_lists()[name].sources if name in code_lists() else ()
    return frozenset({*(one.source for one in listed), *(number.source for number in numbers() if number.name == name)})


@cache
def _fields() -> dict[tuple[str, str], tuple[str, ...]]:
    rows = read_rows(folder() / "fields.csv", ("landing_table", "field", "source_columns"))
    return {(row["landing_table"], row["field"]): tuple(row["source_columns"].split("|")) for row in rows}


def source_columns(name: str, table: str) -> tuple[str, ...]:
    """Return the columns in which a landing table delivers a name, number, date or key of ours.

    Args:
        name: Our column.
        table: Landing table.

    Returns:
        Column names; empty where the table does not deliver it.
    """
    return _fields().get((table, name), ())


def code_key(text: Column) -> Column:
    """Return delivered text in the form that ``map_column`` looks up; an empty field stays null.

    The code of zeros becomes an empty text here, which is why the maps below hold their keys without leading zeros.
    """
    return F.ltrim(F.upper(F.trim(text)), F.lit("0"))


def map_column(name: str, table: str) -> Column | None:
    """Return the expression that maps a landing table's codes to ours.

    Args:
        name: Our column.
        table: Landing table; its code columns must hold ``code_key`` of what was delivered.

    Returns:
        Our code (boolean for yes/no columns), null where the field is empty, unknown or says nothing;
        None where the table does not ask.
    """
    lists = code_list(name).lists(table)
    if not lists:
        return None
    flag = isinstance(c.COLUMNS[name].type, BooleanType)
    choices = [choice for listed in lists for choice in _choices(listed, flag=flag)]
    return choices[0] if len(choices) == 1 else F.coalesce(*choices)


def _choices(listed: SourceList, *, flag: bool) -> list[Column]:
    given = _given(listed)
    said = {code: ours for code, ours in listed.codes.items() if ours is not None}
    if flag:
        yes = [_bare(code) for code, ours in said.items() if ours == YES]
        no = [_bare(code) for code, ours in said.items() if ours == NO]
        choice = F.when(given.isin(yes), F.lit(True)).when(given.isin(no), F.lit(False))
    else:
        # One literal text, folded once into a map: a chain of conditions would be ten times the generated code.
        pairs = ",".join(f"{_bare(code)}:{ours}" for code, ours in said.items())
        choice = F.try_element_at(F.str_to_map(F.lit(pairs), F.lit(","), F.lit(":")), given)
    choices = [choice]
    if listed.empty is not None:
        choices.append(F.when(given.isNull(), F.lit(listed.empty)))
    if listed.only_if is None:
        return choices
    return [F.when(_holds(listed.only_if), choice) for choice in choices]


def _holds(condition: Condition) -> Column:
    same = F.col(condition.column).eqNullSafe(F.lit(_bare(condition.code)))
    return same if condition.equal else ~same


def _given(listed: SourceList) -> Column:
    if len(listed.columns) == 1:
        return F.col(listed.columns[0])
    known = [_bare(code) for code in listed.codes]
    return F.least(*(F.when(F.col(name).isin(known), F.col(name)) for name in listed.columns))


def _bare(code: str) -> str:
    return code.lstrip("0")


def code_columns(name: str, table: str) -> dict[str, frozenset[str]]:
    """Return the columns in which a landing table delivers codes of a column of ours, and the codes that are known.

    Args:
        name: Our column.
        table: Landing table.

    Returns:
        Keys (as ``code_key`` makes them) that some list knows, by source column.
    """
    known: dict[str, set[str]] = {}
    for listed in code_list(name).lists(table):
        for column in listed.columns:
            known.setdefault(column, set()).update(_bare(code) for code in listed.codes)
    return {column: frozenset(codes) for column, codes in known.items()}


def affected_by(table: str, column: str) -> tuple[str, ...]:
    """Return which columns of ours a delivered column feeds: what its absence or another type affects.

    Args:
        table: Landing table.
        column: Column of the delivery.

    Returns:
        Our column names, sorted; empty where nothing of ours comes from it.
    """
    coded = {
        name for name, listed in code_lists().items() if listed.lists(table) and column in code_columns(name, table)
    }
    counted = {n.name for n in numbers() if (found := number_field(n.name, table)) and found.column == column}
    texts = {name for (landing, name), columns in _fields().items() if landing == table and column in columns}
    return tuple(sorted(coded | counted | texts))
