"""Names to plans: tables of what a client asks and who serves it."""

from collections.abc import Callable

import pytest

from trunkline.config.schema import Configuration, ModelName, ProviderSettings, RouteRule
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.plan import Plan
from trunkline.routing.purpose import Purpose, purpose_of, seen_by
from trunkline.routing.resolve import resolve
from trunkline.routing.shape import RequestShape
from trunkline.routing.table import RoutingTable, Served, build_table

PROVIDERS = ("dbx", "local", "openrouter")

OWN = Configuration(
    source="test",
    providers=tuple((name, ProviderSettings(kind="custom")) for name in PROVIDERS),
    models=(
        ModelName("sonnet", ("dbx/databricks-claude-sonnet-4-5",)),
        ModelName("fast", ("local/qwen3-coder", "dbx/databricks-claude-haiku-4-5")),
        ModelName("claude-*haiku*", ("local/qwen3-coder", "dbx/databricks-claude-haiku-4-5")),
        ModelName("claude-opus-*", ("dbx/databricks-claude-opus-4-8",)),
        ModelName("claude-opus-5*[1m]", ("openrouter/anthropic/claude-opus-5",)),
        ModelName("claude-opus-5-?", ("dbx/databricks-claude-opus-5",)),
        ModelName("gpt-*", ("dbx/databricks-gpt-5",)),
        ModelName("gpt-5-mini", ("dbx/databricks-gpt-5-mini",)),
    ),
    routes=(
        ("default", RouteRule(to=("dbx/databricks-claude-sonnet-4-5",))),
        ("background", RouteRule(to=("local/qwen3-coder",))),
    ),
    fallback=("openrouter/anthropic/claude-sonnet-4", "local/qwen3-coder"),
)
SERVED = (
    Served(
        provider="dbx",
        models=("databricks-claude-sonnet-4-5", "databricks-gpt-5", "Kimi-K3"),
        open_prefixes=("databricks-", "system.ai."),
    ),
    Served(provider="local", models=("qwen3-coder", "both")),
    Served(provider="openrouter", models=("anthropic/claude-sonnet-4", "deepseek/deepseek-chat", "both")),
)
TABLE = build_table(OWN, SERVED)
SONNET = "dbx/databricks-claude-sonnet-4-5"
FALLBACK = ("openrouter/anthropic/claude-sonnet-4", "local/qwen3-coder")


def never() -> Purpose:
    raise AssertionError("the request was looked at although no route depends on it")


def planned(
    table: RoutingTable, name: str, shape: Callable[[], RequestShape] | None = None
) -> tuple[list[str], str]:
    plan = resolve(table, name, never if shape is None else lambda: purpose_of(table.routes, shape()))
    return [str(target) for target in plan.targets], plan.route


NAMES = [
    # explicit: any model id passes, slashes and commas in it too
    ("dbx,databricks-gpt-5", "dbx/databricks-gpt-5", "explicit"),
    ("dbx/databricks-gpt-5", "dbx/databricks-gpt-5", "explicit"),
    ("dbx/never-listed", "dbx/never-listed", "explicit"),
    ("dbx,never-listed", "dbx/never-listed", "explicit"),
    ("dbx,a,b", "dbx/a,b", "explicit"),
    ("dbx/a/b/c", "dbx/a/b/c", "explicit"),
    ("openrouter,anthropic/claude-sonnet-4", "openrouter/anthropic/claude-sonnet-4", "explicit"),
    ("openrouter/anthropic/claude-sonnet-4", "openrouter/anthropic/claude-sonnet-4", "explicit"),
    ("openrouter, anthropic/claude-sonnet-4", "openrouter/anthropic/claude-sonnet-4", "explicit"),
    ("openrouter/deepseek/deepseek-chat:free", "openrouter/deepseek/deepseek-chat:free", "explicit"),
    ("DBX,KIMI-k3", "dbx/Kimi-K3", "explicit"),
    ("Dbx/kimi-k3", "dbx/Kimi-K3", "explicit"),
    ("dbx/Never-Listed", "dbx/Never-Listed", "explicit"),
    ("dbx/databricks-claude-sonnet-4-5[1m]", SONNET, "explicit"),
    ("  dbx/databricks-gpt-5  ", "dbx/databricks-gpt-5", "explicit"),
    ("local,qwen3-coder", "local/qwen3-coder", "explicit"),
    # names of the configuration
    ("sonnet", SONNET, "alias sonnet"),
    ("SONNET", SONNET, "alias sonnet"),
    ("sonnet[1m]", SONNET, "alias sonnet"),
    ("anthropic/sonnet", SONNET, "alias sonnet"),
    ("fast", "local/qwen3-coder", "alias fast"),
    ("anthropic/fast", "local/qwen3-coder", "alias fast"),
    ("claude-3-5-haiku-20241022", "local/qwen3-coder", "alias claude-*haiku*"),
    ("claude-haiku-4-5", "local/qwen3-coder", "alias claude-*haiku*"),
    ("Claude-Haiku-4-5", "local/qwen3-coder", "alias claude-*haiku*"),
    ("claude-opus-4-8", "dbx/databricks-claude-opus-4-8", "alias claude-opus-*"),
    ("claude-opus-5", "dbx/databricks-claude-opus-4-8", "alias claude-opus-*"),
    ("claude-opus-5-5", "dbx/databricks-claude-opus-5", "alias claude-opus-5-?"),
    ("claude-opus-5-5[1m]", "openrouter/anthropic/claude-opus-5", "alias claude-opus-5*[1m]"),
    ("claude-opus-4-8[1m]", "dbx/databricks-claude-opus-4-8", "alias claude-opus-*"),
    ("gpt-5", "dbx/databricks-gpt-5", "alias gpt-*"),
    ("gpt-5-mini", "dbx/databricks-gpt-5-mini", "alias gpt-5-mini"),
    ("anthropic/gpt-5", "dbx/databricks-gpt-5", "alias gpt-*"),
    # what one provider serves
    ("databricks-gpt-5", "dbx/databricks-gpt-5", "model of dbx"),
    ("Databricks-GPT-5", "dbx/databricks-gpt-5", "model of dbx"),
    ("databricks-claude-sonnet-4-5", SONNET, "model of dbx"),
    ("databricks-claude-sonnet-4-5[1m]", SONNET, "model of dbx"),
    ("anthropic/databricks-gpt-5", "dbx/databricks-gpt-5", "model of dbx"),
    ("qwen3-coder", "local/qwen3-coder", "model of local"),
    ("kimi-k3", "dbx/Kimi-K3", "model of dbx"),
    ("anthropic/claude-sonnet-4", "openrouter/anthropic/claude-sonnet-4", "model of openrouter"),
    ("deepseek/deepseek-chat", "openrouter/deepseek/deepseek-chat", "model of openrouter"),
    ("databricks-brand-new", "dbx/databricks-brand-new", "model of dbx"),
    ("system.ai.kimi-k3", "dbx/system.ai.kimi-k3", "model of dbx"),
    # Claude names by the routes
    ("claude-sonnet-4-20250514", SONNET, "route default"),
    ("claude-sonnet-5-5", SONNET, "route default"),
    ("claude-3-7-sonnet-20250219", SONNET, "route default"),
    ("claude-3-7-sonnet-latest", SONNET, "route default"),
    ("claude-fable-5", SONNET, "route default"),
    ("claude-2.1", SONNET, "route default"),
    ("claude", SONNET, "route default"),
    ("opus", SONNET, "route default"),
    ("opus[1m]", SONNET, "route default"),
    ("fable", SONNET, "route default"),
    ("haiku", "local/qwen3-coder", "route background"),
    ("HAIKU", "local/qwen3-coder", "route background"),
    ("anthropic/haiku", "local/qwen3-coder", "route background"),
    ("anthropic/claude-opus-5-5", "dbx/databricks-claude-opus-5", "alias claude-opus-5-?"),
    ("anthropic/claude-sonnet-5-5", SONNET, "route default"),
    ("anthropic.claude-sonnet-4-20250514-v1:0", SONNET, "route default"),
    ("us.anthropic.claude-3-5-haiku-20241022-v1:0", "local/qwen3-coder", "route background"),
    ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", SONNET, "route default"),
    ("claude-sonnet-4@20250514", SONNET, "route default"),
]


@pytest.mark.parametrize(("name", "first", "route"), NAMES)
def test_a_name_finds_its_first_target(name: str, first: str, route: str) -> None:
    targets, why = planned(TABLE, name)
    assert (targets[0], why) == (first, route)
    assert len(targets) == len(set(targets))
    assert set(FALLBACK) <= set(targets)


def test_a_chain_keeps_its_order_and_the_fallback_follows_once() -> None:
    assert planned(TABLE, "fast") == (
        ["local/qwen3-coder", "dbx/databricks-claude-haiku-4-5", "openrouter/anthropic/claude-sonnet-4"],
        "alias fast",
    )
    assert planned(TABLE, "sonnet") == ([SONNET, *FALLBACK], "alias sonnet")


UNKNOWN = [
    (
        "qwen3-codr",
        'There is no model "qwen3-codr". Tried: names of the configuration and model ids of its providers.'
        " Nearest: qwen3-coder, local/qwen3-coder.",
    ),
    (
        "zzz",
        'There is no model "zzz". Tried: names of the configuration and model ids of its providers.'
        " Providers: dbx, local, openrouter; ask for provider/model.",
    ),
    (
        "nowhere/zzz",
        'There is no model "nowhere/zzz". Tried: a provider "nowhere" (there are: dbx, local, openrouter),'
        " names of the configuration and model ids of its providers."
        " Providers: dbx, local, openrouter; ask for provider/model.",
    ),
    (
        "dbxx,databricks-gpt-5",
        'There is no model "dbxx,databricks-gpt-5". Tried: a provider "dbxx" (there are: dbx, local, openrouter),'
        " names of the configuration and model ids of its providers."
        " Nearest: dbx/databricks-gpt-5, databricks-gpt-5, dbx/databricks-claude-sonnet-4-5.",
    ),
]


@pytest.mark.parametrize(("name", "message"), UNKNOWN)
def test_an_unknown_name_is_a_404_that_says_what_was_tried(name: str, message: str) -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(TABLE, name, never)
    assert (caught.value.kind, caught.value.status, caught.value.message) == (Kind.NOT_FOUND, 404, message)
    assert caught.value.field == "model"


@pytest.mark.parametrize(
    "name",
    [
        "mistral-large",
        "undefined",
        "null",
        "gemini-3-pro",
        "o3",
        "claud",
        "claudette",
        "dbx",
        "dbx/",
        ",x",
        "/",
        "anthropic/",
    ],
)
def test_names_that_are_no_claude_names_do_not_reach_the_default_route(name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(TABLE, name, never)
    assert caught.value.kind is Kind.NOT_FOUND
    assert "undefined" not in caught.value.message.replace(f'"{name}"', "")


@pytest.mark.parametrize("name", ["", "  ", "[1m]"])
def test_an_empty_name_is_an_invalid_request(name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(TABLE, name, never)
    assert caught.value.kind is Kind.INVALID_REQUEST
    assert caught.value.message == 'The request names no model: "model" is empty.'


def test_a_model_of_two_providers_is_refused_naming_both() -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(TABLE, "both", never)
    assert caught.value.kind is Kind.INVALID_REQUEST
    assert (
        caught.value.message
        == 'Several providers have the model "both": ask for local/both or openrouter/both.'
    )


def test_a_long_and_unprintable_name_is_shown_cut_and_clean() -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(TABLE, "\x1b[31m" + "x" * 100_000, never)
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 400


def with_routes(**routes: RouteRule) -> RoutingTable:
    """Appendix A of the notes on CCR: its providers and its Router."""
    configuration = Configuration(
        source="ccr",
        providers=tuple(
            (name, ProviderSettings(kind="custom")) for name in ("DeepSeek", "openrouter", "ollama")
        ),
        routes=tuple(routes.items()),
    )
    served = (
        Served(provider="DeepSeek", models=("deepseek-chat", "deepseek-reasoner")),
        Served(provider="openrouter", models=("anthropic/claude-sonnet-4",)),
        Served(provider="ollama", models=("qwen2.5-coder:latest",)),
    )
    return build_table(configuration, served)


ROUTES = {
    "default": RouteRule(to=("DeepSeek/deepseek-chat",)),
    "background": RouteRule(to=("ollama/qwen2.5-coder:latest",)),
    "think": RouteRule(to=("DeepSeek/deepseek-reasoner",)),
    "longContext": RouteRule(to=("openrouter/anthropic/claude-sonnet-4",), above=60_000),
    "webSearch": RouteRule(to=("openrouter/anthropic/claude-sonnet-4:online",)),
    "image": RouteRule(to=("openrouter/eyes",)),
}
CCR = with_routes(**ROUTES)
CHAT = "DeepSeek/deepseek-chat"
REASONER = "DeepSeek/deepseek-reasoner"
LONG = "openrouter/anthropic/claude-sonnet-4"
LOCAL = "ollama/qwen2.5-coder:latest"
SONNET_4 = "claude-sonnet-4-20250514"
S = RequestShape

PURPOSES = [
    ("1", SONNET_4, S(), CHAT, "route default"),
    ("2", "openrouter,anthropic/claude-sonnet-4", S(), LONG, "explicit"),
    ("3", "openrouter,any/unknown", S(), "openrouter/any/unknown", "explicit"),
    ("4", "deepseek,deepseek-chat", S(), CHAT, "explicit"),
    ("5", "DeepSeek,deepseek-chat", S(), CHAT, "explicit"),
    ("6", "DEEPSEEK,deepseek-chat", S(), CHAT, "explicit"),
    ("7", "openrouter, anthropic/claude-sonnet-4", S(), LONG, "explicit"),
    ("8", "ollama/qwen2.5-coder:latest", S(), LOCAL, "explicit"),
    ("9", SONNET_4, S(tokens=61_000), LONG, "route longContext"),
    ("10", SONNET_4, S(tokens=60_000), CHAT, "route default"),
    ("10b", SONNET_4, S(tokens=60_001), LONG, "route longContext"),
    ("13", "DeepSeek,deepseek-chat", S(tokens=61_000), CHAT, "explicit"),
    ("14", "claude-haiku-4-5", S(tokens=61_000), LONG, "route longContext"),
    ("16", "claude-3-5-haiku-20241022", S(), LOCAL, "route background"),
    ("17", "claude-haiku-4-5", S(web_search=True), LOCAL, "route background"),
    (
        "18",
        SONNET_4,
        S(web_search=True, thinking=True),
        "openrouter/anthropic/claude-sonnet-4:online",
        "route webSearch",
    ),
    ("20", SONNET_4, S(thinking=True), REASONER, "route think"),
    ("33", SONNET_4, S(image=True, image_last=True), "openrouter/eyes", "route image"),
    ("33 haiku", "claude-haiku-4-5", S(image=True, image_last=True), "openrouter/eyes", "route image"),
    ("33 explicit", "DeepSeek,deepseek-chat", S(image=True, image_last=True), CHAT, "explicit"),
    ("34", SONNET_4, S(image=True), "openrouter/eyes", "route image"),
    ("34 think", SONNET_4, S(image=True, thinking=True), REASONER, "route think"),
]


@pytest.mark.parametrize(
    ("vector", "name", "shape", "target", "route"), PURPOSES, ids=[row[0] for row in PURPOSES]
)
def test_routes_by_purpose(vector: str, name: str, shape: RequestShape, target: str, route: str) -> None:
    assert planned(CCR, name, lambda: shape) == ([target], route), vector


def test_vector_15_without_a_long_route_thinking_decides() -> None:
    rules = {name: rule for name, rule in ROUTES.items() if name != "longContext"}
    assert planned(with_routes(**rules), SONNET_4, lambda: S(tokens=61_000, thinking=True)) == (
        [REASONER],
        "route think",
    )


def test_vector_35_without_a_default_route_a_claude_name_is_a_404_with_a_hint() -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(with_routes(think=ROUTES["think"]), "claude-opus-5", Purpose)
    assert caught.value.kind is Kind.NOT_FOUND
    assert "no default route is set for Claude names" in caught.value.message


def test_a_configured_name_is_served_as_configured_whatever_the_request_is() -> None:
    configuration = Configuration(
        source="test",
        providers=(("dbx", ProviderSettings(kind="databricks")),),
        models=(ModelName("claude-*", ("dbx/one",)),),
        routes=(("default", RouteRule(to=("dbx/two",))), ("think", RouteRule(to=("dbx/three",)))),
    )
    table = build_table(configuration, (Served(provider="dbx"),))
    assert planned(table, "claude-opus-5", lambda: S(thinking=True)) == (["dbx/one"], "alias claude-*")
    assert planned(table, "opus", lambda: S(thinking=True)) == (["dbx/three"], "route think")


def test_any_name_goes_by_the_routes_where_the_dialect_says_so() -> None:
    configuration = Configuration(
        source="test",
        providers=(("dbx", ProviderSettings(kind="databricks")),),
        routes=(("default", RouteRule(to=("dbx/two",))),),
        any_name=True,
    )
    table = build_table(configuration, (Served(provider="dbx"),))
    assert planned(table, "no-such-model") == (["dbx/two"], "route default")


def test_where_any_name_has_a_route_only_a_sure_model_id_goes_past_it() -> None:
    configuration = Configuration(
        source="test",
        providers=tuple((name, ProviderSettings(kind="custom")) for name in ("a", "b")),
        routes=(("default", RouteRule(to=("b/x",))),),
        any_name=True,
    )
    table = build_table(
        configuration,
        (
            Served(provider="a", models=("claude-sonnet-4-5", "both", "own")),
            Served(provider="b", models=("both",)),
        ),
    )
    assert planned(table, "claude-sonnet-4-5") == (["b/x"], "route default")
    assert planned(table, "both") == (["b/x"], "route default")
    assert planned(table, "own") == (["a/own"], "model of a")
    assert planned(table, "a,claude-sonnet-4-5") == (["a/claude-sonnet-4-5"], "explicit")
    with pytest.raises(GatewayError) as caught:
        resolve(table, "c,own", never)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_short_request_is_not_decoded_where_only_its_length_matters() -> None:
    only_long = with_routes(default=ROUTES["default"], longContext=ROUTES["longContext"])
    picture = b'{"messages":[{"role":"user","content":[{"type":"image","source":{"data":"%s"}}]}]}'
    assert seen_by(only_long, picture % (b"A" * 200_000)) == S(tokens=50_020)
    assert seen_by(only_long, picture % (b"A" * 400_000)) == S(tokens=10, image=True, image_last=True)
    assert seen_by(CCR, picture % b"A") == S(tokens=10, image=True, image_last=True)
    assert seen_by(with_routes(default=ROUTES["default"]), b"not looked at") == S()


DISCOVERED = build_table(
    Configuration(
        source="environment",
        providers=tuple(
            (name, ProviderSettings(kind=name)) for name in ("databricks", "anthropic", "openai")
        ),
    ),
    (
        Served(
            provider="databricks",
            models=(
                "databricks-claude-sonnet-4-5",
                "databricks-claude-sonnet-4-6",
                "databricks-claude-opus-4-8",
                "databricks-gpt-5",
            ),
            families={"sonnet": "databricks-claude-sonnet-4-6", "opus": "databricks-claude-opus-4-8"},
            open_prefixes=("databricks-", "system.ai."),
        ),
        Served(
            provider="anthropic",
            models=("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"),
            open_prefixes=("claude-",),
            only_explicit=True,
        ),
        Served(provider="openai", models=("gpt-5", "gpt-5-codex"), only_explicit=True),
    ),
)

BY_FAMILY = [
    ("sonnet", "databricks/databricks-claude-sonnet-4-6", "family sonnet"),
    ("opus", "databricks/databricks-claude-opus-4-8", "family opus"),
    ("claude-sonnet-4-5", "databricks/databricks-claude-sonnet-4-5", "model of databricks"),
    ("claude-sonnet-4-5-20250929", "databricks/databricks-claude-sonnet-4-5", "model of databricks"),
    ("claude-sonnet-4.5", "databricks/databricks-claude-sonnet-4-5", "model of databricks"),
    ("anthropic/claude-opus-4.8", "anthropic/claude-opus-4.8", "explicit"),
    ("claude-sonnet-5-5", "databricks/databricks-claude-sonnet-4-6", "family sonnet"),
    ("claude-3-7-sonnet-20250219", "databricks/databricks-claude-sonnet-4-6", "family sonnet"),
    ("claude-opus-5-5[1m]", "databricks/databricks-claude-opus-4-8", "family opus"),
    ("claude-haiku-4-5", "databricks/databricks-claude-sonnet-4-6", "family haiku"),
    ("claude-2", "databricks/databricks-claude-sonnet-4-6", "family claude"),
    ("gpt-5", "openai/gpt-5", "model of openai"),
    ("anthropic/gpt-5-codex", "openai/gpt-5-codex", "model of openai"),
    ("anthropic/databricks-gpt-5", "databricks/databricks-gpt-5", "model of databricks"),
    ("anthropic/something-new", "anthropic/something-new", "explicit"),
]


@pytest.mark.parametrize(("name", "target", "route"), BY_FAMILY)
def test_claude_names_find_what_the_first_provider_serves(name: str, target: str, route: str) -> None:
    assert planned(DISCOVERED, name) == ([target], route)


def test_the_names_for_listings_hold_aliases_first_and_no_globs() -> None:
    assert TABLE.names[:3] == ("sonnet", "fast", "gpt-5-mini")
    assert "dbx/databricks-gpt-5" in TABLE.names
    assert not [name for name in TABLE.names if "*" in name]


def test_an_open_beginning_of_two_providers_belongs_to_neither() -> None:
    configuration = Configuration(
        source="test",
        providers=tuple((name, ProviderSettings(kind="databricks")) for name in ("one", "two")),
    )
    served = tuple(Served(provider=name, open_prefixes=("databricks-",)) for name in ("one", "two"))
    with pytest.raises(GatewayError):
        resolve(build_table(configuration, served), "databricks-gpt-5", never)


def test_a_plan_is_a_value() -> None:
    assert resolve(TABLE, "sonnet", never) == resolve(TABLE, "sonnet", never)
    assert isinstance(resolve(TABLE, "sonnet", never), Plan)


LISTED = ("databricks-claude-sonnet-4-5", "databricks-claude-sonnet-5", "databricks-claude-opus-4-8")
RETIRED = [
    # what the configuration names, what the provider lists, whether the list is its own, who is asked
    ("databricks-claude-3-7-sonnet", LISTED, True, ["databricks-claude-sonnet-4-5"]),
    ("databricks-claude-3-7-sonnet", LISTED[1:], True, ["databricks-claude-sonnet-5"]),
    ("databricks-claude-3-7-sonnet", LISTED[2:], True, ["databricks-claude-3-7-sonnet"]),
    (
        "databricks-claude-3-7-sonnet",
        LISTED,
        False,
        ["databricks-claude-3-7-sonnet", "databricks-claude-sonnet-4-5"],
    ),
    ("Databricks-Claude-Sonnet-4-5", LISTED, True, ["Databricks-Claude-Sonnet-4-5"]),
    ("my-own-endpoint", LISTED, True, ["my-own-endpoint"]),
    (
        "databricks-claude-sonnet-4",
        ("databricks-claude-sonnet-4", *LISTED),
        True,
        ["databricks-claude-sonnet-4"],
    ),
    ("databricks-claude-sonnet-4", ("system.ai.claude-sonnet-4-5",), True, ["system.ai.claude-sonnet-4-5"]),
]


@pytest.mark.parametrize(("named", "models", "listed", "asked"), RETIRED)
def test_names_follow_a_retired_model_to_what_the_provider_has(
    named: str, models: tuple[str, ...], listed: bool, asked: list[str]
) -> None:
    configuration = Configuration(
        source="test",
        providers=(("dbx", ProviderSettings(kind="databricks")),),
        models=(ModelName("big", (f"dbx/{named}",)),),
        routes=(("default", RouteRule(to=(f"dbx/{named}",))),),
        any_name=True,
    )
    families = {"sonnet": next(m for m in (*models[::-1], "") if "sonnet" in m or not m)}
    served = Served(
        provider="dbx",
        models=models,
        discovered=True,
        listed=listed,
        families=families if families["sonnet"] else {},
    )
    table = build_table(configuration, [served])
    for name in ("big", "anything"):
        assert [target.deployment for target in resolve(table, name, Purpose).targets] == asked


def test_models_that_the_configuration_names_are_asked_as_they_are() -> None:
    configuration = Configuration(
        source="test", models=(ModelName("big", ("dbx/databricks-claude-3-7-sonnet",)),)
    )
    table = build_table(configuration, [Served(provider="dbx", models=LISTED)])
    assert resolve(table, "big", Purpose).targets[0].deployment == "databricks-claude-3-7-sonnet"


@pytest.mark.parametrize(
    ("name", "listed_first", "asked"),
    [
        ("claude-opus-4-8", False, "databricks-claude-sonnet-4-5"),
        ("claude-opus-4-8", True, "databricks-claude-opus-4-8"),
        ("claude-opus-4-8-20260101", True, "databricks-claude-opus-4-8"),
        ("claude-opus-4-1", True, "databricks-claude-sonnet-4-5"),
        ("opus", True, "databricks-claude-sonnet-4-5"),
        ("gpt-4o", True, "databricks-claude-sonnet-4-5"),
    ],
)
def test_a_listed_claude_may_come_before_the_routes(name: str, listed_first: bool, asked: str) -> None:
    configuration = Configuration(
        source="test",
        providers=(("dbx", ProviderSettings(kind="databricks")),),
        routes=(("default", RouteRule(to=("dbx/databricks-claude-sonnet-4-5",))),),
        any_name=True,
        listed_first=listed_first,
    )
    table = build_table(
        configuration,
        [Served(provider="dbx", models=LISTED, discovered=True, families={"opus": LISTED[2]})],
    )
    assert resolve(table, name, Purpose).targets[0].deployment == asked


TAKEN = [
    ("main.ai.mine", "dbx/main.ai.mine", "model of dbx"),
    ("claude-sonnet-4-5", "dbx/databricks-claude-sonnet-4-5", "model of dbx"),
    ("databricks-claude-sonnet-4-5", "dbx/databricks-claude-sonnet-4-5", "model of dbx"),
    ("dbx,anything", "dbx/anything", "explicit"),
]


@pytest.mark.parametrize(("name", "target", "route"), TAKEN)
def test_a_provider_may_take_any_name_that_nobody_knows(name: str, target: str, route: str) -> None:
    configuration = Configuration(source="test", providers=(("dbx", ProviderSettings(kind="databricks")),))
    served = Served(provider="dbx", models=("databricks-claude-sonnet-4-5",), anything=True)
    table = build_table(configuration, (served,))
    plan = resolve(table, name, Purpose)
    assert ([str(one) for one in plan.targets], plan.route) == ([target], route)
    for wrong in ("", "gone,model", "gone/model"):
        with pytest.raises(GatewayError):
            resolve(table, wrong, Purpose)
