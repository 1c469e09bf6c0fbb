"""Deliveries that nobody thought of: manifests in plain Python, rows against an oracle in plain Python."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.ingest.manifest import Manifest, RefusedError, parse
from tests.ingest.conftest import PLN, Runner, aside, quarantine, state
from tests.ingest.deliveries import deliver_required, write_delivery
from tests.ingest.test_landing import SOUND, TABLE

SECRET: Final = "3174015208900001"
_TEXT = st.text(max_size=20) | st.sampled_from([SECRET, "../part-0.csv", "part-0.csv", "2026-01-01", "delta", "9" * 30])
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_FILE = st.fixed_dictionaries({}, optional={"name": _TEXT | _VALUE, "rows": _VALUE, "sha256": _VALUE}) | st.just(
    SOUND["files"][0]
)
_BENT = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(SOUND, _VALUE) | {"files": st.lists(_FILE, max_size=3), SECRET: _VALUE}
)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(bent=_BENT, cut=st.integers(0, 400) | st.none())
def test_a_manifest_is_taken_or_refused_and_never_told(bent: dict[str, Any], cut: int | None) -> None:
    content = json.dumps(SOUND | bent).encode("utf-8", "surrogatepass")[:cut]
    try:
        found = parse(content, TABLE, "b1")
    except RefusedError as error:
        assert SECRET not in str(error)
        return
    assert isinstance(found, Manifest)
    assert found.mode in {"full", "delta"}
    assert all(Path(file.name).name == file.name and file.name.startswith("part-") for file in found.files)
    assert all(file.rows >= 0 for file in found.files)
    assert len({file.name for file in found.files}) == len(found.files)


_COLUMNS: Final = ("op", *tables.LANDING[PLN].columns)
_LIMIT: Final = 2_000


def _field(text: str) -> str:
    quoted = any(mark in text for mark in ',"\n\r') or text != text.strip()
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if quoted else text


def _value(chance: random.Random) -> str:
    drawn = chance.random()
    if drawn < 0.6:
        return str(chance.randrange(10_000))
    odd = [
        "",
        " ",
        "a b",
        'say ""x""',
        "a,b",
        "line\nbreak",
        "x\n\ny",
        "\u202e",
        "=1+1",
        "\U0001f600",
        "é",
        "0000-00-00",
    ]
    return chance.choice(odd)


def _row(chance: random.Random) -> tuple[list[str], set[str]]:
    """Draw a row and the reasons that it shows by itself."""
    row = [chance.choice("UUUUUUUUD"), f"P{chance.randrange(4_000)}", *(_value(chance) for _ in range(4))]
    # An operation or a key of blanks is empty; all other fields may be.
    drawn, reasons = chance.random(), set()
    if drawn < 0.03:
        row[1], reasons = chance.choice(["", " ", " \n "]), {"empty_key"}
    elif drawn < 0.06:
        row[0], reasons = chance.choice(["", "X", "u", "DD"]), {"unknown_op"}
    elif drawn < 0.08:
        row[3], reasons = "9" * (_LIMIT + 1), {"field_too_long"}
    elif drawn < 0.10:
        row[4], reasons = "a\0b", {"undecodable"}
    elif drawn < 0.12:
        row[1], row[0], reasons = "", "?", {"empty_key", "unknown_op"}
    elif drawn < 0.14:
        row, reasons = row[:-1], {"field_count"}
    elif drawn < 0.16:
        row, reasons = [*row, "more"], {"field_count"}
    return row, reasons


def _oracle(rows: list[tuple[list[str], set[str]]]) -> tuple[list[set[str]], dict[str, tuple[Any, ...]]]:
    """The row rules in plain Python: every row's reasons, and the state that a first delta leaves."""
    cleaned = [tuple(value.strip(" ") or None for value in row) for row, _ in rows]
    keys = [(row[1].strip(" \t\r\n") or None) for row, _ in rows]
    reasons = [set(own) for _, own in rows]
    sound = [i for i, own in enumerate(reasons) if not own]
    variants: dict[str | None, set[Any]] = {}
    for i in sound:
        variants.setdefault(keys[i], set()).add(cleaned[i])
    seen: set[str | None] = set()
    left: dict[str, tuple[Any, ...]] = {}
    for i in sound:
        key = keys[i]
        if len(variants[key]) > 1:
            reasons[i] = {"duplicate_key"}
        elif key in seen:
            reasons[i] = {"repeated"}
        elif cleaned[i][0] == "U":
            left[str(key)] = cleaned[i][2:]
        seen.add(key)
    return reasons, left


@pytest.mark.slow
def test_five_thousand_rows_fare_as_the_rules_say(make_job: Runner, tmp_path: Path) -> None:
    from dtsen_spark import ingest

    chance = random.Random(7)
    rows = [_row(chance) for _ in range(4_700)]
    # Rows that come twice, alike but for blanks around them.
    rows += [([*row[:2], f" {row[2]} ", *row[3:]], own) for row, own in chance.sample(rows, 300) if not own]
    chance.shuffle(rows)
    lines, text = [], ",".join(_COLUMNS) + "\n"
    for row, _ in rows:
        lines.append(text.count("\n") + 1)
        text += ",".join(map(_field, row)) + "\n"
    deliver_required(tmp_path / "landing")
    how = {"part-0.csv": text.encode()}, {"part-0.csv": len(rows)}
    write_delivery(tmp_path / "landing", PLN, "b1", *how, mode="delta")
    reasons, left = _oracle(rows)

    job = make_job(limits=[f"ingest.max_record_chars={_LIMIT}"])
    ingest.run(job)

    job.ledger.require_balance()
    rejected = Counter(
        (line, tuple(sorted(own))) for line, own in zip(lines, reasons, strict=True) if own and own != {"repeated"}
    )
    assert Counter((line, tuple(why)) for line, why in quarantine(job, PLN, c.LINE, c.REASONS)) == rejected
    assert {row[0]: row[1:] for row in state(job, PLN, *tables.LANDING[PLN].columns)} == left
    first = Counter(min(own) for own in reasons if own)
    assert aside(job, PLN) == {"b1": dict(first)}
