"""Transforms as users write them: in Trunkline's own file, in claude-code-router's, and from one to the other."""

import pytest
from msgspec import json

from trunkline.config.ccr.document import decode_ccr
from trunkline.config.ccr.findings import Imported
from trunkline.config.document import decode_document
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, Plugin, ProviderSettings, Transform
from trunkline.config.section import Reading
from trunkline.config.show import masked
from trunkline.config.transforms import BUILT_IN, EDITS, transforms_for
from trunkline.config.yaml_file import decode_yaml
from trunkline.config.yaml_text import encode_yaml

HEAD = "providers:\n  up:\n    kind: ollama\n    models: [m]\n"
ENVIRON = {"TIER": "flex", "SECRET": "canary-1", "HOME": "/home/someone"}


def own(text: str, environ: dict[str, str] = ENVIRON) -> Configuration:
    return decode_document(Reading("t.yaml", environ), decode_yaml(text, "t.yaml"))


def up(configuration: Configuration) -> ProviderSettings:
    return dict(configuration.providers)["up"]


def one(name: str, **options: object) -> Transform:
    return Transform(name=name, options=options)


def ccr(transformer: object, **top: object) -> Imported:
    provider = {
        "name": "up",
        "api_base_url": "http://127.0.0.1:9/v1/chat/completions",
        "api_key": "k",
        "models": ["m", "a/b:c.d"],
        "transformer": transformer,
    }
    text = json.encode({"Providers": [provider], "Router": {"default": "up,m"}, **top}).decode()
    return decode_ccr(text, "config.json", ENVIRON)


def test_every_name_of_ccr_is_known() -> None:
    assert len(BUILT_IN) == 23


OWN = [
    ("[enhancetool, cleancache]", (one("enhancetool"), one("cleancache"))),
    ("[EnhanceTool]", (one("enhancetool"),)),
    ("[maxtoken: {max_tokens: 8192}]", (one("maxtoken", max_tokens=8192),)),
    ("[{maxtoken: {max_tokens: 8192}}]", (one("maxtoken", max_tokens=8192),)),
    ("[[maxtoken, {max_tokens: 8192}]]", (one("maxtoken", max_tokens=8192),)),
    ("[reasoning: {enable: false}]", (one("reasoning", enable=False),)),
    ("[extrathinktag: {tag: reason, opened: true}]", (one("extrathinktag", tag="reason", opened=True),)),
    (
        "[customparams: {service_tier: $TIER, n: [1, 2.5, null, true, $$x], e: ''}]",
        (one("customparams", service_tier="flex", n=[1, 2.5, None, True, "$x"], e=""),),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "transforms"), OWN)
def test_a_provider_lists_its_transforms(text: str, transforms: tuple[Transform, ...]) -> None:
    assert up(own(f"{HEAD}    transforms: {text}\n")).transforms == transforms


WRONG = [
    ("[enhancetol]", "transforms[0]", 'there is no transform "enhancetol". Did you mean "enhancetool"?'),
    ("enhancetool", "transforms", "must be a list: write [name, name: {option: value}]"),
    ("[{a: {}, b: {}}]", "transforms[0]", "must be a name, or a name with options"),
    ("[cleancache, CleanCache]", "transforms[1]", 'names "cleancache" twice'),
    ("[maxtoken]", "transforms[0]", '"maxtoken" does nothing without options: write maxtoken: {max_tokens: ...}'),
    ("[maxtoken: {max_token: 1}]", "transforms[0].maxtoken.max_token", 'no such option. Did you mean "max_tokens"?'),
    ("[maxtoken: {max_tokens: 0}]", "transforms[0].maxtoken.max_tokens", "whole number of tokens above 0"),
    ("[maxtoken: {max_tokens: true}]", "transforms[0].maxtoken.max_tokens", "whole number of tokens above 0"),
    ("[maxtoken: 8192]", "transforms[0].maxtoken", "must be options: {name: value}"),
    ("[sampling: {temperature: hot}]", "transforms[0].sampling.temperature", "must be a number"),
    ("[reasoning: {enable: 'no'}]", "transforms[0].reasoning.enable", "must be true or false"),
    ("[extrathinktag: {tag: <think>}]", "transforms[0].extrathinktag.tag", "must be a tag's name"),
    ("[groq: {x: 1}]", "transforms[0].groq.x", '"groq" has no such option. It has none.'),
    ("[gemini]", "transforms[0]", '"gemini" says what the provider speaks'),
    ("[customparams: {tier: $GONE}]", "transforms[0].customparams.tier", "GONE is not set"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "message"), WRONG)
@pytest.mark.parametrize("place", ["transforms", "model_transforms"])
def test_a_mistake_is_told_with_key_and_remedy(place: str, text: str, key: str, message: str) -> None:
    lines = (
        f"    transforms: {text}\n"
        if place == "transforms"
        else f"    model_transforms:\n      m: {text}\n"
    )
    key = key if place == "transforms" else key.replace("transforms", "model_transforms.m", 1)
    with pytest.raises(ConfigurationError) as caught:
        own(HEAD + lines)
    (problem,) = caught.value.problems
    assert problem.key == f"providers.up.{key}"
    assert message in problem.message


MERGED = [
    ((one("a"), one("b")), (one("b"),), (one("a"), one("b"))),
    ((one("a"),), (one("b"),), (one("a"), one("b"))),
    ((one("a", x=1, y=1), one("b")), (one("a", x=2, z=3),), (one("a", x=2, y=1, z=3), one("b"))),
    ((), (), ()),
]


@pytest.mark.parametrize(("provider", "model", "merged"), MERGED)
def test_a_name_in_both_lists_works_once(
    provider: tuple[Transform, ...], model: tuple[Transform, ...], merged: tuple[Transform, ...]
) -> None:
    settings = ProviderSettings(kind="custom", transforms=provider, model_transforms=(("m", model),))
    assert transforms_for(settings, "m") == merged
    assert transforms_for(settings, "other") == provider


USES = [
    ({"use": ["ENHANCETOOL", ["MaxToken", {"max_tokens": 8192}]]}, (one("enhancetool"), one("maxtoken", max_tokens=8192))),
    ({"use": [["maxtoken", {"max_tokens": "8192"}]]}, (one("maxtoken", max_tokens=8192),)),
    ({"use": [["reasoning", {"enable": "false"}]]}, (one("reasoning", enable=False),)),
    ({"use": ["maxtoken", "sampling", "customparams"]}, ()),
    ({"use": ["OpenAI", "databricks-custom"]}, ()),
    ({"use": [["groq", {"x": 1}], "groq"]}, (one("groq"),)),
    (["cleancache"], (one("cleancache"),)),
    ("tooluse", (one("tooluse"),)),
    ({"use": [["openrouter", {"provider": {"only": ["x", "$TIER", "a$b$$"]}}]]}, (one("openrouter", provider={"only": ["x", "flex", "a$b$$"]}),)),
    ({"use": [["customparams", {"metadata": {"k": "${SECRET}!"}, "n": 1.5, "on": True}]]}, (one("customparams", metadata={"k": "canary-1!"}, n=1.5, on=True),)),
]  # fmt: skip


@pytest.mark.parametrize(("transformer", "transforms"), USES)
def test_use_lists_become_transforms_and_yaml(
    transformer: object, transforms: tuple[Transform, ...]
) -> None:
    imported = ccr(transformer)
    assert up(imported.configuration).transforms == transforms
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    assert "canary" not in text
    written = own(text, ENVIRON | dict.fromkeys(imported.unset, "k"))
    assert up(written).transforms == transforms
    assert "canary" not in repr(up(written)) + str(masked(written))


@pytest.mark.parametrize("name", [*EDITS, *map(str.upper, EDITS)])
def test_every_edit_is_taken_with_options_and_without(name: str) -> None:
    for use in (name, [name, {}], [name, {"max_tokens": 5}]):
        imported = ccr({"a/b:c.d": {"use": [use]}})
        settings = up(imported.configuration)
        assert settings.transforms == ()
        assert all(model == "a/b:c.d" for model, _ in settings.model_transforms)
        text = encode_yaml(imported.configuration, imported.references, imported.spelled)
        assert up(own(text, {"UP_API_KEY": "k"})).model_transforms == settings.model_transforms


def test_an_option_that_means_nothing_is_told() -> None:
    (warning,) = ccr({"use": [["maxtoken", {"max_tokens": "many"}]]}).configuration.warnings
    assert "transformer.use[0][1].max_tokens: is not used: must be a whole number" in warning


PLUGINS = [{"path": "$HOME/p/my.js", "options": {"key": "$SECRET", "debug": False}}]


def test_plugins_keep_their_place_in_the_order() -> None:
    uses = {"use": ["OpenAI", "mine", ["maxtoken", {"max_tokens": 5}], "Other"], "m": {"use": ["mine"]}}
    imported = ccr(uses, transformers=PLUGINS)
    plugin = Plugin(path="/home/someone/p/my.js", options={"key": "canary-1", "debug": False})
    assert imported.configuration.plugins == (plugin,)
    wanted = (one("OpenAI"), one("mine"), one("maxtoken", max_tokens=5), one("Other"))
    assert transforms_for(up(imported.configuration), "m") == wanted
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    assert "canary" not in text
    assert "/home" not in text
    written = own(text, ENVIRON | dict.fromkeys(imported.unset, "k"))
    assert written.plugins == (plugin,)
    assert transforms_for(up(written), "m") == wanted
    assert up(written).model_transforms == (("m", (one("mine"),)),)


PLUGIN_FAULTS = [
    ("[{options: {}}]", "plugins[0].path", "is missing"),
    ("[{path: a.py, options: 3}]", "plugins[0].options", "must be options"),
    ("[{path: a.py, option: {}}]", "plugins[0].option", 'Did you mean "options"?'),
    ("[a.py]", "plugins[0]", "must be a section"),
]


@pytest.mark.parametrize(("text", "key", "message"), PLUGIN_FAULTS)
def test_a_mistake_about_a_plugin_is_told(text: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        own(f"{HEAD}plugins: {text}\n")
    (problem,) = caught.value.problems
    assert (problem.key, message in problem.message) == (key, True)
