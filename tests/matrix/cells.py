"""One cell of the matrix: a feature really goes through a pair of protocols, and is looked for on the other side."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.registry import CODECS

A, C, R, G = "anthropic_messages", "openai_chat", "openai_responses", "gemini"
Body = dict[str, object]
Read = str | Callable[[Body], object]

FACTS = {
    A: Facts(provider="p", model="m", reasoning="budget_or_adaptive", max_output_tokens=64_000),
    C: Facts(provider="p", model="m", reasoning="effort", reasoning_history="reasoning_details"),
    R: Facts(provider="p", model="m", reasoning="effort"),
    G: Facts(provider="p", model="m", reasoning="budget_or_adaptive"),
}
"""Targets with the abilities of the protocol's own vendor. A provider's facts can take some away."""
CONTEXT = ReplyContext(id="0a1b2c3d4e5f6a7b8c9d0e1f", model="m", created=1_700_000_000)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Something one protocol can say.

    ``samples``: a whole body in each protocol that can say it. ``reads``: where each protocol says it, as a path
    (``tools.*.strict``; ``|`` between alternatives) or a function; what is found must be the same on both sides.
    ``words`` maps one protocol's word to another's. ``marks``: texts of which one stands in the target's body
    when the feature arrives in another form.
    """

    name: str
    samples: dict[str, Body]
    reads: dict[str, Read]
    words: dict[str, object] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    answer: bool = False


@dataclass(frozen=True)
class Cell:
    """``carried``, ``emulated``, ``lost`` or ``refused``, and what the encoder said about it."""

    word: str
    losses: tuple[Loss, ...] = ()


def cell(feature: Feature, source: str, target: str) -> Cell:
    """What becomes of a feature. Raises AssertionError for a sample that does not say what it is there for."""
    sample = feature.samples[source]
    said = look(feature, source, sample)
    assert said, f"{feature.name}: the sample of {source} does not say it"
    try:
        out, losses = translated(feature, sample, source, target)
    except GatewayError:
        return Cell("refused")
    if target in feature.reads and look(feature, target, out) == said:
        return Cell("carried", losses)
    text = json.dumps(out, ensure_ascii=False)
    if any(mark in text for mark in feature.marks):
        return Cell("emulated", losses)
    return Cell("lost", losses)


def translated(feature: Feature, sample: Body, source: str, target: str) -> tuple[Body, tuple[Loss, ...]]:
    """The body for the other side, and the declared losses of a request."""
    raw = json.dumps(sample).encode()
    if feature.answer:
        answer = CODECS[source].decode_response(raw, FACTS[source].origin)
        return json.loads(CODECS[target].encode_response(answer, CONTEXT)), ()
    encoded = CODECS[target].encode_request(CODECS[source].decode_request(raw), FACTS[target])
    return json.loads(encoded.body), encoded.losses


def look(feature: Feature, protocol: str, body: Body) -> object:
    """What a body says of the feature, in words that all protocols share; falsy when nothing."""
    read = feature.reads[protocol]
    if callable(read):
        return read(body)
    for path in read.split("|"):
        found = dig(body, path.strip().split("."))
        if found:
            return [feature.words.get(one, one) if isinstance(one, str) else one for one in found]
    return []


def dig(value: object, path: list[str]) -> list[object]:
    """All values at a path; ``*`` goes through a list."""
    if not path:
        return [] if value is None else [value]
    step, rest = path[0], path[1:]
    if step == "*":
        return [one for inner in value for one in dig(inner, rest)] if isinstance(value, list) else []
    return dig(value[step], rest) if isinstance(value, dict) and step in value else []
