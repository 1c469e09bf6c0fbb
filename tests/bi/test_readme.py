"""What the README shows to readers without Spark runs as it stands, on any lake."""

import re
from pathlib import Path

import pytest

from tests.conftest import SmallLake

README = Path(__file__).resolve().parents[2] / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
LAKE = "data/lake-100000"


def test_the_readme_shows_polars_duckdb_and_delta_rs() -> None:
    assert all(any(f"import {name}" in one for one in SNIPPETS) for name in ("polars", "duckdb", "DeltaTable"))
    assert all(LAKE in one for one in SNIPPETS)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.split()[1])
def test_a_snippet_gives_rows(snippet: str, small_lake: SmallLake) -> None:
    *lines, last = snippet.replace(LAKE, str(small_lake.root)).strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    shown = eval(last, names)
    assert len(shown) >= 5
