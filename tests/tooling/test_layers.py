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


def python_on_rows(tree: ast.Module) -> list[str]:
    """Uses of what runs Python on rows, as line and name."""
    # A function of the JVM that is only registered from here runs no Python.
    java = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "registerJavaFunction"}
    found = [
        (node.lineno, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in PYTHON_ON_ROWS and id(node) not in java
    ]
    found += [
        (node.lineno, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in PYTHON_ON_ROWS and (node.module or "").startswith("pyspark")
    ]
    return [f"{line} {name}" for line, name in sorted(found)]


def test_no_python_runs_on_rows() -> None:
    assert [f"{path}:{use}" for path, tree in sources() for use in python_on_rows(tree)] == []


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("spark.udf.registerJavaFunction('f', 'C')", []),
        ("spark.udf.register('f', g)", ["1 udf"]),
        ("from pyspark.sql.functions import udf", ["1 udf"]),
        ("df.rdd.map(f)", ["1 rdd"]),
        ("df.groupBy('k').applyInPandas(f, 's')", ["1 applyInPandas"]),
    ],
)
def test_the_rule_finds_python_on_rows(code: str, wanted: list[str]) -> None:
    assert python_on_rows(ast.parse(code)) == wanted


def test_every_window_has_a_partition() -> None:
    # Window.orderBy(...) without partitionBy sends the whole population to one task: what the benchmark compares with.
    yardsticks = {"bench/decile.py"}
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"orderBy", "rowsBetween", "rangeBetween"}
        and ast.unparse(node.value) in {"Window", "W"}
        and str(path) not in yardsticks
    ]

    assert found == []
