"""Features of a request: tools, reasoning, and everything else that is no content."""

from matrix.cells import A, Body, C, Feature, G, R
from matrix.samples import SCHEMA, chat, gemini, in_r, messages, responses, said_r, text_a, tools, user

CHOICES = {
    "required": "any", "ANY": "any", "NONE": "none", "AUTO": "auto",
}  # fmt: skip


def with_tools(choice: dict[str, dict[str, object]], **more: object) -> dict[str, Body]:
    """The function of every protocol, with a choice."""
    declared = tools(**more)
    make = {A: messages, C: chat, R: responses, G: gemini}
    return {name: make[name](tools=declared[name], **fields) for name, fields in choice.items()}


def calling(**fields: object) -> dict[str, object]:
    """Gemini's choice of tools."""
    return {"toolConfig": {"functionCallingConfig": fields}}


def config(**fields: object) -> Body:
    """A Gemini request with these knobs."""
    return gemini(generationConfig=fields)


def grouped() -> Body:
    inner = {"type": "function", "name": "find", "parameters": SCHEMA}
    return responses(tools=[{"type": "namespace", "name": "files", "description": "d", "tools": [inner]}])


NAMED = "functionCallingConfig"
TOOLS = [
    Feature(
        name="function",
        samples=with_tools({A: {}, C: {}, R: {}, G: {}}),
        reads={
            A: "tools.*.input_schema", C: "tools.*.function.parameters", R: "tools.*.parameters",
            G: "tools.*.functionDeclarations.*.parametersJsonSchema",
        },
    ),
    Feature(
        name="schema enforced on calls (strict)",
        samples={
            A: messages(tools=tools(strict=True)[A]), C: chat(tools=tools(strict=True)[C]),
            R: responses(tools=[{**tools()[R][0], "strict": True}]),
        },
        reads={A: "tools.*.strict", C: "tools.*.function.strict", R: "tools.*.strict"},
    ),
    Feature(
        name="tool choice: some tool",
        samples=with_tools({
            A: {"tool_choice": {"type": "any"}}, C: {"tool_choice": "required"}, R: {"tool_choice": "required"},
            G: calling(mode="ANY"),
        }),
        reads={A: "tool_choice.type", C: "tool_choice", R: "tool_choice", G: f"toolConfig.{NAMED}.mode"},
        words=CHOICES,
    ),
    Feature(
        name="tool choice: none",
        samples=with_tools({
            A: {"tool_choice": {"type": "none"}}, C: {"tool_choice": "none"}, R: {"tool_choice": "none"},
            G: calling(mode="NONE"),
        }),
        reads={A: "tool_choice.type", C: "tool_choice", R: "tool_choice", G: f"toolConfig.{NAMED}.mode"},
        words=CHOICES,
    ),
    Feature(
        name="tool choice: one by name",
        samples=with_tools({
            A: {"tool_choice": {"type": "tool", "name": "weather"}},
            C: {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            R: {"tool_choice": {"type": "function", "name": "weather"}},
            G: calling(mode="ANY", allowedFunctionNames=["weather"]),
        }),
        reads={
            A: "tool_choice.name", C: "tool_choice.function.name", R: "tool_choice.name",
            G: f"toolConfig.{NAMED}.allowedFunctionNames.*",
        },
    ),
    Feature(
        name="tool choice: among a subset",
        samples=with_tools({
            C: {"tool_choice": {"type": "allowed_tools", "allowed_tools": {
                "mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}],
            }}},
            R: {"tool_choice": {
                "type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}],
            }},
        }),
        reads={C: "tool_choice.allowed_tools.mode", R: "tool_choice.mode"},
        marks=("weather",),
    ),
    Feature(
        name="one call at a time",
        samples=with_tools({
            A: {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            C: {"parallel_tool_calls": False}, R: {"parallel_tool_calls": False},
        }),
        reads={
            A: lambda body: body.get("tool_choice", {}).get("disable_parallel_tool_use") is True,
            C: lambda body: body.get("parallel_tool_calls") is False,
            R: lambda body: body.get("parallel_tool_calls") is False,
        },
    ),
    Feature(
        name="freeform (custom) tool",
        samples={
            C: chat(tools=[{"type": "custom", "custom": {"name": "patch", "description": "d"}}]),
            R: responses(tools=[{"type": "custom", "name": "patch", "description": "d"}]),
        },
        reads={C: "tools.*.custom.name", R: lambda body: [t["name"] for t in body["tools"] if t["type"] == "custom"]},
        marks=("patch",),
    ),
    Feature(
        name="tools in a namespace",
        samples={R: grouped()},
        reads={R: lambda body: [t["name"] for t in body["tools"] if t["type"] == "namespace"]},
        marks=("files__find",),
    ),
    Feature(
        name="the vendor's tool that the client runs",
        samples={
            A: messages(tools=[{"type": "bash_20250124", "name": "bash"}]),
            R: responses(tools=[{"type": "local_shell"}]),
        },
        reads={
            A: lambda body: [t["name"] for t in body["tools"] if "type" in t and t["type"] != "custom"],
            R: lambda body: [t["type"] for t in body["tools"] if t["type"] not in ("function", "custom")],
        },
        marks=('"bash"', '"local_shell"'),
    ),
    Feature(
        name="web search by the provider",
        samples={
            A: messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
            C: chat(web_search_options={"search_context_size": "low"}),
            R: responses(tools=[{"type": "web_search"}]),
            G: gemini(tools=[{"googleSearch": {}}]),
        },
        reads={
            A: lambda body: any(str(t.get("type")).startswith("web_search") for t in body.get("tools", [])),
            C: lambda body: "web_search_options" in body,
            R: lambda body: any(str(t.get("type")).startswith("web_search") for t in body.get("tools", [])),
            G: lambda body: any("googleSearch" in t for t in body.get("tools", [])),
        },
    ),
    Feature(
        name="code run by the provider",
        samples={
            A: messages(tools=[{"type": "code_execution_20250825", "name": "code_execution"}]),
            R: responses(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]),
            G: gemini(tools=[{"codeExecution": {}}]),
        },
        reads={
            A: lambda body: any(str(t.get("type")).startswith("code_execution") for t in body.get("tools", [])),
            R: lambda body: any(t.get("type") == "code_interpreter" for t in body.get("tools", [])),
            G: lambda body: any("codeExecution" in t for t in body.get("tools", [])),
        },
    ),
    Feature(
        name="MCP server called by the provider",
        samples={R: responses(tools=[{"type": "mcp", "server_label": "s", "server_url": "https://example.com"}])},
        reads={R: "tools.*.server_url"},
    ),
    Feature(
        name="tool whose loading is deferred",
        samples={A: messages(tools=tools(defer_loading=True)[A])},
        reads={A: "tools.*.defer_loading"},
        marks=("weather",),
    ),
]  # fmt: skip

REASONING = [
    Feature(
        name="effort",
        samples={
            A: messages(output_config={"effort": "high"}, thinking={"type": "adaptive"}),
            C: chat(reasoning_effort="high"), R: responses(reasoning={"effort": "high"}),
            G: config(thinkingConfig={"thinkingLevel": "high"}),
        },
        reads={
            A: "output_config.effort", C: "reasoning_effort", R: "reasoning.effort",
            G: "generationConfig.thinkingConfig.thinkingLevel",
        },
        words={"HIGH": "high"},
        marks=("budget_tokens", "thinkingBudget"),
    ),
    Feature(
        name="thinking budget in tokens",
        samples={
            A: messages(thinking={"type": "enabled", "budget_tokens": 2048}),
            G: config(thinkingConfig={"thinkingBudget": 2048}),
        },
        reads={A: "thinking.budget_tokens", G: "generationConfig.thinkingConfig.thinkingBudget"},
        marks=("reasoning_effort", '"effort"'),
    ),
    Feature(
        name="thinking switched off",
        samples={
            A: messages(thinking={"type": "disabled"}), C: chat(reasoning_effort="none"),
            R: responses(reasoning={"effort": "none"}), G: config(thinkingConfig={"thinkingBudget": 0}),
        },
        reads={
            A: lambda body: body.get("thinking") == {"type": "disabled"},
            C: lambda body: body.get("reasoning_effort") == "none",
            R: lambda body: body.get("reasoning", {}).get("effort") == "none",
            G: lambda body: body.get("generationConfig", {}).get("thinkingConfig", {}).get("thinkingBudget") == 0,
        },
    ),
    Feature(
        name="readable thinking asked for",
        samples={
            A: messages(thinking={"type": "adaptive", "display": "summarized"}),
            R: responses(reasoning={"effort": "high", "summary": "auto"}),
            G: config(thinkingConfig={"thinkingLevel": "high", "includeThoughts": True}),
        },
        reads={
            A: lambda body: body.get("thinking", {}).get("display") == "summarized",
            R: lambda body: bool(body.get("reasoning", {}).get("summary")),
            G: lambda body: body.get("generationConfig", {}).get("thinkingConfig", {}).get("includeThoughts") is True,
        },
        marks=('"thinking": {"type": "enabled"', '"thinking": {"type": "adaptive"'),
    ),
]  # fmt: skip

FORM = {"type": "json_schema", "schema": SCHEMA}
KNOBS = [
    Feature(
        name="answer by a JSON schema",
        samples={
            A: messages(output_config={"format": FORM}),
            C: chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}),
            R: responses(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}),
            G: config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
        },
        reads={
            A: "output_config.format.schema", C: "response_format.json_schema.schema", R: "text.format.schema",
            G: "generationConfig.responseJsonSchema",
        },
    ),
    Feature(
        name="answer as any JSON object",
        samples={
            C: chat(response_format={"type": "json_object"}), R: responses(text={"format": {"type": "json_object"}}),
            G: config(responseMimeType="application/json"),
        },
        reads={C: "response_format.type", R: "text.format.type", G: "generationConfig.responseMimeType"},
        words={"application/json": "json_object"},
        marks=("JSON",),
    ),
    Feature(
        name="output limit",
        samples={
            A: messages(max_tokens=777), C: chat(max_completion_tokens=777), R: responses(max_output_tokens=777),
            G: config(maxOutputTokens=777),
        },
        reads={
            A: "max_tokens", C: "max_tokens|max_completion_tokens", R: "max_output_tokens",
            G: "generationConfig.maxOutputTokens",
        },
    ),
    Feature(
        name="temperature",
        samples={
            A: messages(temperature=0.5), C: chat(temperature=0.5), R: responses(temperature=0.5),
            G: config(temperature=0.5),
        },
        reads={A: "temperature", C: "temperature", R: "temperature", G: "generationConfig.temperature"},
    ),
    Feature(
        name="top_k",
        samples={A: messages(top_k=9), G: config(topK=9)},
        reads={A: "top_k", G: "generationConfig.topK"},
    ),
    Feature(
        name="stop sequences",
        samples={
            A: messages(stop_sequences=["END"]), C: chat(stop=["END"]), G: config(stopSequences=["END"]),
        },
        reads={A: "stop_sequences.*", C: "stop.*", G: "generationConfig.stopSequences.*"},
    ),
    Feature(
        name="seed",
        samples={C: chat(seed=7), G: config(seed=7)},
        reads={C: "seed", G: "generationConfig.seed"},
    ),
    Feature(
        name="frequency and presence penalty",
        samples={
            C: chat(frequency_penalty=0.5, presence_penalty=0.5),
            G: config(frequencyPenalty=0.5, presencePenalty=0.5),
        },
        reads={C: "frequency_penalty", G: "generationConfig.frequencyPenalty"},
    ),
    Feature(
        name="log probabilities",
        samples={
            C: chat(logprobs=True, top_logprobs=3), R: responses(top_logprobs=3),
            G: config(responseLogprobs=True, logprobs=3),
        },
        reads={C: "top_logprobs", R: "top_logprobs", G: "generationConfig.logprobs"},
    ),
    Feature(name="logit bias", samples={C: chat(logit_bias={"1": 5})}, reads={C: "logit_bias"}),
    Feature(
        name="several answers",
        samples={C: chat(n=2), G: config(candidateCount=2)},
        reads={C: "n", G: "generationConfig.candidateCount"},
    ),
    Feature(
        name="cache marks",
        samples={
            A: messages(user({**text_a("long"), "cache_control": {"type": "ephemeral"}})),
            C: chat(user({**text_a("long"), "cache_control": {"type": "ephemeral"}})),
        },
        reads={A: "messages.*.content.*.cache_control", C: "messages.*.content.*.cache_control"},
    ),
    Feature(
        name="cache key",
        samples={C: chat(prompt_cache_key="k"), R: responses(prompt_cache_key="k")},
        reads={C: "prompt_cache_key", R: "prompt_cache_key"},
    ),
    Feature(
        name="user's id",
        samples={A: messages(metadata={"user_id": "u-1"}), C: chat(user="u-1"), R: responses(user="u-1")},
        reads={A: "metadata.user_id", C: "user|safety_identifier", R: "user|safety_identifier"},
    ),
    Feature(
        name="metadata",
        samples={C: chat(metadata={"a": "b"}), R: responses(metadata={"a": "b"}), G: gemini(labels={"a": "b"})},
        reads={C: "metadata", R: "metadata", G: "labels"},
    ),
    Feature(
        name="service tier",
        samples={
            A: messages(service_tier="standard_only"), C: chat(service_tier="flex"), R: responses(service_tier="flex"),
            G: gemini(serviceTier="flex"),
        },
        reads={A: "service_tier", C: "service_tier", R: "service_tier", G: "serviceTier"},
    ),
    Feature(
        name="verbosity",
        samples={C: chat(verbosity="low"), R: responses(text={"verbosity": "low"})},
        reads={C: "verbosity", R: "text.verbosity"},
    ),
    Feature(
        name="context management",
        samples={
            A: messages(context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}),
            R: responses(context_management=[{"type": "compaction", "compact_threshold": 9000}]),
        },
        reads={A: "context_management", R: "context_management"},
    ),
    Feature(
        name="sound as the answer",
        samples={
            C: chat(modalities=["text", "audio"], audio={"voice": "v", "format": "wav"}),
            G: config(responseModalities=["AUDIO"]),
        },
        reads={C: lambda body: "audio" in body.get("modalities", []), G: lambda body: "AUDIO" in str(body.get("generationConfig"))},
    ),
    Feature(
        name="safety settings",
        samples={G: gemini(safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}])},
        reads={G: "safetySettings.*.threshold"},
    ),
    Feature(
        name="stored prompt",
        samples={R: responses(said_r("user", in_r("hello")), prompt={"id": "pmpt_1"})},
        reads={R: "prompt.id"},
    ),
]  # fmt: skip
