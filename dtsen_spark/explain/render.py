"""What was found, said to its reader: plain words for a citizen, everything for an auditor; text, JSON or HTML.

A citizen's page has no number of a document, no other person and no model weights (what each value does is told in
rupiah); an auditor's has all of it.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from dtsen_spark import codes, tables
from dtsen_spark import columns as c
from dtsen_spark.errors import UsageError
from dtsen_spark.explain import links
from dtsen_spark.explain.lookup import AUDITOR, READERS
from dtsen_spark.welfare import CUT, Change, FamilyExplanation, Part, Step
from dtsen_spark.wording import Wording

Row = dict[str, Any]
Section = tuple[str, list[str]]

FORMATS: Final = ("text", "json", "html")

_POINTS: Final = 1_000_000  # a score is log expenditure in millionths
_STRONGEST: Final = 5
_WHOLE: Final = 1000  # probabilities are per mille
_OWN: Final = (c.NAME, c.SEX, c.BIRTH_DATE)
_PAGE: Final = """<!DOCTYPE html>
<html lang="{{ language }}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>
body{font:1rem/1.5 system-ui,Helvetica,Arial,sans-serif;max-width:44rem;margin:0 auto;padding:1rem;color:#1f2933}
h1{font-size:1.4rem}h2{font-size:1.1rem;border-top:1px solid #d5dbe1;padding-top:.5rem}li{margin:.15rem 0}
figure{margin:1rem 0}figcaption,figure div{font-size:.85rem}figure div{display:flex;gap:.5rem;align-items:center}
figure span:first-child{flex:0 0 15rem}svg{flex:0 0 360px}.for{fill:#2c7fb8}.against{fill:#d95f0e}.sum{fill:#1f2933}
@media print{body{max-width:none}}
</style></head><body><h1>{{ title }}</h1>
{% for heading, lines in sections %}{% if heading %}<h2>{{ heading }}</h2>{% endif %}
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% endfor %}
{% for one in drawings %}<figure><figcaption>{{ one.title }}</figcaption>
{% for bar in one.bars %}<div><span>{{ bar.label }}</span><svg width="360" height="14" role="img"
><rect class="{{ bar.speaks }}" x="{{ bar.left }}" y="1" width="{{ bar.width }}" height="12"/>
{% if one.needed is not none %}<path d="M{{ one.needed }} 0V14" stroke="#888"/>{% endif %}</svg
><span>{{ bar.bits }}</span></div>
{% endfor %}</figure>
{% endfor %}</body></html>
"""


def render(found: Row | None, reader: str, form: str, language: str) -> str:
    """Return the explanation.

    Args:
        found: As of ``lookup.of_person``; None = nobody.
        reader: ``citizen`` or ``auditor``.
        form: ``text``, ``json`` or ``html``.
        language: ``id`` or ``en``.

    Raises:
        UsageError: The reader or the format is unknown.
    """
    for option, value, known in (("--for", reader, READERS), ("--format", form, FORMATS)):
        if value not in known:
            message = f"{option} {value}: choose {', '.join(known)}"
            raise UsageError(message)
    words = Wording(language, "explain")
    if form == "json":
        return json.dumps(_shown(found, reader), indent=2, sort_keys=True, default=_plain, ensure_ascii=False)
    title = words.text("title_auditor" if reader == AUDITOR else "title")
    sections = [("", [words.text("not_found")])] if found is None else list(_sections(found, reader, words))
    if form == "html":
        page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)
        linked = found["links"] if found and reader == AUDITOR else []
        drawings = [drawn for one in linked if (drawn := links.waterfall(one, words))]
        return page.render(language=language, title=title, sections=sections, drawings=drawings)
    lines = [title, ""]
    for heading, told in sections:
        lines += [*([heading] if heading else []), *(f"  {line}" for line in told), ""]
    return "\n".join(lines)


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def _shown(found: Row | None, reader: str) -> Row:
    """The same facts as data; a citizen's without what names others or documents."""
    if found is None:
        return {"found": False}
    if reader == AUDITOR:
        explanation = found["explanation"]
        return {"found": True, **found, "explanation": asdict(explanation) if explanation else None}
    score = found["score"] or {}
    return {
        "found": True,
        c.RELEASE_ID: found["release_id"],
        "person": {name: found["person"][name] for name in (*_OWN, c.SOURCES)} if found["person"] else None,
        "values": [
            {"indicator": name, "value": value, "source": source}
            for part in ("attributes", "housing")
            for name, value, source in _values(found[part])
        ],
        c.DECILE: score.get(c.DECILE),
        c.STATE: score.get(c.STATE),
        c.EXPENDITURE_IDR_MONTH: score.get(c.EXPENDITURE_IDR_MONTH),
        c.DECILE_STATE: score.get(c.DECILE_STATE),
        c.DECILE_PERMILLE: score.get(c.DECILE_PERMILLE),
        "explanation": _without_points(asdict(found["explanation"])) if found["explanation"] else None,
        "programs": [
            {
                name: row[name]
                for name in (c.PROGRAM, c.DECISION, c.REASONS, c.CHANGE, c.CHANGE_CAUSE, c.BENEFIT_IDR_YEAR)
            }
            for row in found["programs"]
        ],
    }


def _without_points(value: Any) -> Any:
    """Leave log points out, at any depth: with a few families' of them anybody has the model's weights."""
    if isinstance(value, dict):
        return {name: _without_points(inner) for name, inner in value.items() if name != "points"}
    if isinstance(value, list | tuple):
        return [_without_points(inner) for inner in value]
    return value


def _sections(found: Row, reader: str, w: Wording) -> Iterator[Section]:
    yield w.text("recorded"), list(_recorded(found, w))
    if found["family"]:
        family = found["family"]
        housing = [_value(*one, w) for one in _values(found["housing"])]
        yield w.text("family"), [f"{family[c.MEMBERS]} {w.text('members')}", *housing]
    if found["score"]:
        yield w.text("desil"), list(_desil(found, w))
        if found["score"][c.DECILE] is not None:
            yield w.text("why"), list(_why(found["explanation"], reader, w))
        yield w.text("since"), list(_since(found, reader, w))
    if found["programs"]:
        yield w.text("programs"), [_decided(row, w) for row in found["programs"]]
    if reader == AUDITOR:
        yield w.text("records"), [_linked(row, w) for row in found["records"]]
        if found["links"]:
            yield w.text("links"), [line for one in found["links"] for line in links.told(one, w)]
    else:
        yield w.text("what_you_can_do"), [w.text(key) for key in ("do_correct", "do_object", "do_access")]


def _recorded(found: Row, w: Wording) -> Iterator[str]:
    person = found["person"]
    yield f"{w.text('release')}: {found['release_id']}"
    if person:
        for name in _OWN:
            if person[name] is not None:
                yield _value(name, person[name], None, w)
        yield f"{w.text('sources')}: {', '.join(w.code(source) for source in person[c.SOURCES])}"
    for one in _values(found["attributes"]):
        yield _value(*one, w)


def _values(row: Row | None) -> Iterator[tuple[str, object, str | None]]:
    """Indicators that have a value, with the source and day it came from."""
    wanted = (*tables.PERSON_INDICATORS, *tables.FAMILY_INDICATORS, c.RELATION, c.MARITAL)
    for name, value in (row or {}).items():
        if name in wanted and value is not None:
            yield name, value, (row or {})[c.SOURCE_OF].get(name)


def _value(name: str, value: object, source: str | None, w: Wording) -> str:
    if isinstance(value, bool):
        said = w.text("yes") if value else w.text("no")
    else:
        said = _label(name, value) if w.language == "id" else str(value)
    # The day is part of the answer: a value of 2022 may be out of date.
    origin = ""
    if source:
        name_of_source, _, day = source.partition(" ")
        origin = f" ({w.text('from_where')} {w.code(name_of_source)}, {day})"
    return f"{w.code(name)}: {said}{origin}"


def _label(name: str, value: object) -> str:
    """The Indonesian label of a code, or the value."""
    known = codes.code_lists().get(name)
    labels = {one.code: one.label for one in known.codes} if known else {}
    return labels.get(str(value), str(value))


def _desil(found: Row, w: Wording) -> Iterator[str]:
    score = found["score"]
    if score[c.DECILE] is None:
        yield f"{w.text('unranked_say')}: {w.code(score[c.REASON])}"
        return
    yield w.text("desil_say").format(decile=score[c.DECILE])
    low, high = score[c.EXPENDITURE_LOW_IDR_MONTH], score[c.EXPENDITURE_HIGH_IDR_MONTH]
    between = "" if low is None else f" ({w.text('between').format(low=_rupiah(low, w), high=_rupiah(high, w))})"
    yield f"{w.text('estimate')}: {_rupiah(score[c.EXPENDITURE_IDR_MONTH], w)}{between}"
    away = [
        f"{w.text('to_lower' if cut.decile < score[c.DECILE] else 'to_upper')} "
        f"{_rupiah(abs(cut.rupiah), w)} ({w.percent(abs(math.expm1(cut.points / _POINTS)))})"
        for cut in found["explanation"].next_cuts
    ]
    if away:
        yield f"{w.text('distance')}: {'; '.join(away)}"
    if score[c.DECILE_PERMILLE]:
        likely = [
            f"{decile}: {w.percent(share / _WHOLE)}"
            for decile, share in enumerate(score[c.DECILE_PERMILLE], start=1)
            if share
        ]
        yield f"{w.text('likely')}: {'; '.join(likely)}"


def _why(explanation: FamilyExplanation, reader: str, w: Wording) -> Iterator[str]:
    if not explanation.parts:
        yield w.text("no_parts")
        return
    level, *parts = explanation.parts
    yield f"{w.text('place')}: {_rupiah(level.rupiah, w)}"
    yield f"{w.text('leading')}: {_told(explanation.leading, reader, w)}"
    shown: list[Part] = []
    for key, sign in (("lowers", -1), ("raises", 1)):
        strongest = [part for part in parts if sign * part.points > 0][: None if reader == AUDITOR else _STRONGEST]
        shown += strongest
        if strongest:
            yield f"{w.text(key)}: {_told(strongest, reader, w)}"
    # What is not named is said as one sum, so that a reader can add up to the estimate.
    if rest := sum(part.rupiah for part in parts) - sum(part.rupiah for part in shown):
        yield f"{w.text('rest')}: {_rupiah(rest, w, signed=True)}"


def _told(parts: Sequence[Part], reader: str, w: Wording) -> str:
    return ", ".join(f"{w.code(part.indicator)} ({'; '.join(_of_part(part, reader, w))})" for part in parts)


def _of_part(part: Part, reader: str, w: Wording) -> Iterator[str]:
    yield _rupiah(part.rupiah, w, signed=True)
    if reader == AUDITOR:
        yield w.signed(part.points / _POINTS, 3)
        if part.source:
            yield f"{w.code(part.source)}, {part.as_of}"


def _since(found: Row, reader: str, w: Wording) -> Iterator[str]:
    change: Change | None = found["explanation"].change
    if change is None:
        yield w.text("unmoved" if found["compared"] else "no_earlier")
        return
    yield f"{w.text('earlier')}: {change.previous_release}"
    decile = found["score"][c.DECILE]
    yield w.text(f"move_{change.move.lower()}").format(before=change.decile_before, now=decile)
    if change.rupiah is None:
        return
    yield f"{w.text('moved')}: {_rupiah(change.rupiah, w, signed=True)}"
    yield from (_step(step, reader, w) for step in change.steps)


def _step(step: Step, reader: str, w: Wording) -> str:
    if step.cause == CUT:
        # A cut that rises takes from the margin, and moves no rupiah of the family.
        moved = f"{w.signed(100 * math.expm1(-step.points / _POINTS), 1)}%"
    else:
        moved = _rupiah(step.rupiah, w, signed=True)
    told = f"{w.code(step.cause)}: {moved}, {w.signed(step.deciles)} {w.text('deciles')}"
    return told if reader != AUDITOR else f"{told} ({w.signed(step.points / _POINTS, 6)})"


def _rupiah(amount: int, w: Wording, *, signed: bool = False) -> str:
    sign = "-" if amount < 0 else "+" if signed and amount else ""
    return f"{sign}Rp {w.number(abs(amount))}"


def _decided(row: Row, w: Wording) -> str:
    reasons = ", ".join(w.code(reason) for reason in row[c.REASONS])
    benefit = f"; Rp {w.number(row[c.BENEFIT_IDR_YEAR])}" if row[c.BENEFIT_IDR_YEAR] else ""
    return f"{w.code(row[c.PROGRAM])}: {w.code(row[c.DECISION])}" + (f" ({reasons})" if reasons else "") + benefit


def _linked(row: Row, w: Wording) -> str:
    weight = "" if row[c.MATCH_WEIGHT] is None else f", {w.text('weight')} {w.number(row[c.MATCH_WEIGHT], 1)}"
    return f"{row[c.RECORD_ID]}: {w.text('rule')} {row[c.MATCH_REASON]}{weight}"
