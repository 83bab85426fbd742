"""What a Responses request carries, counted from its JSON."""

from wire.inventory import Inventory, canonical, schema_of

TYPED = {
    "local_shell": ("local_shell_call", "action"),
    "shell": ("shell_call", "action"),
    "apply_patch": ("apply_patch_call", "operation"),
    "tool_search": ("tool_search_call", "arguments"),
}
"""OpenAI's tools that a client runs: the item of their calls, and where its input stands."""
CALLS = {call: (name, place) for name, (call, place) in TYPED.items()}


def responses(body: dict) -> Inventory:
    """A Responses request."""
    found = Inventory()
    for tool in body.get("tools") or []:
        _tool(tool, found)
    if body.get("instructions"):
        found.texts.append(body["instructions"])
    items = body.get("input") or []
    if isinstance(items, str):
        found.texts.append(items)
        return found
    ran: set[str] = set()
    for item in items:
        _item(item, found, ran)
    return found


def _tool(tool: dict, found: Inventory, group: str = "") -> None:
    kind = tool.get("type")
    hosted = ((tool.get("environment") or {}).get("type") or "").startswith("container")
    if kind == "namespace":
        for inner in tool.get("tools") or []:
            _tool(inner, found, f"{tool['name']}__")
    elif kind == "function":
        found.tools.setdefault(group + tool["name"], schema_of(tool.get("parameters")))
    elif kind == "custom":
        found.tools.setdefault(group + tool["name"], None)
    elif kind in TYPED and not hosted and (kind != "tool_search" or tool.get("execution") == "client"):
        found.tools.setdefault(kind, None)
    else:
        found.server_tools.append(kind)


def _item(item: dict, found: Inventory, ran: set[str]) -> None:
    kind = item.get("type") or "message"
    match kind:
        case "message":
            _parts(item.get("content"), found)
        case "additional_tools":
            for tool in item.get("tools") or []:
                _tool(tool, found)
        case "function_call":
            ran.add(item["call_id"])
            found.calls.append((_called(item), canonical(item.get("arguments") or "")))
        case "custom_tool_call":
            ran.add(item["call_id"])
            found.calls.append((_called(item), canonical({"input": item.get("input") or ""})))
        case "function_call_output" | "custom_tool_call_output" | "local_shell_call_output":
            found.results += item["call_id"] in ran  # a result whose call is gone becomes text (E34)
            _parts(item.get("output"), found)
        case "tool_search_output" if item.get("execution") == "client":
            found.results += 1
            for tool in item.get("tools") or []:
                _tool(tool, found)
        case "shell_call_output" | "apply_patch_call_output" if item.get("call_id") in ran:
            found.results += 1
        case _ if kind in CALLS and _ours(item):
            ran.add(item.get("call_id") or "")
            _typed_call(item, found)


def _called(item: dict) -> str:
    """A tool's name outside its group."""
    return f"{item['namespace']}__{item['name']}" if item.get("namespace") else item["name"]


def _ours(item: dict) -> bool:
    """The client was asked, not OpenAI's own servers."""
    place = (item.get("environment") or {}).get("type") or ""
    return item.get("execution") != "server" and not place.startswith("container")


def _typed_call(item: dict, found: Inventory) -> None:
    name, place = CALLS[item["type"]]
    asked = item.get(place) or {}
    if isinstance(asked, dict):
        asked = {key: value for key, value in asked.items() if value is not None}
        if place == "action":
            asked.pop("type", None)
    found.calls.append((name, canonical(asked)))


def _parts(content: object, found: Inventory) -> None:
    if isinstance(content, str):
        found.texts.append(content)
    for part in content if isinstance(content, list) else []:
        match part.get("type"):
            case "input_text" | "output_text" | "text":
                found.texts.append(part["text"])
            case "refusal":
                found.texts.append(part["refusal"])
            case "input_audio":
                found.add_file(part["input_audio"]["data"])
            case "input_image" if part.get("image_url"):
                found.add_file(part["image_url"])
            case "input_file" if part.get("file_data") or part.get("file_url"):
                found.add_file(part.get("file_data") or part["file_url"])
