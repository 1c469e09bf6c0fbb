"""What Superset imports: a database, a dataset for each statistic with its columns' meanings, charts and a dashboard.

Which charts there are stands in ``conf/bi/dashboard.yaml``; columns and comments come from the table contracts. All ids
follow from names, so that a later import replaces the earlier one.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pyspark.sql.types import DataType, NumericType

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import conf_dir, read_yaml, validated
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.wording import LANGUAGES, Wording

SCHEMA: Final = "dtsen"
DATABASE: Final = "DTSEN"
_NAME: Final = "superset"
_VERSION: Final = "1.0.0"
_MADE: Final = "2026-01-01T00:00:00+00:00"  # Superset asks for a time; a fixed one keeps the file the same
_FILTER: Final = "NATIVE_FILTER-period"
_GRID: Final = 12

Document = dict[str, Any]


class Chart(BaseModel):
    """A chart of the dashboard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Key of its title.")
    table: str = Field(description="The statistic.")
    sum: str = Field(description="Column that is summed; suppressed cells are null and add nothing.")
    where: Mapping[str, int | str | tuple[int, ...]] = Field(description="Values that columns must have.")
    by: tuple[str, ...] = Field(default=(), description="Columns of the series, or of the table's rows.")
    every_period: bool = Field(default=False, description="Not only the chosen period.")
    width: int = Field(ge=1, le=_GRID, description="Columns of the grid.")
    height: int = Field(ge=1, description="Rows of the grid.")
    params: Mapping[str, Any] = Field(description="Superset's own.")


class _Charts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    charts: tuple[Chart, ...]


def write(out: Path, url: str, language: str) -> Path:
    """Write the file that Superset imports.

    Args:
        out: The ZIP file.
        url: SQLAlchemy address of the server of ``dtsen serve``.
        language: ``id`` or ``en``: titles.

    Returns:
        The file.

    Raises:
        UsageError: The language is unknown.
        ConfigError: ``conf/bi/dashboard.yaml`` names what there is not.
    """
    if language not in LANGUAGES:
        message = f"--lang {language}: choose {' or '.join(LANGUAGES)}"
        raise UsageError(message)
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, document in documents(url, language).items():
            file.writestr(zipfile.ZipInfo(f"dtsen/{name}"), yaml.safe_dump(document, sort_keys=True))
    return out


def documents(url: str, language: str) -> dict[str, Document]:
    """Return the documents of the import by their path.

    Args:
        url: SQLAlchemy address of the server.
        language: ``id`` or ``en``.
    """
    wording = Wording(language, _NAME)
    path = conf_dir() / "bi" / "dashboard.yaml"
    charts = validated(path, _Charts, read_yaml(path), "a dashboard").charts
    contracts = {table.path: table for table in tables.STATS}
    used = {chart.table: contracts[chart.table] for chart in charts}
    title = wording.text("title")
    return {
        "metadata.yaml": {"version": _VERSION, "type": "Dashboard", "timestamp": _MADE},
        f"databases/{DATABASE}.yaml": _database(url),
        **{f"datasets/{DATABASE}/{_view(table)}.yaml": _dataset(table) for table in used.values()},
        **{f"charts/{chart.name}.yaml": _chart(chart, contracts[chart.table], wording) for chart in charts},
        f"dashboards/{_NAME}_{language}.yaml": {
            "dashboard_title": title,
            "slug": f"dtsen-{language}",
            "uuid": _uuid("dashboard", language),
            "position": _position(charts, title, wording),
            "metadata": _metadata(charts, wording),
            "published": True,
            "version": _VERSION,
        },
    }


def _uuid(*names: str) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(("dtsen", *names))))


def _view(table: TableContract) -> str:
    return f"{table.layer}_{table.name}"


def _database(url: str) -> Document:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": url,
        "uuid": _uuid("database"),
        "expose_in_sqllab": True,
        # Nothing of a client may reach the lake.
        **dict.fromkeys(("allow_ctas", "allow_cvas", "allow_dml", "allow_run_async", "allow_file_upload"), False),
        "extra": {},
        "version": _VERSION,
    }


def _dataset(table: TableContract) -> Document:
    return {
        "table_name": _view(table),
        "schema": SCHEMA,
        "description": table.one_row_is,
        "uuid": _uuid("dataset", table.path),
        "database_uuid": _uuid("database"),
        "sql": "",
        "columns": [
            {
                "column_name": field.name,
                "type": _type(field.column.type),
                "description": field.column.comment,
                "is_active": True,
                "groupby": True,
                "filterable": True,
                "is_dttm": False,
            }
            for field in table.fields
        ],
        "metrics": [
            {
                "metric_name": f"sum_{field.name}",
                "verbose_name": field.name,
                "expression": f"SUM(`{field.name}`)",
                "d3format": ",.0f",
            }
            for field in table.fields
            if _is_measure(field.name, field.column.type)
        ],
        "version": _VERSION,
    }


def _type(kind: DataType) -> str:
    return {"string": "STRING", "boolean": "BOOLEAN", "double": "DOUBLE", "int": "INT", "bigint": "BIGINT"}[
        kind.simpleString()
    ]


def _is_measure(name: str, kind: DataType) -> bool:
    return isinstance(kind, NumericType) and name not in {c.REGION_LEVEL, c.DECILE}


def _chart(chart: Chart, table: TableContract, wording: Wording) -> Document:
    metric = f"sum_{chart.sum}"
    filters = [
        {
            "expressionType": "SIMPLE",
            "clause": "WHERE",
            "subject": name,
            "operator": "IN" if isinstance(value, tuple) else "==",
            "comparator": list(value) if isinstance(value, tuple) else value,
        }
        for name, value in chart.where.items()
    ]
    shown = {"metric": metric} if chart.params["viz_type"] == "big_number_total" else {"metrics": [metric]}
    return {
        "slice_name": wording.text(chart.name),
        "description": table.one_row_is,
        "viz_type": chart.params["viz_type"],
        "params": {
            **chart.params,
            **shown,
            "groupby": list(chart.by),
            "adhoc_filters": filters,
            "time_range": "No filter",
        },
        "uuid": _uuid("chart", chart.name, wording.language),
        "dataset_uuid": _uuid("dataset", table.path),
        "version": _VERSION,
    }


def _position(charts: tuple[Chart, ...], title: str, wording: Wording) -> Document:
    """The grid: charts from left to right, a new row where the next one has no room."""
    rows: list[list[int]] = [[]]
    for number, chart in enumerate(charts):
        if rows[-1] and sum(charts[one].width for one in rows[-1]) + chart.width > _GRID:
            rows.append([])
        rows[-1].append(number)
    grid = ["ROOT_ID", "GRID_ID"]
    position: Document = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": title}},
        "GRID_ID": {
            "type": "GRID",
            "id": "GRID_ID",
            "parents": grid[:1],
            "children": [f"ROW-{number}" for number in range(len(rows))],
        },
    }
    for row, numbers in enumerate(rows):
        name = f"ROW-{row}"
        inside = [f"CHART-{charts[number].name}" for number in numbers]
        position[name] = {
            "type": "ROW",
            "id": name,
            "parents": grid,
            "children": inside,
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for number, key in zip(numbers, inside, strict=True):
            chart = charts[number]
            position[key] = {
                "type": "CHART",
                "id": key,
                "parents": [*grid, name],
                "children": [],
                "meta": {
                    "chartId": number + 1,
                    "uuid": _uuid("chart", chart.name, wording.language),
                    "sliceName": wording.text(chart.name),
                    "width": chart.width,
                    "height": chart.height,
                },
            }
    return position


def _metadata(charts: tuple[Chart, ...], wording: Wording) -> Document:
    """One choice for all charts but those over time: the period, the newest first."""
    every = [number + 1 for number, chart in enumerate(charts) if chart.every_period]
    region = next(table for table in tables.STATS if table.path == tables.STATS_REGION.path)
    return {
        "native_filter_configuration": [
            {
                "id": _FILTER,
                "name": wording.text("period"),
                "type": "NATIVE_FILTER",
                "filterType": "filter_select",
                "targets": [{"datasetUuid": _uuid("dataset", region.path), "column": {"name": c.PERIOD}}],
                "scope": {"rootPath": ["ROOT_ID"], "excluded": every},
                "cascadeParentIds": [],
                # No chart is asked for before the period is known.
                "requiredFirst": True,
                "defaultDataMask": {"extraFormData": {}, "filterState": {}},
                "controlValues": {
                    "multiSelect": False,
                    "enableEmptyFilter": True,
                    "defaultToFirstItem": True,
                    "sortAscending": False,
                },
            }
        ],
        # Across the top: at the side it takes a third of a narrow window.
        "filter_bar_orientation": "HORIZONTAL",
        "color_scheme": "supersetColors",
        "cross_filters_enabled": False,
    }
