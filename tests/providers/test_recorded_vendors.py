"""The catalog against recorded requests that the vendors answered: addresses fit, and nothing they take is left behind."""

import json
from pathlib import Path

import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.providers.registry import make_provider

WIRE = Path(__file__).parents[1] / "fixtures" / "wire"
KINDS = {
    "alibaba": "qwen",
    "cerebras": "cerebras",
    "deepseek": "deepseek",
    "google": "gemini",
    "google-vertex": "vertex",
    "groq": "groq",
    "huggingface": "huggingface",
    "mistral": "mistral",
    "moonshotai": "moonshot",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "xai",
    "zai": "zhipu",
}
PROTOCOLS = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic_messages",
    "gemini-generate-content": "gemini",
}
INDEX = [json.loads(line) for line in (WIRE / "index.jsonl").read_text(encoding="utf-8").splitlines()]
ANSWERED = [
    entry
    for entry in INDEX
    if entry["provider"] in KINDS and entry["protocol"] in PROTOCOLS and entry["status"] == 200
    and "request" in entry["files"]
]  # fmt: skip
ELSEWHERE = ("/nebius/", "/together/", "/novita/", "/api/coding/", "/v1beta/openai/", "/beta/")
"""Other routes of the same vendor: a coding plan, a named provider behind a router, a compatible form, a preview."""
EXPLAINED = {
    ("deepseek", "messages.reasoning_content"): "the client dropped it, which is what the loss says",
    ("openai", "messages.reasoning_content"): "a llama.cpp behind OpenAI's address in the recording",
    ("openai", "temperature"): "gpt-5.4-nano takes it when it does not reason, as was asked there",
    ("zhipu", "reasoning_effort"): "taken and ignored there: thinking is switched by another field",
    ("xai", "reasoning_effort"): "taken by one of a family that refuses it as a rule",
}
"""Losses in recorded requests that are right all the same."""


def kept(entry: dict[str, dict[str, str]]) -> dict[str, object]:
    return json.loads((WIRE / entry["files"]["request"]).read_text(encoding="utf-8"))


def test_recorded_addresses_are_those_of_the_catalog() -> None:
    seen: dict[str, int] = {}
    for entry in ANSWERED:
        request = kept(entry)
        path = str(request["path"])
        if request["path"] is None or path.startswith(ELSEWHERE):
            continue
        kind = KINDS[entry["provider"]]
        model = str(entry["model"] or path.rpartition("/")[2].partition(":")[0])
        protocol = PROTOCOLS[entry["protocol"]]
        settings = ProviderSettings(kind=kind, project="PROJECT" if kind == "vertex" else None)
        surfaces = [one for one in make_provider("p", settings).surfaces(model) if one.protocol == protocol]
        if not surfaces:
            continue
        url = surfaces[0].asked_at(stream="stream" in entry["files"]).partition("://")[2]
        ours = "/" + url.partition("/")[2].partition("?")[0]
        if kind == "vertex":
            ours, path = ours.partition("/publishers/")[2], path.partition("/publishers/")[2]
        assert path.partition("?")[0].rstrip("/") == ours, entry["id"]
        seen[kind] = seen.get(kind, 0) + 1
    assert set(seen) >= {
        "cerebras",
        "gemini",
        "mistral",
        "openai",
        "openrouter",
        "perplexity",
        "vertex",
        "xai",
        "zhipu",
    }


@pytest.mark.parametrize("vendor", [vendor for vendor in KINDS if vendor != "google-vertex"])
def test_what_a_vendor_answered_loses_nothing_on_its_way_there(vendor: str) -> None:
    kind = KINDS[vendor]
    provider = make_provider("p", ProviderSettings(kind=kind))
    lost: dict[str, str] = {}
    for entry in ANSWERED:
        if entry["provider"] != vendor or not entry["model"]:
            continue
        body = kept(entry)["body"]
        surfaces = [
            one for one in provider.surfaces(entry["model"]) if one.protocol == PROTOCOLS[entry["protocol"]]
        ]
        if not surfaces or body is None:
            continue
        _, losses = provider.edit(surfaces[0], json.dumps(body).encode())
        for loss in losses:
            if (kind, loss.field) not in EXPLAINED:
                lost[f"{loss.field} ({entry['model']}): {loss.why}"] = entry["id"]
    assert lost == {}


def test_recorded_ids_of_mistral_are_nine_letters_and_digits() -> None:
    ids: set[str] = set()
    for entry in ANSWERED:
        if entry["provider"] == "mistral":
            for message in kept(entry)["body"]["messages"]:  # type: ignore[index,union-attr]
                ids.update(call["id"] for call in message.get("tool_calls") or ())
    ids = {one for one in ids if "REDACTED" not in one}
    assert ids
    assert all(len(one) == 9 and one.isalnum() for one in ids)
