"""Charts of the report as inline SVG: drawn here, so that the page needs no script, no font and no network.

Drawn narrow with large letters: a phone shows them whole, a desktop scales them up. Colours are told apart by those
who see few colours too (Okabe and Ito), and are dark enough on white; every chart carries its own words.
"""

import html
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import altair as alt
import vl_convert

Row = dict[str, Any]
Data = list[Row]

_WIDTH: Final = 330
_INK: Final = "#1f2933"
BLUE: Final = "#0b5c8e"
ORANGE: Final = "#b25000"
GREEN: Final = "#00664a"
GREY: Final = "#6b7280"
PALETTE: Final = (BLUE, ORANGE, GREEN, "#7a3e74", "#8a6d00", GREY)
# Vega shortens numbers as physicists do; to an Indonesian reader M is a thousand millions.
_PREFIXED: Final = re.compile(r">([−\d.,]+)([kMG])<")
_PREFIXES: Final = {"id": {"k": " rb", "M": " jt", "G": " M"}, "en": {"k": "k", "M": "m", "G": "bn"}}
_FONT: Final = "Helvetica, Arial, sans-serif"


def svg(chart: Any, description: str, language: str) -> str:
    """Draw a chart.

    Args:
        chart: An Altair chart.
        description: What it shows, for those who do not see it.
        language: ``id`` or ``en``: how numbers are written.

    Returns:
        An ``svg`` element with its role and description.
    """
    themed = chart.configure(
        font=_FONT,
        background="white",
        # Room for the longer of the two languages' numbers, which are written in after the drawing.
        padding={"left": 14, "right": 8, "top": 5, "bottom": 5},
        axis=alt.AxisConfig(
            labelFontSize=12,
            titleFontSize=12,
            labelColor=_INK,
            titleColor=_INK,
            titleFontWeight="normal",
            gridColor="#e5e7eb",
            domainColor="#9aa5b1",
            tickColor="#9aa5b1",
            labelLimit=170,
        ),
        legend=alt.LegendConfig(
            labelFontSize=12,
            titleFontSize=12,
            orient="top",
            direction="horizontal",
            title=None,
            columns=3,
            columnPadding=18,
            labelLimit=150,
        ),
        view=alt.ViewConfig(stroke=None),
    )
    decimal, thousands = (",", ".") if language == "id" else (".", ",")
    drawn = vl_convert.vegalite_to_svg(
        themed.to_json(),
        vl_version=".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2]),
        format_locale={"decimal": decimal, "thousands": thousands, "grouping": [3], "currency": ["Rp", ""]},
    )
    drawn = _PREFIXED.sub(lambda found: f">{_written(found[1], found[2], language)}<", str(drawn))
    # Letters of the reader's machine may be wider than those that were measured here.
    about = f'<svg role="img" style="overflow:visible" aria-label="{html.escape(description)}" '
    return drawn.replace("<svg ", about, 1)


def _written(number: str, prefix: str, language: str) -> str:
    return number if number == "0" else number + _PREFIXES[language][prefix]


def numbers(title: str | None, form: str = ",.0f") -> Any:
    """Return an axis of numbers."""
    return alt.Axis(title=title, format=form, tickCount=4)


def magnitudes(title: str | None) -> Any:
    """Return an axis of numbers without their sign."""
    return alt.Axis(title=title, labelExpr="format(abs(datum.value), '~s')", tickCount=4)


def stacked(data: Data, label: str, value: str, part: str, axis: Any, *, order: Any = None) -> Any:
    """Horizontal bars in parts."""
    return (
        alt.Chart({"values": data})
        .mark_bar(height=14)
        .encode(
            y=alt.Y(f"{label}:N", sort=order, title=None),
            x=alt.X(f"{value}:Q", axis=axis),
            color=alt.Color(f"{part}:N", scale=alt.Scale(range=list(PALETTE))),
        )
        .properties(width=_WIDTH - 110, height={"step": 24})
    )


def columns(data: Data, label: str, value: str, part: str, axis: Any, title: str) -> Any:
    """Upright bars side by side, in the order of the data."""
    order = list(dict.fromkeys(row[label] for row in data))
    return (
        alt.Chart({"values": data})
        .mark_bar()
        .encode(
            x=alt.X(f"{label}:N", sort=order, title=title, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset(f"{part}:N"),
            y=alt.Y(f"{value}:Q", axis=axis),
            color=alt.Color(f"{part}:N", scale=alt.Scale(range=list(PALETTE))),
        )
        .properties(width=_WIDTH - 40, height=190)
    )


def lines(data: Data, label: str, value: str, part: str, axis: Any) -> Any:
    """A line for each part over the labels, both in the order of the data."""
    # A field of its own: a second legend of the same one would stand beside the first.
    data = [{**row, "dash": row[part]} for row in data]
    periods = alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=6)
    order, names = (list(dict.fromkeys(row[key] for row in data)) for key in (label, part))
    return (
        alt.Chart({"values": data})
        .mark_line(point=alt.OverlayMarkDef(size=45))
        .encode(
            x=alt.X(f"{label}:O", sort=order, title=None, axis=periods),
            y=alt.Y(f"{value}:Q", axis=axis),
            color=alt.Color(f"{part}:N", sort=names, scale=alt.Scale(range=list(PALETTE))),
            # Lines are told apart without colours too.
            strokeDash=alt.StrokeDash("dash:N", sort=names, legend=None),
        )
        .properties(width=_WIDTH - 60, height=170)
    )


def histogram(data: Data, value: str, part: str, x_title: str, axis: Any) -> Any:
    """Counts by whole number, in parts."""
    return (
        alt.Chart({"values": data})
        .mark_bar(width=6)
        .encode(
            x=alt.X("bits:Q", title=x_title),
            y=alt.Y(f"{value}:Q", axis=axis),
            color=alt.Color(f"{part}:N", scale=alt.Scale(range=list(PALETTE))),
        )
        .properties(width=_WIDTH - 50, height=190)
    )


def pyramid(data: Data, axis: Any, names: tuple[str, str]) -> Any:
    """Ages upwards, men to the left, women to the right; ``persons`` of men are negative."""
    return (
        alt.Chart({"values": data})
        .mark_bar()
        .encode(
            y=alt.Y("age:N", sort="descending", title=None),
            x=alt.X("persons:Q", axis=axis),
            color=alt.Color("sex:N", scale=alt.Scale(domain=list(names), range=[BLUE, ORANGE])),
        )
        .properties(width=_WIDTH - 60, height=200)
    )


def waterfall(parts: Sequence[tuple[str, float]], total: str, axis: Any) -> Any:
    """Bits of each comparison, each starting where the one before it ends, and their sum."""
    rows: Data = []
    reached = 0.0
    for name, bits in parts:
        rows.append({"what": name, "from": reached, "to": reached + bits, "kind": "up" if bits >= 0 else "down"})
        reached += bits
    rows.append({"what": total, "from": 0.0, "to": reached, "kind": "sum"})
    # The comparison above, what it found below: on one line a wide letter would cut the longest.
    at = "indexof(datum.label, ': ')"
    two_lines = f"{at} < 0 ? datum.label : [slice(datum.label, 0, {at}), slice(datum.label, {at} + 2)]"
    label = alt.Axis(labelLimit=190, labelFontSize=11, labelOffset=-4, labelExpr=two_lines)
    return (
        alt.Chart({"values": rows})
        .mark_bar(height=14)
        .encode(
            y=alt.Y("what:N", sort=[row["what"] for row in rows], title=None, axis=label),
            x=alt.X("from:Q", axis=axis),
            x2="to:Q",
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=["up", "down", "sum"], range=[GREEN, ORANGE, BLUE]), legend=None
            ),
        )
        .properties(width=_WIDTH - 150, height={"step": 32})
    )


def tiles(data: Data, percent: Callable[[float], str]) -> Any:
    """A tile for each province, its shade the share; ``share`` null = not shown."""
    place = {
        "x": alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.06)),
        "y": alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.06)),
    }
    known = [row for row in data if row["share"] is not None]
    shares = [row["share"] for row in known] or [0.0, 1.0]
    low, high = min(shares) * 0.6, max(shares) * 1.05
    for row in data:
        row["text"] = "—" if row["share"] is None else percent(row["share"])
        # The darker half of the scheme needs light letters.
        dark = row["share"] is not None and row["share"] - low > (high - low) / 2
        row["ink"] = "white" if dark else _INK
    ground = alt.Chart({"values": data}).mark_rect(fill="#f3f4f6", stroke="#9aa5b1", strokeDash=[3, 2])
    colour = alt.Color(
        "share:Q",
        scale=alt.Scale(scheme="blues", domain=[low, high]),
        legend=None,
    )
    filled = alt.Chart({"values": known}).mark_rect(stroke="white").encode(color=colour, **place)
    names = alt.Chart({"values": data}).mark_text(fontSize=11, dy=-6)
    figures = alt.Chart({"values": data}).mark_text(fontSize=11, dy=8)
    ink = alt.Color("ink:N", scale=None)
    layers = [
        ground.encode(**place),
        filled,
        names.encode(text="short:N", color=ink, **place),
        figures.encode(text="text:N", color=ink, **place),
    ]
    return alt.layer(*layers).resolve_scale(color="independent").properties(width=15 * 46, height=8 * 40)
