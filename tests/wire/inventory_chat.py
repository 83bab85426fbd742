"""What a Chat Completions request carries, counted from its JSON."""

from wire.inventory import Inventory, canonical, schema_of


def chat(body: dict) -> Inventory:
    """A Chat Completions request."""
    found = Inventory()
    for tool in body.get("tools") or []:
        if tool.get("type", "function") == "function" and "function" in tool:
            found.tools[tool["function"]["name"]] = schema_of(tool["function"].get("parameters"))
        elif tool.get("type") == "custom":
            found.tools[tool["custom"]["name"]] = None
        else:
            found.server_tools.append(tool.get("type"))
    for function in body.get("functions") or []:
        found.tools[function["name"]] = schema_of(function.get("parameters"))
    for message in body.get("messages") or []:
        _chat_message(message, found)
    return found


def _chat_message(message: dict, found: Inventory) -> None:
    content = message.get("content")
    if isinstance(content, str):
        found.texts.append(content)
    for part in content if isinstance(content, list) else []:
        _chat_part(part, found)
    for call in message.get("tool_calls") or []:
        inner, custom = call.get("function"), call.get("custom") or {}
        if inner is None:
            found.calls.append((custom.get("name"), canonical({"input": custom.get("input") or ""})))
        else:
            found.calls.append((inner.get("name"), canonical(inner.get("arguments", ""))))
    if message.get("function_call"):
        inner = message["function_call"]
        found.calls.append((inner["name"], canonical(inner.get("arguments", ""))))
    if message.get("role") in {"tool", "function"}:
        found.results += 1


def _chat_part(part: object, found: Inventory) -> None:
    if isinstance(part, str):
        found.texts.append(part)
        return
    match part.get("type"):
        case "text":
            found.texts.append(part["text"])
        case "refusal":
            found.texts.append(part["refusal"])
        case "image_url":
            image = part["image_url"]
            url = image if isinstance(image, str) else image["url"]
            found.add_file(url)
        case "file" if (part.get("file") or {}).get("file_data"):
            found.add_file(part["file"]["file_data"])
        case "document_url":
            found.add_file(part["document_url"])
        case "input_audio":
            found.add_file(part["input_audio"]["data"])
