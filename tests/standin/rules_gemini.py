"""What generateContent refuses, in Google's words: fields, parts, turns, and thought signatures."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from standin.google_words import refuse, unknown, wrong_value
from standin.ledger import Ledger
from standin.schema_google import camel, check_function, check_json_schema, check_subset

Json = Mapping[str, object]
SKIPS = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})

_FIELDS = frozenset({
    "model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig",
    "cachedContent", "store", "serviceTier", "labels", "modelArmorConfig",
})  # fmt: skip
_CONFIG = frozenset({
    "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
    "candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty",
    "frequencyPenalty", "responseLogprobs", "logprobs", "enableEnhancedCivicAnswers", "speechConfig",
    "thinkingConfig", "imageConfig", "mediaResolution",
})  # fmt: skip
_PART_KINDS = frozenset({
    "text", "inlineData", "functionCall", "functionResponse", "fileData", "executableCode",
    "codeExecutionResult", "toolCall", "toolResponse",
})  # fmt: skip
_PART = _PART_KINDS | {"thought", "thoughtSignature", "videoMetadata", "partMetadata", "mediaResolution"}
_KEYS = {
    "inlineData": {"mimeType", "data"},
    "fileData": {"mimeType", "fileUri"},
    "functionCall": {"id", "name", "args"},
    "functionResponse": {"id", "name", "response", "parts", "willContinue", "scheduling"},
}
_TOOLS = frozenset({
    "functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext",
    "computerUse", "fileSearch", "googleMaps",
})  # fmt: skip
_LEVELS = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH")
_MODES = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")


@dataclass(frozen=True, slots=True)
class Gemini:
    """What the checks need beside the body."""

    model: str
    ledger: Ledger
    signed: bool
    """Calls of the current turn need their signatures (Gemini 3)."""
    levels: bool
    """Thinks by level, not only by budget."""
    every_turn: bool
    """Signatures are wanted on the calls of all turns, not of the current one alone."""
    alternate: bool


def check_gemini(body: Json, rules: Gemini) -> None:
    """Refuses what the service would not take."""
    given = _named(body, _FIELDS, "")
    contents = given.get("contents")
    if not isinstance(contents, list) or not contents:
        refuse("* GenerateContentRequest.contents: contents is not specified\n")
    for index, content in enumerate(contents):
        _check_content(content, f"contents[{index}]")
    system = given.get("systemInstruction")
    if isinstance(system, dict) and isinstance(system.get("parts"), list) and system["parts"]:
        _check_content({**system, "role": "user"}, "systemInstruction")
    functions = _check_tools(given.get("tools"), rules)
    _check_choice(given.get("toolConfig"), functions)
    config = given.get("generationConfig")
    if isinstance(config, dict):
        _check_config(_named(config, _CONFIG, "generationConfig"), rules)
    turns = [(str(content.get("role", "user")), _parts(content)) for content in contents]
    check_turns(turns, alternate=rules.alternate)
    _check_signatures(turns, rules)


def _named(value: Json, allowed: frozenset[str] | set[str], path: str) -> dict[str, object]:
    """The object's fields in one spelling; one that is not allowed is refused."""
    named: dict[str, object] = {}
    for key, inner in value.items():
        if camel(key) not in allowed:
            unknown(key, path)
        if inner is not None:
            named[camel(key)] = inner
    return named


def _parts(content: Json) -> list[dict[str, object]]:
    parts = content.get("parts")
    return [
        {camel(key): value for key, value in part.items()}
        for part in (parts if isinstance(parts, list) else [])
    ]


def _check_content(content: Json, path: str) -> None:
    _named(content, {"role", "parts"}, path)
    if content.get("role", "user") not in ("user", "model", "function"):
        refuse("Please use a valid role: user, model.")
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        refuse(f"* GenerateContentRequest.{path}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        _check_part(part, f"{path}.parts[{index}]")


def _check_part(part: Json, path: str) -> None:
    given = _named(part, _PART, path)
    kinds = [name for name in given if name in _PART_KINDS]
    if not kinds and "thoughtSignature" not in given:
        refuse(
            f"* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
        )
    if len(kinds) > 1:
        text = (
            f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{kinds[1]}'"
        )
        refuse(text)
    kind = kinds[0] if kinds else "text"
    value = given.get(kind, "")
    if kind == "text" and not isinstance(value, str):
        wrong_value(f"{path}.text", "TYPE_STRING", value)
    if kind in _KEYS:
        assert isinstance(value, dict)
        _check_inner(kind, _named(value, _KEYS[kind], f"{path}.{kind}"), path)
    proof = given.get("thoughtSignature")
    if proof is not None:
        _decode(str(proof), f"{path}.thoughtSignature")


def _check_inner(kind: str, value: Json, path: str) -> None:
    if kind in ("functionCall", "functionResponse"):
        if not value.get("name"):
            snake = "function_call" if kind == "functionCall" else "function_response"
            refuse(f"* GenerateContentRequest.{path}.{snake}.name: Name cannot be empty.\n")
        field = "args" if kind == "functionCall" else "response"
        inner = value.get(field)
        if inner is not None and not isinstance(inner, dict):
            kinds = "type.googleapis.com/google.protobuf.Struct"
            wrong_value(f"{path}.{kind}.{field}", kinds, f'"{inner}"')
        if kind == "functionResponse" and inner is None:
            refuse(f"* GenerateContentRequest.{path}.function_response.response: response must be set\n")
        for index, part in enumerate(value.get("parts") or ()):  # type: ignore[call-overload]
            named = _named(part, {"inlineData"}, f"{path}.{kind}.parts[{index}]")
            _named(named["inlineData"], {"mimeType", "data", "displayName"}, path)  # type: ignore[arg-type]
    elif kind == "inlineData":
        if not value.get("mimeType"):
            refuse("Unable to process input image: mime_type must be set.")
        _decode(str(value.get("data", "")), f"{path}.inlineData.data")


def _decode(text: str, path: str) -> None:
    """A field of bytes: both alphabets of base64, nothing else."""
    try:
        base64.b64decode(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        wrong_value(path, "TYPE_BYTES", f'Base64 decoding failed for "{text[:40]}"')


def _check_tools(tools: object, rules: Gemini) -> set[str]:
    names: set[str] = set()
    kinds: set[str] = set()
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        given = _named(tool, _TOOLS, f"tools[{index}]")
        kinds |= set(given)
        listed = given.get("functionDeclarations")
        for number, declared in enumerate(listed if isinstance(listed, list) else ()):
            path = f"tools[{index}].functionDeclarations[{number}]"
            check_function(declared, path)
            name = str(declared["name"])
            if name in names:
                refuse(f"Duplicate function declaration found: {name}")
            names.add(name)
    if names and len(kinds) > 1 and not rules.levels:
        refuse("Tool use with function calling is unsupported")
    return names


def _check_choice(config: object, names: set[str]) -> None:
    if not isinstance(config, dict):
        return
    given = _named(
        config,
        {"functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"},
        "toolConfig",
    )
    inner = given.get("functionCallingConfig")
    if not isinstance(inner, dict):
        return
    path = "toolConfig.functionCallingConfig"
    calling = _named(inner, {"mode", "allowedFunctionNames", "streamFunctionCallArguments"}, path)
    mode, allowed = calling.get("mode"), calling.get("allowedFunctionNames")
    if mode is not None and mode not in _MODES:
        kinds = "type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode"
        wrong_value(f"{path}.mode", kinds, f'"{mode}"')
    if allowed and mode not in ("ANY", "VALIDATED"):
        refuse(
            "Function calling config: allowed_function_names should only be set when the mode is ANY or VALIDATED."
        )
    for name in allowed if isinstance(allowed, list) else ():
        if name not in names:
            refuse(
                f"Function calling config: allowed_function_names contains a function that is not declared: {name}"
            )
    if mode == "ANY" and not names:
        refuse("Function calling config is set without function_declarations.")


def _check_config(config: Json, rules: Gemini) -> None:
    for name in ("responseSchema", "responseJsonSchema"):
        schema = config.get(name)
        if isinstance(schema, dict):
            if config.get("responseMimeType") not in ("application/json", "text/x.enum"):
                refuse(f"{name} is set, but response_mime_type is not application/json.")
            check = check_subset if name == "responseSchema" else check_json_schema
            check(schema, f"generationConfig.{name}")
    stops = config.get("stopSequences")
    if isinstance(stops, list) and len(stops) > 5:
        refuse(
            "* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed\n"
        )
    limit = config.get("maxOutputTokens")
    if isinstance(limit, int) and limit < 1:
        refuse(
            "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n"
        )
    temperature = config.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        refuse("* GenerateContentRequest.generation_config.temperature: must be in the range [0.0, 2.0].\n")
    thinking = config.get("thinkingConfig")
    if isinstance(thinking, dict):
        _check_thinking(thinking, rules)


def _check_thinking(thinking: Json, rules: Gemini) -> None:
    path = "generationConfig.thinkingConfig"
    given = _named(thinking, {"includeThoughts", "thinkingBudget", "thinkingLevel"}, path)
    level = given.get("thinkingLevel")
    if level is not None and str(level).upper() not in _LEVELS:
        kinds = "type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel"
        wrong_value(f"{path}.thinkingLevel", kinds, f'"{level}"')
    if level is not None and not rules.levels:
        refuse("Thinking level is not supported for this model.")
    if level is not None and given.get("thinkingBudget") is not None:
        refuse("You can only set only one of thinking budget and thinking level.")
    budget = given.get("thinkingBudget")
    if isinstance(budget, int) and (budget > 32768 or (budget < 128 and budget not in (-1, 0))):
        refuse(f"The thinking budget {budget} is invalid. Please choose a value between 128 and 32768.")


Turn = tuple[str, list[dict[str, object]]]


def check_turns(turns: Sequence[Turn], *, alternate: bool) -> None:
    """Roles alternate; calls come after a user, and all their results, as many, in the turn right after."""
    waiting: list[dict[str, object]] = []
    last: str | None = None
    for role, parts in turns if alternate else merged(turns):
        side = "model" if role == "model" else "user"
        calls = [_inner(part, "functionCall") for part in parts if "functionCall" in part]
        results = [_inner(part, "functionResponse") for part in parts if "functionResponse" in part]
        if side == last and alternate:
            refuse("Please ensure that multiturn requests alternate between user and model.")
        if calls and (side == "user" or last is None):
            refuse(
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        if side == "user":
            _check_results(waiting, results)
            waiting = []
        elif results:
            refuse(
                "Please ensure that function response turn comes immediately after a function call turn."
            )
        waiting += calls
        last = side
    if waiting and last == "user":
        _check_results(waiting, [])


def merged(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbours of one side as one turn, as the real service reads them."""
    found: list[Turn] = []
    for role, parts in turns:
        side = "model" if role == "model" else "user"
        if found and found[-1][0] == side:
            found[-1][1].extend(parts)
        else:
            found.append((side, list(parts)))
    return found


def _inner(part: Json, kind: str) -> dict[str, object]:
    value = part[kind]
    assert isinstance(value, dict)
    return value


def _check_results(calls: Sequence[Json], results: Sequence[Json]) -> None:
    if results and not calls:
        refuse("Please ensure that function response turn comes immediately after a function call turn.")
    if len(calls) != len(results):
        refuse(
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            "of the function call turn."
        )
    if sorted(str(call["name"]) for call in calls) != sorted(str(result["name"]) for result in results):
        refuse(
            "Please ensure that the function response names match the function call names of the function call turn."
        )
    given = [result["id"] for result in results if result.get("id")]
    wanted = [call["id"] for call in calls if call.get("id")]
    if given and sorted(map(str, given)) != sorted(map(str, wanted)):
        refuse(
            "Please ensure that the function response ids match the function call ids of the function call turn."
        )


def _check_signatures(turns: Sequence[Turn], rules: Gemini) -> None:
    """Every signature is one that was issued here for this model and this part; calls lack none they need."""
    current = 0
    for index, (role, parts) in enumerate(turns):
        if role != "model" and any("functionResponse" not in part for part in parts):
            current = index
    fresh = True
    for index, (role, parts) in enumerate(turns):
        if role != "model":
            fresh = True
            continue
        for position, part in enumerate(parts):
            proof = part.get("thoughtSignature")
            if proof is not None:
                _check_proof(part, str(proof), rules)
            if "functionCall" not in part:
                continue
            wanted = rules.signed and fresh and (rules.every_turn or index > current)
            if proof is None and wanted:
                refuse(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools "
                    "to work correctly, and missing thought_signature may lead to degraded model performance. "
                    f"Additional data, function call `default_api:{_inner(part, 'functionCall')['name']}` , position "
                    f"{index + position + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures "
                    "for more details."
                )
            fresh = False


def _check_proof(part: Json, proof: str, rules: Gemini) -> None:
    if proof in SKIPS or _plain(proof) in SKIPS:
        if not rules.signed:
            refuse("Thought signature is not valid.")
        return
    made = rules.ledger.maker(proof.translate(str.maketrans("-_", "+/")))
    if made is None or made[0] != rules.model:
        refuse("Thought signature is not valid.")
    if made[1] != key_of(part):
        refuse("Corrupted thought signature.")


def _plain(proof: str) -> str:
    try:
        return base64.b64decode(proof).decode()
    except ValueError:
        return ""


def key_of(part: Json) -> str:
    """What tells a signed part from all others: a call's name and arguments; of all else, its kind."""
    call = part.get("functionCall")
    if isinstance(call, dict):
        return f"{call.get('name')} {sorted((call.get('args') or {}).items())}"
    return "text"
