"""Data docs that open without a network: the library's pages without what they would fetch, and a first page."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment

from dtsen_spark.quality.checkpoint import FailedExpectation, shown
from dtsen_spark.quality.figures import Figure
from dtsen_spark.quality.suite import Suite

INDEX: Final = "index.html"

# The library's pages hang on scripts, styles, fonts and pictures of content networks. Its tables are plain HTML.
_FETCHED: Final = re.compile(
    r"""<script\b.*?</script>|<style\b.*?</style>|<link\b[^>]*>|<img\b[^>]*\bsrc=["']https?:[^>]*>""",
    re.DOTALL | re.IGNORECASE,
)
_LINKED: Final = re.compile(r"""\s(?:href|src)=["']https?:[^"']*["']""", re.IGNORECASE)
_STYLE: Final = """<style>
body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:0 auto;padding:1em;color:#222}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.3em .6em;text-align:left;
vertical-align:top}th{background:#f3f3f3}.critical{color:#a40000;font-weight:bold}.warning{color:#8a5a00}
.good{color:#1b6e2f}ul{padding-left:1.2em}svg,.navbar-brand,nav ol,#ge-cta-footer{display:none}
</style>"""
_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Gate of {{ release_id }}</title>{{ style }}</head><body>
<h1>Gate of {{ release_id }}</h1>
<p class="{{ 'good' if passed else 'critical' }}">{{ 'Passed' if passed else 'The release is stopped' }}
{%- if failed %}: {{ failed | length }} of {{ 'these' if failed | length > 1 else 'this' }} did not hold{% endif %}</p>
{% if failed %}<table><tr><th>Expected</th><th>Of</th><th>Found</th><th>Severity</th></tr>
{% for one in failed %}<tr class="{{ one.severity }}"><td>{{ one.name }}</td><td>{{ one.subject }}</td>
<td>{{ shown(one.value) }}</td><td>{{ one.severity }}</td></tr>
{% endfor %}</table>{% endif %}
<h2>What was expected</h2>
<table><tr><th>Figure</th><th>Limits</th><th>Severity</th><th>Subjects</th><th>Least</th><th>Greatest</th><th>Why</th></tr>
{% for one, values in figures %}<tr><td>{{ one.metric }}</td><td>{{ one.limits }}</td><td>{{ one.severity }}</td>
<td>{{ values | length }}</td><td>{{ shown(values | min) if values }}</td><td>{{ shown(values | max) if values }}</td>
<td>{{ one.why }}</td></tr>
{% endfor %}</table>
<h2>Pages of the checkpoint</h2>
<ul>{% for page in pages %}<li><a href="{{ page }}">{{ page }}</a></li>{% endfor %}</ul>
</body></html>
"""


def finish(
    docs: Path, release_id: str, suite: Suite, figures: Sequence[Figure], failed: Sequence[FailedExpectation]
) -> Path:
    """Make the data docs of a release whole: nothing to fetch, and a first page that needs no script.

    Args:
        docs: Folder of the data docs.
        release_id: The release.
        suite: What was expected.
        figures: Its figures.
        failed: What did not hold.

    Returns:
        The first page.
    """
    shutil.rmtree(docs / "static", ignore_errors=True)
    (docs / INDEX).unlink(missing_ok=True)
    pages = sorted(docs.rglob("*.html"))
    for page in pages:
        page.write_text(offline(page.read_text(encoding="utf-8")), encoding="utf-8")
    values = {one.metric: [f.value for f in figures if f.metric == one.metric] for one in suite.figures}
    template = Environment(autoescape=True).from_string(_PAGE.replace("{{ style }}", _STYLE))
    text = template.render(
        release_id=release_id,
        passed=not any(one.severity == "critical" for one in failed),
        failed=failed,
        figures=[(one, values[one.metric]) for one in suite.figures],
        pages=[page.relative_to(docs).as_posix() for page in pages],
        shown=shown,
    )
    index = docs / INDEX
    index.write_text(text, encoding="utf-8")
    return index


def offline(page: str) -> str:
    """Return a page without scripts, outer styles and pictures of the network, with a small style of its own."""
    bare = _LINKED.sub("", _FETCHED.sub("", page))
    return bare.replace("</head>", f"{_STYLE}</head>", 1)
