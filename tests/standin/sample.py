"""The smallest answer that follows a JSON schema, for questions on the side."""

from collections.abc import Mapping

TEXT = "A short title"


def sample(schema: object) -> object:
    """A value that the schema takes; objects get their required fields, or all when none is."""
    if not isinstance(schema, Mapping):
        return TEXT
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = next((name for name in kind if name != "null"), "null") if isinstance(kind, list) else kind
    match str(kind).lower():
        case "object":
            properties = schema.get("properties", {})
            return {name: sample(properties.get(name)) for name in schema.get("required") or properties}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return TEXT
