"""claude-code-router's transformers by name, and what of each this version does (reference ccr.md 3.3, 3.4)."""

from typing import Final

from msgspec import Struct

from trunkline.config.ccr.findings import Findings
from trunkline.config.nearest import did_you_mean
from trunkline.config.tree import Entry, Mapping, Node, Scalar, Sequence

DATABRICKS: Final = "databricks-custom"


class Transformer(Struct, frozen=True):
    """``does``: what the gateway does in its place. ``lacks``: what is missing, when it is used like this."""

    does: str = ""
    lacks: str = ""
    lacks_with_options: str = ""


def _served(does: str, lacks_with_options: str = "its options are not applied yet") -> Transformer:
    return Transformer(does=does, lacks_with_options=lacks_with_options)


KNOWN: Final[dict[str, Transformer]] = {
    "Anthropic": _served("Anthropic's protocol, passed through", ""),
    "OpenAI": _served("OpenAI's chat protocol"),
    "openai-responses": _served("OpenAI's Responses protocol"),
    "gemini": _served("Gemini's protocol"),
    "vertex-gemini": Transformer(lacks="Vertex AI is not served yet: requests to this provider fail"),
    "vertex-claude": Transformer(lacks="Vertex AI is not served yet: requests to this provider fail"),
    "vertex-openai": Transformer(lacks="Vertex AI is not served yet: requests to this provider fail"),
    "deepseek": _served(
        "reasoning_content is read as thinking and sent back; output limits are the model's"
    ),
    "openrouter": _served("the provider's kind does it", "its options are not added to requests yet"),
    "vercel": _served("the chat protocol does it", "its options are not added to requests yet"),
    "groq": _served("the provider's kind does it"),
    "cerebras": _served("the chat protocol does it"),
    "tooluse": Transformer(lacks="the model is not urged to use tools yet"),
    "enhancetool": Transformer(lacks="broken tool arguments are passed on, not repaired yet"),
    "maxtoken": Transformer(
        does="nothing, as it has no options", lacks_with_options="max_tokens is not capped yet"
    ),
    "maxcompletiontokens": _served(
        "a provider that refuses max_tokens is asked with max_completion_tokens"
    ),
    "sampling": Transformer(
        does="nothing, as it has no options", lacks_with_options="no sampling is set yet"
    ),
    "reasoning": _served("reasoning_content is read as thinking", "thinking is not switched by it yet"),
    "forcereasoning": Transformer(lacks="the model is not told to think in tags yet"),
    "cleancache": _served("cache marks only go to providers that take them"),
    "streamoptions": _served("usage is always asked for"),
    "customparams": Transformer(
        does="nothing, as it has no options",
        lacks_with_options="its parameters are not added to requests yet",
    ),
    "extrathinktag": Transformer(lacks="<think> tags in text are not read as thinking yet"),
    DATABRICKS: _served("the provider's kind does it; the file is not needed", ""),
}
BY_FOLDED: Final = {name.casefold(): name for name in KNOWN}
ELSEWHERE: Final = frozenset({"gemini-cli", "qwen-cli", "rovo-cli", "chutes-glm"})
"""Plugins that CCR's own pages name as if they were built in."""
NEEDS_OPTIONS: Final = frozenset({"maxtoken", "sampling", "customparams"})


class Use(Struct, frozen=True, kw_only=True):
    """One element of a ``use`` list. ``name`` is folded."""

    name: str
    line: int
    use_bearer: bool = False
    """Anthropic's option ``UseBearer``."""


def read_uses(findings: Findings, node: Node | None, key: str, plugins: bool) -> tuple[Use, ...]:
    """All transformers of a provider's own list, each with a note on what becomes of it, and those by model.

    Takes ``{use: [...], "model id": {use: [...]}}``, a bare list and a single name. ``plugins``: the file
    loads some, so that an unknown name may be one of theirs.
    """
    if node is None:
        return ()
    if not isinstance(node, Mapping):
        return _list(findings, node, key, plugins)
    found: tuple[Use, ...] = ()
    for entry in node.entries:
        if entry.key == "use":
            found = _list(findings, entry.node, f"{key}.use", plugins)
        else:
            _by_model(findings, entry, f"{key}.{entry.key}", plugins)
    return found


def _by_model(findings: Findings, entry: Entry, key: str, plugins: bool) -> None:
    below = entry.node
    if not isinstance(below, Mapping):
        _list(findings, below, key, plugins)
        return
    for part in below.entries:
        if part.key == "use":
            _list(findings, part.node, f"{key}.use", plugins)
        else:
            findings.warn(part.line, f"{key}.{part.key}", f"unknown key.{did_you_mean(part.key, ('use',))}")


def _list(findings: Findings, node: Node, key: str, plugins: bool) -> tuple[Use, ...]:
    if isinstance(node, Scalar):
        use = _use(findings, node, key, plugins)
        return () if use is None else (use,)
    if isinstance(node, Mapping):
        findings.problem(node.line, key, 'must be a list: write ["name"] or [["name", {option: value}]]')
        return ()
    found = [_use(findings, item, f"{key}[{index}]", plugins) for index, item in enumerate(node.items)]
    return tuple(use for use in found if use is not None)


def _use(findings: Findings, node: Node, key: str, plugins: bool) -> Use | None:
    name_node, options = node, None
    if isinstance(node, Sequence) and node.items:
        name_node, options = node.items[0], node.items[1] if len(node.items) > 1 else None
    elif not isinstance(node, Scalar):
        findings.problem(node.line, key, 'must be "name" or ["name", {option: value}]')
        return None
    if options is not None and not isinstance(options, Mapping):
        findings.problem(options.line, f"{key}[1]", "must be options: {name: value}")
        return None
    name = findings.reading.text(name_node, key)
    if name is None:
        return None
    known = BY_FOLDED.get(name.casefold())
    if known is None:
        _unknown(findings, node.line, key, name, plugins)
        return None
    _note(findings, node.line, key, known, options)
    return Use(name=known.casefold(), line=node.line, use_bearer=_flagged(options, "UseBearer"))


def _unknown(findings: Findings, line: int, key: str, name: str, plugins: bool) -> None:
    if plugins:
        message = (
            f'"{name}" is not built in, so a plugin: those are not run yet, and nothing is changed for it'
        )
        findings.warn(line, key, message)
    elif name.casefold() in ELSEWHERE:
        findings.warn(
            line, key, f'"{name}" is a plugin that this file does not load: nothing is changed for it'
        )
    else:
        hint = did_you_mean(name, KNOWN)
        findings.problem(line, key, f'there is no transformer "{name}".{hint}')


def _note(findings: Findings, line: int, key: str, name: str, options: Mapping | None) -> None:
    known = KNOWN[name]
    given = options is not None and bool(options.entries)
    lacks = known.lacks or (known.lacks_with_options if given else "")
    if name == "reasoning" and options is not None and not _turned_off(options):
        lacks = ""
    if lacks:
        findings.warn(line, key, f'"{name}": {lacks}')
    else:
        does = "served by our own handling" if given and name in NEEDS_OPTIONS else known.does
        findings.used(line, key, f'"{name}": {does}')


def _turned_off(options: Mapping) -> bool:
    return any(entry.key == "enable" and _is(entry.node, "false") for entry in options.entries)


def _flagged(options: Mapping | None, name: str) -> bool:
    entries = () if options is None else options.entries
    return any(entry.key.casefold() == name.casefold() and _is(entry.node, "true") for entry in entries)


def _is(node: Node, word: str) -> bool:
    return isinstance(node, Scalar) and node.text.strip().casefold() == word
