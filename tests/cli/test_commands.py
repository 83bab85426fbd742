"""Commands that end: their output, their exit codes, and that they never show a traceback or a secret."""

import base64
import json
import os
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from standin import Flags, StandIn, say
from trunkline import __version__
from trunkline.cli.exits import Failure
from trunkline.cli.outcome import run
from trunkline.cli.service.probe import ask
from trunkline.config.schema import Server

CANARY = "dapi-CANARY-7f3a91c2e5b84d60"
FORMS = (
    *(CANARY[start : start + 8] for start in range(len(CANARY) - 7)),
    base64.b64encode(CANARY.encode()).decode(),
    urllib.parse.quote(CANARY, safe="").replace("-", "%2D"),
)
"""How a leaked credential may look: whole, in part, encoded."""

CONFIG = """\
server: {keys: ["${CLIENT_KEY}"]}
providers:
  dbx:
    kind: databricks
    host: %s
    token: ${DATABRICKS_TOKEN}
    models: [databricks-claude-sonnet-4-5, databricks-claude-haiku-4-5]
    headers: {x-team: "${TEAM}"}
  local:
    kind: custom
    speaks: {openai_chat: "http://127.0.0.1:9/v1"}
    key: ${LOCAL_KEY}
    models: [qwen3-coder]
models:
  sonnet: dbx/databricks-claude-sonnet-4-5
  "claude-*haiku*": [local/qwen3-coder, dbx/databricks-claude-haiku-4-5]
routes:
  default: dbx/databricks-claude-sonnet-4-5
  longContext: {to: local/qwen3-coder, above: 1000}
"""
BROKEN = f"server: {{prot: 1}}\nproviders:\n  d: {{kind: databrics, tokn: {CANARY}}}\n"
HOST = "adb-1234567890123456.7.azuredatabricks.net"
ENVIRON = {"CLIENT_KEY": CANARY, "DATABRICKS_TOKEN": CANARY, "LOCAL_KEY": CANARY, "TEAM": CANARY}


def written(home: Path, text: str, name: str = "trunkline.yaml") -> str:
    path = home / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_version_is_told_in_every_way(command) -> None:
    for arguments in (("--version",), ("-V",), ("version",)):
        result = command.alone(*arguments)
        assert (result.code, result.out, result.err) == (0, f"trunkline {__version__}\n", "")
    assert json.loads(command("version", "--json").out) == {
        "schema": "trunkline.version.v1",
        "version": __version__,
    }


def test_help_lists_every_command(command) -> None:
    result = command("--help")
    assert result.code == 0
    for name in (
        "serve",
        "start",
        "stop",
        "launch",
        "config",
        "models",
        "explain",
        "status",
        "doctor",
        "version",
    ):
        assert f"  {name} " in result.out
        own = command(name, "--help")
        assert own.code == 0
        assert own.out.startswith(f"Usage: trunkline {name}")


USAGE = [
    (("serv",), 'There is no command "serv". Did you mean "serve"?'),
    (("doctr",), 'There is no command "doctr". Did you mean "doctor"?'),
    (
        ("xyzzy",),
        'There is no command "xyzzy". Commands: serve, start,',
    ),
    (("serve", "--prot", "1"), "No such option"),
    (("serve", "--port", "99999"), "99999 is not in the range 0<=x<=65535"),
    (("explain",), "Missing argument 'FILE|-'"),
    (("config", "chexk"), "No such command"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE)
def test_a_wrong_command_line_is_a_usage_error(command, arguments: tuple[str, ...], message: str) -> None:
    result = command(*arguments)
    assert result.code == 2
    assert message in result.err
    assert result.out == ""


def test_config_check(command) -> None:
    path = written(command.home, CONFIG % HOST)
    result = command.alone("config", "check", "--config", path, **ENVIRON)
    assert (result.code, result.out, result.err) == (0, f"The configuration is fine ({path}).\n", "")
    told = json.loads(command("config", "check", "--config", path, "--json", **ENVIRON).out)
    assert told == {
        "schema": "trunkline.config.check.v1",
        "ok": True,
        "source": path,
        "problems": [],
        "warnings": [],
    }


def test_config_check_tells_everything_at_once(command) -> None:
    path = written(command.home, BROKEN)
    result = command.alone("config", "check", "--config", path)
    assert result.code == 3
    assert result.err.splitlines() == [
        "trunkline: The configuration has 2 problems:",
        f'trunkline: configuration: {path}:1: server.prot: unknown key. Did you mean "port"?',
        f'trunkline: configuration: {path}:3: providers.d.tokn: unknown key. Did you mean "token"?',
    ]
    told = json.loads(command("config", "check", "--config", path, "--json").out)
    assert [(problem["line"], problem["key"]) for problem in told["problems"]] == [
        (1, "server.prot"),
        (3, "providers.d.tokn"),
    ]


PROVIDERS = [
    ("providers:\n  d:\n    kind: databrics\n", 3, "providers.d.kind", "databricks"),
    ("providers:\n  nobody-knows: {token: t}\n", 2, "providers.nobody-knows.kind", "nobody-knows"),
    ("providers:\n  d:\n    kind: databricks\n    token: t\n", 2, "providers.d.host", "host"),
    ("providers:\n  d:\n    kind: databricks\n    host: nodots\n    token: t\n", 4, "providers.d.host", "nodots"),
    ("providers:\n  databricks:\n    host: a.b.c\n    token: t\n    surface: tshirt\n", 5, "providers.databricks.surface", "surface"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "word"), PROVIDERS)
def test_what_only_the_catalog_knows_is_told_with_its_line_too(
    command, text: str, line: int, key: str, word: str
) -> None:
    path = written(command.home, text)
    result = command("config", "check", "--config", path)
    assert result.code == 3
    assert result.err.startswith(f"trunkline: configuration: {path}:{line}: {key}: ")
    assert word in result.err


def test_config_show_masks_every_secret(command) -> None:
    path = written(command.home, CONFIG % HOST)
    result = command("config", "show", "--config", path, **ENVIRON)
    assert result.code == 0
    assert "    token: ****\n" in result.out
    assert "  keys: [****]\n" in result.out
    assert "      x-team: ****\n" in result.out
    shown = json.loads(command("config", "show", "--json", "--config", path, **ENVIRON).out)
    assert shown["providers"]["dbx"]["token"] == "****"
    assert shown["routes"]["longContext"] == {"to": ["local/qwen3-coder"], "above": 1000}
    assert shown["source"] == path


def test_models(command) -> None:
    path = written(command.home, CONFIG % HOST)
    told = json.loads(command("models", "--json", "--config", path, **ENVIRON).out)
    assert [(row["kind"], row["name"], row["targets"]) for row in told["models"]] == [
        ("name", "sonnet", ["dbx/databricks-claude-sonnet-4-5"]),
        ("name", "claude-*haiku*", ["local/qwen3-coder", "dbx/databricks-claude-haiku-4-5"]),
        ("route", "default", ["dbx/databricks-claude-sonnet-4-5"]),
        ("route", "longContext", ["local/qwen3-coder"]),
        ("model", "databricks-claude-sonnet-4-5", ["dbx/databricks-claude-sonnet-4-5"]),
        ("model", "databricks-claude-haiku-4-5", ["dbx/databricks-claude-haiku-4-5"]),
        ("model", "qwen3-coder", ["local/qwen3-coder"]),
    ]


def test_explain(command) -> None:
    path = written(command.home, CONFIG % HOST)
    result = command.alone(
        "explain", "-", "--config", path, stdin='{"model": "claude-3-5-haiku-latest"}', **ENVIRON
    )
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[:4] == [
        "model    claude-3-5-haiku-latest",
        "route    alias claude-*haiku*",
        "target   local/qwen3-coder",
        "           openai_chat: http://127.0.0.1:9/v1/chat/completions",
    ]
    assert "then     dbx/databricks-claude-haiku-4-5" in lines
    body = json.dumps({"model": "claude-opus-5", "messages": [{"role": "user", "content": "x" * 8000}]})
    told = json.loads(
        command(
            "explain", "--json", written(command.home, body, "body.json"), "--config", path, **ENVIRON
        ).out
    )
    assert (told["route"], told["targets"][0]["target"]) == ("route longContext", "local/qwen3-coder")
    assert (told["targets"][0]["transforms"], told["endpoint"], told["left"]) == ([], [], 0)
    assert told["request"]["tokens"] > 1999


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"model": "sonet"}', 'There is no model "sonet".'),
        ("{}", "names no model"),
        ("nonsense", "is not a request body"),
        ("", "stdin is empty"),
    ],
)
def test_explain_says_why_there_is_no_plan(command, body: str, message: str) -> None:
    path = written(command.home, CONFIG % HOST)
    result = command("explain", "-", "--config", path, stdin=body, **ENVIRON)
    assert result.code == 1
    assert result.out == ""
    assert message in result.err


def test_explain_takes_geminis_model_beside_its_body(command) -> None:
    path = written(
        command.home,
        "providers: {g: {kind: custom, key: k, models: [m], speaks: {gemini: 'https://g.example.com'}}}",
    )
    body = '{"contents": [{"parts": [{"text": "hi"}]}]}'
    told = command("explain", "-", "--config", path, "--model", "g/m", stdin=body)
    assert told.code == 0
    assert "gemini: https://g.example.com/v1beta/models/m:generateContent" in told.out
    missing = command("explain", "-", "--config", path, stdin=body)
    assert missing.code == 1
    assert "give it with --model" in missing.err
    wrong = command("explain", "-", "--config", path, "--model", "g/../x", stdin=body)
    assert (wrong.code, wrong.err) == (1, "trunkline: there is no model '../x'\n")


def test_explain_of_a_file_that_is_not_there(command) -> None:
    result = command("explain", "missing.json")
    assert (result.code, result.err) == (1, "trunkline: No such file or directory (missing.json)\n")


def test_where_the_configuration_comes_from_in_order(command) -> None:
    usual = command.home / ".config" / "trunkline" / "config.yaml"

    def source(*arguments: str, **environ: str) -> str:
        return json.loads(command("config", "show", "--json", *arguments, **environ).out)["source"]

    assert source() == "rehearsal"
    assert source(OPENAI_API_KEY="k") == "environment"
    usual.parent.mkdir(parents=True)
    written(usual.parent, CONFIG % HOST, "config.yaml")
    assert source(OPENAI_API_KEY="k", **ENVIRON) == str(usual)
    named = written(command.home, CONFIG % HOST, "named.yaml")
    assert source(TRUNKLINE_CONFIG=named, **ENVIRON) == named
    flag = written(command.home, CONFIG % HOST, "flag.yaml")
    assert source("--config", flag, TRUNKLINE_CONFIG=named, **ENVIRON) == flag


CCR = """{
  // claude-code-router's own
  "LOG_LEVEL": "debug",
  "Providers": [
    {"name": "local", "api_base_url": "http://127.0.0.1:11434/v1/chat/completions", "api_key": "%s", "models": ["q"]},
    {"name": "or", "api_base_url": "https://openrouter.ai/api/v1", "api_key": "$OR_KEY", "models": ["a/b"]},
  ],
  "Router": {"default": "local,q", "think": "or,a/b"},
}
"""


def test_a_configuration_of_ccr_is_found_and_used(command) -> None:
    folder = command.home / ".claude-code-router"
    folder.mkdir()
    path = written(folder, CCR % CANARY, "config.json")
    result = command("config", "check", OR_KEY="k")
    assert (result.code, result.out) == (0, f"The configuration is fine ({path}).\n")
    assert result.err == (
        f"trunkline: warning: {path}:3: LOG_LEVEL: has no effect: one line a request is logged, without bodies\n"
    )
    told = command("explain", "--json", "-", stdin='{"model": "claude-opus-5"}', OR_KEY="k")
    assert json.loads(told.out)["targets"][0]["target"] == "local/q"
    written(folder, CCR.replace("local,q", "locl,q") % CANARY, "config.json")
    result = command("config", "check", OR_KEY="k")
    assert (result.code, result.out) == (3, "")
    assert f'{path}:8: Router.default: there is no provider "locl". Did you mean "local"?' in result.err


def test_importing_a_configuration_of_ccr(command) -> None:
    folder = command.home / ".claude-code-router"
    folder.mkdir()
    path = written(folder, CCR % CANARY, "config.json")
    result = command("config", "import", "ccr", OR_KEY="k")
    assert result.code == 0
    assert result.out.startswith(
        f"# {path}, as Trunkline reads it.\nproviders:\n  local:\n    kind: ollama\n"
    )
    assert "    token: ${LOCAL_API_KEY}\n" in result.out
    assert "    token: ${OR_KEY}\n" in result.out
    assert f"{path}:3: warning: LOG_LEVEL: has no effect" in result.err
    assert f"{path}:8: Router.think: routes.think: or/a/b\n" in result.err
    assert "set LOCAL_API_KEY: the file itself holds this credential (providers.local.token)" in result.err
    assert CANARY not in result.out + result.err
    assert Path(path).read_text() == CCR % CANARY
    yaml = written(command.home, result.out, "imported.yaml")
    shown = command("config", "show", "--json", "--config", yaml, OR_KEY="k", LOCAL_API_KEY=CANARY)
    same = command("config", "show", "--json", "--config", path, OR_KEY="k")
    beside = {"source": "", "warnings": []}
    assert json.loads(shown.out) | beside == json.loads(same.out) | beside


def test_importing_as_a_program(command) -> None:
    path = written(command.home, CCR % CANARY, "ccr.json")
    told = json.loads(command("config", "import", "ccr", path, "--json", OR_KEY="k").out)
    assert (told["schema"], told["source"]) == ("trunkline.config.import.v1", path)
    assert told["set"] == {"LOCAL_API_KEY": ["providers.local.token"]}
    assert {note["kind"] for note in told["notes"]} == {"used", "warning"}
    assert "any_name: true" in told["yaml"]
    assert command("config", "import", "ccr", "missing.json").code == 3
    assert command("config", "import", "ccr").code == 3


def test_missing_credentials_have_their_own_exit_code(command) -> None:
    result = command("config", "check", DATABRICKS_HOST=HOST)
    assert (result.code, result.err) == (
        4,
        "trunkline: credential: environment: Missing required environment variables: DATABRICKS_TOKEN\n",
    )


def test_a_provider_without_a_key_takes_the_usual_variable(command) -> None:
    path = written(
        command.home, "providers: {openai: {models: [gpt-5]}, groq: {models: [x]}, ollama: {models: [y]}}"
    )
    result = command("config", "check", "--config", path, GROQ_API_KEY="k")
    assert result.code == 0
    assert result.err == (
        "trunkline: warning: provider openai has no credential: give its token or key, or set OPENAI_API_KEY\n"
    )
    assert command("config", "check", "--config", path, GROQ_API_KEY="k", OPENAI_API_KEY="k").err == ""
    told = json.loads(command("config", "check", "--json", "--config", path, OPENAI_API_KEY="k").out)
    assert told["warnings"] == [
        "provider groq has no credential: give its token or key, or set GROQ_API_KEY"
    ]


@pytest.mark.parametrize("protocol", ["gemini", "openai_responses", "anthropic_messages", "openai_chat"])
def test_a_provider_may_speak_any_of_our_protocols_alone(command, protocol: str) -> None:
    path = written(
        command.home,
        f"providers:\n  g: {{kind: custom, key: k, models: [m], speaks: {{{protocol}: 'https://x.example.com'}}}}",
    )
    assert command("config", "check", "--config", path).code == 0


def test_a_provider_that_speaks_nothing_we_do_is_refused(command) -> None:
    path = written(
        command.home, "providers:\n  g: {kind: custom, key: k, speaks: {geminy: 'https://x.example.com'}}"
    )
    result = command("config", "check", "--config", path)
    assert result.code == 3
    assert ":2: providers.g.speaks.geminy" in result.err
    assert '"gemini"' in result.err


def test_T67_a_file_with_credentials_that_others_can_read_is_warned_of(command) -> None:
    text = f"server: {{keys: [{CANARY}]}}\nproviders: {{d: {{kind: databricks, host: a.b.c, token: {CANARY}}}}}\n"
    path = written(command.home, text)
    assert command("config", "check", "--config", path).err == ""
    for mode in (0o644, 0o640, 0o604, 0o620):
        os.chmod(path, mode)
        result = command("config", "check", "--config", path)
        assert result.code == 0
        assert result.err == (
            f"trunkline: warning: {path} holds credentials (server.keys[0], providers.d.token) and others can "
            f"read it: run chmod 600 {path}\n"
        )
    os.chmod(path, 0o644)
    Path(path).write_text(CONFIG % HOST)
    assert command("config", "check", "--config", path, **ENVIRON).err == ""


def test_T69_canaries_never_show_however_a_file_is_broken(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = [
        "providers: {d: {token: [%s]}}",
        "providers: {d: {token: {%s: 1}}}",
        "providers: {d: {token: %s",
        "providers:\n  d:\n   token: %s\n  host: x",
        "providers: {d: {token: *%s}}",
        "providers: {d: {token: !%s x}}",
        "providers: {d: {token: '%s\n\n x'}}",
        "providers: {d: {auth: %s}}",
        "providers: {d: {kind: custom, speaks: {openai_chat: 'https://u:%s@h.example.com'}}}",
        "providers: {d: {url: 'https://h.example.com/?key=%s'}}",
        "providers: {d: {url: '%s'}}",
        "providers: {d: {headers: {host: %s}}}",
        "providers: {d: {headers: {x-key: [%s]}}}",
        "providers: {d: {token: 'pa$%s'}}",
        "server: {keys: %s}\nproviders: {d: {token: t}}",
        "server: {port: %s}\nproviders: {d: {token: t}}",
        "server: {strict: %s}\nproviders: {d: {token: t}}",
        '{"providers": {"d": {"token": "%s"}}',
        "\x00%s",
        'providers: {d: {token: "%s\\q"}}',
    ]
    for text in broken:
        path = written(tmp_path, text % CANARY)
        for arguments in (("config", "check"), ("config", "show"), ("serve", "--port", "0")):
            code = run([*arguments, "--config", path])
            shown = "".join(capfd.readouterr())
            assert code == 3, (text, shown)
            assert path in shown
            assert not [form for form in FORMS if form in shown], (text, shown)


def test_T69_canaries_in_variables_never_show(command) -> None:
    for environ in (
        {"DATABRICKS_HOST": "a b", "DATABRICKS_TOKEN": CANARY},
        {"DATABRICKS_HOST": HOST, "DATABRICKS_TOKEN": CANARY + " x"},
        {"AZURE_OPENAI_ENDPOINT": "nonsense", "AZURE_OPENAI_API_KEY": CANARY},
        {"PROXY_BACKEND": "WRONG", "OPENROUTER_API_KEY": CANARY},
    ):
        result = command("config", "show", **environ)
        assert result.code == 3, result
        assert not [form for form in FORMS if form in result.out + result.err]


def test_doctor_with_everything_in_place(command) -> None:
    with StandIn(say("hi"), Flags(token=CANARY)) as workspace:
        result = command("doctor", DATABRICKS_HOST=workspace.url, DATABRICKS_TOKEN=CANARY)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[:2] == [
        "ok    configuration: environment variables",
        "ok    server: 127.0.0.1 port 3456, this machine only",
    ]
    assert lines[2].startswith("ok    provider databricks: reachable, ")
    assert not [form for form in FORMS if form in result.out + result.err]


def test_doctor_tells_a_rejected_credential_from_an_unreachable_provider(command) -> None:
    with StandIn(say("hi"), Flags(token="dapi-right")) as workspace:
        rejected = command("doctor", "--json", DATABRICKS_HOST=workspace.url, DATABRICKS_TOKEN=CANARY)
        gone = workspace.url
    assert rejected.code == 4
    checks = {check["check"]: check for check in json.loads(rejected.out)["checks"]}
    assert checks["provider databricks"]["state"] == "fail"
    assert not [form for form in FORMS if form in rejected.out + rejected.err]
    unreachable = command("doctor", DATABRICKS_HOST=gone, DATABRICKS_TOKEN=CANARY)
    assert unreachable.code == 5
    assert "fail  provider databricks: " in unreachable.out
    missing = command("doctor", DATABRICKS_HOST=HOST)
    assert missing.code == 4


def test_doctor_on_a_broken_configuration(command) -> None:
    assert command("doctor", "--config", written(command.home, "providers: {}")).code == 3


def test_status_of_nothing(command) -> None:
    result = command("status", "--port", "9")
    assert (result.code, result.err) == (
        6,
        "trunkline: Not running: nothing answers at http://127.0.0.1:9. Start it: trunkline start\n",
    )


def test_T40_odd_surroundings_change_nothing(command) -> None:
    assert command("models", TERM="dumb").code == 0
    assert command("models", NO_COLOR="1").out == command("models", FORCE_COLOR="1").out
    (command.home / "file").write_text("")
    assert command("config", "check", HOME=str(command.home / "file")).code == 0
    assert command.alone("config", "check", HOME="").code == 0
    assert command("config", "check", HOME="/nonexistent").code == 0
    command.home.chmod(0o500)
    try:
        assert command("config", "check").code == 0
    finally:
        command.home.chmod(0o700)


def test_T40_closed_streams_are_no_crash(command) -> None:
    every = "0<&- 1>&- 2>&-"
    for redirect in ("0<&-", "1>&-", "2>&-", every):
        for verb in ("version", "config check", *(("models",) if redirect == every else ())):
            done = subprocess.run(
                ["/bin/sh", "-c", f'exec "$0" -m trunkline {verb} {redirect}', sys.executable],
                capture_output=True,
                text=True,
                timeout=30,
                env=command.environ({}),
                check=False,
            )
            assert done.returncode == 0, (redirect, verb, done)
            assert "Traceback" not in done.stderr
    closed = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m trunkline explain - 0<&-', sys.executable],
        capture_output=True,
        text=True,
        timeout=30,
        env=command.environ({}),
        check=False,
    )
    assert (closed.returncode, closed.stderr) == (
        1,
        "trunkline: stdin is closed: give the request body as a file\n",
    )


def test_a_reader_that_leaves_is_no_failure(command) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -m trunkline config show | head -1; exit 0', sys.executable],
        capture_output=True,
        text=True,
        timeout=30,
        env=command.environ({}),
        check=False,
    )
    assert (done.stdout, done.stderr) == ("source: rehearsal\n", "")


UNREADABLE = [
    (b"", "", "does not exist"),
    (b"\xff\xfe", "600", "is not text in UTF-8"),
    (b"a" * 1_100_000, "600", "is larger than 1 MiB"),
]


@pytest.mark.parametrize(("data", "mode", "message"), UNREADABLE)
def test_a_file_that_cannot_be_read(command, data: bytes, mode: str, message: str) -> None:
    path = command.home / "odd.yaml"
    if mode:
        path.write_bytes(data)
    result = command("config", "check", "--config", str(path))
    assert result.code == 3
    assert message in result.err
    assert str(path) in result.err


def test_a_folder_is_no_configuration(command) -> None:
    result = command("serve", "--config", str(command.home))
    assert (result.code, result.err) == (3, f"trunkline: configuration: {command.home}: is not a file\n")


def test_something_mute_on_the_port_is_told_from_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address: tuple[str, int] = mute.getsockname()
        with pytest.raises(Failure) as caught:
            ask(address, Server(), patience=0.05)
    assert caught.value.code == 6
    assert caught.value.message == (
        f"Something listens at http://127.0.0.1:{address[1]} and does not answer within 0.05 s. "
        "If it is not Trunkline, give another --port."
    )
