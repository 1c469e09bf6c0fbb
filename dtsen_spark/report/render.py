"""The page: sections from the facts of a release, in one language."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import conf_dir
from dtsen_spark.corrections import terms
from dtsen_spark.errors import UsageError
from dtsen_spark.report import charts, facts
from dtsen_spark.report.facts import Facts, Row
from dtsen_spark.wording import INDONESIAN, LANGUAGES, Wording

_NATION: Final = 0
_PROVINCE: Final = 1
_KAB: Final = 2
_POOR: Final = (1, 2)  # the poorest fifth
_TOP: Final = 20
_CUTS: Final = (1, 2, 4, 5)  # cuts that rules and targets speak of: the poorest tenth, fifth, two fifths and half
_PER_MILLE: Final = 0.001
_BILLION: Final = 1e9
_ALL: Final = "all"
_OPEN: Final = "OPEN"
_STANDINGS: Final = ("all", "UPHELD", "REJECTED", "EXPIRED", "WITHDRAWN", "OPEN", "OPEN_OVERDUE")
_AT_ODDS: Final = ("REFUSED", "NOT_FOUND", "PENDING", "NO_ANSWER", "PAID_NOT_SELECTED")
_STAGES: Final = ("ingest", "harmonise", "linkage", "family", "welfare", "programs")


def write(root: Path, period: str, out: Path, language: str = INDONESIAN) -> Path:
    """Write the report of the newest release of a period.

    Args:
        root: The lake.
        period: Quarter or month.
        out: The HTML file.
        language: ``id`` or ``en``.

    Returns:
        The file.

    Raises:
        UsageError: The language is unknown, or the lake has no such release with statistics.
    """
    if language not in LANGUAGES:
        message = f"--lang {language}: choose {' or '.join(LANGUAGES)}"
        raise UsageError(message)
    page = render(facts.read(root, period), Wording(language))
    out.parent.mkdir(parents=True, exist_ok=True)
    half = out.with_name(f".{out.name}.half")
    half.write_text(page, encoding="utf-8")
    half.replace(out)
    return out


def render(found: Facts, wording: Wording) -> str:
    """Return the page.

    Args:
        found: Facts of the release.
        wording: Its language.
    """
    environment = Environment(
        loader=PackageLoader("dtsen_spark.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = {
        "headline": _headline(found, wording),
        "accounts": _accounts(found),
        "sources": _sources(found),
        "gate": _gate(found),
        "linkage": _linkage(found, wording),
        "pmt": _pmt(found, wording),
        "deciles": _deciles(found, wording),
        "regions": _regions(found, wording),
        "programs": _programs(found, wording),
        "payments": _payments(found, wording),
        "objections": _objections(found, wording),
        "trend": _trend(found, wording),
        "compared": _compared(found, wording),
        "suppressed": _suppressed(found),
    }
    return environment.get_template("report.html.j2").render(w=wording, f=found, c=c, **parts)


def _nation(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row[c.REGION_LEVEL] == _NATION]


def _total(rows: Iterable[Row], name: str) -> int | None:
    """The sum of what is shown; None where nothing is."""
    shown = [row[name] for row in rows if row[name] is not None]
    return sum(shown) if shown else None


def _rupiah_total(rows: Sequence[Row], w: Wording) -> str:
    """Benefits of a year, thousands of millions of rupiah: at least so much where some cells are left out."""
    total = _total(rows, c.BENEFIT_TOTAL_IDR_YEAR)
    at_least = "≥ " if _hidden(rows, c.BENEFIT_TOTAL_IDR_YEAR) else ""
    return w.number(None) if total is None else at_least + w.number(total / _BILLION, 2)


def _hidden(rows: Iterable[Row], *names: str) -> int:
    """Cells of some rows that are left out."""
    return sum(any(row[name] is None for name in names) for row in rows)


def _caption(text: str, hidden: int, w: Wording) -> str:
    return f"{text} ({w.number(hidden)} {w.text('hidden_cells')})" if hidden else text


def _whole(stats: dict[str, list[Row]]) -> dict[str, float | None]:
    nation = next(iter(_nation(stats[tables.STATS_REGION.name])), None) or {}
    costs = _nation(stats[tables.STATS_BUDGET.name])
    budget = _total(costs, c.BENEFIT_TOTAL_IDR_YEAR)
    return {
        "persons": nation.get(c.PERSONS),
        "families": nation.get(c.FAMILIES),
        "coverage": nation.get(c.COVERAGE),
        # Two sums that lack some cells tell nothing of a change.
        "budget": None if budget is None or _hidden(costs, c.BENEFIT_TOTAL_IDR_YEAR) else budget / _BILLION,
    }


def _headline(found: Facts, wording: Wording) -> list[tuple[str, str]]:
    whole = _whole(found.stats)
    budget = _rupiah_total(_nation(found.stats[tables.STATS_BUDGET.name]), wording)
    rupiah = f"Rp {budget} {'miliar' if wording.language == INDONESIAN else 'billion'}"
    return [
        (wording.text("persons"), wording.number(whole["persons"])),
        (wording.text("families"), wording.number(whole["families"])),
        (wording.text("coverage"), _coverage(whole["coverage"], wording)),
        (wording.text("budget"), rupiah),
    ]


def _coverage(share: float | None, wording: Wording) -> str:
    return wording.percent(share, _coverage_digits(share))


def _coverage_digits(share: float | None) -> int:
    # A sample covers a thousandth of a per cent of the nation; "0.0%" would say that it is empty.
    return 1 if share is None or share >= _PER_MILLE else 4


def _accounts(found: Facts) -> list[Row]:
    by_stage: dict[str, list[Row]] = defaultdict(list)
    for row in found.accounts:
        by_stage[row[c.STAGE]].append(row)
    return [
        {
            c.STAGE: stage,
            "subjects": len(own),
            c.ROWS_IN: sum(row[c.ROWS_IN] for row in own),
            c.ROWS_OUT: sum(row[c.ROWS_OUT] for row in own),
            c.ROWS_SET_ASIDE: sum(row[c.ROWS_SET_ASIDE] for row in own),
            "balanced": all(row[c.ROWS_IN] == row[c.ROWS_OUT] + row[c.ROWS_SET_ASIDE] for row in own),
        }
        for stage in _STAGES
        if (own := by_stage.get(stage))
    ]


def _sources(found: Facts) -> list[Row]:
    """The newest batch of each delivered table, with what of it is in quarantine."""
    aside = {(row[c.SUBJECT], row[c.BATCH_ID]): row[c.ROWS_SET_ASIDE] for row in found.accounts}
    newest = {
        f"{row[c.SOURCE]}/{row[c.SOURCE_TABLE]}": row
        for row in sorted(found.batches, key=lambda row: (str(row[c.AS_OF]), str(row[c.BATCH_ID])))
    }
    return [
        {**row, c.SUBJECT: subject, c.ROWS_SET_ASIDE: aside.get((subject, row[c.BATCH_ID]), 0)}
        for subject, row in sorted(newest.items())
    ]


def _gate(found: Facts) -> dict[str, Any]:
    verdict = found.metric("audit", "gate_passed")
    return {
        "passed": bool(verdict[-1][c.VALUE]) if verdict else None,
        "checks": sum(row[c.STAGE] == "audit" for row in found.metrics),
        "failed": found.failed,
        "warnings": sorted({row[c.METRIC] for row in found.metrics if row[c.SEVERITY] == "warning" and row[c.VALUE]}),
    }


def _drawn(chart: Any, description: str, wording: Wording) -> Markup:
    # Not escaped: drawn here, from numbers and our own texts.
    return Markup(charts.svg(chart, description, wording.language))


def _linkage(found: Facts, w: Wording) -> dict[str, Any]:
    rows = [row for row in found.stats[tables.STATS_LINKAGE.name] if row[c.RECORDS] is not None]
    by_reason: dict[str, int] = defaultdict(int)
    for row in rows:
        by_reason[row[c.MATCH_REASON]] += row[c.RECORDS]
    order = [w.code(reason) for reason, _ in sorted(by_reason.items(), key=lambda item: -item[1])]
    data = [{"reason": w.code(row[c.MATCH_REASON]), "records": row[c.RECORDS], "source": row[c.SOURCE]} for row in rows]
    reasons = charts.stacked(data, "reason", "records", "source", charts.numbers(w.text("records"), "~s"), order=order)
    weights = [
        {"bits": int(row[c.METRIC]), "pairs": row[c.VALUE], "state": w.code(row[c.SUBJECT])}
        for row in found.figures("link_weight")
    ]
    histogram = charts.histogram(weights, "pairs", "state", w.text("weights_axis"), charts.numbers(w.text("pairs")))
    return {
        "reasons": _drawn(reasons, _told(w.text("linkage"), by_reason, w), w) if data else None,
        "weights": _drawn(histogram, w.text("weights"), w) if weights else None,
        "examples": _examples(found, w),
    }


def _told(title: str, counts: dict[str, int], w: Wording) -> str:
    """A chart in words: its title and its bars, greatest first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return f"{title}: " + "; ".join(f"{w.code(name)} {w.number(count)}" for name, count in ranked)


def _examples(found: Facts, w: Wording) -> list[tuple[str, str, Markup]]:
    by_subject: dict[str, list[Row]] = defaultdict(list)
    for row in found.figures("link_example"):
        by_subject[row[c.SUBJECT]].append(row)
    shown = []
    for subject, rows in sorted(by_subject.items()):
        state, _, number = subject.partition(" ")
        if number not in {"1", "2"}:
            continue
        pairs = next(row[c.VALUE] for row in rows if row[c.METRIC] == "pairs")
        parts = [(_part(row[c.METRIC], w), row[c.VALUE]) for row in rows if row[c.METRIC] != "pairs"]
        told = "; ".join(f"{name} {w.signed(bits, 1)}" for name, bits in parts)
        drawn = charts.waterfall(parts, w.text("total"), charts.numbers(w.text("weights_axis")))
        shown.append((w.code(state), w.number(pairs), _drawn(drawn, f"{w.text('example')}: {told}", w)))
    return shown


def _part(text: str, w: Wording) -> str:
    comparison, _, level = text.partition(": ")
    return f"{w.code(comparison)}: {w.code(level)}"


def _pmt(found: Facts, w: Wording) -> dict[str, Any]:
    fit = found.figures("pmt")
    version = next((row[c.SUBJECT] for row in fit if row[c.METRIC] == "households"), None)
    errors = sorted(found.figures("targeting"), key=lambda row: (int(row[c.SUBJECT]), row[c.METRIC]))
    data = [{"share": row[c.SUBJECT], "error": row[c.VALUE], "kind": w.code(row[c.METRIC])} for row in errors]
    chart = charts.columns(data, "share", "error", "kind", charts.numbers(None, ".0%"), w.text("share"))
    told = "; ".join(f"{row[c.SUBJECT]}%: {w.code(row[c.METRIC])} {w.percent(row[c.VALUE])}" for row in errors)
    return {"version": version, "fit": fit, "chart": _drawn(chart, told, w) if data else None}


def _deciles(found: Facts, w: Wording) -> dict[str, Any]:
    rows = sorted(_nation(found.stats[tables.STATS_DECILE.name]), key=lambda row: row[c.DECILE] or 99)
    units = (("persons", c.PERSONS), ("families", c.FAMILIES))
    data = [
        {"decile": _decile(row, w), "count": row[name], "unit": w.text(unit)}
        for row in rows
        for unit, name in units
        if row[name] is not None
    ]
    chart = charts.columns(data, "decile", "count", "unit", charts.numbers(None, "~s"), w.text("decile"))
    told = "; ".join(f"{row['decile']}: {w.number(row['count'])} {row['unit']}" for row in data)
    population = [row for row in _nation(found.stats[tables.STATS_POPULATION.name]) if row[c.SEX] is not None]
    ages = [row for row in population if row[c.PERSONS] is not None]
    names = (w.text("male"), w.text("female"))
    people = [
        {
            "age": row[c.AGE_GROUP] or w.text("unknown"),
            "sex": names[0] if row[c.SEX] == "L" else names[1],
            "persons": -row[c.PERSONS] if row[c.SEX] == "L" else row[c.PERSONS],
        }
        for row in ages
    ]
    pyramid = charts.pyramid(people, charts.magnitudes(w.text("persons")), names)
    told_ages = "; ".join(f"{row['age']} {row['sex']} {w.number(abs(row['persons']))}" for row in people)
    return {
        "chart": _drawn(chart, f"{w.text('deciles')}: {told}", w) if data else None,
        "caption": _caption(w.text("deciles"), _hidden(rows, c.PERSONS, c.FAMILIES), w),
        "pyramid": _drawn(pyramid, f"{w.text('pyramid')}: {told_ages}", w) if people else None,
        "pyramid_caption": _caption(w.text("pyramid"), _hidden(population, c.PERSONS), w),
    }


def _decile(row: Row, w: Wording) -> str:
    return w.text("not_ranked") if row[c.DECILE] is None else str(row[c.DECILE])


def poor_shares(rows: Iterable[Row], level: int) -> dict[str, Row]:
    """Return persons of each region that is shown, and the share of the poorest fifth among them.

    Args:
        rows: Rows of ``stats/decile``.
        level: Level of the regions.

    Returns:
        By code: ``region_name`` (the code where no list names it), ``persons``, ``share`` (0 to 1).
    """
    of_region: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[c.REGION_LEVEL] == level:
            of_region[row[c.REGION_CODE]].append(row)
    shares = {}
    for code, own in of_region.items():
        if not any(row[c.SUPPRESSED] for row in own):
            persons = sum(row[c.PERSONS] for row in own)
            poor = sum(row[c.PERSONS] for row in own if row[c.DECILE] in _POOR)
            shares[code] = {
                c.REGION_NAME: own[0][c.REGION_NAME] or code,
                c.PERSONS: persons,
                "share": poor / persons if persons else None,
            }
    return shares


def tiles() -> list[dict[str, str]]:
    """Return the place of each province on the tile map: ``province_code``, ``column``, ``row``, ``short``."""
    with (conf_dir() / "bi" / "tiles.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _regions(found: Facts, w: Wording) -> dict[str, Any]:
    rows = found.stats[tables.STATS_DECILE.name]
    provinces = poor_shares(rows, _PROVINCE)
    data: list[Row] = [
        {
            "column": int(tile["column"]),
            "row": int(tile["row"]),
            "short": tile["short"],
            "share": provinces.get(tile["province_code"], {}).get("share"),
        }
        for tile in tiles()
    ]
    told = "; ".join(f"{one[c.REGION_NAME]} {w.percent(one['share'])}" for one in provinces.values())
    kab = sorted(poor_shares(rows, _KAB).values(), key=lambda one: (-(one["share"] or 0), one[c.REGION_NAME]))
    there = {row[c.REGION_CODE] for row in rows if row[c.REGION_LEVEL] == _KAB}
    chart = charts.tiles(data, lambda share: w.percent(share, 0))
    return {
        "tiles": _drawn(chart, f"{w.text('tiles')}: {told or w.text('none')}", w),
        "top": kab[:_TOP],
        "more": kab[_TOP:],
        "hidden": len(there) - len(kab),
    }


def _programs(found: Facts, w: Wording) -> list[dict[str, Any]]:
    rows = _nation(found.stats[tables.STATS_PROGRAM.name])
    budget = _nation(found.stats[tables.STATS_BUDGET.name])
    shown = []
    for program in sorted({row[c.PROGRAM] for row in rows}):
        own = [row for row in rows if row[c.PROGRAM] == program]
        of_decile = [row for row in budget if row[c.PROGRAM] == program]
        shown.append(
            {
                "program": w.code(program),
                "unit": w.text(own[0][c.UNIT]),
                "selected": _count(own, c.DECISION, "SELECTED"),
                "enter": _count(own, c.CHANGE, "ADD"),
                "stay": _count(own, c.CHANGE, "KEEP"),
                "leave": _count(own, c.CHANGE, "DROP"),
                "eligible": _count(own, c.DECISION, "ELIGIBLE"),
                "excluded": _count(own, c.DECISION, "EXCLUDED"),
                "cost": _rupiah_total(of_decile, w),
                "deciles": _by_decile(of_decile, w, w.code(program)),
                "hidden": _hidden(of_decile, c.ROWS),
                "causes": [
                    row
                    for row in _nation(found.stats[tables.STATS_CHANGE.name])
                    if row[c.PROGRAM] == program and row[c.CHANGE_CAUSE]
                ],
            }
        )
    return shown


def _payments(found: Facts, w: Wording) -> dict[str, Any]:
    """Units whose payment and decision disagree, by program and release handed over; states as columns."""
    units: dict[str, dict[str, float]] = defaultdict(dict)
    for row in found.figures("payment"):
        units[row[c.SUBJECT]][row[c.METRIC]] = row[c.VALUE]
    rows = [
        (w.code(program), release_id, of_state)
        for subject, of_state in sorted(units.items())
        for program, _, release_id in (subject.partition(" "),)
    ]
    return {"states": [state for state in _AT_ODDS if any(state in one for one in units.values())], "rows": rows}


def _count(rows: Sequence[Row], name: str, value: str) -> int | None:
    """The sum of the rows with a value: 0 where there is none, None where some are left out."""
    own = [row for row in rows if row[name] == value]
    return None if any(row[c.SUPPRESSED] for row in own) else sum(row[c.ROWS] for row in own)


def _by_decile(rows: Sequence[Row], w: Wording, program: str) -> Markup | None:
    data = [
        {"decile": _decile(row, w), "units": row[c.ROWS], "program": program}
        for row in sorted(rows, key=lambda row: row[c.DECILE] or 99)
        if row[c.ROWS] is not None
    ]
    if not data:
        return None
    told = "; ".join(f"{row['decile']}: {w.number(row['units'])}" for row in data)
    chart = charts.columns(data, "decile", "units", "program", charts.numbers(None, "~s"), w.text("decile"))
    return _drawn(chart, f"{program}, {w.text('by_decile')}: {told}", w)


def _objections(found: Facts, w: Wording) -> dict[str, Any]:
    """Tables of the chapter of objections: by channel and kind, how they ended, whom they wait for, days by step."""
    counted: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for topic in ("objection_channel", "objection"):
        for row in found.figures(topic):
            counted[topic, row[c.SUBJECT]][row[c.METRIC]] = row[c.VALUE]
    # All tickets first, then the channels, then the kinds.
    ranked = sorted(counted, key=lambda one: (one[1] != _ALL, one[0] == "objection", one[1]))
    standings = {metric for of_one in counted.values() for metric in of_one}
    cells = _nation(found.stats[tables.STATS_OBJECTION.name])
    ended = [row for row in cells if row[c.OUTCOME] not in {None, _OPEN}]
    states = terms.load().states
    order = list(states)
    return {
        "standings": [name for name in _STANDINGS if name in standings],
        "counted": [
            (w.text("all_tickets") if subject == _ALL else w.code(f"ticket_{subject}"), topic, counted[topic, subject])
            for topic, subject in ranked
        ],
        "ended": sorted(ended, key=lambda row: (row[c.OUTCOME], row[c.ACTION] or "", row[c.CHANNEL] or "")),
        "waiting": _waiting([row for row in cells if row[c.OUTCOME] == _OPEN]),
        "left_out": any(row[c.SUPPRESSED] for row in cells),
        # In the order in which a ticket goes through them.
        "steps": sorted(
            (
                {**row, c.WAITS_FOR: state.waits_for, "working_days": state.working_days}
                for row in _nation(found.stats[tables.STATS_STEP.name])
                if (state := states.get(row[c.STATE_BEFORE]))
            ),
            key=lambda row: (order.index(row[c.STATE_BEFORE]), row[c.CHANNEL] or ""),
        ),
    }


def _waiting(rows: Iterable[Row]) -> list[Row]:
    """Open tickets by last step and channel; late ones beside those in time, None where left out."""
    by_step: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_step[row[c.ACTION] or "", row[c.CHANNEL] or ""].append(row)

    def count(own: Sequence[Row], late: bool) -> int | None:
        cells = [row for row in own if row[c.OVERDUE] == late]
        return None if any(row[c.SUPPRESSED] for row in cells) else sum(row[c.TICKETS] for row in cells)

    return [
        {
            c.ACTION: action,
            c.CHANNEL: channel,
            "in_time": count(own, late=False),
            c.OVERDUE: count(own, late=True),
            # Of the late ones where there are any: how long they wait is what counts.
            **{name: max(own, key=lambda row: row[c.OVERDUE])[name] for name in (c.MEDIAN_DAYS, c.P90_DAYS)},
        }
        for (action, channel), own in sorted(by_step.items())
    ]


def _trend(found: Facts, w: Wording) -> list[tuple[str, Markup]]:
    """Line charts of the nation's figures over the published periods; none where there is one period."""
    rows = [row for row in _nation(found.trend) if row[c.VALUE] is not None]
    charted = []
    for title, named in _lines(w).items():
        data = [
            {"period": row[c.PERIOD], "value": row[c.VALUE], "line": name}
            for row in rows
            if (name := named.get((row[c.METRIC], row[c.SUBJECT])))
        ]
        if len({row["period"] for row in data}) > 1:
            told = "; ".join(f"{row['period']} {row['line']} {w.number(row['value'])}" for row in data)
            chart = charts.lines(data, "period", "value", "line", charts.numbers(None, "~s"))
            charted.append((title, _drawn(chart, f"{title}: {told}", w)))
    return charted


def _lines(w: Wording) -> dict[str, dict[tuple[str, str], str]]:
    """What each chart of the comparison shows: the name of a line by metric and subject."""
    programs = [path.stem for path in sorted((conf_dir() / "programs").glob("*.yaml"))]
    return {
        w.text("trend_people"): {(name, _ALL): w.text(name) for name in (c.PERSONS, c.FAMILIES)},
        w.text("trend_selected"): {("selected", program): w.code(program) for program in programs},
        w.text("trend_dropped"): {("dropped", program): w.code(program) for program in programs},
        w.text("trend_cuts"): {("cut_point_idr_month", str(k)): f"{w.text('decile')} {k}/{k + 1}" for k in _CUTS},
        w.text("trend_tickets"): {
            **{("tickets", name): w.text(f"ticket_{name}") for name in ("upheld", "rejected", "open")},
            ("tickets_overdue", _ALL): w.text("ticket_open_overdue"),
        },
    }


def _compared(found: Facts, w: Wording) -> list[tuple[str, str, str, str]]:
    """The figures of the headline: what each is called, before, now, and the change; shares change by points."""
    if found.previous is None:
        return []
    now, before = _whole(found.stats), _whole(found.before)
    rows = []
    for name, value in now.items():
        was = before[name]
        change = None if value is None or was is None else value - was
        if name == "coverage":
            digits = max(_coverage_digits(value), _coverage_digits(was))
            told = w.percent(was, digits), w.percent(value, digits)
            by = w.signed(None if change is None else 100 * change, digits)
            rows.append((w.text(name), *told, by if change is None else f"{by} {w.text('points')}"))
        else:
            label, digits = (w.text("cost"), 2) if name == "budget" else (w.text(name), 0)
            rows.append((label, w.number(was, digits), w.number(value, digits), w.signed(change, digits)))
    return rows


def _suppressed(found: Facts) -> list[tuple[str, int, int]]:
    return [
        (f"stats/{name}", sum(bool(row[c.SUPPRESSED]) for row in rows), len(rows))
        for name, rows in found.stats.items()
        if rows and c.SUPPRESSED in rows[0]
    ]
