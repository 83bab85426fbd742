"""Trunkline's own file: what it says, and what is wrong with it."""

from pathlib import Path

import pytest

from trunkline.config.load import load_file
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Breaker, Configuration, ModelName, Retry, RouteRule, Timeouts

DESIGN = """\
server: {host: 127.0.0.1, port: 3456, keys: ["${TRUNKLINE_KEY}"]}   # keys: what clients must present
providers:
  dbx:
    kind: databricks                  # a name in the catalog
    host: adb-1234567890123456.7.azuredatabricks.net
    token: ${DATABRICKS_TOKEN}
    models: [databricks-claude-sonnet-4-5]     # discovered from the provider when absent
  local:
    kind: custom
    speaks: {openai_chat: "http://127.0.0.1:11434/v1"}
    key: ${LOCAL_KEY}
    models: [qwen3-coder]
models:
  sonnet: dbx/databricks-claude-sonnet-4-5
  "claude-*haiku*": [local/qwen3-coder, dbx/databricks-claude-haiku-4-5]
routes:
  default: dbx/databricks-claude-sonnet-4-5
  background: local/qwen3-coder
  longContext: {to: dbx/databricks-claude-sonnet-4-5, above: 60000}
"""
ENVIRON = {"TRUNKLINE_KEY": "client-key", "DATABRICKS_TOKEN": "dapi-x", "LOCAL_KEY": "local-x"}


@pytest.fixture
def read(tmp_path: Path):
    """Reads a text as the file trunkline.yaml."""

    def reader(text: str, environ: dict[str, str] | None = None) -> Configuration:
        path = tmp_path / "trunkline.yaml"
        path.write_text(text)
        path.chmod(0o600)
        return load_file(path, ENVIRON if environ is None else environ)

    return reader


@pytest.fixture
def faults(read):
    """The problems of a text as ``line: key: message``."""

    def reader(text: str, environ: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            read(text, environ)
        assert all(problem.file.endswith("trunkline.yaml") for problem in caught.value.problems)
        return [f"{p.line}: {p.key}: {p.message}" for p in caught.value.problems]

    return reader


def test_the_file_of_the_contract(read) -> None:
    configuration = read(DESIGN)
    assert [key.reveal() for key in configuration.server.keys] == ["client-key"]
    assert (configuration.server.host, configuration.server.port) == ("127.0.0.1", 3456)
    providers = dict(configuration.providers)
    assert list(providers) == ["dbx", "local"]
    assert (providers["dbx"].kind, providers["dbx"].host) == (
        "databricks",
        "adb-1234567890123456.7.azuredatabricks.net",
    )
    assert providers["dbx"].credential is not None
    assert providers["dbx"].credential.reveal() == "dapi-x"
    assert providers["dbx"].models == ("databricks-claude-sonnet-4-5",)
    assert providers["local"].speaks == (("openai_chat", "http://127.0.0.1:11434/v1"),)
    assert configuration.models == (
        ModelName("sonnet", ("dbx/databricks-claude-sonnet-4-5",)),
        ModelName("claude-*haiku*", ("local/qwen3-coder", "dbx/databricks-claude-haiku-4-5")),
    )
    assert configuration.routes == (
        ("default", RouteRule(to=("dbx/databricks-claude-sonnet-4-5",))),
        ("background", RouteRule(to=("local/qwen3-coder",))),
        ("longContext", RouteRule(to=("dbx/databricks-claude-sonnet-4-5",), above=60_000)),
    )
    assert (configuration.timeouts, configuration.retry) == (Timeouts(), Retry())
    assert configuration.warnings == ()


def test_every_key_there_is(read) -> None:
    configuration = read("""\
server: {host: "::1", port: "4000", max_body: 1_048_576, strict: true, ping: 2.5}
providers:
  databricks:
    host: https://localhost:8443/
    token: dapi-x
    auth: basic
    prefix: my-gateway
    surface: chat
    api_version: 2024-10-21
    headers: {X-Team: blue}
  ollama: {url: "http://192.168.1.4:11434/v1", auth: none, models: ["a:b", c]}
  both:
    kind: custom
    speaks:
      anthropic_messages: https://api.example.com
      openai_chat: https://api.example.com/v1/chat/completions
routes:
  longContext: databricks/a
  think: [databricks/a, "ollama,c"]
  webSearch: {to: [databricks/a]}
fallback: [ollama/c]
timeouts: {up_connect: 1, drain: 0.5}
retry: {per_target: 0, targets: 5, base: 0.1, cap: 1, max_retry_after: 0, bucket: 50, live_share: 0.5, floor: 0}
breaker: {failures: 3, rate: 0.75, calls: 8, window: 10, open: 1, cap: 60}
""")
    databricks = dict(configuration.providers)["databricks"]
    assert (databricks.kind, databricks.auth, databricks.prefix) == ("databricks", "basic", "my-gateway")
    assert (databricks.surface, databricks.api_version) == ("chat", "2024-10-21")
    assert databricks.headers == (("x-team", "blue"),)
    assert dict(configuration.providers)["ollama"].models == ("a:b", "c")
    assert [name for name, _ in dict(configuration.providers)["both"].speaks] == [
        "anthropic_messages",
        "openai_chat",
    ]
    assert (configuration.server.port, configuration.server.strict, configuration.server.ping) == (
        4000,
        True,
        2.5,
    )
    assert configuration.server.max_body == 1_048_576
    assert dict(configuration.routes)["longContext"] == RouteRule(to=("databricks/a",), above=60_000)
    assert dict(configuration.routes)["think"].to == ("databricks/a", "ollama/c")
    assert dict(configuration.routes)["webSearch"].above is None
    assert configuration.fallback == ("ollama/c",)
    assert (configuration.timeouts.up_connect, configuration.timeouts.drain) == (1.0, 0.5)
    assert configuration.retry == Retry(
        per_target=0,
        targets=5,
        base=0.1,
        cap=1.0,
        max_retry_after=0.0,
        bucket=50,
        live_share=0.5,
        floor=0,
    )
    assert configuration.breaker == Breaker(failures=3, rate=0.75, calls=8, window=10.0, open=1.0, cap=60.0)


PROVIDER = "providers: {dbx: {kind: databricks, host: a.b.c, token: t0ken}}\n"

WRONG = [
    ("", "1: providers: no provider is configured: name one, with its credential"),
    ("providers:\n", "1: providers: no provider is configured: name one, with its credential"),
    ("7", "1: : must be a section with keys, not a number"),
    ("- a", "1: : must be a section with keys, not a list"),
    (PROVIDER + "sever: {}", '2: sever: unknown key. Did you mean "server"?'),
    (PROVIDER + "Routes: {}", '2: Routes: unknown key. Did you mean "routes"?'),
    (PROVIDER + "qqqq: 1", "2: qqqq: unknown key. Valid: any_name, breaker, custom_router, endpoints, fallback, listed_first, models, plugins, project_routers, prompt, providers, retry, routes, rules, search, server, timeouts, token_speed, upstream_proxy."),
    (PROVIDER + "server:\n  prot: 3", '3: server.prot: unknown key. Did you mean "port"?'),
    (PROVIDER + "server: 3", "2: server: must be a section with keys, not a number"),
    (PROVIDER + "server: {port: abc}", "2: server.port: must be a number"),
    (PROVIDER + "server: {port: 3.5}", "2: server.port: must be a whole number"),
    (PROVIDER + "server: {port: 70000}", "2: server.port: must be between 0 and 65535"),
    (PROVIDER + "server: {port: .nan}", "2: server.port: must be a number"),
    (PROVIDER + "server: {port: nan}", "2: server.port: must be between 0 and 65535"),
    (PROVIDER + "server: {port: true}", "2: server.port: must be a number"),
    (PROVIDER + "server: {port: [1]}", "2: server.port: must be a number, not a list"),
    (PROVIDER + "server: {port: }", "2: server.port: has no value: give one or remove the key"),
    (PROVIDER + "server: {strict: 1}", "2: server.strict: must be true or false"),
    (PROVIDER + "server: {strict: yes}", "2: server.strict: must be true or false"),
    (PROVIDER + "server: {keys: k}", "2: server.keys: must be a list, not text: write [a, b]"),
    (PROVIDER + "server: {keys: []}", "2: server.keys: is empty: list keys, or remove it to serve this machine only"),
    (PROVIDER + "server: {keys: ['']}", "2: server.keys[0]: has no value: give one or remove the key"),
    (PROVIDER + "server: {keys: ['a b']}", "2: server.keys[0]: holds a blank or a letter that a credential cannot have"),
    (PROVIDER + 'server: {keys: ["a\\nb"]}', "2: server.keys[0]: holds a line break or a control character"),
    (PROVIDER + "server: {keys: [{a: b}]}", "2: server.keys[0]: must be text, not a section with keys"),
    (PROVIDER + "server: {host: 0.0.0.0}", "2: server.host: listening beyond this machine needs server.keys, what clients must present"),
    ("providers: [a]", "1: providers: must be a section with keys, not a list"),
    ("providers: {a b: {}}", "1: providers.a b: a provider's name holds letters, digits, dots, dashes and underscores"),
    ("providers: {a/b: {}}", "1: providers.a/b: a provider's name holds letters, digits, dots, dashes and underscores"),
    ("providers: {A: {}, a: {}}", "1: providers.a: another provider has this name in other letter case"),
    ("providers:\n  dbx:\n    kidn: x", '3: providers.dbx.kidn: unknown key. Did you mean "kind"?'),
    ("providers:\n  dbx:\n    tokne: x", '3: providers.dbx.tokne: unknown key. Did you mean "token"?'),
    ("providers:\n  dbx:\n    token: 123", "3: providers.dbx.token: must be text, not a number: put it in quotes"),
    ("providers:\n  dbx:\n    token: a\n    key: b", "4: providers.dbx.key: token and key mean the same: give one of them"),
    ("providers:\n  dbx:\n    auth: baerer", '3: providers.dbx.auth: must be one of bearer, basic, api_key, both, none, client. Did you mean "bearer"?'),
    ("providers:\n  dbx:\n    auth: none\n    key: x", '3: providers.dbx.auth: "none" sends no credential, but one is given'),
    ("providers:\n  x: {kind: custom}", '2: providers.x.speaks: a custom provider needs it: "speaks: {openai_chat: URL}"'),
    ("providers:\n  x: {kind: custom, speaks: {}}", "2: providers.x.speaks: names no protocol: one or more of anthropic_messages, openai_chat, openai_responses, gemini"),
    ("providers:\n  x: {speaks: {openai: http://localhost}}", '2: providers.x.speaks.openai: there is no protocol of this name. Did you mean "openai_chat"?'),
    ("providers:\n  x: {speaks: {openai_chat: ftp://localhost}}", '2: providers.x.speaks.openai_chat: must begin with "https://", or "http://" for a local address'),
    ("providers:\n  x: {speaks: {openai_chat: http://api.example.com/v1}}", "2: providers.x.speaks.openai_chat: would send the credential in clear text: use https://, plain http is for local addresses only"),
    ("providers:\n  x: {url: https://u:p@h.example.com}", "2: providers.x.url: holds a user name or password: give the credential as token or key"),
    ("providers:\n  x: {url: 'https://h.example.com/?key=1'}", "2: providers.x.url: must end before any ? or #"),
    ("providers:\n  x: {url: 'https://'}", "2: providers.x.url: is not a URL: it has no host or holds a blank"),
    ("providers:\n  x: {url: 'https://h:port'}", "2: providers.x.url: is not a URL"),
    ("providers:\n  x: {host: 'a b'}", "2: providers.x.host: is not a host name"),
    ("providers:\n  x: {host: 'http://db.example.com'}", "2: providers.x.host: would send the credential in clear text: use https://, plain http is for local addresses only"),
    ("providers:\n  x: {models: []}", "2: providers.x.models: is empty: list models, or remove the key to have them discovered"),
    ("providers:\n  x: {models: [a, a]}", "2: providers.x.models: names a model twice"),
    ("providers:\n  x: {models: a}", "2: providers.x.models: must be a list, not text: write [a, b]"),
    ("providers:\n  x: {models: [1]}", "2: providers.x.models[0]: must be text, not a number: put it in quotes"),
    ("providers:\n  x: {headers: {Host: h}}", "2: providers.x.headers.Host: this header is set by the gateway itself"),
    ("providers:\n  x: {headers: {'a b': h}}", "2: providers.x.headers.a b: is not a header name"),
    ("providers:\n  x: {headers: {a: \"x\\r\\nb: c\"}}", "2: providers.x.headers.a: holds a line break or a control character"),
    (PROVIDER + "models: {a: x}", '2: models.a: a target is written "provider/model"'),
    (PROVIDER + "models: {a: dbx/}", '2: models.a: a target is written "provider/model"'),
    (PROVIDER + "models: {a: dxb/m}", '2: models.a: there is no provider "dxb". Did you mean "dbx"?'),
    (PROVIDER + "models: {a: []}", "2: models.a: is empty: name at least one target"),
    (PROVIDER + "models: {a: [dbx/m, 'dbx,m']}", "2: models.a[1]: names a target twice"),
    (PROVIDER + "models: {a: {to: dbx/m}}", "2: models.a: must be text, not a section with keys"),
    (PROVIDER + "models: {dbx/a: dbx/m}", '2: models.dbx/a: would never be used: it always means the model "a" of provider dbx'),
    (PROVIDER + "models: {a: dbx/m, A: dbx/n}", "2: models.A: this name is there already, in other letter case"),
    (PROVIDER + "models: {'a b': dbx/m}", "2: models.a b: a model's name holds no blanks"),
    (PROVIDER + "routes: {defxault: dbx/m}", '2: routes.defxault: unknown route. Did you mean "default"?'),
    (PROVIDER + "routes: {longcontext: dbx/m}", '2: routes.longcontext: unknown route. Did you mean "longContext"?'),
    (PROVIDER + "routes: {longContext: {above: 5}}", '2: routes.longContext.to: is missing: name the target, "to: provider/model"'),
    (PROVIDER + "routes: {longContext: {to: dbx/m, above: 0}}", "2: routes.longContext.above: must be between 1 and 1000000000"),
    (PROVIDER + "routes: {think: {to: dbx/m, above: 5}}", '2: routes.think.above: unknown key. Valid: adaptive, to.'),
    (PROVIDER + "routes: {default: nobody/m}", '2: routes.default: there is no provider "nobody". Valid: dbx.'),
    (PROVIDER + "fallback: dbx", '2: fallback: a target is written "provider/model"'),
    (PROVIDER + "timeouts: {up_conect: 3}", '2: timeouts.up_conect: unknown key. Did you mean "up_connect"?'),
    (PROVIDER + "timeouts: {up_connect: -1}", "2: timeouts.up_connect: must be between 0.001 and 86400"),
    (PROVIDER + "timeouts: {up_connect: 3s}", "2: timeouts.up_connect: must be a number"),
    (PROVIDER + "retry: {bukket: 9}", '2: retry.bukket: unknown key. Did you mean "bucket"?'),
    (PROVIDER + "breaker: {failure: 9}", '2: breaker.failure: unknown key. Did you mean "failures"?'),
    (PROVIDER + "breaker: {rate: 50}", "2: breaker.rate: must be between 0.01 and 1"),
    (PROVIDER + "retry: {per_target: 99}", "2: retry.per_target: must be between 0 and 10"),
    (PROVIDER + "server: {port: 1}\nserver: {}", "3: : a key is written twice; the first is in line 2"),
    (PROVIDER + "server: {port: 1", "2: : not valid YAML: expected ',' or '}', but got '<stream end>'"),
    (PROVIDER + "server:\n\t- x", "3: : not valid YAML: found character '\\t' that cannot start any token"),
    (PROVIDER + "server: !!python/object:os.system {}", "2: : tags (words that begin with !) are not used here"),
    (PROVIDER + "server: {host: !secret x}", "2: : tags (words that begin with !) are not used here"),
    (PROVIDER + "? [a]\n: b", "2: : a key must be a plain word"),
    (PROVIDER + "---\na: b", "2: : not valid YAML: but found another document"),
    ("providers: {d: {token: $NOPE_X}}", "1: providers.d.token: the environment variable NOPE_X is not set"),
    ("providers: {d: {token: '${NOPE_X}'}}", "1: providers.d.token: the environment variable NOPE_X is not set"),
    ("providers: {d: {token: '${}'}}", "1: providers.d.token: between ${ and } must stand the name of an environment variable"),
    ("providers: {d: {host: 'a.${NOPE_X}.net'}}", "1: providers.d.host: the environment variable NOPE_X is not set"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fault"), WRONG)
def test_T85_a_mistake_is_told_with_line_key_and_remedy(faults, text: str, fault: str) -> None:
    assert faults(text) == [fault]


def test_T85_all_mistakes_are_told_at_once_in_the_order_of_the_file(faults) -> None:
    assert faults("server: {prot: 1}\nproviders:\n  x: {kidn: a, hots: b}\nroutes: {deflt: q}\n") == [
        '1: server.prot: unknown key. Did you mean "port"?',
        '3: providers.x.kidn: unknown key. Did you mean "kind"?',
        '3: providers.x.hots: unknown key. Did you mean "host"?',
        '4: routes.deflt: unknown route. Did you mean "default"?',
    ]


def test_references_are_filled_in_once(read) -> None:
    environ = {"HOST_X": "db.example.com", "lower": "low", "T": "to$HOST_X", "N": "4001"}
    configuration = read(
        "server: {port: $N}\nproviders: {d: {host: '$HOST_X', token: '${T}', prefix: 'a-${lower}-$$-$lower'}}",
        environ,
    )
    settings = dict(configuration.providers)["d"]
    assert (settings.host, settings.prefix, configuration.server.port) == (
        "db.example.com",
        "a-low-$-$lower",
        4001,
    )
    assert settings.credential is not None
    assert settings.credential.reveal() == "to$HOST_X"


def test_an_empty_variable_is_told_as_such(faults) -> None:
    text = "providers: {d: {token: $E}}"
    assert faults(text, {"E": ""}) == ["1: providers.d.token: the environment variable E is empty"]


def test_aliases_may_repeat_but_not_explode(faults, read) -> None:
    configuration = read("providers:\n  a: &a {host: h.example.com, token: t}\n  b: *a\n")
    assert [name for name, _ in configuration.providers] == ["a", "b"]
    lines = ["providers: &a0 [x]"] + [
        f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)
    ]
    assert faults("\n".join(lines))[0].endswith("too large once its aliases are filled in")


def test_deep_nesting_is_refused(faults) -> None:
    assert faults("a: " + "[" * 1000) == ["None: : nested too deeply"]


def test_lists_of_models_are_recognised(tmp_path: Path) -> None:
    for text in ('{"endpoints": {"mlflow": "/x"}, "models": ["a"]}', '["databricks-gpt-5"]'):
        path = tmp_path / "file"
        path.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            load_file(path, {})
        assert "DATABRICKS_AI_GATEWAY_URL: is not set" in str(caught.value)


def test_files_of_other_proxies_are_read_as_they_are(tmp_path: Path) -> None:
    cases = {
        "providers:\n  openai: {api_key: x}\nmodel_categories: {large: openai/a, small: openai/b}\n": [
            "openai"
        ],
        "# comment\nexport DATABRICKS_HOST=x\nDATABRICKS_TOKEN=t\nPROXY_BACKEND = AZURE_DATABRICKS\n": [
            "databricks"
        ],
    }
    for text, names in cases.items():
        path = tmp_path / "file"
        path.write_text(text)
        assert [name for name, _ in load_file(path, {}).providers] == names


def test_any_name_can_go_by_the_routes(read, faults) -> None:
    text = "providers: {ollama: {models: [m]}}\nany_name: %s\n"
    assert read(text % "true").any_name is True
    assert read(text % "false").any_name is False
    assert read("providers: {ollama: {models: [m]}}").any_name is False
    assert faults(text % "maybe") == ["2: any_name: must be true or false"]


def test_a_file_of_two_formats_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("providers: {}\nmodel_categories: {}\nroutes: {}\n")
    with pytest.raises(ConfigurationError, match="mixes the keys of two configuration formats"):
        load_file(path, {})


def test_our_own_file_may_be_json(read) -> None:
    text = '{"providers": {"dbx": {"kind": "databricks", "host": "h.example.com", "token": "t"}}, "routes": {}}'
    assert [name for name, _ in read(text).providers] == ["dbx"]
