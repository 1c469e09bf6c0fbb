"""What is installed is pinned by hash and comes from whatever registry a site uses."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
JARS = ROOT / "conf" / "spark" / "jars.lock"


def pins(lock: Path) -> dict[str, list[str]]:
    """Requirement line to its hashes."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line[0].isspace() and line[0] != "#":
            name = line.rstrip(" \\")
            found[name] = []
        elif digest := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
            found[name].append(digest[1])
    return found


@pytest.mark.parametrize("lock", [*LOCKS, JARS], ids=lambda path: path.name)
def test_a_lock_has_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"^\s*-(-index-url|i|-extra-index-url|-find-links|f)\b", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_exact_and_hashed(lock: Path) -> None:
    found = pins(lock)

    assert len(found) > 50
    assert [name for name, hashes in found.items() if "==" not in name or not hashes] == []


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    runtime, development = (set(pins(ROOT / name)) for name in ("requirements.lock", "requirements-dev.lock"))

    # A marker may be wider where more packages ask for the same one; the version may not differ.
    assert {pin.split(" ;")[0] for pin in runtime} <= {pin.split(" ;")[0] for pin in development}


def test_the_lock_covers_what_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {pin.partition("==")[0] for pin in pins(ROOT / "requirements-dev.lock")}
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]

    assert {re.split(r"[\[<>=~ ]", name)[0].lower() for name in named} - locked == set()


def test_jars_are_locked_by_hash_and_delta_is_that_of_the_python_package() -> None:
    lines = [line.split() for line in JARS.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    delta = [coordinate for _, coordinate in lines if coordinate.startswith("io.delta:")]
    version = next(pin for pin in pins(ROOT / "requirements.lock") if pin.startswith("delta-spark==")).split("==")[1]

    assert [re.fullmatch("[0-9a-f]{64}", digest) is not None for digest, _ in lines] == [True] * 3
    assert [coordinate.split(":")[-1] for coordinate in delta] == [version] * 2
