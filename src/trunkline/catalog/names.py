"""One key for the many spellings of a model's name."""

import re
from functools import lru_cache
from typing import Final

# A Unity Catalog name has three parts, none of which starts with a digit; a version number does.
_CATALOG_NAME: Final = re.compile(r"[a-z_][\w-]*\.[a-z_][\w-]*\.([a-z].*)")
_VENDOR_DOT: Final = re.compile(r"(?:anthropic|meta|openai|deepseek|mistral|amazon|google|qwen|cohere)\.")
_BEDROCK_VERSION: Final = re.compile(r"-v\d+:\d+$")
_DATE: Final = re.compile(r"[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2})(?=-|$)")
_OLD_CLAUDE: Final = re.compile(r"claude-(\d+(?:-\d{1,2})?)-(opus|sonnet|haiku)(?=-|$)")
_MARKER: Final = re.compile(r"\[[^\]]*\]$")
_TAIL: Final = re.compile(
    r"(?::(?:free|nitro|floor|online|thinking|extended|exacto|latest|cloud)|-latest)$"
)
_BREAKS: Final = re.compile(r"[._:@ ]+")


@lru_cache(maxsize=4096)
def family_key(name: str) -> str:
    """The model's bare name: lower case, dashes, without maker, region, date, platform or marker.

    ``us.anthropic.claude-3-7-sonnet-20250219-v1:0`` is ``claude-sonnet-3-7``;
    ``system.ai.claude-opus-4-8`` and ``databricks-claude-opus-4-8`` are ``claude-opus-4-8``.
    """
    key = _MARKER.sub("", name.strip().lower()).rpartition("/")[2]
    catalog = _CATALOG_NAME.fullmatch(key)
    if catalog:
        key = catalog[1]
    key = _VENDOR_DOT.sub("", key, count=1) if _VENDOR_DOT.match(key) else key
    key = key.removeprefix("databricks-")
    key = _TAIL.sub("", _BEDROCK_VERSION.sub("", key))
    key = _TAIL.sub("", _DATE.sub("", key))
    key = _BREAKS.sub("-", key).strip("-")
    return _OLD_CLAUDE.sub(r"claude-\2-\1", key)


def spelling_key(name: str) -> str:
    """:func:`family_key` without what makers add to a name and platforms leave out: ``meta-``, ``-preview``."""
    return family_key(name).removeprefix("meta-").removesuffix("-preview")


_FAMILIES: Final = (
    ("claude", "claude"),
    ("gpt-oss", "gpt_oss"),
    ("gpt-", "gpt"),
    ("chatgpt-", "gpt"),
    ("codex-", "gpt"),
    ("o1", "gpt"),
    ("o3", "gpt"),
    ("o4", "gpt"),
    ("gemini", "gemini"),
    ("gemma", "gemma"),
    ("meta-llama", "llama"),
    ("llama", "llama"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("deepseek", "deepseek"),
    ("kimi", "kimi"),
    ("glm", "glm"),
    ("grok", "grok"),
    ("minimax", "minimax"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("inkling", "inkling"),
)
"""First match wins; gpt-oss before gpt: it is another model with other rules."""


def family_of(name: str) -> str:
    """The maker's family: ``claude``, ``gpt``, ``gpt_oss``, ``gemini``...; ``other`` when unknown."""
    key = family_key(name)
    for prefix, family in _FAMILIES:
        if key.startswith(prefix):
            return family
    return "other"
