"""The page of providers says what the catalog says."""

from pathlib import Path

from trunkline.catalog.providers import ProviderEntry, provider_entries

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"


def cell(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def row(entry: ProviderEntry) -> str:
    protocols = tuple(protocol for protocol, _ in entry.speaks)
    if entry.kind in BY_BEHAVIOUR:
        protocols = BY_BEHAVIOUR[entry.kind]
    kind = cell((entry.kind, *entry.aliases))
    extra = "" if entry.extra is None else f"`trunkline[{entry.extra}]`"
    return f"| {entry.title} | {kind} | {cell(entry.env)} | {cell(protocols)} | {extra} | {entry.note} |"


BY_BEHAVIOUR = {
    "azure": ("openai_chat", "openai_responses"),
    "bedrock": ("anthropic_messages", "bedrock_converse"),
    "databricks": ("anthropic_messages", "openai_chat"),
    "vertex": ("gemini", "anthropic_messages", "openai_chat"),
}
"""Kinds whose protocols depend on the settings or the model."""


def test_the_table_is_the_catalogs() -> None:
    rows = [row(entry) for entry in provider_entries().values()]
    text = PAGE.read_text()
    table = text[text.index("| provider |") :].partition("\n\n")[0].splitlines()[2:]
    assert table == rows, "\n" + "\n".join(rows)
