"""The status line: what it says, how it is drawn, and that it loads little."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trunkline.cli.status_line.line import line_for
from trunkline.cli.status_line.style import colour
from trunkline.cli.status_line.words import duration, git_branch, last_answer, money, thousands, words_of

NAMES = [
    "workDirName",
    "gitBranch",
    "model",
    "inputTokens",
    "outputTokens",
    "tokenSpeed",
    "isStreaming",
    "streamingIndicator",
    "timeToFirstToken",
    "contextPercent",
    "contextWindowSize",
    "totalInputTokens",
    "totalOutputTokens",
    "cost",
    "duration",
    "linesAdded",
    "linesRemoved",
    "netLines",
    "version",
    "sessionId",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "work" / "shop"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/feature/pay\n")
    lines = [
        {"type": "user", "message": {"role": "user", "content": "hi"}},
        {
            "type": "assistant",
            "message": {
                "role": "assistant",
                "model": "qwen3-coder",
                "usage": {"input_tokens": 12345, "output_tokens": 99},
            },
        },
        {
            "type": "assistant",
            "message": {"role": "assistant", "model": "<synthetic>", "usage": {"input_tokens": 1}},
        },
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"type":"assis')
    return folder


def status(project: Path) -> dict[str, object]:
    return {
        "session_id": "0123456789abcdef",
        "transcript_path": str(project / "log.jsonl"),
        "cwd": str(project),
        "model": {"id": "claude-opus-5", "display_name": "Opus"},
        "workspace": {"current_dir": str(project / "deep")},
        "version": "2.1.0",
        "cost": {
            "total_cost_usd": 0.0042,
            "total_duration_ms": 3_725_000,
            "total_lines_added": 12,
            "total_lines_removed": 20,
        },
        "context_window": {
            "context_window_size": 200_000,
            "used_percentage": 41.6,
            "total_input_tokens": 900,
        },
    }


def test_every_variable_of_ccr_is_known(project: Path) -> None:
    words = words_of(status(project), "", {"TMPDIR": str(project)})
    assert sorted(words) == sorted(NAMES)
    expected = {
        "workDirName": "deep",
        "gitBranch": "feature/pay",
        "model": "qwen3-coder",
        "inputTokens": "12.3k",
        "outputTokens": "99",
        "contextPercent": "42",
        "contextWindowSize": "200.0k",
        "totalInputTokens": "900",
        "totalOutputTokens": "",
        "cost": "0.42¢",
        "duration": "1h2m",
        "netLines": "-8",
        "sessionId": "01234567",
        "version": "2.1.0",
    }
    assert {name: words[name] for name in expected} == expected


def test_the_usual_line(project: Path) -> None:
    home = str(project.parents[1])
    assert line_for(status(project), {"HOME": home, "TERM": "dumb"}) == (
        "\x1b[38;2;59;142;234mdeep\x1b[0m \x1b[38;2;214;112;214mfeature/pay\x1b[0m "
        "\x1b[38;2;41;184;219mqwen3-coder\x1b[0m \x1b[38;2;35;209;139m↑ 12.3k\x1b[0m "
        "\x1b[38;2;245;245;67m↓ 99\x1b[0m"
    )
    assert "\U000f024b deep" in line_for(status(project), {"HOME": home, "TERM": "xterm-256color"})


def settings(home: Path, text: str) -> dict[str, str]:
    folder = home / ".claude-code-router"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(text)
    return {"HOME": str(home), "TERM": "xterm"}


def test_modules_of_the_user_with_comments_in_the_file(project: Path) -> None:
    environ = settings(
        project.parents[1],
        """{ // mine
        "StatusLine": {"enabled": true, "currentStyle": "default", "default": {"modules": [
            {"type": "usage", "icon": "T", "text": "{{ inputTokens }}/{{nothing}}", "color": "#f80"},
            {"type": "x", "text": "{{tokenSpeed}}", "icon": "never shown alone"},
            {"type": "x", "text": "", "color": "red"},
        ]}}}""",
    )
    assert line_for(status(project), environ) == "\x1b[38;2;255;136;0mT 12.3k/\x1b[0m"


def test_arrows(project: Path) -> None:
    modules = [
        {"text": "{{model}}", "color": "black", "background": "bg_#ffffff"},
        {"text": "{{version}}"},
    ]
    section = {"currentStyle": "powerline", "powerline": {"modules": modules}}
    environ = settings(project.parents[1], json.dumps({"StatusLine": section}))
    assert line_for(status(project), environ) == (
        "\x1b[48;2;255;255;255m\x1b[38;2;0;0;0m qwen3-coder \x1b[0m"
        "\x1b[48;2;59;142;234m\x1b[38;2;255;255;255m\ue0b0\x1b[0m"
        "\x1b[48;2;59;142;234m\x1b[38;2;229;229;229m 2.1.0 \x1b[0m"
        "\x1b[38;2;59;142;234m\ue0b0\x1b[0m"
    )


def test_before_the_first_answer_the_default_route_is_named(project: Path) -> None:
    told = {key: value for key, value in status(project).items() if key != "transcript_path"}
    environ = settings(project.parents[1], '{"Router": {"default": "local,qwen3"}}')
    assert "qwen3\x1b" in line_for(told, environ)
    assert "Opus\x1b" in line_for(told, {"HOME": "/nonexistent", "TERM": "dumb"})


def test_T92_a_project_draws_and_runs_nothing(project: Path) -> None:
    evil = {"type": "script", "text": "x", "scriptPath": str(project / "evil.js")}
    mark = project / "ran"
    (project / "evil.js").write_text(
        f"require('fs').writeFileSync({json.dumps(str(mark))}, ''); module.exports = 'x'"
    )
    settings(
        project, json.dumps({"StatusLine": {"default": {"modules": [evil]}}, "Router": {"default": "p,m"}})
    )
    line_for({**status(project), "workspace": {"current_dir": str(project)}}, {"HOME": "/nonexistent"})
    assert not mark.exists()


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_a_script_of_the_user(project: Path) -> None:
    home = project.parents[1]
    script = {"type": "script", "scriptPath": "say.js", "options": {"more": "!"}}
    gone = {"type": "script", "scriptPath": "gone.js"}
    environ = settings(home, json.dumps({"StatusLine": {"default": {"modules": [script, gone]}}}))
    (home / ".claude-code-router" / "say.js").write_text(
        "module.exports = async (v, o) => v.model + o.more"
    )
    assert line_for(status(project), environ) == "qwen3-coder!"


def test_numbers() -> None:
    assert [thousands(value) for value in (None, 0, 999, 1000, 1250)] == ["", "0", "999", "1.0k", "1.2k"]
    assert [money(value) for value in (None, 0.5, 0.001)] == ["", "$0.50", "0.10¢"]
    assert [duration(value) for value in (None, 900, 61_000, 7_200_000)] == ["", "0s", "1m1s", "2h0m"]
    assert [colour(value) for value in ("#fff", "bg_red", "nonsense", "#12", None)] == [
        (255, 255, 255), (205, 49, 49), None, None, None,
    ]  # fmt: skip


def test_odd_input_is_an_empty_word(tmp_path: Path) -> None:
    words = words_of({"cost": [], "context_window": {"context_window_size": "big"}, "workspace": 3}, "", {})
    assert set(words.values()) == {""}
    assert last_answer(str(tmp_path / "missing")) == {}
    (tmp_path / ".git").write_text("gitdir: real\n")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "HEAD").write_text("0123456789abcdef\n")
    assert git_branch(str(tmp_path)) == "01234567"


def test_the_command(command, project: Path) -> None:
    result = command("statusline", stdin=json.dumps(status(project)), TERM="dumb")
    assert (result.code, result.err) == (0, "")
    assert "qwen3-coder" in result.out
    assert result.out.count("\n") == 1
    bad = command("statusline", stdin="nonsense")
    assert (bad.code, bad.out, bad.err.count("\n")) == (1, "", 1)
    assert command("statusline", "--help").out.startswith("Usage: trunkline statusline")


def test_it_loads_next_to_nothing() -> None:
    """Not how long it takes, which depends on the machine, but what takes long."""
    script = (
        "import sys, io; sys.argv = ['trunkline', 'statusline']; sys.stdin = io.StringIO('{\"cwd\": \"/\"}')\n"
        "from trunkline.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'click', 'msgspec', 'subprocess', 'asyncio', 'typing_extensions', 'pathlib'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")})  # fmt: skip
    assert done.stderr == "[]\n"
