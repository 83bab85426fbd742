"""What both routers are asked: a configuration, a client's request, and where its owner wants it to go."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roundtrip.client import PNG

CONFIGS = Path(__file__).parent.parent / "config" / "ccr" / "configs"
CLIENTS = Path(__file__).parent.parent / "fixtures" / "clients"
HOME = Path(__file__).parent / "home"
"""What lies in ``~/.claude-code-router`` beside the configuration, and in ``/abs`` of some."""
AT_HOME = frozenset(
    {
        "custom_router.json",
        "every_form.json5",
        "plugin_and_router.json",
        "with_preset.json",
        "with_project.json",
    }
)
"""Configurations that load JavaScript, presets or more from there: of these it is recorded what Trunkline does, too."""
Json = dict[str, object]


def settle(home: Path, config: str) -> None:
    """Makes a user's home: the configuration, what lies beside it, and what Claude Code has of its sessions."""
    shutil.copytree(HOME, home / ".claude-code-router")
    shutil.copytree(HOME.parent / "claude", home / ".claude")
    (home / ".claude-code-router" / "config.json").write_text(placed(config, home))


NOTHING: Mapping[str, object] = {}

ENVIRON = {
    name: f"canary-env-{name.partition('_')[0].lower()}"
    for name in (
        "DATABRICKS_TOKEN",
        "OPENAI_API_KEY",
        "DEEPSEEK_API_KEY",
        "OPENROUTER_API_KEY",
        "GATEWAY_KEY",
        "GEMINI_API_KEY",
        "GROQ_API_KEY",
        "ANTHROPIC_API_KEY",
    )
}
"""The variables that the configurations name."""
OPUS = "claude-opus-4-1-20250805"
HAIKU = "claude-3-5-haiku-20241022"
SONNET = "claude-sonnet-4-20250514"


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the table."""

    config: str
    """A file of ``tests/config/ccr/configs``."""
    request: str
    """A recorded request of ``tests/fixtures/clients``."""
    to: str
    """``provider/model`` that has to be asked last."""
    answer: str = "text"
    """What the provider answers; see :data:`beside.provider.TAPES`."""
    model: str | None = None
    """The model that the client names instead of the recorded one."""
    change: Mapping[str, object] = field(default_factory=dict)
    """Top-level fields of the request that are other than recorded; None: left out."""
    tokens: int = 0
    """Words added to the last user message: some as many tokens."""
    first: str = ""
    """The host that refuses with 404, so that a fallback is asked."""
    path: str = "/v1/messages"

    @property
    def id(self) -> str:
        """Names the row, for people and for the recording."""
        long = f"{self.tokens} tokens more" if self.tokens else ""
        changed = ", ".join(f"{name}: {_shown(value)}" for name, value in self.change.items())
        preset = "" if self.path == "/v1/messages" else self.path
        refused = f"{self.first} refuses" if self.first else ""
        parts = (
            self.config,
            preset,
            self.request,
            self.model or "",
            changed,
            long,
            refused,
            self.answer,
        )
        return " | ".join(part for part in parts if part)

    @property
    def file(self) -> Path:
        """Where its providers are configured."""
        preset = self.path.removesuffix("/v1/messages").removeprefix("/preset/")
        return HOME / "presets" / preset / "manifest.json" if preset else CONFIGS / self.config

    @property
    def answers(self) -> Mapping[str, str]:
        """What each host answers."""
        return {"": self.answer, **({self.first: "404"} if self.first else {})}

    def body(self) -> Json:
        """What the client sends."""
        recorded = json.loads((CLIENTS / f"{self.request}.request.json").read_text())["body"]
        body = {**recorded, **({"model": self.model} if self.model else {}), **self.change}
        if self.tokens:
            body["messages"] = [*body["messages"][:-1], _longer(body["messages"][-1], self.tokens)]
        return {name: value for name, value in body.items() if value is not None}


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 200 else f"{text[:160]}…"


def placed(config: str, home: Path) -> str:
    """The text of a configuration whose absolute paths lead to ``home``."""
    return (CONFIGS / config).read_text().replace("/abs/", f"{home}/.claude-code-router/")


def _longer(message: Json, tokens: int) -> Json:
    text = {"type": "text", "text": "word " * tokens}
    content = message["content"]
    known = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**message, "content": [*known, text]}


BASH, RESULT, THOUGHT, THOUGHTS = (
    "sdk-anthropic/bash/001",
    "sdk-anthropic/bash/002",
    "sdk-anthropic/think/001",
    "sdk-anthropic/think/002",
)
BARE, BARE_RESULT = "claude-code/bare/001", "claude-code/bare/002"
SEARCH = "claude-code/websearch-server-tool/003"
PICTURE = {"type": "base64", "media_type": "image/png", "data": PNG}
SEEN = [
    {
        "role": "user",
        "content": [{"type": "image", "source": PICTURE}, {"type": "text", "text": "What is it?"}],
    }
]
SESSION = {"metadata": {"user_id": "user_0_account__session_11111111-2222-4333-8444-555555555555"}}
TAG = "<CCR-SUBAGENT-MODEL>ollama,qwen2.5-coder:latest</CCR-SUBAGENT-MODEL>"


def system(*texts: str) -> Json:
    """A system prompt of several blocks."""
    return {"system": [{"type": "text", "text": text} for text in texts]}


OPENROUTED = "openrouter/anthropic/claude-sonnet-4"
MODELSCOPE = "modelscope/Qwen/"
DATABRICKS = "databricks/databricks-claude-sonnet-4"
ROWS = [
    # the generated configuration for Databricks
    Row("databricks.json", BASH, DATABRICKS, model=SONNET),
    Row("databricks.json", RESULT, DATABRICKS, model=SONNET),
    Row("databricks.json", BARE, DATABRICKS),
    Row("databricks.json", BARE_RESULT, DATABRICKS, "call"),
    Row("databricks.json", "claude-code/readimage/002", DATABRICKS),
    Row("databricks.json", THOUGHT, DATABRICKS, model=HAIKU),
    Row("databricks.json", BASH, DATABRICKS, model="databricks,databricks-claude-sonnet-4"),
    Row("databricks.json", BASH, DATABRICKS, "401", model=SONNET),
    # an endpoint for each model, and an address without a path
    Row("databricks_and_openai.json", BASH, DATABRICKS, model=SONNET),
    Row("databricks_and_openai.json", BASH, "databricks/databricks-claude-haiku-4-5", model=HAIKU),
    Row("databricks_and_openai.json", BASH, "openai/gpt-4", model="openai,gpt-4"),
    Row("databricks_and_openai.json", BASH, "openai/gpt-3.5-turbo", model="gpt-3.5-turbo"),
    # the guide's configuration for Ollama
    Row("ollama_cloud.json", BASH, "ollama/deepseek-v4-pro", "text and call", model=SONNET),
    Row("ollama_cloud.json", RESULT, "ollama/deepseek-v4-pro", "call", model=SONNET),
    Row("ollama_cloud.json", BARE, "ollama/deepseek-v4-pro"),
    Row("ollama_cloud.json", THOUGHT, "ollama/kimi-k2.6", "reasoning", model=SONNET),
    Row("ollama_cloud.json", THOUGHTS, "ollama/kimi-k2.6", "reasoning and call", model=SONNET),
    Row("ollama_cloud.json", BASH, "ollama/gemma3:4b", model=HAIKU),
    Row("ollama_cloud.json", BASH, "ollama/kimi-k2.6", model=SONNET, tokens=70_000),
    Row("ollama_cloud.json", BASH, "ollama/kimi-k2.6", model="ollama,kimi-k2.6"),
    Row("ollama_cloud.json", BASH, "ollama/kimi-k2.6", model="ollama/kimi-k2.6"),
    Row("ollama_cloud.json", BASH, "ollama/deepseek-v4-pro", model=SONNET, change={"stream": None}),
    Row(
        "ollama_cloud.json",
        THOUGHT,
        "ollama/kimi-k2.6",
        "reasoning and call",
        model=SONNET,
        change={"stream": None},
    ),
    # every scenario
    Row("scenarios.json", BASH, "DeepSeek/deepseek-chat", "calls", model=SONNET),
    Row("scenarios.json", RESULT, "DeepSeek/deepseek-chat", "call cut off", model=SONNET),
    Row("scenarios.json", BASH, OPENROUTED, "cut off", model="openrouter,anthropic/claude-sonnet-4"),
    Row("scenarios.json", BASH, "openrouter/any/unknown", model="openrouter,any/unknown"),
    Row("scenarios.json", BASH, "DeepSeek/deepseek-chat", model="deepseek,deepseek-chat"),
    Row("scenarios.json", BASH, "DeepSeek/deepseek-chat", model="DEEPSEEK,DeepSeek-Chat"),
    Row("scenarios.json", BASH, OPENROUTED, model="openrouter, anthropic/claude-sonnet-4"),
    Row("scenarios.json", BASH, "ollama/qwen2.5-coder:latest", model=HAIKU),
    Row("scenarios.json", SEARCH, "ollama/qwen2.5-coder:latest", model="claude-haiku-4-5"),
    Row("scenarios.json", SEARCH, f"{OPENROUTED}:online", model=SONNET),
    Row("scenarios.json", THOUGHT, "DeepSeek/deepseek-reasoner", "reasoning", model=SONNET),
    Row(
        "scenarios.json",
        BASH,
        "DeepSeek/deepseek-chat",
        model=SONNET,
        change={"thinking": {"type": "disabled"}},
    ),
    Row("scenarios.json", BASH, OPENROUTED, model=SONNET, tokens=70_000),
    Row("scenarios.json", BASH, OPENROUTED, model=HAIKU, tokens=70_000),
    Row(
        "scenarios.json",
        BASH,
        "ollama/qwen2.5-coder:latest",
        model="ollama,qwen2.5-coder:latest",
        tokens=70_000,
    ),
    Row("scenarios.json", BASH, "", model="gone,deepseek-chat"),
    Row(
        "scenarios.json",
        BASH,
        OPENROUTED,
        "error in the stream",
        model="openrouter,anthropic/claude-sonnet-4",
    ),
    Row(
        "scenarios.json",
        BASH,
        "ollama/qwen2.5-coder:latest",
        "no [DONE]",
        model="ollama,qwen2.5-coder:latest",
    ),
    # the tag of a subagent, at every place
    Row(
        "scenarios.json",
        BASH,
        "ollama/qwen2.5-coder:latest",
        model=SONNET,
        change=system("You work.", f"{TAG}Look."),
    ),
    Row(
        "scenarios.json",
        BASH,
        "ollama/qwen2.5-coder:latest",
        model=SONNET,
        change=system("You", "work.", f"{TAG}Look."),
    ),
    Row(
        "scenarios.json", BASH, "ollama/qwen2.5-coder:latest", model=SONNET, change=system(f"Work.\n{TAG}")
    ),
    Row(
        "scenarios.json",
        BASH,
        "ollama/qwen2.5-coder:latest",
        model="openrouter,any/unknown",
        change=system("You work.", f"{TAG}Look."),
    ),
    Row(
        "scenarios.json",
        BASH,
        "DeepSeek/deepseek-chat",
        model=SONNET,
        change=system("You work.", f"{TAG.replace('ollama', 'gone')}Look."),
    ),
    # what a tokenizer stumbles over, and a tool that is only called like the search
    Row(
        "scenarios.json",
        BASH,
        "ollama/qwen2.5-coder:latest",
        model="ollama,qwen2.5-coder:latest",
        change={"messages": [{"role": "user", "content": "What does <|endoftext|> mean?"}]},
    ),
    Row(
        "scenarios.json",
        BASH,
        "DeepSeek/deepseek-chat",
        model=SONNET,
        change={
            "tools": [
                {
                    "name": "WebSearch",
                    "description": "Look",
                    "input_schema": {"type": "object", "properties": {}},
                }
            ]
        },
    ),
    # Gemini
    Row("gemini.json", BASH, "gemini/gemini-2.5-pro", model=SONNET, change={"messages": SEEN}),
    Row("gemini.json", BASH, "gemini/gemini-2.5-flash", model=SONNET),
    Row("gemini.json", BARE_RESULT, "gemini/gemini-2.5-flash", "call"),
    Row("gemini.json", RESULT, "gemini/gemini-2.5-flash", "calls", model=SONNET),
    Row("gemini.json", THOUGHT, "gemini/gemini-2.5-pro", model=SONNET),
    Row("gemini.json", BASH, "gemini/gemini-2.5-flash", "call", model=SONNET, change={"stream": None}),
    Row(
        "gemini.json",
        BASH,
        "gemini/gemini-2.5-flash",
        model=SONNET,
        change={"tool_choice": {"type": "any"}},
    ),
    # Groq, and local servers without a key
    Row("groq_and_local.json", BASH, "groq/moonshotai/kimi-k2-instruct", "call at once", model=SONNET),
    Row("groq_and_local.json", BARE_RESULT, "groq/moonshotai/kimi-k2-instruct"),
    Row("groq_and_local.json", BASH, "lm-studio/qwen3-coder", model=HAIKU),
    Row("groq_and_local.json", THOUGHT, "rig/devstral", model=SONNET),
    # OpenRouter with options for one model
    Row("openrouter.json", BASH, "openrouter/moonshotai/kimi-k2", "comments", model=SONNET),
    Row("openrouter.json", BARE_RESULT, "openrouter/moonshotai/kimi-k2", "call"),
    Row("openrouter.json", BARE, OPENROUTED, model="openrouter,anthropic/claude-sonnet-4"),
    Row("openrouter.json", BASH, "openrouter/google/gemini-2.5-pro-preview", model=SONNET, tokens=210_000),
    # providers of Anthropic's own protocol
    Row("anthropic.json", BASH, "zai/glm-4.6", model=SONNET),
    Row("anthropic.json", SEARCH, "anthropic/claude-sonnet-4-5-20250929", model=SONNET),
    Row(
        "anthropic.json",
        THOUGHTS,
        "anthropic/claude-haiku-4-5",
        "reasoning",
        model="anthropic,claude-haiku-4-5",
    ),
    # every form of a key
    Row("every_form.json5", BASH, "local/q", model=SONNET),
    Row("every_form.json5", THOUGHT, "local/q", "text and call", model=SONNET),
    Row("every_form.json5", BARE, "native/m", "text and call", model="native,m"),
    Row("every_form.json5", BASH, "openrouter/moonshotai/kimi-k2", model=SONNET, tokens=70_000),
    # fallback, and Responses
    Row("fallback.json", BASH, "b/two", model=SONNET, first="a.example.com"),
    Row("fallback.json", THOUGHT, "a/one", "reasoning", model=SONNET, first="b.example.com"),
    Row("fallback.json", BASH, "c/three", model=HAIKU),
    Row("fallback.json", RESULT, "c/three", "calls", model=HAIKU),
    Row("fallback.json", THOUGHTS, "c/three", "reasoning", model=HAIKU),
    Row("fallback.json", BASH, "b/one", model=SONNET, change={"messages": SEEN}),
    # a preset
    Row("with_preset.json", BASH, "local/devstral", model=SONNET),
    Row(
        "with_preset.json",
        BARE,
        "moonshot/kimi-k2-turbo-preview",
        "text and call",
        path="/preset/kimi/v1/messages",
    ),
    Row(
        "with_preset.json",
        THOUGHT,
        "moonshot/kimi-k2-thinking",
        "reasoning",
        path="/preset/kimi/v1/messages",
        model=SONNET,
    ),
    Row("with_preset.json", BASH, "", path="/preset/nobody/v1/messages", model=SONNET),
    # a project of its own, and a system prompt
    Row("with_project.json", BASH, "local/devstral", model=SONNET),
    Row("with_project.json", BASH, "other/project-model", model=SONNET, change=SESSION),
    Row("with_project.json", THOUGHT, "local/thinker", "reasoning", model=SONNET, change=SESSION),
    Row(
        "with_project.json",
        BASH,
        "local/devstral",
        model=SONNET,
        change=system("You.", "Old.\n<env>\nIn /home/user\n</env>"),
    ),
    # a custom router, and transformers of one model
    Row("custom_router.json", BASH, MODELSCOPE + "Qwen3-Coder-480B-A35B-Instruct", model=SONNET),
    Row("custom_router.json", THOUGHT, "volcengine/deepseek-r1-250528", "reasoning", model=SONNET),
    Row(
        "custom_router.json",
        THOUGHT,
        MODELSCOPE + "Qwen3-235B-A22B-Thinking-2507",
        "reasoning and call",
        model="modelscope,Qwen/Qwen3-235B-A22B-Thinking-2507",
    ),
    Row("custom_router.json", BASH, "volcengine/deepseek-v3-250324", model=OPUS),
    # a plugin
    Row("plugin_and_router.json", BASH, "local/devstral", "calls", model=SONNET),
    Row("plugin_and_router.json", BASH, "local/qwen3-coder", "text and call", model=HAIKU),
    Row("plugin_and_router.json", BASH, "volcengine/deepseek-v3-250324", "reasoning", model=OPUS),
    Row(
        "plugin_and_router.json",
        THOUGHT,
        "volcengine/deepseek-v3-250324",
        model="volcengine,deepseek-v3-250324",
    ),
    # each transformer
    Row("every_transformer.json", BASH, "hub/plain", "calls", model=SONNET),
    Row("every_transformer.json", BASH, "hub/sampled", model="hub,sampled"),
    Row("every_transformer.json", BASH, "hub/custom", model="hub,custom"),
    Row("every_transformer.json", THOUGHTS, "hub/forced", model="hub,forced"),
    Row("every_transformer.json", THOUGHT, "hub/quiet", model="hub,quiet"),
    Row("every_transformer.json", THOUGHT, "hub/thinking", "reasoning and call", model="hub,thinking"),
    Row("every_transformer.json", BASH, "hub/complete", model="hub,complete"),
    Row("every_transformer.json", BARE_RESULT, "hub/clean", model="hub,clean"),
    Row("every_transformer.json", BASH, "hub/streamed", model="hub,streamed"),
    Row("every_transformer.json", BASH, "hub/capped", model="hub,capped"),
    Row("every_transformer.json", BASH, "hub/enhanced", "calls", model="hub,enhanced"),
    Row("every_transformer.json", RESULT, "hub/enhanced", "call cut off", model="hub,enhanced"),
    Row("every_transformer.json", RESULT, "hub/tools", "call", model="hub,tools"),
    Row(
        "every_transformer.json",
        BARE,
        "gateway/moonshotai/kimi-k2",
        "text and call",
        model="gateway,moonshotai/kimi-k2",
    ),
    Row(
        "every_transformer.json",
        BASH,
        "gateway/anthropic/claude-sonnet-4",
        model="gateway,anthropic/claude-sonnet-4",
    ),
    Row("every_transformer.json", THOUGHT, "fast/qwen-3-coder", model="fast,qwen-3-coder"),
    # beside Vertex
    Row("vertex.json", BARE, "siliconflow/moonshotai/Kimi-K2-Instruct"),
]
"""All of them; the real one is started once for each configuration."""
