"""The weights of a model as pictures: one HTML page that opens without a network."""

import io
import math
from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

if TYPE_CHECKING:
    from dtsen_spark.linkage.model import LinkageModel

_WIDTH: Final = 420


def page(model: "LinkageModel") -> str:
    """Draw match weights, and m against u, level by level.

    Args:
        model: The model.

    Returns:
        An HTML page with everything inline.
    """
    levels = pd.DataFrame(
        [
            {
                "comparison": name,
                "level": one.level,
                "order": at,
                "weight": round(one.weight, 2),
                "m, same person": one.m,
                "u, different persons": one.u,
            }
            for name, found in model.comparisons.items()
            for at, one in enumerate(found)
        ]
    )
    order = alt.EncodingSortField(field="order", order="ascending")
    level = alt.Y("level:N", sort=order, title=None, axis=alt.Axis(labelLimit=280))
    rows = alt.Row("comparison:N", sort=list(model.comparisons), title=None)
    weights = (
        alt.Chart(levels, width=_WIDTH, title="Match weight of each level, bits")
        .mark_bar()
        .encode(
            x=alt.X("weight:Q", title="bits: right speaks for one person, left against"),
            y=level,
            color=alt.condition("datum.weight > 0", alt.value("#2c7fb8"), alt.value("#d95f0e")),
            tooltip=["comparison", "level", "weight", "m, same person", "u, different persons"],
        )
        .facet(row=rows)
        .resolve_scale(y="independent")
    )
    shares = (
        alt.Chart(levels, width=_WIDTH, title="How often each level is met")
        .transform_fold(["m, same person", "u, different persons"], as_=["among", "share"])
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of pairs", stack=None),
            y=level,
            yOffset="among:N",
            color=alt.Color("among:N", title=None),
        )
        .facet(row=rows)
        .resolve_scale(y="independent")
    )
    title = f"Linkage model {model.version}; prior {math.log2(model.prior):.1f} bits"
    drawn = alt.hconcat(weights, shares, title=title).resolve_scale(color="independent")
    with io.StringIO() as text:
        drawn.save(text, format="html", inline=True)
        return text.getvalue()
