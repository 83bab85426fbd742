"""What is changed in a Responses body on its way, and what is left alone."""

import msgspec
import pytest

from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft
from trunkline.providers.edit_responses import edit_responses, responses_edits_due


def edited(body: dict[str, object], **facts: object) -> tuple[dict[str, object], list[str]]:
    known = Facts(model="m", provider="p", **facts)
    assert responses_edits_due(known)
    draft = Draft(msgspec.json.encode(body))
    edit_responses(draft, known)
    out, losses = draft.finish()
    return msgspec.json.decode(out), [loss.field for loss in losses]


@pytest.mark.parametrize(
    ("body", "facts", "out", "lost"),
    [
        ({"max_output_tokens": 9000}, {"max_output_tokens": 4096}, {"max_output_tokens": 4096}, ["max_output_tokens"]),
        ({"max_output_tokens": 9000}, {"max_output_tokens": 16000}, {"max_output_tokens": 9000}, []),
        ({"max_output_tokens": 1}, {"min_output_tokens": 16}, {"max_output_tokens": 16}, ["max_output_tokens"]),
        ({"temperature": 0.2, "input": "x"}, {"sampling": False}, {"input": "x"}, ["temperature"]),
        ({"reasoning": {"effort": "xhigh", "summary": "auto"}},
         {"reasoning": "effort", "effort_levels": ("low", "medium", "high")},
         {"reasoning": {"effort": "high", "summary": "auto"}}, ["reasoning.effort"]),
        ({"reasoning": {"effort": "low"}}, {"reasoning": "effort", "effort_levels": ("low", "high")},
         {"reasoning": {"effort": "low"}}, []),
        ({"input": "x", "reasoningSummary": "auto"}, {"drop": frozenset({"reasoningSummary"})}, {"input": "x"},
         ["reasoningSummary"]),
    ],
)  # fmt: skip
def test_edits(body: dict[str, object], facts: dict[str, object], out: object, lost: list[str]) -> None:
    assert edited(body, **facts) == (out, lost)


def test_without_facts_nothing_is_looked_into() -> None:
    assert not responses_edits_due(Facts(model="m", provider="p"))
