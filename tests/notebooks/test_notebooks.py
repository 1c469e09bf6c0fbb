"""The notebooks: stored empty, they run on any published lake and draw pictures without a person's value."""

import re
from pathlib import Path

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient

from tests.conftest import SmallLake

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_SMALL_PARTS = 5  # shorter pieces of names, such as DI, stand in any picture


def test_there_are_notebooks_of_a_release_its_links_and_its_deliveries() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03"]


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
    shown = "\n".join(
        str(value) for output in outputs for value in (*output.get("data", {}).values(), output.get("text"))
    )
    assert sum("image/svg+xml" in output.get("data", {}) for output in outputs) >= 5
    assert not re.search(r"\b\d{16}\b", shown)  # NIK and KK
    persons = pl.read_delta(str(small_lake.root / "master" / "person"))
    told = {word for word in re.findall(r"[^\W\d_]+", shown.upper()) if len(word) >= _SMALL_PARTS}
    assert not [name for name in persons.get_column("name").drop_nulls() if set(name.upper().split()) <= told]
    assert not set(persons.get_column("person_id")) & set(re.findall(r"\w+", shown))
