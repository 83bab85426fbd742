"""Custom routers in JavaScript and Python: asked before the routes, and never in the way (ccr.md 2.5)."""

import json
from pathlib import Path

import pytest

from app.plugged import WORDS, Answered, Ran, ask, asking, installed, post, run

pytestmark = pytest.mark.server

SCRIPTS = ["router.js", "router.py"]
CHAT = "/v1/chat/completions"


def routed(folder: Path, script: str, text: str, **more: object) -> Ran:
    home = installed(folder)

    def config(url: str) -> str:
        providers = [
            {"name": name, "api_base_url": url + CHAT, "api_key": f"key-of-{name}", "models": ["m"]}
            for name in ("a", "b")
        ]
        return json.dumps(
            {
                "CUSTOM_ROUTER_PATH": str(home / script),
                "API_TIMEOUT_MS": 60000,
                "MY_OWN": "mine",
                "Providers": providers,
                "Router": {"default": "a,m"},
                **more,
            }
        )

    return run(folder, config, lambda url: ask(url, text))


CHOSEN = [
    ("long " + "x" * 2000, "b/long", "custom router {script}"),
    ("long", "a/m", "route default"),
    ("config", "b/configured", "custom router {script}"),
    ("session", "b/session-1", "custom router {script}"),
    ("nothing", "a/m", "route default"),
    ("throw", "a/m", "route default (custom router {script} failed: {error}: the router has a fault)"),
    ("object", "a/m", "route default (custom router {script} failed: it returned {type}, not a text)"),
]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(("text", "target", "route"), CHOSEN, ids=[text[:7] for text, _, _ in CHOSEN])
def test_what_it_says(tmp_path: Path, script: str, text: str, target: str, route: str) -> None:
    answer, upstream, records = routed(tmp_path, script, text)
    assert answer.text == WORDS
    words = {"router.js": ("Error", "object"), "router.py": ("LookupError", "dict")}[script]
    wanted = route.format(script=script, error=words[0], type=words[1])
    assert (records[0].route, f"{records[0].provider}/{records[0].model}") == (wanted, target)
    assert answer.headers["x-trunkline-route"] == wanted
    assert upstream.asked[0].body["model"] == target.partition("/")[2]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("text", "said"),
    [("unknown", "nobody,nothing"), ("bare", "no-such-model")],
    ids=["unknown provider", "unknown model"],
)
def test_vector_31_what_is_not_there_is_a_404_that_names_the_router(
    tmp_path: Path, script: str, text: str, said: str
) -> None:
    """CCR answers so too; nobody else is asked what the router meant for another."""
    answer, upstream, records = routed(tmp_path, script, text)
    assert answer.status == 404
    assert answer.json["type"] == "error"
    error = answer.json["error"]
    assert isinstance(error, dict)
    assert error["type"] == "not_found_error"
    assert error["message"].startswith(f'The custom router {script} chose "{said}"')
    assert "a, b" in error["message"]
    assert upstream.asked == []
    assert (records[0].outcome, records[0].status) == ("error", 404)


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_it_changes_is_served(tmp_path: Path, script: str) -> None:
    _, upstream, records = routed(tmp_path, script, "change")
    assert upstream.asked[0].body["messages"] == [{"role": "user", "content": "changed by the router"}]
    assert records[0].route == "route default"


def test_it_requires_what_lies_beside_it(tmp_path: Path) -> None:
    _, _, records = routed(tmp_path, "router.js", "state")
    assert records[0].model == "out-of-the-state"


def test_it_comes_before_an_explicit_model_and_has_the_defaults_fallbacks(tmp_path: Path) -> None:
    home = installed(tmp_path)

    def config(url: str) -> str:
        providers = [
            {"name": "a", "api_base_url": url + CHAT, "api_key": "k", "models": ["m"]},
            {"name": "b", "api_base_url": f"{url}/gone", "api_key": "key-of-b", "models": ["m"]},
        ]
        return json.dumps(
            {
                "CUSTOM_ROUTER_PATH": str(home / "router.js"),
                "Providers": providers,
                "Router": {"default": "a,m"},
                "fallback": {"default": ["a,second"]},
            }
        )

    def client(url: str) -> Answered:
        return post(url, "/v1/messages", asking("long " + "x" * 2000) | {"model": "a,other"})

    answer, upstream, records = run(
        tmp_path,
        config,
        client,
        lambda asked: 404 if asked.body["model"] == "long" else json.dumps(WHOLE).encode(),
    )
    assert answer.text == WORDS
    assert [asked.body["model"] for asked in upstream.asked] == ["long", "second"]
    assert records[0].route == "custom router router.js"


WHOLE = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": WORDS}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}

OWN = """
custom_router: {script}
timeouts: {{plugin_hook: {seconds}}}
any_name: true
routes: {{default: a/m}}
providers:
  a: {{kind: custom, speaks: {{openai_chat: "URL/v1"}}, key: k, models: [m]}}
  b: {{kind: custom, speaks: {{openai_chat: "URL/v1"}}, key: key-of-b, models: [m]}}
"""


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("text", ["hang", "config"])
def test_from_our_own_file(tmp_path: Path, script: str, text: str) -> None:
    """One that hangs costs its time and no more."""
    home = installed(tmp_path)
    answer, _, records = run(
        tmp_path,
        lambda url: OWN.format(script=home / script, seconds=1 if text == "hang" else 60).replace(
            "URL", url
        ),
        lambda url: ask(url, text),
    )
    assert answer.text == WORDS
    if text == "hang":
        assert records[0].route == (
            f"route default (custom router {script} failed: it did not return within 1 s (plugin.hook))"
        )
    else:
        # The script in JavaScript also looks for keys that only CCR's file hands over.
        assert records[0].model == ("m" if script == "router.js" else "configured")


def test_another_function_of_a_file(tmp_path: Path) -> None:
    home = installed(tmp_path)
    _, _, records = run(
        tmp_path,
        lambda url: OWN.format(script=f"{home}/router.py:slow", seconds=60).replace("URL", url),
        lambda url: ask(url, "go"),
    )
    assert (records[0].model, records[0].route) == ("slow", "custom router router.py:slow")
