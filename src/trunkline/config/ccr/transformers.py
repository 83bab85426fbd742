"""claude-code-router's ``use`` lists: what a provider speaks and what edits its requests (ccr.md 1.5, 3.3, 3.4)."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from msgspec import Struct

from trunkline.config.ccr.findings import Findings
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import Transform
from trunkline.config.transforms import BUILT_IN, EDITS, PROTOCOLS, built_in, option_faults
from trunkline.config.tree import Entry, Node, Scalar, Sequence
from trunkline.config.tree import Mapping as MappingNode

DATABRICKS: Final = "databricks-custom"
IDLE: Final = "does nothing, as it has no options"
DOES: Final = {
    "Anthropic": "Anthropic's protocol, passed through",
    "OpenAI": "OpenAI's chat protocol",
    "openai-responses": "OpenAI's Responses protocol",
    "gemini": "Gemini's protocol",
    "vertex-gemini": "Gemini on Vertex AI",
    "vertex-claude": "Claude on Vertex AI",
    "vertex-openai": "Vertex AI over OpenAI's chat protocol",
    "deepseek": "max_tokens is 8192 at most; reasoning_content is read as thinking and sent back",
    "openrouter": "its options are fields of every request; cache marks go to Claude only",
    "vercel": "its options are fields of every request; cache marks go to Claude only",
    "groq": "cache marks and $schema stay behind; its fields are spelled as Groq does",
    "cerebras": "reasoning stays behind; its fields are spelled as Cerebras does",
    "tooluse": "the model is urged to use tools",
    "enhancetool": "broken tool arguments are repaired",
    "maxtoken": "max_tokens is capped",
    "maxcompletiontokens": "max_tokens goes as max_completion_tokens",
    "sampling": "max_tokens is capped and the sampler set",
    "reasoning": "thinking is switched by thinking and enable_thinking; reasoning_content is read as thinking",
    "forcereasoning": "the model is told to think in tags, which are read as thinking",
    "cleancache": "cache marks on messages stay behind",
    "streamoptions": "usage is always asked for in streams",
    "customparams": "its options are fields of requests that lack them",
    "extrathinktag": "<think> tags in text are read as thinking",
    DATABRICKS: "the provider's kind does it; the file is not needed",
}
ELSEWHERE: Final = frozenset({"gemini-cli", "qwen-cli", "rovo-cli", "chutes-glm"})
"""Plugins that CCR's own pages name as if they were built in."""


class Loaded(Struct, frozen=True):
    """Which plugins a file loads: ``any`` of them at all, and ``run``: one that is run here."""

    any: bool = False
    run: bool = False


class Use(Struct, frozen=True, kw_only=True):
    """One element of a ``use`` list. ``name`` is a built-in's in its own spelling, or a plugin's."""

    name: str
    line: int
    options: dict[str, object] = {}


class Uses(Struct, frozen=True, kw_only=True):
    """A provider's own list, and those of some of its models."""

    all: tuple[Use, ...] = ()
    by_model: tuple[tuple[str, tuple[Use, ...]], ...] = ()
    loaded: Loaded = Loaded()

    @property
    def names(self) -> frozenset[str]:
        """The names in the provider's own list, folded; what it speaks may stand in its models' lists alone."""
        own = frozenset(use.name.casefold() for use in self.all)
        speaking = {name.casefold() for name in PROTOCOLS} - {"anthropic", "openai"}
        models = {use.name.casefold() for _, uses in self.by_model for use in uses}
        return own if own & speaking else own | (models & speaking)

    def option(self, name: str, option: str) -> object:
        """The value of an option in the provider's own list, None when it is not there."""
        found = (use.options.get(option) for use in self.all if use.name == name)
        return next((value for value in found if value is not None), None)

    def transforms(self) -> tuple[Transform, ...]:
        """The provider's own list as the settings have it."""
        return self._transforms(self.all)

    def model_transforms(self) -> tuple[tuple[str, tuple[Transform, ...]], ...]:
        """The models' lists as the settings have them."""
        found = ((model, self._transforms(uses)) for model, uses in self.by_model)
        return tuple((model, transforms) for model, transforms in found if transforms)

    def _transforms(self, uses: tuple[Use, ...]) -> tuple[Transform, ...]:
        """Each name once. With plugins all are kept: one of them may have a built-in's name."""
        found: dict[str, Transform] = {}
        for use in uses:
            works = use.name in EDITS and (use.options or not EDITS[use.name].required)
            if works or (self.loaded.run and use.name != DATABRICKS):
                before = found.get(use.name)
                options = use.options if use.name not in PROTOCOLS else {}  # they may hold a private key
                options = options if before is None else {**before.options, **options}
                found[use.name] = Transform(name=use.name, options=options)
        return tuple(found.values())


def read_uses(findings: Findings, node: Node | None, key: str, loaded: Loaded) -> Uses:
    """All transformers of a provider, each with a note on what becomes of it.

    Takes ``{use: [...], "model id": {use: [...]}}``, a bare list and a single name.
    """
    if node is None:
        return Uses()
    if not isinstance(node, MappingNode):
        return Uses(all=_list(findings, node, key, loaded), loaded=loaded)
    found: tuple[Use, ...] = ()
    by_model: list[tuple[str, tuple[Use, ...]]] = []
    for entry in node.entries:
        if entry.key == "use":
            found = _list(findings, entry.node, f"{key}.use", loaded)
        else:
            by_model.append((entry.key, _by_model(findings, entry, f"{key}.{entry.key}", loaded)))
    return Uses(all=found, by_model=tuple(by_model), loaded=loaded)


def _by_model(findings: Findings, entry: Entry, key: str, loaded: Loaded) -> tuple[Use, ...]:
    below = entry.node
    if not isinstance(below, MappingNode):
        return _list(findings, below, key, loaded)
    found: tuple[Use, ...] = ()
    for part in below.entries:
        if part.key == "use":
            found = _list(findings, part.node, f"{key}.use", loaded)
        else:
            findings.warn(part.line, f"{key}.{part.key}", f"unknown key.{did_you_mean(part.key, ('use',))}")
    return found


def _list(findings: Findings, node: Node, key: str, loaded: Loaded) -> tuple[Use, ...]:
    if isinstance(node, Scalar):
        use = _use(findings, node, key, loaded)
        return () if use is None else (use,)
    if isinstance(node, MappingNode):
        findings.problem(node.line, key, 'must be a list: write ["name"] or [["name", {option: value}]]')
        return ()
    found = [_use(findings, item, f"{key}[{index}]", loaded) for index, item in enumerate(node.items)]
    return tuple(use for use in found if use is not None)


def _use(findings: Findings, node: Node, key: str, loaded: Loaded) -> Use | None:
    name_node, given = node, None
    if isinstance(node, Sequence) and node.items:
        name_node, given = node.items[0], node.items[1] if len(node.items) > 1 else None
    elif not isinstance(node, Scalar):
        findings.problem(node.line, key, 'must be "name" or ["name", {option: value}]')
        return None
    if given is not None and not isinstance(given, MappingNode):
        findings.problem(given.line, f"{key}[1]", "must be options: {name: value}")
        return None
    name = findings.reading.text(name_node, key)
    if name is None:
        return None
    options: dict[str, object] = {}
    if given is not None:
        options = cast(dict[str, object], findings.reading.plain(given, f"{key}[1]"))
    known = DATABRICKS if name.casefold() == DATABRICKS else built_in(name)
    if known is None:
        return _plugin(findings, Use(name=name, line=node.line, options=options), key, loaded)
    if known != DATABRICKS:
        options = dict(_usable(findings, node.line, f"{key}[1]", known, options))
    idle = known in EDITS and EDITS[known].required and not options
    findings.used(node.line, key, f'"{known}": {IDLE if idle else DOES[known]}')
    return Use(name=known, line=node.line, options=options)


def _plugin(findings: Findings, use: Use, key: str, loaded: Loaded) -> Use | None:
    if loaded.run:
        findings.used(use.line, key, f'"{use.name}" is not built in, so one of the plugins')
        return use
    if loaded.any:
        message = f'"{use.name}" is not built in, and no plugin is run: nothing is changed for it'
        findings.warn(use.line, key, message)
    elif use.name.casefold() in ELSEWHERE:
        message = f'"{use.name}" is a plugin that this file does not load: nothing is changed for it'
        findings.warn(use.line, key, message)
    else:
        hint = did_you_mean(use.name, (*BUILT_IN, DATABRICKS))
        findings.problem(use.line, key, f'there is no transformer "{use.name}".{hint}')
    return None


def _usable(
    findings: Findings, line: int, key: str, name: str, options: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    """The options that mean something: CCR ignores the others, and takes numbers and flags that stand in quotes."""
    for spelled, value in options.items():
        by_folded = {option.casefold(): option for option in BUILT_IN[name].options}
        option = by_folded.get(spelled.casefold(), spelled)
        meant = value if not _fault(name, option, value) else _unquoted(value)
        if fault := _fault(name, option, meant):
            findings.warn(line, f"{key}.{spelled}", f"is not used: {fault}")
        else:
            yield option, meant


def _fault(name: str, option: str, value: object) -> str:
    return next((fault for _, fault in option_faults(name, {option: value})), "")


def _unquoted(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return value
