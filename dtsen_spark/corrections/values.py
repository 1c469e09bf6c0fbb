"""What a ticket or a visit says of a field, in our codes.

Names are those of Regsosek's form or ours. An item of the form is read by the same code lists as Regsosek's own rows:
every answer that the lists know stands in one constant map, so that a row is read by a few look-ups, however many
fields there are.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, IntegerType

from dtsen_spark import codes, tables
from dtsen_spark import columns as c

UNKNOWN_FIELD: Final = "_unknown_field"
INVALID_VALUE: Final = "_invalid_value"
PROPOSED: Final = "_proposed"
PROPOSED_TYPE: Final = f"array<struct<{c.INDICATOR}:string,{c.VALUE_TEXT}:string>>"

PERSON_FIELDS: Final = (c.RELATION, c.MARITAL, c.PRESENCE, *tables.PERSON_INDICATORS)
FAMILY_FIELDS: Final = tables.FAMILY_INDICATORS
# Membership, identity and a program that is left have no code list, only a form; the ticket's kind says what they do.
_PATTERNS: Final = {
    c.NO_KK: r"^\d{16}$",
    c.REGION_CODE: r"^\d{10}$",
    c.LABEL: r"^(MUST|CANNOT)_LINK$",
    c.RECORD_ID: r"^(dukcapil|regsosek|dtks|p3ke):.+$",
    c.PROGRAM: r"^[A-Za-z][A-Za-z0-9_]*$",
}
_FORMS: Final = ("regsosek/keluarga", "regsosek/anggota")
_ITEM_NAME: Final = re.compile(r"r\d{3}")
# Between the fields that one answer says, and between a field, the rank of the answer and its value.
_ALSO: Final = "|"
_PART: Final = "~"
_SAID: Final = "array<struct<field:string,rank:int,value:string>>"


def proposed(df: DataFrame, changes: str) -> DataFrame:
    """Read the values that are asked for.

    Args:
        df: Any rows.
        changes: Map of names to values, as delivered; null = could not be read.

    Returns:
        The rows, with ``_proposed`` (our fields with their values as text, sorted, each field once),
        ``_unknown_field`` (a name is neither the form's nor ours) and ``_invalid_value`` (a value is in no list or
        range).
    """
    given = F.coalesce(changes, F.create_map().cast("map<string,string>"))
    answers = F.transform(F.map_entries(given), lambda entry: _read(entry["key"], entry["value"], given))
    said = F.array_sort(F.flatten(F.transform(F.filter("_answers", lambda one: one.isNotNull()), _fields)))
    # Of several items that say one field, such as the kinds of disability, the least code of the form counts.
    first = F.filter("_said", lambda one, at: (at == 0) | (F.get("_said", at - 1)["field"] != one["field"]))
    chosen = F.transform(first, lambda one: F.struct(one["field"].alias(c.INDICATOR), one["value"].alias(c.VALUE_TEXT)))
    known = F.split(F.lit(",".join(sorted(known_names()))), ",")
    return (
        df.withColumn("_answers", answers)
        .withColumn("_said", said)
        .withColumns(
            {
                PROPOSED: chosen.cast(PROPOSED_TYPE),
                UNKNOWN_FIELD: F.size(F.array_except(F.map_keys(given), known)) > 0,
                INVALID_VALUE: F.exists("_answers", lambda one: one.isNull()),
            }
        )
        .select(*df.columns, PROPOSED, UNKNOWN_FIELD, INVALID_VALUE)
    )


def asked_for(name: str) -> Column:
    """Return the value that a ticket asks for in a field, null where it does not.

    Args:
        name: Our name of the field.
    """
    return F.get(F.filter(PROPOSED, lambda one: one[c.INDICATOR] == name), F.lit(0))[c.VALUE_TEXT]


@cache
def form_items() -> frozenset[str]:
    """Return the items of Regsosek's form, such as ``r303``."""
    return frozenset(name for table in _FORMS for name in tables.LANDING[table].columns if _ITEM_NAME.match(name))


@cache
def known_names() -> frozenset[str]:
    """Return every name that a change may use."""
    return form_items() | {*PERSON_FIELDS, *FAMILY_FIELDS, *_PATTERNS}


def _read(name: Column, value: Column, given: Column) -> Column:
    """Return what one answer says, as text; empty where it is known and says nothing, null where it is wrong."""
    raw = F.trim(value)
    key = F.concat(name, F.lit("="), F.ltrim(F.upper(raw), F.lit("0")), _conditions_met(name, given))
    number = F.round(raw.try_cast("decimal(20,6)")).cast("long")
    limits = F.split(F.try_element_at(_constant(_ranges()), name), _PART)
    within = number.between(F.get(limits, F.lit(1)).cast("long"), F.get(limits, F.lit(2)).cast("long"))
    amount = F.when(within, F.concat(F.get(limits, F.lit(0)), F.lit(f"{_PART}0{_PART}"), number.cast("string")))
    free = F.when(
        F.regexp_like(raw, F.try_element_at(_constant(_PATTERNS), name)), F.concat(name, F.lit(f"{_PART}0{_PART}"), raw)
    )
    silent = F.when(~name.isin(sorted(_told())), F.lit(""))
    return F.coalesce(F.try_element_at(_constant(_answers()), key), amount, free, silent)


def _fields(answer: Column) -> Column:
    parts = F.filter(F.split(answer, re.escape(_ALSO)), lambda part: part != "")

    def one(part: Column) -> Column:
        words = F.split(part, _PART)
        return F.struct(
            F.get(words, F.lit(0)).alias("field"),
            F.get(words, F.lit(1)).cast("int").alias("rank"),
            F.get(words, F.lit(2)).alias("value"),
        )

    return F.transform(parts, one).cast(_SAID)


def _constant(pairs: dict[str, str]) -> Column:
    # One text that Spark folds into a map once. No name, code or pattern holds a control character.
    text = "\x1e".join(f"{key}\x1f{value}" for key, value in sorted(pairs.items()))
    return F.str_to_map(F.lit(text), F.lit("\x1e"), F.lit("\x1f"))


def _lists(name: str) -> Iterator[tuple[str, codes.SourceList]]:
    if name in codes.code_lists():
        for table in _FORMS:
            yield from ((table, listed) for listed in codes.code_list(name).lists(table))


@cache
def _conditions() -> dict[str, tuple[codes.Condition, ...]]:
    """Return what the meaning of an item hangs on besides its own code, by item."""
    found: dict[str, set[codes.Condition]] = {}
    for name in (*PERSON_FIELDS, *FAMILY_FIELDS):
        for _, listed in _lists(name):
            for column in listed.columns:
                if listed.only_if is not None:
                    condition = codes.Condition(listed.only_if.column, listed.only_if.code, equal=True)
                    found.setdefault(column, set()).add(condition)
    return {item: tuple(sorted(of, key=lambda one: (one.column, one.code))) for item, of in found.items()}


def _conditions_met(name: Column, given: Column) -> Column:
    met = F.lit("")
    for item, conditions in sorted(_conditions().items()):
        words = [
            F.when(codes.code_key(F.try_element_at(given, F.lit(one.column))) == one.code, F.lit(_sign(one)))
            for one in conditions
        ]
        met = F.when(name == item, F.concat_ws("", *words)).otherwise(met)
    return met


def _sign(condition: codes.Condition) -> str:
    return f"&{condition.column}={condition.code}"


@cache
def _answers() -> dict[str, str]:
    """Return what each coded answer says, by item, code and the conditions that hold."""
    said: dict[str, list[str]] = {}
    for name in (*PERSON_FIELDS, *FAMILY_FIELDS):
        for code in _own_codes(name):
            said.setdefault(f"{name}={code.lstrip('0')}", []).append(_PART.join((name, "0", _text(name, code))))
        for table, listed in _lists(name):
            for item, code in product(listed.columns, listed.codes):
                conditions = _conditions().get(item, ())
                for holds in product((False, True), repeat=len(conditions)):
                    met = [one for one, yes in zip(conditions, holds, strict=True) if yes]
                    row: dict[str, str | None] = {item: code, **{one.column: one.code for one in met}}
                    answer = said.setdefault(f"{item}={code.lstrip('0')}{''.join(map(_sign, met))}", [])
                    ours = codes.code_list(name).ours(table, row) if _asks_only(name, table, row) else None
                    part = _PART.join((name, code if code.isdigit() else "0", _text(name, ours or "")))
                    if ours is not None and part not in answer:
                        answer.append(part)
    return {key: _ALSO.join(sorted(parts)) for key, parts in said.items()}


def _asks_only(name: str, table: str, row: dict[str, str | None]) -> bool:
    """Say whether the row answers one of the field's own items: an item that was not asked says nothing."""
    return any(row.get(column) for listed in codes.code_list(name).lists(table) for column in listed.columns)


def _own_codes(name: str) -> tuple[str, ...]:
    if isinstance(c.COLUMNS[name].type, BooleanType):
        return ("TRUE", "FALSE", "YES", "NO", "1", "2", "0")
    return tuple(code.code for code in codes.code_list(name).codes) if name in codes.code_lists() else ()


def _text(name: str, code: str) -> str:
    """Return a code as the text of its column: yes and no become what a boolean is written as."""
    if isinstance(c.COLUMNS[name].type, BooleanType):
        return "true" if code in {"TRUE", codes.YES, "1"} else "false"
    return code


@cache
def _ranges() -> dict[str, str]:
    """Return field and range of each counted item, by item and by our own name."""
    ranges: dict[str, str] = {}
    for name in FAMILY_FIELDS:
        for table in _FORMS:
            field = codes.number_field(name, table)
            if field is not None and isinstance(c.COLUMNS[name].type, IntegerType):
                ranges[field.column] = ranges[name] = _PART.join((name, str(field.low), str(field.high)))
    return ranges


@cache
def _told() -> frozenset[str]:
    """Return the names whose values a list, a range or a form decides; any value of the others says nothing to us."""
    return frozenset(key.partition("=")[0] for key in _answers()) | set(_ranges()) | set(_PATTERNS)
