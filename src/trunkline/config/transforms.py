"""The transforms that are built in, their options, and the ``transforms`` of Trunkline's own file.

Names and meanings are claude-code-router's (reference ccr.md 3.4), in any letter case.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Final, cast

from msgspec import Struct

from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import ProviderSettings, Transform
from trunkline.config.section import Reading, Section
from trunkline.config.tree import Mapping as MappingNode
from trunkline.config.tree import Node, Scalar, Sequence

Check = Callable[[object], str]
"""What is wrong with an option's value; empty: nothing."""


def _tokens(value: object) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return "" if good else "must be a whole number of tokens above 0"


def _number(value: object) -> str:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return "" if good else "must be a number"


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _word(value: object) -> str:
    good = isinstance(value, str) and value.isprintable() and value and not set(value) & set("<>/ ")
    return "" if good else "must be a tag's name, without brackets"


def _text(value: object) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be text"


class BuiltIn(Struct, frozen=True, kw_only=True):
    """What a built-in is given. ``open``: any option, which is the provider's own field."""

    options: Mapping[str, Check] = {}
    required: tuple[str, ...] = ()
    """It has nothing to do without one of these."""
    open: bool = False


_PLAIN: Final = BuiltIn()
_FIELDS: Final = BuiltIn(open=True)
_SAMPLING: Final[dict[str, Check]] = {
    "max_tokens": _tokens,
    "temperature": _number,
    "top_p": _number,
    "top_k": _number,
    "repetition_penalty": _number,
}
_CAP: Final[dict[str, Check]] = {"max_tokens": _tokens}

PROTOCOLS: Final[dict[str, BuiltIn]] = {
    "Anthropic": BuiltIn(options={"UseBearer": _flag}),
    "OpenAI": _PLAIN,
    "openai-responses": _PLAIN,
    "gemini": _PLAIN,
    "vertex-gemini": _PLAIN,
    "vertex-claude": _PLAIN,
    "vertex-openai": BuiltIn(options={"client_email": _text, "private_key": _text}),
}
"""Those that say what a provider speaks: ``kind`` and ``speaks`` do that in Trunkline's own file."""
EDITS: Final[dict[str, BuiltIn]] = {
    "deepseek": _PLAIN,
    "openrouter": _FIELDS,
    "vercel": _FIELDS,
    "groq": _PLAIN,
    "cerebras": _PLAIN,
    "tooluse": _PLAIN,
    "enhancetool": _PLAIN,
    "maxtoken": BuiltIn(options=_CAP, required=tuple(_CAP)),
    "maxcompletiontokens": _PLAIN,
    "sampling": BuiltIn(options=_SAMPLING, required=tuple(_SAMPLING)),
    "reasoning": BuiltIn(options={"enable": _flag}),
    "forcereasoning": _PLAIN,
    "cleancache": _PLAIN,
    "streamoptions": _PLAIN,
    "customparams": BuiltIn(open=True, required=("a field",)),
    "extrathinktag": BuiltIn(options={"tag": _word, "opened": _flag}),
}
"""Those that change requests and answers."""
BUILT_IN: Final = PROTOCOLS | EDITS
NO_PLUGINS: Final[Set[str]] = frozenset()
_FOLDED: Final = {name.casefold(): name for name in BUILT_IN}


def built_in(name: str) -> str | None:
    """The spelling of the built-in that is called so, in whatever letter case; None for any other name."""
    return _FOLDED.get(name.casefold())


def option_faults(name: str, options: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """(option, what is wrong with it) for the built-in ``name``."""
    known = BUILT_IN[name]
    for option, value in options.items():
        check = known.options.get(option)
        if check is not None and (fault := check(value)):
            yield option, fault
        elif check is None and not known.open:
            hint = did_you_mean(option, known.options) if known.options else " It has none."
            yield option, f'"{name}" has no such option.{hint}'


def transforms_for(
    settings: ProviderSettings, deployment: str, plugins: Set[str] = NO_PLUGINS
) -> tuple[Transform, ...]:
    """What a request for ``deployment`` goes through, in order: each name once, and none of the ``plugins``.

    A name in both lists stays at its place in the provider's, with the model's options over its own.
    """
    own = next((found for model, found in settings.model_transforms if model == deployment), ())
    merged: dict[str, Transform] = {}
    for one in (*settings.transforms, *own):
        before = merged.get(one.name)
        options = one.options if before is None else {**before.options, **one.options}
        merged[one.name] = Transform(name=one.name, options=options)
    return tuple(one for one in merged.values() if one.name not in plugins)


def decode_transforms(section: Section, *, plugins: bool = False) -> tuple[Transform, ...]:
    """A provider's ``transforms``. ``plugins``: the file loads some, so that an unknown name may be one of theirs."""
    return decode_list(section.reading, section.get("transforms"), section.key("transforms"), plugins)


def decode_model_transforms(
    section: Section, *, plugins: bool = False
) -> tuple[tuple[str, tuple[Transform, ...]], ...]:
    """A provider's ``model_transforms``: a list of its own for some of its models."""
    models = section.section("model_transforms")
    return tuple(
        (entry.key, decode_list(section.reading, entry.node, models.key(entry.key), plugins))
        for entry in models.entries()
    )


def decode_list(reading: Reading, node: Node | None, key: str, plugins: bool) -> tuple[Transform, ...]:
    """One list of transforms, each name once."""
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        reading.problem(node.line, key, "must be a list: write [name, name: {option: value}]")
        return ()
    found: dict[str, Transform] = {}
    for index, item in enumerate(node.items):
        place = f"{key}[{index}]"
        one = _element(reading, item, place, plugins)
        if one is not None and one.name in found:
            reading.problem(item.line, place, f'names "{one.name}" twice')
        elif one is not None:
            found[one.name] = one
    return tuple(found.values())


def _element(reading: Reading, node: Node, key: str, plugins: bool) -> Transform | None:
    name, options, place = _parts(reading, node, key)
    if name is None:
        return None
    known = built_in(name)
    if known is None:
        if plugins:
            return Transform(name=name, options=options)
        reading.problem(node.line, key, f'there is no transform "{name}".{did_you_mean(name, EDITS)}')
        return None
    if known in PROTOCOLS and not plugins:
        message = f'"{known}" says what the provider speaks: write "kind" or "speaks" for that'
        reading.problem(node.line, key, message)
        return None
    required = BUILT_IN[known].required
    if required and not options:
        example = f"{known}: {{{required[0]}: ...}}"
        reading.problem(node.line, key, f'"{known}" does nothing without options: write {example}')
    for option, fault in option_faults(known, options):
        reading.problem(node.line, f"{place}.{option}", fault)
    return Transform(name=known, options=options)


def _parts(reading: Reading, node: Node, key: str) -> tuple[str | None, dict[str, object], str]:
    """Name and options of ``name``, ``name: {...}`` or ``[name, {...}]``, and the options' place."""
    if isinstance(node, Scalar):
        return reading.text(node, key), {}, key
    name: str | None
    if isinstance(node, MappingNode) and len(node.entries) == 1:
        entry = node.entries[0]
        name, below, place = entry.key, entry.node, f"{key}.{entry.key}"
    elif isinstance(node, Sequence) and len(node.items) == 2:
        name, below, place = reading.text(node.items[0], f"{key}[0]"), node.items[1], f"{key}[1]"
    else:
        reading.problem(node.line, key, "must be a name, or a name with options: name: {option: value}")
        return None, {}, key
    if not isinstance(below, MappingNode):
        reading.problem(below.line, place, "must be options: {name: value}")
        return None, {}, place
    return name, cast(dict[str, object], reading.plain(below, place)), place
