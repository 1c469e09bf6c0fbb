"""The linkage model: m and u for each level, from counts; our own file, so that the same model gives the same weights.

Splink's JSON is bound to one backend; this file holds levels by name, and Splink's settings are rebuilt from it.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from dtsen_spark.errors import UsageError
from dtsen_spark.linkage import charts
from dtsen_spark.linkage.comparisons import COMPARISONS, Comparison

LATEST: Final = "latest"
MODELS: Final = Path("models") / "linkage"  # under the root of the lake
_DIGITS: Final = 9  # m and u are rounded: the last bits of a quotient must not make another model
# Pseudo-pairs that each level starts with: a level that no sample met is rare, not impossible.
_PSEUDO_MATCHES: Final = 1.0
_PSEUDO_RANDOMS: Final = 0.5


@dataclass(frozen=True)
class LevelWeights:
    """What a level counts.

    Attributes:
        level: Its name.
        m: Probability among matches.
        u: Probability among pairs of different persons.
        matches: Matches that were counted.
        randoms: Pairs of different persons that were counted.
        m_by_em: What EM finds for m on the same pairs without their labels; a check, never used.
    """

    level: str
    m: float
    u: float
    matches: int
    randoms: int
    m_by_em: float | None = None

    @property
    def weight(self) -> float:
        """Log2 of the Bayes factor, bits."""
        return math.log2(self.m / self.u)


@dataclass(frozen=True)
class LinkageModel:
    """A trained model.

    Attributes:
        prior: Probability that a residue record and an anchor drawn at random are one person.
        comparisons: Weights by comparison, levels in order.
        facts: What it was trained on: counts, and a digest of the frequency list.
    """

    prior: float
    comparisons: dict[str, tuple[LevelWeights, ...]]
    facts: dict[str, str]

    @property
    def version(self) -> str:
        """Content hash: the same counts give the same version."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:12]

    def _text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    def save(self, folder: Path, made: Mapping[str, str] | None = None) -> str:
        """Register the model: its file, its card, its charts, and that it is the latest.

        Args:
            folder: ``models/linkage`` of the lake.
            made: What the card says besides, such as when it was made; no part of the version.

        Returns:
            The version.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            (f"{self.version}.json", self._text()),
            (f"{self.version}.md", self.card(made or {})),
            (f"{self.version}.html", charts.page(self)),
            (LATEST, self.version),
        ):
            # Under another name first: a reader sees a whole file or none.
            half = folder / f".{name}.half"
            half.write_text(text, encoding="utf-8")
            half.replace(folder / name)
        return self.version

    def card(self, made: Mapping[str, str]) -> str:
        """Return the model card: what it was trained on, and what each level is worth.

        Args:
            made: When and with what it was made, how well it did.
        """
        known = {**self.facts, **made}
        lines = [f"# Linkage model {self.version}", "", *(f"- {key}: {known[key]}" for key in sorted(known))]
        lines += [f"- prior: {self.prior:.3g} ({math.log2(self.prior):.1f} bits)", ""]
        lines += ["| comparison | level | m | m by EM | u | weight, bits | matches | different |"]
        lines += ["|--|--|--|--|--|--|--|--|"]
        for name, levels in self.comparisons.items():
            for one in levels:
                by_em = "" if one.m_by_em is None else f"{one.m_by_em:.6f}"
                lines.append(
                    f"| {name} | {one.level} | {one.m:.6f} | {by_em} | {one.u:.3g} | {one.weight:.2f} "
                    f"| {one.matches} | {one.randoms} |"
                )
        return "\n".join(lines) + "\n"


def registered(folder: Path, wanted: str) -> str | None:
    """Return the version that a configuration names; None where ``latest`` is wanted and none is registered.

    Args:
        folder: ``models/linkage`` of the lake.
        wanted: A version, or ``latest``.
    """
    pointer = folder / LATEST
    if wanted != LATEST:
        return wanted
    return pointer.read_text(encoding="utf-8").strip() if pointer.exists() else None


def with_check(model: LinkageModel, m_by_em: Mapping[str, Sequence[float]]) -> LinkageModel:
    """Return the model with EM's m beside its own.

    Args:
        model: A fitted model.
        m_by_em: By comparison, lowest level first.
    """
    checked = {
        name: tuple(replace(one, m_by_em=m) for one, m in zip(levels, reversed(m_by_em[name]), strict=True))
        for name, levels in model.comparisons.items()
    }
    return replace(model, comparisons=checked)


def load(folder: Path, wanted: str) -> LinkageModel | None:
    """Read a registered model.

    Args:
        folder: ``models/linkage`` of the lake.
        wanted: A version, or ``latest``.

    Returns:
        The model; None where ``latest`` is wanted and none is registered.

    Raises:
        UsageError: A named version is not registered.
    """
    version = registered(folder, wanted)
    if version is None:
        return None
    path = folder / f"{version}.json"
    if not path.exists():
        message = f"{path}: no such linkage model; run 'dtsen train linkage', or set linkage.model to latest"
        raise UsageError(message)
    held = json.loads(path.read_text(encoding="utf-8"))
    comparisons = {name: tuple(LevelWeights(**one) for one in levels) for name, levels in held["comparisons"].items()}
    ordered = {one.name: comparisons[one.name] for one in COMPARISONS}
    return LinkageModel(held["prior"], ordered, held["facts"])


def untrained() -> LinkageModel:
    """Return a model without counts: it gives levels, not weights worth using."""
    return fitted({}, {}, prior=0.5, facts={})


def fitted(
    matches: Mapping[str, Mapping[int, int]],
    randoms: Mapping[str, Mapping[int, int]],
    *,
    prior: float,
    facts: Mapping[str, str],
) -> LinkageModel:
    """Fit m and u from counts of agreement levels.

    Args:
        matches: Pairs of one person, by comparison and comparison vector value (-1 = says nothing; left out).
        randoms: Pairs of different persons, likewise.
        prior: Probability that a residue record and an anchor drawn at random are one person.
        facts: What it was trained on.

    Returns:
        The model; within a comparison u adds up to 1 (up to rounding) where it is counted, m to 1 at most.
    """
    comparisons = {one.name: _fit(one, matches.get(one.name, {}), randoms.get(one.name, {})) for one in COMPARISONS}
    return LinkageModel(round(prior, 15), comparisons, dict(facts))


def _fit(comparison: Comparison, matches: Mapping[int, int], randoms: Mapping[int, int]) -> tuple[LevelWeights, ...]:
    gammas = range(len(comparison.levels) - 1, -1, -1)
    seen_m = [matches.get(gamma, 0) for gamma in gammas]
    seen_u = [randoms.get(gamma, 0) for gamma in gammas]
    counted_m, counted_u = _shares(seen_m, _PSEUDO_MATCHES), _shares(seen_u, _PSEUDO_RANDOMS)
    fitted_levels = []
    for at, level in enumerate(comparison.levels):
        u = counted_u[at] if level.u is None else level.u
        # A level that no match was seen on must not speak for a match, however rare it is among others.
        m = counted_m[at] if seen_m[at] else min(counted_m[at], u)
        m = m if level.m is None else level.m
        fitted_levels.append(LevelWeights(level.name, m, u, seen_m[at], seen_u[at]))
    return tuple(fitted_levels)


def _shares(counts: Sequence[int], pseudo: float) -> list[float]:
    total = sum(counts) + pseudo * len(counts)
    return [round((count + pseudo) / total, _DIGITS) for count in counts]


def splink_settings(model: LinkageModel, unique_id: str) -> dict[str, Any]:
    """Build Splink's settings from a model.

    Args:
        model: The model.
        unique_id: Id column of the node table.

    Returns:
        Settings in Splink's dictionary form; the pairs are registered, so the blocking rule is never used.
    """
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": unique_id,
        "probability_two_random_records_match": model.prior,
        "blocking_rules_to_generate_predictions": [f"l.{unique_id} = r.{unique_id}"],
        # Splink keeps the comparison vector only with the compared values; ``scoring`` drops those again.
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
        "comparisons": [_splink_comparison(one, model.comparisons[one.name]) for one in COMPARISONS],
    }


def _splink_comparison(comparison: Comparison, weights: Sequence[LevelWeights]) -> dict[str, Any]:
    missing = {"sql_condition": comparison.missing, "label_for_charts": "missing", "is_null_level": True}
    levels = [
        {
            "sql_condition": level.sql,
            "label_for_charts": level.name,
            "m_probability": weight.m,
            "u_probability": weight.u,
        }
        for level, weight in zip(comparison.levels, weights, strict=True)
    ]
    return {"output_column_name": comparison.name, "comparison_levels": [missing, *levels]}
