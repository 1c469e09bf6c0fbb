"""What an auditor is told of a link: the reason, the weights as a waterfall, what would have changed it."""

import json
from typing import Any

import pytest

from dtsen_spark import columns as c
from dtsen_spark import explain
from dtsen_spark.explain import links
from dtsen_spark.wording import Wording
from tests.explain.test_welfare import held

WORDS = Wording("en", "explain")
PARTS = [
    {"comparison": "name", "level": "same, common", "weight": 9.0},
    {"comparison": "birth", "level": "same date", "weight": 14.5},
    {"comparison": "sex", "level": "other", "weight": -3.5},
]


def link(**values: Any) -> dict[str, Any]:
    """A link by score: 20 bits before it, 12 needed, 16 reached by the parts and the prior of -4."""
    return {
        c.RECORD_ID_L: "p3ke:1",
        c.RECORD_ID_R: "dukcapil:2",
        c.MATCH_REASON: "SCORE",
        c.STATE: "LINKED",
        c.MATCH_WEIGHT: 16.0,
        c.PRIOR_WEIGHT: -4.0,
        c.NEEDED_WEIGHT: 12.0,
        c.RUNNER_UP_WEIGHT: 3.0,
        c.AGREEMENT: json.dumps(PARTS),
        c.HOLDING_RULES: [],
        c.DECISIVE: ["birth", "name"],
        **values,
    }


BY_RULE = {
    c.MATCH_REASON: "NIK_NAME_BIRTH",
    c.PRIOR_WEIGHT: None,
    c.MATCH_WEIGHT: None,
    c.NEEDED_WEIGHT: None,
    c.RUNNER_UP_WEIGHT: None,
    c.HOLDING_RULES: ["NIK_NAME_BIRTH", "NIK_BIRTH"],
    c.DECISIVE: [],
}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, ["16.0, needed 12.0", "birth: same date +14.5", "would not hold without: birth, name", "second"]),
        ({c.DECISIVE: []}, ["No single thing decides it."]),
        ({c.MATCH_WEIGHT: 7.0, c.STATE: "BELOW_THRESHOLD", c.DECISIVE: []}, ["Short of what is needed, in bits: 5.0"]),
        (
            BY_RULE,
            ["NIK_NAME_BIRTH, LINKED", "pair meets: NIK_NAME_BIRTH, NIK_BIRTH", "No single thing"],
        ),
        ({**BY_RULE, c.DECISIVE: ["NIK_BIRTH"]}, ["would not hold without: NIK_BIRTH"]),
        ({**BY_RULE, c.RECORD_ID_R: None, c.AGREEMENT: None, c.HOLDING_RULES: []}, ["no other record"]),
    ],
)
def test_a_link_is_told_with_what_would_have_changed_it(values: dict[str, Any], wanted: list[str]) -> None:
    told = "\n".join(links.told(link(**values), WORDS))

    assert [text for text in wanted if text not in told] == []
    assert ("Short" in told) == (values.get(c.STATE) == "BELOW_THRESHOLD")


def test_a_waterfall_leads_from_the_prior_to_the_weight() -> None:
    drawn = links.waterfall(link(), WORDS)

    assert drawn is not None
    first, *steps, total = drawn.bars
    assert [bar.bits for bar in drawn.bars] == ["-4.0", "+9.0", "+14.5", "-3.5", "+16.0"]
    assert [bar.speaks for bar in drawn.bars] == ["against", "for", "for", "against", "sum"]
    # 23.5 bits from the lowest to the highest end: each bar begins where the one before it ended.
    bit = 360 / 23.5
    assert (first.left, first.width) == (0.0, pytest.approx(4 * bit, abs=0.1))
    assert steps[0].left == first.left
    assert steps[1].left == pytest.approx(steps[0].left + steps[0].width, abs=0.1)
    assert steps[2].left + steps[2].width == pytest.approx(steps[1].left + steps[1].width, abs=0.1)
    assert total.left + total.width == pytest.approx(steps[2].left, abs=0.1)
    assert drawn.needed == pytest.approx(16 * bit, abs=0.1)


def test_only_what_the_model_decided_has_a_waterfall() -> None:
    assert links.waterfall(link(**BY_RULE), WORDS) is None


def test_an_auditors_page_draws_it_and_a_citizens_does_not() -> None:
    found = held(links=[link(), link(**BY_RULE)])

    auditor, citizen = (explain.render(found, reader, "html", "en") for reader in explain.READERS[::-1])

    assert (auditor.count("<figure>"), auditor.count('class="for"')) == (1, 2)
    assert "What was compared" in auditor
    assert "<figure>" not in citizen
    assert "p3ke:1" not in citizen
    assert "p3ke:1" not in explain.render(found, explain.CITIZEN, "json", "en")
