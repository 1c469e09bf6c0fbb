"""The figures of an evaluation as one HTML page that opens without a network; counts only, nobody's value."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2 import Environment

_TEMPLATE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Accuracy of {{ release }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 2rem } caption { text-align: left; color: #555 }
th, td { padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left } tbody tr:hover { background: #f4f7fa }
</style>
<h1>Accuracy of {{ release }}</h1>
{% for section in sections %}<h2>{{ section.title }}</h2>
{% if section.says %}<p>{{ section.says }}</p>{% endif %}
{% for table in section.tables %}<table><caption>{{ table.caption }}</caption>
<thead><tr>{% for name in table.head %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% endfor %}{% endfor %}</html>
"""

# What a section means, for readers who meet the figures for the first time.
_SAYS: Final = {
    "linkage": "Pairs of records of one person, and how many of them the release holds together. A stratum's pairs are "
    "those that one of its records belongs to; intervals are Wilson's at 95 %. 'permitted' leaves out the pairs that "
    "quarantine, or two registry rows of one person, make impossible; 'bound' those that no information can separate.",
    "hide_nik": "The NIKs of one source were hidden and its records linked again. What the NIK had verified is taken "
    "as truth: the accuracy of the model alone.",
    "family": "Families of the register against those of the truth.",
    "pmt": "Predicted against true consumption.",
    "oracle": "A model of the same form that was fitted on the true consumption of every family, tested on families "
    "that it had not seen: the best that these inputs allow. 'r2_share' is our R² over its R², 'exclusion_error_more' "
    "what we miss more of the poorest 40 %.",
    "targeting": "Who would be left out, and who let in, by decile against true consumption.",
    "equity": "The same at the poorest 40 %, by group of families. 'poor' and 'selected' are the shares of the group's "
    "persons who truly are and who are taken for them, 'scored_low' the mean log points by which its scores fall short "
    "of the truth: a group that is seldom poor is missed more often by any score that is not exact.",
}


def page(figures: Mapping[str, Any]) -> str:
    """Lay the figures of ``evaluate`` out as tables.

    Args:
        figures: Nested figures.

    Returns:
        HTML, everything inline.
    """
    sections = [
        {"title": name.replace("_", " "), "says": _SAYS.get(name), "tables": _tables(name, found)}
        for name, found in figures.items()
        if isinstance(found, Mapping)
    ]
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    return template.render(release=figures.get("release", ""), sections=sections)


def _tables(name: str, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    plain = [(key, _text(value)) for key, value in figures.items() if not _is_table(value)]
    tables = [{"caption": name.replace("_", " "), "head": ["figure", "value"], "rows": plain}] if plain else []
    for key, value in figures.items():
        if isinstance(value, Mapping) and _is_table(value):
            tables += [_grid(key, value)] if _is_grid(value) else _tables(key, value)
        elif _is_table(value):
            tables.append(_grid(key, {str(at): row for at, row in enumerate(value, 1)}))
    return tables


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not _is_interval(value)
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, Mapping) for v in value)


def _is_interval(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"value", "low", "high"}


def _is_grid(value: Mapping[str, Any]) -> bool:
    rows = list(value.values())
    return bool(rows) and all(_is_table(row) and not isinstance(row, Sequence) for row in rows)


def _grid(name: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    body = [[label, *(_text(row.get(column, "")) for column in columns)] for label, row in rows.items()]
    return {"caption": name.replace("_", " "), "head": ["", *(one.replace("_", " ") for one in columns)], "rows": body}


def _text(value: Any) -> str:
    if _is_interval(value):
        return f"{value['value']:.5f} ({value['low']:.5f} to {value['high']:.5f})"
    if isinstance(value, float):
        return f"{value:.5f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
