"""What is wrong with a file of claude-code-router: each mistake with line and key, no secret in any."""

from pathlib import Path

import pytest

from trunkline.config.load import load_file
from trunkline.config.problems import ConfigurationError

CANARY = "canary-7f3a91c2"


def broken(providers: str = "", rest: str = "", router: str = '"default": "a,m"') -> str:
    """A file whose first provider is fine; the second begins in line 3."""
    first = '{"name": "a", "api_base_url": "https://a.example.com/v1", "api_key": "%s"},'
    return f'{{\n"Providers": [{first}\n{providers}],\n"Router": {{{router}}}{rest}}}'


FAULTS = [
    # the JSON5 itself
    ('{"Providers": [}', 1, "", 'not valid JSON5: a value is missing before "}"'),
    ('{"Providers": [\n{"name": "x" "api_key": "%s"}]}', 2, "", 'not valid JSON5: "," or "}" is missing before this'),
    ('{"Providers": [],\n"APIKEY": canary7f3a91c2}', 2, "", "not valid JSON5: a text needs quotes"),
    ('{"Providers": [],\n"APIKEY": "%s\n}', 2, "", "not valid JSON5: a quote is not closed on its line"),
    ('{"Providers": [],\n"Router": {\n', 3, "", "not valid JSON5: a key is missing here"),
    ('{"Providers": []} "%s"', 1, "", "not valid JSON5: something follows the end"),
    ('{"Providers": [],\n/* %s', 2, "", "not valid JSON5: a comment is not closed"),
    ('{"Providers": ' + "[" * 300 + "}", 1, "", "nested too deeply"),
    # providers
    ('{"Providers": []}', 1, "Providers", "no usable provider is configured"),
    ('{\n"Providers": {"a": 1}}', 2, "Providers", "must be a list, not a section with keys"),
    (broken('"%s"'), 3, "Providers[1]", "must be a provider"),
    (broken('{"name": ["%s"], "api_base_url": "https://b.example.com"}'), 3, "Providers[1].name", "must be text, not a list"),
    (broken('{"name": "b",\n"api_base_url": "ftp://b.example.com"}'), 4, "Providers[1].api_base_url", 'must begin with "https://"'),
    (broken('{"name": "b",\n"api_base_url": "https://u:%s@b.example.com"}'), 4, "Providers[1].api_base_url", "holds a user name or password"),
    (broken('{"name": "b",\n"api_base_url": "https://b.example.com/?key=%s"}'), 4, "Providers[1].api_base_url", "must end before any ? or #"),
    (broken('{"name": "b",\n"api_base_url": "http://b.example.com/v1"}'), 4, "Providers[1].api_base_url", "would send the credential in clear text"),
    (broken('{"name": "b",\n"api_base_url": "https://<workspace>/serving-endpoints/x/invocations"}'), 4, "Providers[1].api_base_url", "its host has a letter that no host has"),
    (broken('{"name": "b",\n"api_base_url": "${NOT_THERE}/v1"}'), 4, "Providers[1].api_base_url", "the environment variable NOT_THERE is not set"),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"api_key": [["%s"]]}'), 4, "Providers[1].api_key", "must be text, not a list"),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"api_key": "%s x"}'), 4, "Providers[1].api_key", "holds a blank or a letter"),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"models": "one"}'), 4, "Providers[1].models", "must be a list, not text"),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"models": ["a b"]}'), 4, "Providers[1].models", "a model id holds no blanks"),
    # transformers
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"transformer": {"use": ["deepsek"]}}'), 4, "Providers[1].transformer.use[0]", 'there is no transformer "deepsek". Did you mean "deepseek"?'),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"transformer": {"m": {\n"use": [["maxtokens", {}]]}}}'), 5, "Providers[1].transformer.m.use[0]", 'Did you mean "maxtoken"?'),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"transformer": {"use": {"maxtoken": 1}}}'), 4, "Providers[1].transformer.use", "must be a list"),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"transformer": {"use": [{"name": "x"}]}}'), 4, "Providers[1].transformer.use[0]", 'must be "name" or ["name", {option: value}]'),
    (broken('{"name": "b", "api_base_url": "https://b.example.com",\n"transformer": {"use": [["maxtoken", 3]]}}'), 4, "Providers[1].transformer.use[0][1]", "must be options"),
    # the router
    (broken(router='"default": "b,m"'), 4, "Router.default", 'there is no provider "b".'),
    (broken(router='\n"default": "a,m",\n"think": "openrouterr,m"'), 6, "Router.think", 'there is no provider "openrouterr"'),
    (broken(router='"default": "a"'), 4, "Router.default", 'a target is written "provider,model"'),
    (broken(router='"default": "a,m n"'), 4, "Router.default", "a model id holds no blanks"),
    (broken(router='"default": {"provider": "a"}'), 4, "Router.default", "must be text, not a section with keys"),
    (broken(router='"default": "a,m", "longContextThreshold": "many"'), 4, "Router.longContextThreshold", "must be a number"),
    # the rest
    (broken(rest=',\n"PORT": "%s"'), 5, "PORT", "must be a number"),
    (broken(rest=',\n"PORT": 99999'), 5, "PORT", "must be between 0 and 65535"),
    (broken(rest=',\n"APIKEY": "$NOT_THERE"'), 5, "APIKEY", "the environment variable NOT_THERE is not set"),
    (broken(rest=',\n"APIKEY": ["%s"]'), 5, "APIKEY", "must be text, not a list"),
    (broken(rest=',\n"API_TIMEOUT_MS": "soon"'), 5, "API_TIMEOUT_MS", "must be a number"),
    (broken(rest=',\n"transformers": {"path": "x"}'), 5, "transformers", "must be a list"),
    (broken(rest=',\n"fallback": ["a,m"]'), 5, "fallback", "must be a section with keys, not a list"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "message"), FAULTS)
def test_a_mistake_is_named_with_its_place(
    text: str, line: int, key: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text.replace("%s", CANARY))
    with pytest.raises(ConfigurationError) as caught:
        load_file(path, {})
    problems = caught.value.problems
    assert len(problems) == 1, problems
    assert (problems[0].file, problems[0].line, problems[0].key) == (str(path), line, key)
    assert message in problems[0].message
    assert "canary" not in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        broken(
            '{"name": "b", "api_base_url": "x",\n"transformer": "grok"}',
            ',\n"PORT": -1',
            '"default": "c,m"',
        )
    )
    with pytest.raises(ConfigurationError) as caught:
        load_file(path, {})
    assert [problem.line for problem in caught.value.problems] == [3, 4, 5, 6]


NOTED = [
    (',\n"Routr": {}', '5: Routr: unknown key, without effect. Did you mean "Router"?'),
    (',\n"PROXY_URL": "${NOT_THERE}"', "5: PROXY_URL: the environment variable NOT_THERE is not set: no proxy is used"),
    (',\n"HOST": "0.0.0.0"', "5: HOST: without APIKEY only this machine is served"),
    (',\n"PORT": 1,\n"PORT": 2', "6: PORT: is written twice: the last one is used"),
    (',\n"transformers": [{"options": {}}]', "5: transformers[0]: names no path"),
    (',\n"fallback": {"thinking": []}', '5: fallback.thinking: unknown key, without effect. Did you mean "think"?'),
    (',\n"StatusLine": {"enabled": true}', "5: StatusLine: is read by trunkline statusline"),
    (',\n"plugins": [{"name": "token-sped", "enabled": true}]', '5: plugins[0]: has no effect: there is none but token-speed. Did you mean "token-speed"?'),
    (',\n"plugins": [{"name": "token-speed", "enabled": true, "options": {"reporter": "webhook"}}]', "5: plugins[0].options.reporter: has no effect"),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "warning"), NOTED)
def test_what_does_nothing_is_told_but_does_not_stop(rest: str, warning: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(broken(rest=rest).replace("%s", CANARY))
    path.chmod(0o600)
    warnings = load_file(path, {}).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{path}:{warning}")
    assert CANARY not in "".join(warnings)


PROVIDERS_NOTED = [
    ('{"name": "b", "api_base_url": "https://b.example.com", "api_key": "k", "priority": 1}', "Providers[1].priority: unknown key"),
    ('{"name": "a", "api_base_url": "https://b.example.com", "api_key": "k"}', 'Providers[1]: another provider is called "a": this one is used'),
    ('{"name": "A", "api_base_url": "https://b.example.com", "api_key": "k"}', "Providers[1].name: this name cannot be told from others"),
    ('{"api_base_url": "https://b.example.com", "api_key": "k"}', "Providers[1].name: is missing: this provider is left out"),
    ('{"name": "b", "api_base_url": "https://b.example.com", "api_key": "k", "transformer": ["qwen-cli"]}', 'Providers[1].transformer[0]: "qwen-cli" is a plugin that this file does not load'),
    ('{"name": "b", "api_base_url": "https://b.example.com", "api_key": "k", "transformer": {"m": {"used": []}}}', 'Providers[1].transformer.m.used: unknown key. Did you mean "use"?'),
    ('{"name": "b", "api_base_url": "https://x.openai.azure.com/openai/deployments/d/chat/completions", "api_key": "k", "models": ["m"]}', 'Providers[1].api_base_url: its one deployment "d"'),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "warning"), PROVIDERS_NOTED)
def test_what_is_odd_about_a_provider_is_told(provider: str, warning: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(broken(provider))
    path.chmod(0o600)
    assert [w for w in load_file(path, {}).warnings if w.startswith(f"{path}:3: {warning}")]
