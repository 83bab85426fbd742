"""The bridge's ``models.json``: which models there are, and which path of the gateway each is asked at."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from trunkline.config.addresses import path_fault
from trunkline.config.ccr.findings import Findings
from trunkline.config.json5_file import decode_json5
from trunkline.config.nearest import did_you_mean
from trunkline.config.tree import Mapping as MappingNode
from trunkline.config.tree import Node, Scalar, Sequence, describe

ENDPOINTS: Final[Mapping[str, str]] = {
    "mlflow": "/mlflow/v1/chat/completions",
    "cursor": "/cursor/v1/chat/completions",
    "openai": "/openai/v1/responses",
}
"""What the bridge knows without a file; a file adds to it and may change it."""
FAMILIES: Final = (("databricks-gpt-oss*", "mlflow"), ("databricks-gpt*", "cursor"), ("*", "mlflow"))
"""Where a model without an endpoint is asked. gpt-oss is an open model: it is no GPT to the gateway."""
_KEYS: Final = ("endpoints", "models")
_MODEL_KEYS: Final = ("id", "endpoint")

Paths = tuple[tuple[str, tuple[str, ...]], ...]


class ModelsFile(Struct, frozen=True):
    """A file as read. ``paths`` are as :attr:`trunkline.config.schema.ProviderSettings.paths`."""

    models: tuple[str, ...]
    paths: Paths
    endpoints: tuple[tuple[str, str], ...]
    """(alias, path), the file's own ones last."""


def built_in() -> ModelsFile:
    """Without a file: the gateway's usual models, by their families."""
    return ModelsFile((), _paths({}, ENDPOINTS), tuple(ENDPOINTS.items()))


def decode_models(findings: Findings, text: str) -> ModelsFile:
    """The models in a file; mistakes go to the findings. Raises ConfigurationError where it is no JSON."""
    document = decode_json5(text, findings.reading.file)
    for line, key in document.repeated:
        findings.warn(line, key, "is written twice: the last one is used")
    root = document.root
    listed: Node | None = root
    endpoints = dict(ENDPOINTS)
    if isinstance(root, MappingNode):
        for entry in root.entries:
            if entry.key not in _KEYS:
                hint = did_you_mean(entry.key, _KEYS)
                findings.warn(entry.line, entry.key, f"unknown key, without effect.{hint}")
        endpoints |= _endpoints(findings, _child(root, "endpoints"))
        listed = _child(root, "models")
    if not isinstance(listed, Sequence):
        findings.problem(root.line, "models", "Model configuration must contain a list of models.")
        return built_in()
    models = _models(findings, listed, endpoints)
    if not models:
        findings.problem(listed.line, "models", "No valid models found in configuration.")
    return ModelsFile(tuple(models), _paths(models, endpoints), tuple(endpoints.items()))


def _child(node: MappingNode, key: str) -> Node | None:
    return next((entry.node for entry in node.entries if entry.key == key), None)


def _endpoints(findings: Findings, node: Node | None) -> dict[str, str]:
    """Alias to path, each with its first slash."""
    found: dict[str, str] = {}
    if node is not None and not isinstance(node, MappingNode):
        message = f"must be a section of names and paths, not {describe(node)}: the usual ones are used"
        findings.warn(node.line, "endpoints", message)
        return found
    for entry in node.entries if node is not None else ():
        place = f"endpoints.{entry.key}"
        text = _text(entry.node)
        path = text if text is None or text.startswith("/") else f"/{text}"
        if path is None or path_fault(path):
            findings.warn(entry.line, place, "is not the path of an endpoint: it is left out")
        else:
            found[entry.key] = path
            findings.used(entry.line, place, path)
    return found


def _models(findings: Findings, listed: Sequence, endpoints: Mapping[str, str]) -> dict[str, str | None]:
    """Model id to its endpoint's alias, None where none counts."""
    found: dict[str, str | None] = {}
    for index, item in enumerate(listed.items):
        place = f"models[{index}]"
        name, alias = _model(findings, item, place)
        if name is None or any(character.isspace() for character in name):
            findings.warn(item.line, place, "names no model: it is left out")
            continue
        if name in found:
            findings.warn(item.line, place, f"{name} is there already: the last one is used")
        if alias is not None and alias not in endpoints:
            hint = did_you_mean(alias, endpoints)
            message = f'there is no endpoint "{alias}": {name} is asked by its family.{hint}'
            findings.warn(item.line, f"{place}.endpoint", message)
            alias = None
        found[name] = alias
        findings.used(item.line, place, f"{name}, asked at {' or '.join(_chain(name, alias, endpoints))}")
    return found


def _model(findings: Findings, item: Node, place: str) -> tuple[str | None, str | None]:
    """Id and alias of one entry, which may be its bare id."""
    if not isinstance(item, MappingNode):
        return _text(item), None
    for entry in item.entries:
        if entry.key not in _MODEL_KEYS:
            hint = did_you_mean(entry.key, _MODEL_KEYS)
            findings.warn(entry.line, f"{place}.{entry.key}", f"unknown key, without effect.{hint}")
    alias = _child(item, "endpoint")
    name = _child(item, "id")
    return (None if name is None else _text(name)), (None if alias is None else _text(alias))


def _text(node: Node) -> str | None:
    """Text that says something."""
    known = isinstance(node, Scalar) and node.kind == "text"
    return node.text.strip() or None if known and isinstance(node, Scalar) else None


def _chain(name: str, alias: str | None, endpoints: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of a model in order: of cursor and openai whichever fits what a client sends, cursor first."""
    if alias is None:
        alias = next(one for pattern, one in FAMILIES if name.startswith(pattern.rstrip("*")))
    if alias in ("cursor", "openai"):
        return tuple(dict.fromkeys((endpoints["cursor"], endpoints["openai"])))
    return (endpoints[alias],)


def _paths(models: Mapping[str, str | None], endpoints: Mapping[str, str]) -> Paths:
    """Models that are asked otherwise than their families, then the families."""
    own = [
        (name, _chain(name, alias, endpoints))
        for name, alias in models.items()
        if _chain(name, alias, endpoints) != _chain(name, None, endpoints)
    ]
    return (*own, *((pattern, _chain(pattern, None, endpoints)) for pattern, _ in FAMILIES))
