"""Rules about the source that import-linter cannot state, read from the syntax tree."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dtsen_spark"
# Each of these runs Python on rows, or pulls rows to the driver only to look at them.
PYTHON_ON_ROWS = {
    *("udf", "pandas_udf", "rdd", "mapInPandas", "mapInArrow", "applyInPandas", "applyInArrow", "cogroup"),
    *("foreach", "foreachPartition", "toLocalIterator", "parallelize", "show"),
}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Top-level packages that a module imports."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


def test_imports_point_up_the_list() -> None:
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("library", "home"), [("splink", "linkage"), ("delta", "lake.py"), ("great_expectations", "quality")]
)
def test_a_library_is_spoken_to_in_one_place(library: str, home: str) -> None:
    assert {path.parts[0] for path, tree in sources() if library in imported(tree)} <= {home}


def test_only_the_session_module_builds_sessions() -> None:
    builders = {
        str(path)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "builder"
        and ast.unparse(node.value).endswith("SparkSession")
    }

    assert builders == {"session.py"}


def test_no_python_runs_on_rows() -> None:
    found = [
        f"{path}:{node.lineno} .{node.attr}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in PYTHON_ON_ROWS
    ]

    assert found == []


def test_every_window_has_a_partition() -> None:
    # Window.orderBy(...) without partitionBy sends the whole population to one task.
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"orderBy", "rowsBetween", "rangeBetween"}
        and ast.unparse(node.value) in {"Window", "W"}
    ]

    assert found == []
