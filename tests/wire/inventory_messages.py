"""What an Anthropic Messages request carries, counted from its JSON."""

from wire.inventory import Inventory, canonical, schema_of


def messages(body: dict) -> Inventory:
    """An Anthropic Messages request."""
    found = Inventory()
    for tool in body.get("tools") or []:
        kind = tool.get("type") or "custom"
        if kind == "custom":
            found.tools[tool["name"]] = schema_of(tool.get("input_schema"))
        elif kind.startswith(("bash_", "text_editor_", "computer_", "memory_")):
            found.tools[tool["name"]] = None
        else:
            found.server_tools.append(kind)
    _messages_parts(body.get("system"), found)
    for message in body.get("messages") or []:
        _messages_parts(message.get("content"), found)
    return found


def _messages_parts(content: object, found: Inventory) -> None:
    if isinstance(content, str):
        found.texts.append(content)
    for part in content if isinstance(content, list) else []:
        match part.get("type"):
            case "text":
                found.texts.append(part["text"])
            case "image" | "document":
                _messages_source(part.get("source") or {}, found)
            case "tool_use":
                found.calls.append((part["name"], canonical(part.get("input"))))
            case "tool_result":
                found.results += 1
                _messages_parts(part.get("content"), found)


def _messages_source(source: dict, found: Inventory) -> None:
    match source.get("type"):
        case "base64":
            found.add_file(source["data"], source.get("media_type") or "")
        case "url":
            found.add_file(source["url"])
        case "text":
            found.texts.append(source["data"])
        case "content":
            _messages_parts(source.get("content"), found)
