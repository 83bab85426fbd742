"""Bodies for Databricks' own Responses and Gemini routes (databricks.md 3.7, 4.6)."""

import msgspec
import pytest
from msgspec import structs

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.providers.databricks.edits import edit_body
from trunkline.providers.provider import Provider, Relearned, Surface
from trunkline.providers.registry import make_provider

GPT = Facts(provider="dbx", model="databricks-gpt-5")


def edited(body: dict[str, object], facts: Facts = GPT) -> tuple[dict[str, object], list[str]]:
    out, losses = edit_body(msgspec.json.encode(body), "openai_responses", facts)
    return msgspec.json.decode(out), [loss.field for loss in losses]


LONG = "msg_" + "x" * 100
TURN = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "not null"}]}


@pytest.mark.parametrize(
    ("body", "out", "lost"),
    [
        ({"store": True, "input": "x"}, {"store": False, "input": "x"}, ["store"]),
        ({"background": True, "input": "x"}, {"input": "x"}, ["background"]),
        ({"background": False, "input": "x"}, {"input": "x"}, []),
        ({"input": [{**TURN, "id": LONG}]}, {"input": [TURN]}, []),
        ({"input": [{**TURN, "id": "msg_1"}]}, {"input": [{**TURN, "id": "msg_1"}]}, []),
        ({"input": [{"type": "reasoning", "id": "rs_1", "content": None, "status": None, "encrypted_content": "e"}]},
         {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "e"}]}, []),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": None}]},
         {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, []),
    ],
)  # fmt: skip
def test_items_as_the_route_takes_them(
    body: dict[str, object], out: dict[str, object], lost: list[str]
) -> None:
    assert edited(body) == (out, lost)


@pytest.mark.parametrize("protocol", ["openai_responses", "gemini"])
def test_a_body_without_fault_is_the_same_object(protocol: str) -> None:
    body = b'{ "model":"m", "store":false, "input": [{"type":"message" ,"role":"user","content":"hi \\u00e9"}] }'
    assert edit_body(body, protocol, GPT) == (body, ())
    assert edit_body(body, protocol, GPT)[0] is body


def test_facts_of_native_routes_are_the_models_over_that_protocol() -> None:
    provider = make_provider("dbx", ProviderSettings(kind="databricks", host="adb-1.2"))
    facts = {one.name: one.facts for one in provider.surfaces("databricks-gpt-5")}
    assert facts["serving_responses"].dialect, "ids of its items cannot be passed on"
    assert facts["serving_responses"].reasoning == "effort"
    assert not facts["serving_responses"].stores
    assert facts["serving_responses"].allow is None
    assert facts["serving_responses"].origin == facts["serving_chat"].origin
    native = {one.name: one.facts for one in provider.surfaces("databricks-gemini-3-1-pro")}
    assert not native["serving_gemini"].dialect


CALLED = b'{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]}],"safety":1}'


def gemini_surface(model: str) -> tuple[Provider, Surface]:
    provider = make_provider("dbx", ProviderSettings(kind="databricks", host="adb-1.2"))
    return provider, next(one for one in provider.surfaces(model) if one.name == "serving_gemini")


def test_E13_a_call_without_its_signature_gets_the_documented_word() -> None:
    provider, surface = gemini_surface("databricks-gemini-3-1-pro")
    body, losses = provider.edit(surface, CALLED)
    (part,) = msgspec.json.decode(body)["contents"][0]["parts"]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"
    assert [loss.field for loss in losses] == ["contents.thoughtSignature"]


@pytest.mark.parametrize(
    "text",
    [
        "INVALID_ARGUMENT: function call f is missing a thought_signature",
        "Function call is missing a `thoughtSignature` in functionCall parts.",
    ],
)
def test_E13_an_unknown_model_that_wants_signatures_says_so_once(text: str) -> None:
    provider, surface = gemini_surface("databricks-gemini-2-5-flash")
    assert provider.edit(surface, CALLED)[0] is CALLED
    error = GatewayError(Kind.INVALID_REQUEST, text, status=400, local=False)
    lesson = provider.learn(surface, error)
    assert isinstance(lesson, Relearned)
    learned = structs.replace(surface, facts=lesson.facts)
    assert b"skip_thought_signature_validator" in provider.edit(learned, CALLED)[0]
    assert provider.learn(learned, error) is None
    chat = next(
        one for one in provider.surfaces("databricks-gemini-2-5-flash") if one.name == "serving_chat"
    )
    assert provider.learn(chat, error) is None


def test_a_refused_field_stays_behind() -> None:
    provider, surface = gemini_surface("databricks-gemini-2-5-flash")
    learned = structs.replace(surface, facts=structs.replace(surface.facts, drop=frozenset({"safety"})))
    body, losses = provider.edit(learned, CALLED)
    assert "safety" not in msgspec.json.decode(body)
    assert [loss.field for loss in losses] == ["safety"]
