"""The Great Expectations checkpoint: expectations from the suite, the small tables as batches, data docs.

Only small tables of figures and a sample without ids are given to it (``engine-notes.md`` §5): on the nation's
tables each list of unexpected values would be a job of its own, and would put values into the data docs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dtsen_spark.errors import ConfigError
from dtsen_spark.quality.figures import Figure
from dtsen_spark.quality.suite import Severity, Shape, Suite, Threshold

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

_FIGURES: Final = "release"
_NAME: Final = "name"
_MEASURED: Final = "measured"
_SUBJECT: Final = "subject"


@dataclass(frozen=True)
class FailedExpectation:
    """One expectation that did not hold, for one subject.

    Attributes:
        name: The expectation in a few words, such as ``share_unranked at most 0.05``.
        subject: What it failed for, such as a table.
        value: The figure; not a number where it was not measured, the failing share for a sample.
        severity: critical or warning.
    """

    name: str
    subject: str
    value: float
    severity: Severity

    def __str__(self) -> str:
        """Return what was expected, of what, and what was found."""
        return f"{self.name}: {self.subject}: {shown(self.value)}"


def shown(value: float) -> str:
    """Return a figure as people read it."""
    return "not measured" if math.isnan(value) else f"{value:,.6g}"


def check(
    suite: Suite, figures: Sequence[Figure], sample: Mapping[str, Sequence[Mapping[str, Any]]], *, run: str, docs: Path
) -> list[FailedExpectation]:
    """Run the checkpoint and write its data docs.

    Args:
        suite: What is expected.
        figures: Figures of the release.
        sample: Sampled rows by table, without ids.
        run: Name of the run in the data docs.
        docs: Folder of the data docs.

    Returns:
        Every expectation that did not hold, for each subject.

    Raises:
        ConfigError: The library could not read an expectation.
    """
    # Great Expectations takes seconds to import: commands that check nothing must not wait for it.
    import great_expectations as gx
    from great_expectations.checkpoint.actions import UpdateDataDocsAction
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites={_FIGURES: site},
            progress_bars=ProgressBarsConfig(globally=False),
            # Nothing is sent anywhere.
            analytics_enabled=False,
        ),
    )
    source = context.data_sources.add_pandas("lake")
    batches = {_FIGURES: (_wide(suite, figures), threshold_expectations(suite))}
    for table in sorted({shape.table for shape in suite.sample}):
        if sample.get(table):
            batches[f"sample_{table}"] = (_columns(sample[table]), shape_expectations(suite, table))
    failed: list[FailedExpectation] = []
    for name, (frame, expectations) in batches.items():
        suite_of = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        validation = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite_of))
        # A figure may be shown; of the sample only whether it holds, and how many rows do not.
        shown = "SUMMARY" if name == _FIGURES else "BOOLEAN_ONLY"
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=name,
                validation_definitions=[validation],
                result_format={"result_format": shown},
                actions=[UpdateDataDocsAction(name="data docs", site_names=[_FIGURES])],
            )
        )
        outcome = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=gx.RunIdentifier(run_name=run))
        results = [one for each in outcome.run_results.values() for one in each.results]
        if len(results) != len(expectations):
            # The library drops an expectation that it cannot read, and goes on.
            message = f"{name}: {len(expectations)} expectations gave {len(results)} results"
            raise ConfigError(message)
        for result in results:
            if not result.success:
                failed += _failures(result, name, suite, figures)
    return failed


def threshold_expectations(suite: Suite) -> list[dict[str, Any]]:
    """Return the expectations on the figures: within bounds, and measured where the release must have them."""
    found: list[dict[str, Any]] = []
    for one in suite.figures:
        bounds = {"column": one.metric, "min_value": one.min, "max_value": one.max}
        found.append(_expectation("expect_column_values_to_be_between", bounds, one, measured=True))
        if one.required:
            any_value = {"column": one.metric, "min_value": 1}
            found.append(_expectation("expect_column_unique_value_count_to_be_between", any_value, one, measured=False))
    return found


def shape_expectations(suite: Suite, table: str) -> list[dict[str, Any]]:
    """Return the expectations on a sampled table."""
    found = []
    for one in suite.sample:
        if one.table != table:
            continue
        tested: dict[str, Any]
        if one.values:
            kind, tested = "expect_column_values_to_be_in_set", {"value_set": list(one.values)}
        elif one.pattern:
            kind, tested = "expect_column_values_to_match_regex", {"regex": f"^(?:{one.pattern})$"}
        elif one.filled:
            kind, tested = "expect_column_values_to_not_be_null", {}
        else:
            kind, tested = "expect_column_values_to_be_between", {"min_value": one.min, "max_value": one.max}
        found.append(_expectation(kind, {"column": one.column, **tested}, one, measured=True))
    return found


def _expectation(kind: str, tested: Mapping[str, Any], one: Threshold | Shape, *, measured: bool) -> dict[str, Any]:
    return {
        "type": kind,
        "kwargs": dict(tested),
        "severity": one.severity,
        "meta": {_NAME: one.name, _MEASURED: measured},
        "notes": one.why if measured else f"The figure must be there. {one.why}",
    }


def _wide(suite: Suite, figures: Sequence[Figure]) -> "pd.DataFrame":
    """Put the figures in one row for each subject, one column for each metric: expectations are about columns."""
    import pandas as pd

    names = sorted({one.metric for one in suite.figures})
    rows: dict[str, dict[str, Any]] = {}
    for one in sorted(figure for figure in figures if figure.metric in names):
        rows.setdefault(one.subject, {_SUBJECT: one.subject})[one.metric] = one.value
    frame = pd.DataFrame(list(rows.values()), columns=[_SUBJECT, *names])
    return frame.astype(dict.fromkeys(names, "float64"))


def _columns(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame([dict(row) for row in rows])


def _failures(
    result: "ExpectationValidationResult", batch: str, suite: Suite, figures: Sequence[Figure]
) -> list[FailedExpectation]:
    """Name the subjects of a failed expectation; the library knows values, not whose they are."""
    config = result.expectation_config
    if config is None:
        message = f"{batch}: the checkpoint returned a result without its expectation"
        raise ValueError(message)
    meta = config.meta
    severity: Severity = "critical" if config.severity == "critical" else "warning"
    threshold = next((one for one in suite.figures if one.name == meta[_NAME]), None)
    if batch != _FIGURES or threshold is None:
        return [FailedExpectation(meta[_NAME], batch.replace("_", " "), math.nan, severity)]
    if not meta[_MEASURED]:
        return [FailedExpectation(threshold.name, _FIGURES, math.nan, severity)]
    worst = [one for one in figures if one.metric == threshold.metric and not threshold.holds(one.value)]
    found = [FailedExpectation(threshold.name, one.subject, one.value, severity) for one in sorted(worst)]
    return found or [FailedExpectation(threshold.name, _FIGURES, math.nan, severity)]
