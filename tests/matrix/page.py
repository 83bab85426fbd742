"""The page ``docs/matrix.md``, written from what really happens: ``python -m matrix.page`` from ``tests``."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from matrix import answers, content, knobs
from matrix.cells import A, C, Cell, Feature, G, R, cell
from matrix.journeys import JOURNEYS, journey

PAGE = Path(__file__).parents[2] / "docs" / "matrix.md"
TITLES = {A: "Anthropic Messages", C: "OpenAI Chat Completions", R: "OpenAI Responses", G: "Gemini"}
SHORT = {A: "Messages", C: "Chat", R: "Responses", G: "Gemini"}
Row = tuple[str, Callable[[str, str], Cell | None]]

OPENING = """# What is carried between protocols

Written by `make matrix` from tests that translate each feature through each pair and look at the other side
(`tests/matrix`); do not edit. A test fails when the page is out of date.

| word | meaning |
| --- | --- |
| carried | the other protocol has the same thing, and it says the same |
| emulated | it arrives in another form: as text, as a function, as the nearest level, or kept by the gateway |
| lost | the other protocol has nothing for it; of a request, a declared loss says so in `x-trunkline-losses` |
| refused | it is content that cannot be carried: a clear error before anything is sent |

A table has a row for everything that its protocol can say.

Targets have the abilities of the protocol's own vendor. A provider's facts take some away (images by URL, forced tools,
parallel calls) and give others (`cache_control` and `top_k` over Chat). The same protocol on both sides is not
translated at all. Streams say what whole answers say: the tests hold both forms against each other.
"""


def rows(features: list[Feature]) -> list[Row]:
    return [
        (
            one.name,
            lambda source, target, one=one: cell(one, source, target) if source in one.samples else None,
        )
        for one in features
    ]


def returns() -> list[Row]:
    """Rows of what a provider's answer leaves with a client and finds again in its next request."""
    return [
        (
            name,
            lambda source, target, name=name: (
                journey(name, source, target) if source in JOURNEYS[name] else None
            ),
        )
        for name in JOURNEYS
    ]


SECTIONS = {
    "Requests: content": rows(content.FEATURES),
    "Requests: tools": rows(knobs.TOOLS),
    "Requests: reasoning": rows(knobs.REASONING),
    "Requests: form of the answer, limits and the rest": rows(knobs.KNOBS),
    "Answers": rows(answers.FEATURES),
    "Proofs of reasoning": returns(),
}
"""Requests go from the client's protocol to the provider's, answers and proofs from the provider's to the client's."""


def _cells() -> Iterator[tuple[str, str, str, str, Cell]]:
    """Section, feature, source, target and what becomes of it."""
    for section, features in SECTIONS.items():
        for name, find in features:
            for source in TITLES:
                for target in TITLES:
                    found = find(source, target) if source != target else None
                    if found is not None:
                        yield section, name, source, target, found


@lru_cache(maxsize=1)
def cells() -> tuple[tuple[str, str, str, str, Cell], ...]:
    """All of them, found once."""
    return tuple(_cells())


def page() -> str:
    found = {(section, name, source, target): one.word for section, name, source, target, one in cells()}
    lines = [OPENING]
    lines += summary(found)
    for source, title in TITLES.items():
        targets = [name for name in TITLES if name != source]
        lines.append(f"\n## From {title}\n")
        for section, features in SECTIONS.items():
            said = [
                name for name, _ in features if any((section, name, source, to) in found for to in targets)
            ]
            if not said:
                continue
            lines.append(f"| {section} | " + " | ".join(f"to {SHORT[to]}" for to in targets) + " |")
            lines.append("| --- | --- | --- | --- |")
            lines += [
                f"| {name} | " + " | ".join(found[section, name, source, to] for to in targets) + " |"
                for name in said
            ]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def summary(found: dict[tuple[str, str, str, str], str]) -> list[str]:
    """How many features of each pair have which fate."""
    words = ("carried", "emulated", "lost", "refused")
    lines = ["| pair | " + " | ".join(words) + " |", "| --- " * 5 + "|"]
    for source in TITLES:
        for target in TITLES:
            if source != target:
                count = Counter(
                    word for (_, _, one, two), word in found.items() if (one, two) == (source, target)
                )
                lines.append(
                    f"| {SHORT[source]} → {SHORT[target]} | "
                    + " | ".join(str(count[w]) for w in words)
                    + " |"
                )
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
