"""The validator behind both surfaces for Claude: Anthropic's rules, in Anthropic's words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from standin.ledger import Ledger
from standin.models import Model
from standin.refusal import refuse, refuse_extra

Json = Mapping[str, object]

_BLOCK_KEYS: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "document": frozenset({"type", "source", "title", "context", "citations", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
}
_RESULT_TAGS = ("document", "image", "search_result", "text", "tool_reference")
_TOOL_KEYS = frozenset({"type", "name", "description", "input_schema", "cache_control"})
_TOOL_TAGS = (
    "'bash_20250124', 'custom', 'text_editor_20250124', 'text_editor_20250429', 'text_editor_20250728'"
)
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_SERVER_TOOL = re.compile(r"(web_search|web_fetch|code_execution|bash|text_editor|memory)_20\d{6}")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Claude:
    """What the checks need beside the body."""

    model: Model
    ledger: Ledger
    cache_ttl: bool = True
    tool_references: bool = False
    late_system: bool = False
    server_tools: bool = False
    """Takes tools that it runs itself."""


def check_claude(body: Json, rules: Claude) -> None:
    """Refuses an Anthropic-shaped body that the workspace would not take."""
    messages = _merged(check_shape(body, rules))
    _check_system(body.get("system"), rules)
    _check_tools(body, rules)
    _check_sampling(body, rules)
    _check_thinking(body, rules)
    _check_marks(body)
    _check_pairs(messages)
    _check_ending(messages, rules)
    for index, (role, blocks) in enumerate(messages):
        if role == "assistant":
            _check_signatures(index, blocks, rules)
    if _thinks_by_budget(body):
        _check_kept(messages, rules)


Turn = tuple[str, list[Json]]


def check_shape(body: Json, rules: Claude) -> list[Turn]:
    """Roles and blocks, one by one; returns the conversation with all content as blocks."""
    turns: list[Turn] = []
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        refuse("messages: at least one message is required")
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ("user", "assistant") and not (role == "system" and rules.late_system and index):
            refuse(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        for key in message:
            if key not in ("role", "content"):
                refuse_extra(f"messages.{index}.{key}")
        content = message.get("content")
        if isinstance(content, str) and content:
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or (not content and role != "system"):
            refuse(
                f"messages.{index}: all messages must have non-empty content except for the optional final "
                "assistant message"
            )
        for position, block in enumerate(content):
            check_block(f"messages.{index}.content.{position}", block, rules)
        turns.append((str(role), content))
    if turns[0][0] != "user":
        refuse('messages: first message must use the "user" role')
    return turns


def check_block(path: str, block: Json, rules: Claude) -> None:
    kind = str(block.get("type"))
    if kind not in _BLOCK_KEYS:
        tags = ", ".join(f"'{tag}'" for tag in sorted(_BLOCK_KEYS))
        refuse(
            f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    for key in block:
        if key not in _BLOCK_KEYS[kind]:
            refuse_extra(f"{path}.{kind}.{key}")
    _check_mark(f"{path}.{kind}", block, rules)
    if kind == "text":
        _check_text("messages", block)
    elif kind in ("tool_use", "tool_result"):
        name = "id" if kind == "tool_use" else "tool_use_id"
        if not _ID.fullmatch(str(block.get(name, ""))):
            refuse(f"{path}.{kind}.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if kind == "tool_use" and not isinstance(block.get("input"), dict):
            refuse(f"{path}.tool_use.input: Input should be a valid dictionary")
        if kind == "tool_result":
            _check_result(f"{path}.tool_result", block, rules)
    elif kind == "thinking" and not block.get("signature"):
        refuse(f"{path}.thinking.signature: Field required")


def _check_result(path: str, block: Json, rules: Claude) -> None:
    content = block.get("content")
    if not isinstance(content, list):
        return
    for index, part in enumerate(content):
        kind = part.get("type")
        if kind not in _RESULT_TAGS or (kind == "tool_reference" and not rules.tool_references):
            tags = ", ".join(f"'{tag}'" for tag in _RESULT_TAGS if tag != kind)
            refuse(
                f"{path}.content.{index}: Input tag '{kind}' found using 'type' does not match any of the "
                f"expected tags: {tags}"
            )
        if kind == "text":
            _check_text("messages", part)


def _check_text(where: str, block: Json) -> None:
    text = block.get("text")
    if not isinstance(text, str) or not text:
        refuse(f"{where}: text content blocks must be non-empty")
    if not text.strip():
        refuse(f"{where}: text content blocks must contain non-whitespace text")


def _check_system(system: object, rules: Claude) -> None:
    if isinstance(system, list):
        for index, block in enumerate(system):
            _check_text("system", block)
            _check_mark(f"system.{index}.text", block, rules)


def _check_mark(path: str, block: Json, rules: Claude) -> None:
    mark = block.get("cache_control")
    if not isinstance(mark, dict):
        return
    allowed = {"type", "ttl"} if rules.cache_ttl else {"type"}
    for key in mark:
        if key not in allowed:
            refuse_extra(f"{path}.cache_control.ephemeral.{key}")


def _marks(value: object) -> Iterator[None]:
    if isinstance(value, dict):
        if value.get("cache_control") is not None:
            yield None
        for item in value.values():
            yield from _marks(item)
    elif isinstance(value, list):
        for item in value:
            yield from _marks(item)


def _check_marks(body: Json) -> None:
    found = sum(1 for part in ("system", "messages", "tools") for _ in _marks(body.get(part)))
    if found > 4:
        refuse(f"A maximum of 4 blocks with cache_control may be provided. Found {found}.")


def _check_tools(body: Json, rules: Claude) -> None:
    tools = body.get("tools")
    names: set[str] = set()
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        kind = tool.get("type", "custom")
        if rules.server_tools and _SERVER_TOOL.fullmatch(kind):
            continue
        if kind != "custom":
            refuse(
                f"tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected "
                f"tags: {_TOOL_TAGS}"
            )
        for key in tool:
            if key not in _TOOL_KEYS:
                refuse_extra(f"tools.{index}.custom.{key}")
        _check_mark(f"tools.{index}.custom", tool, rules)
        name = str(tool.get("name"))
        if not _TOOL_NAME.fullmatch(name):
            refuse(f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if name in names:
            refuse("tools: Tool names must be unique.")
        names.add(name)
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            refuse(f"tools.{index}.custom.input_schema.type: Field required")
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        _check_choice(choice, names, rules)


def _check_choice(choice: Json, names: set[str], rules: Claude) -> None:
    if choice.get("type") == "tool" and choice.get("name") not in names:
        refuse(f"Tool '{choice.get('name')}' not found in provided tools")
    if choice.get("type") in ("any", "tool") and not rules.model.forced_tools:
        refuse("tool_choice: forcing a tool is not supported on this model")


def _check_sampling(body: Json, rules: Claude) -> None:
    if not rules.model.sampling:
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                refuse(f"This model does not support the {name} parameter.")


def _thinks_by_budget(body: Json) -> bool:
    """Adaptive thinking does not ask for the blocks of earlier steps; it only checks those that come."""
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") == "enabled"


def _check_thinking(body: Json, rules: Claude) -> None:
    model, thinking, output = rules.model, body.get("thinking"), body.get("output_config")
    if isinstance(output, dict) and "effort" in output:
        if not model.effort:
            refuse("This model does not support the effort parameter.")
        if output["effort"] not in _EFFORTS:
            refuse("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if not isinstance(thinking, dict):
        return
    kind = thinking.get("type")
    if kind == "enabled" and model.thinking not in ("budget", "both"):
        refuse(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    if kind == "adaptive" and model.thinking not in ("adaptive", "both"):
        refuse("adaptive thinking is not supported on this model")
    if kind == "disabled" and model.always_thinks:
        refuse('"thinking.type.disabled" is not supported for this model.')
    if kind == "enabled":
        _check_budget(body, thinking)
    if kind in ("enabled", "adaptive"):
        if body.get("temperature", 1) != 1:
            refuse("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
        choice = body.get("tool_choice")
        if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
            refuse("Thinking may not be enabled when tool_choice forces tool use.")


def _check_budget(body: Json, thinking: Json) -> None:
    budget, limit = thinking.get("budget_tokens"), body.get("max_tokens")
    if not isinstance(budget, int):
        refuse("thinking.enabled.budget_tokens: Field required")
    if budget < 1024:
        refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if isinstance(limit, int) and limit <= budget:
        refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbours of one role are one turn; instructions in between do not count."""
    merged: list[Turn] = []
    for role, blocks in turns:
        if role == "system":
            continue
        if merged and merged[-1][0] == role:
            merged[-1][1].extend(blocks)
        else:
            merged.append((role, list(blocks)))
    return merged


def _ids(blocks: Sequence[Json], kind: str, name: str) -> list[str]:
    return [str(block.get(name)) for block in blocks if block.get("type") == kind]


def _check_pairs(turns: Sequence[Turn]) -> None:
    """Every call has its one result at the start of the next turn, and every result its call."""
    calls: list[str] = []
    seen: set[str] = set()
    for index, (role, blocks) in enumerate(turns):
        leading = blocks
        for position, block in enumerate(blocks):
            if block.get("type") != "tool_result":
                leading = blocks[:position]
                break
        missing = [call for call in calls if call not in _ids(leading, "tool_result", "tool_use_id")]
        if missing:
            refuse(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately "
                f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` "
                "block in the next message."
            )
        _check_results(index, blocks, calls)
        calls = _ids(blocks, "tool_use", "id") if role == "assistant" else []
        if len(set(calls)) < len(calls) or seen & set(calls):
            refuse("messages: `tool_use` ids must be unique")
        seen |= set(calls)
    if calls:
        refuse(
            f"messages.{len(turns) - 1}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(calls)}."
        )


def _check_results(index: int, blocks: Sequence[Json], calls: Sequence[str]) -> None:
    answered: set[str] = set()
    for position, block in enumerate(blocks):
        if block.get("type") != "tool_result":
            continue
        call = str(block.get("tool_use_id"))
        if call not in calls:
            refuse(
                f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` "
                f"blocks: {call}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
        if call in answered:
            refuse(
                f"messages.{index}.content.{position}: each `tool_use` must have a single result. Found "
                f"multiple `tool_result` blocks with id: {call}"
            )
        answered.add(call)


def _check_ending(turns: Sequence[Turn], rules: Claude) -> None:
    role, blocks = turns[-1]
    if role != "assistant":
        return
    if not rules.model.prefill:
        refuse(
            "This model does not support assistant message prefill. The conversation must end with a user "
            "message."
        )
    text = blocks[-1].get("text")
    if isinstance(text, str) and text != text.rstrip():
        refuse("messages: final assistant content cannot end with trailing whitespace")


def _check_signatures(index: int, blocks: Sequence[Json], rules: Claude) -> None:
    """Thinking in the history was signed here, for this model, over this text."""
    for position, block in enumerate(blocks):
        if block.get("type") == "redacted_thinking":
            signature, text = str(block.get("data")), None
        elif block.get("type") == "thinking":
            signature, text = str(block.get("signature")), block.get("thinking")
        else:
            continue
        made = rules.ledger.maker(signature)
        if made is None or made[0] != rules.model.name:
            what = "signature` in `thinking" if text is not None else "data` in `redacted_thinking"
            refuse(f"messages.{index}.content.{position}: Invalid `{what}` block")
        if text is not None and made[1] != text:
            refuse(
                f"messages.{index}.content.{position}: `thinking` or `redacted_thinking` blocks in the latest "
                "assistant message cannot be modified. These blocks must remain as they were in the original "
                "response."
            )


def _check_kept(turns: Sequence[Turn], rules: Claude) -> None:
    """While a round of tools is open, the thinking that led to its calls has to be there."""
    for index in range(len(turns) - 1, -1, -1):
        role, blocks = turns[index]
        if role == "user":
            if not _ids(blocks, "tool_result", "tool_use_id"):
                return
            continue
        kept = {str(block.get("signature") or block.get("data")) for block in blocks}
        for position, block in enumerate(blocks):
            if block.get("type") == "tool_use" and rules.ledger.bound(str(block.get("id"))) - kept:
                refuse(
                    f"messages.{index}.content.{position}.type: Expected `thinking` or `redacted_thinking`, "
                    "but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start "
                    "with a thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks)."
                )
