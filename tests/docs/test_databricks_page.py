"""Every command of docs/databricks.md runs: on a stand-in workspace in place of the hosts, with stand-ins for programs
that are not ours (the databricks command, pip, the agent)."""

import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from standin import Flags, StandIn, say
from upstream.test_library import jwt

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "databricks.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
HOSTS = re.compile(
    r"(?:https://)?[\w.-]+\.(?:azuredatabricks\.net|cloud\.databricks\.com|gcp\.databricks\.com|databricksapps\.com)"
)
TOKEN = jwt(9_000_000_000)
SECRET = "dose-of-the-stand-in"

CLAUDE = """\
#!{python}
import json, os, urllib.request
body = json.dumps({{"model": "sonnet", "max_tokens": 64, "messages": [{{"role": "user", "content": "Hi"}}]}}).encode()
key = os.environ["ANTHROPIC_AUTH_TOKEN"]
headers = {{"content-type": "application/json", "authorization": "Bearer " + key}}
request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", body, headers)
with urllib.request.urlopen(request, timeout=60) as answer:
    print("claude says:", json.loads(answer.read())["content"][0]["text"])
"""
DATABRICKS = """\
#!/bin/sh
# {padding}
echo "databricks $*" >> "{log}"
case "$1 $2" in
  "auth login") printf '[work]\\nhost = {url}\\nauth_type = databricks-cli\\n' > "$HOME/.databrickscfg";;
  "auth token") echo '{{"access_token": "{token}", "token_type": "Bearer", "expiry": "2036-10-01T12:34:56.789Z"}}';;
  "apps create"|"apps deploy") ;;
  "sync .") test -f app.yaml;;
  version*|--version*|-v*) echo '{{"Version": "0.300.0", "Major": 0, "Minor": 300, "Patch": 0}}';;
  *) echo "unknown: $*" >&2; exit 2;;
esac
"""
PIP = """\
#!/bin/sh
echo "pip $*" >> "{log}"
"""
JQ = """\
#!{python}
import json, sys
print(json.load(sys.stdin)[sys.argv[2].removeprefix(".")])
"""
TRUNKLINE = """\
#!/bin/sh
echo "trunkline $*" >> "{log}"
exec "{python}" -m trunkline "$@"
"""


@dataclass(frozen=True)
class Shell:
    """A machine with the programs that the page names."""

    home: Path
    log: Path
    environ: dict[str, str]

    def run(self, script: str) -> str:
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


def machine(folder: Path, url: str) -> Shell:
    programs, log = folder / "bin", folder / "log"
    programs.mkdir()
    log.write_text("")
    values = {"python": sys.executable, "log": log, "token": TOKEN, "url": url, "padding": "x" * 1_100_000}
    texts = {"claude": CLAUDE, "databricks": DATABRICKS, "pip": PIP, "jq": JQ, "trunkline": TRUNKLINE}
    for name, text in texts.items():
        (programs / name).write_text(text.format(**values))
        (programs / name).chmod(stat.S_IRWXU)
    environ = {
        "HOME": str(folder),
        "TRUNKLINE_HOME": str(folder / "tl"),
        "TRUNKLINE_START_TIMEOUT": "30",
        "PATH": f"{programs}:/usr/local/bin:{os.defpath}",
        "PYTHONPATH": str(ROOT / "src"),
    }
    (folder / "tl").mkdir()
    return Shell(folder, log, environ)


def ours(block: str, url: str) -> str:
    """The block with a workspace that is there, and a free port."""
    block = HOSTS.sub(url, block).replace("dapi...", TOKEN).replace("dose...", SECRET)
    block = block.replace("trunkline start", 'trunkline start --port 0 > "$HOME/started"')
    return block.replace(
        "http://127.0.0.1:3456", """$(sed 's/.*listens on \\([^ ]*\\) .*/\\1/' "$HOME/started")"""
    )


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_command_runs(number: int, tmp_path: Path) -> None:
    block = BLOCKS[number]
    principal = ("11111111-2222-3333-4444-555555555555", SECRET)
    with StandIn(lambda _: say("Fine."), Flags(token=TOKEN, client=principal, plain=True)) as standin:
        shell = machine(tmp_path, standin.url)
        if "DATABRICKS_HOST" not in block and "auth login" not in block:
            shell.environ.update({"DATABRICKS_HOST": standin.url, "DATABRICKS_TOKEN": TOKEN})
        script = ours(block, standin.url)
        try:
            out = shell.run(script)
        finally:
            subprocess.run(
                [str(tmp_path / "bin" / "trunkline"), "stop"], env=shell.environ, timeout=60, check=False
            )
        if "claude" in re.sub(r"claude-\S+|#.*", "", block):
            assert "claude says: Fine." in out
        if "doctor" in block:
            assert "ok    token: accepted" in out, out
        assert standin.surprises == []


def test_the_page_has_a_way_for_each_cloud() -> None:
    assert len(BLOCKS) >= 7
    for host in ("azuredatabricks.net", "cloud.databricks.com", "gcp.databricks.com"):
        assert any(host in block and "trunkline launch claude" in block for block in BLOCKS), host


def test_the_page_names_every_finding_of_the_doctor() -> None:
    sources = [
        *(ROOT / "src" / "trunkline" / "providers" / "databricks" / "checks").glob("*.py"),
        ROOT / "src" / "trunkline" / "app" / "workspace_check.py",
    ]
    named = re.compile(r'(?:problem=|_(?:fail|warn)\(\s*)"([a-z-]+)"')
    found = {name for file in sources for name in named.findall(file.read_text())}
    assert len(found) > 20
    assert {name for name in found if f"`{name}`" not in PAGE} == set()
