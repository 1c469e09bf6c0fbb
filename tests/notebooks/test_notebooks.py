"""The notebooks: stored empty, they run on any published lake and draw pictures without a person's value."""

import re
from pathlib import Path

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient

from dtsen_spark import columns as c
from dtsen_spark import tables
from tests.conftest import SmallLake

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_NAME_LETTERS = 4  # shorter pieces of names, such as DI, stand in any picture


def test_there_are_notebooks_of_a_release_its_links_its_deliveries_and_its_deciles() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_output_and_says_what_it_is_for(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]

    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}
    assert book.cells[0].cell_type == "markdown"
    assert all(word in book.cells[0].source for word in ("**Question.**", "**Reads**", "**Writes**"))


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_keeps_no_value_of_a_person(
    path: Path, small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTSEN_LAKE", str(small_lake.root))
    book = nbformat.read(path, as_version=4)

    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()

    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    told = "\n".join(
        str(value) for output in outputs for value in (*output.get("data", {}).values(), output.get("text"))
    )
    assert sum("image/svg+xml" in output.get("data", {}) for output in outputs) >= 5
    assert personal_values(told, small_lake) == set()
    one = pl.read_delta(str(small_lake.root / tables.PERSON.path)).drop_nulls(c.NIK).row(0, named=True)
    assert {one[c.NIK], one[c.PERSON_ID]} <= personal_values(f"{told} {one[c.NIK]} {one[c.PERSON_ID]}", small_lake)


def personal_values(text: str, small_lake: SmallLake) -> set[str]:
    """Return the names, numbers and ids of the lake that a text holds."""
    root, release = small_lake.root, small_lake.outcome.release_id
    records = pl.read_delta(str(root / "build" / release / tables.PERSON_RECORD.path))
    persons = pl.read_delta(str(root / tables.PERSON.path))
    columns = (records[c.NIK], records[c.NO_KK], records[c.RECORD_ID], persons[c.PERSON_ID], persons[c.NIK])
    numbers = {value for column in columns for value in column.drop_nulls()}
    words = {word for word in re.findall(r"[^\W\d_]+", text.upper()) if len(word) >= _NAME_LETTERS}
    parts = {name: set(re.findall(r"[^\W\d_]+", name.upper())) for name in records[c.NAME].drop_nulls()}
    names = {name for name, its_words in parts.items() if its_words and its_words <= words}
    return names | (numbers & set(re.findall(r"[\w:|]+", text)))
