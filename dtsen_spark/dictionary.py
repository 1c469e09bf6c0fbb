"""The data dictionary: every table, column, unit, code list and indicator name, from where each is declared."""

from difflib import get_close_matches
from typing import Final

from rich.console import Console
from rich.table import Table

from dtsen_spark import codes, tables
from dtsen_spark import columns as c
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError

_PROGRAM_TABLES: Final = ("pkh", "bpnt", "pbi_jkn", "employment")


def contracts() -> dict[str, TableContract]:
    """Return the contract of every Delta table, by path, in dataflow order."""
    landing = tables.LANDING.values()
    every = [
        *(tables.bronze(table) for table in landing),
        *(tables.quarantine(table) for table in landing),
        *(tables.accepted(table) for table in landing),
        *tables.TABLES,
        *(tables.decision(program) for program in _PROGRAM_TABLES),
    ]
    return {table.path: table for table in every}


def print_dictionary(out: Console, only: str | None = None) -> None:
    """Print the dictionary, or one table or code list of it.

    Args:
        out: Where to print.
        only: Table path such as ``master/person``, landing table such as ``dtks/anggota``, or code list such as
            ``floor``.

    Raises:
        UsageError: Nothing has that name.
    """
    ours, lists = contracts(), codes.code_lists()
    if only is None:
        for table in ours.values():
            _print_table(out, table)
        _print_indicators(out)
        for code_list in lists.values():
            _print_codes(out, code_list)
    elif only in ours:
        _print_table(out, ours[only])
        for name in ours[only].columns:
            if name in lists:
                _print_codes(out, lists[name])
    elif only in tables.LANDING:
        _print_table(out, tables.bronze(tables.LANDING[only]))
    elif only in lists:
        _print_codes(out, lists[only])
    else:
        near = get_close_matches(only, [*ours, *tables.LANDING, *lists], n=3)
        message = f"--table {only}: no such table or code list" + (f"; near: {', '.join(near)}" if near else "")
        raise UsageError(message)


def _print_table(out: Console, table: TableContract) -> None:
    kind = "published" if table.published else "internal"
    shown = _new(f"{table.path} ({kind}): one row is a {table.one_row_is}; key {', '.join(table.key)}")
    for header in ("column", "type", "unit", "privacy", "meaning"):
        shown.add_column(header)
    for field in table.fields:
        info = field.column
        shown.add_row(field.name, info.type.simpleString(), info.unit, info.privacy.value, info.meaning)
    for name in table.text_columns:
        shown.add_row(name, "string", "", c.Privacy.IDENTIFYING.value, "As delivered.")
    out.print(shown)


def _print_indicators(out: Console) -> None:
    shown = _new("Indicators of the proxy means test")
    for header in ("indicator", "level", "kind", "unit", "missing", "source"):
        shown.add_column(header)
    for one in codes.indicators():
        shown.add_row(one.name, one.level.value, one.kind.value, one.unit, one.missing, one.source)
    out.print(shown)


def _print_codes(out: Console, code_list: codes.CodeList) -> None:
    shown = _new(f"Codes of {code_list.name}")
    for header in ("code", "label", "tier"):
        shown.add_column(header)
    for code in code_list.codes:
        shown.add_row(code.code, code.label, str(code.tier))
    out.print(shown)


def _new(title: str) -> Table:
    return Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
