"""claude-code-azure's config.yaml: what its README documents, and every mistake with its place."""

import pytest

from trunkline.config.claude_code_azure import decode_azure
from trunkline.config.expand import expand
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration
from trunkline.config.yaml_text import encode_yaml

OPENAI = """
providers:
  openai:
    api_key: sk-$1${A}
model_categories:
  large: openai/gpt-4o
  small: openai/gpt-4o-mini
"""
MIXED = """
providers:
  azure:
    api_key: k
    endpoint: your-instance.openai.azure.com
    api_version: 2023-05-15
  databricks:
    token: t
    host: adb-12345678901234.12.azuredatabricks.net
model_categories:
  large: azure/my-gpt4-deployment-name
  small: databricks/databricks-claude-3-haiku
"""


def read(text: str) -> Configuration:
    return decode_azure(text, "config.yaml", {}).configuration


def test_the_readmes_first_file() -> None:
    configuration = read(OPENAI)
    ((name, settings),) = configuration.providers
    assert (name, settings.kind, settings.models) == ("openai", "openai", ("gpt-4o", "gpt-4o-mini"))
    assert settings.credential is not None
    assert settings.credential.reveal() == "sk-$1${A}"
    assert configuration.server.port == 8082
    assert {name.pattern: name.to for name in configuration.models} == {
        "large": ("openai/gpt-4o",),
        "big": ("openai/gpt-4o",),
        "small": ("openai/gpt-4o-mini",),
        "*haiku*": ("openai/gpt-4o-mini",),
        "*sonnet*": ("openai/gpt-4o",),
        "*opus*": ("openai/gpt-4o",),
    }
    assert dict(configuration.routes)["default"].to == ("openai/gpt-4o",)
    assert not configuration.any_name
    assert configuration.warnings == ()


def test_azure_and_databricks() -> None:
    azure, databricks = dict(read(MIXED).providers).values()
    assert (azure.kind, azure.url, azure.api_version) == (
        "azure",
        "https://your-instance.openai.azure.com",
        "2023-05-15",
    )
    assert azure.models == ("my-gpt4-deployment-name",)
    assert (databricks.host, databricks.models) == ("adb-12345678901234.12.azuredatabricks.net", ())


def test_categories_as_the_code_of_its_time_had_them() -> None:
    text = OPENAI.replace(
        "large: openai/gpt-4o\n", "big: {provider: openai, deployment: o3, reasoning_effort: low}\n"
    )
    configuration = read(text)
    assert dict(configuration.routes)["default"].to == ("openai/o3",)
    assert configuration.warnings == (
        "config.yaml:6: model_categories.big.reasoning_effort: is not used: a client's own effort is passed on",
    )


def test_other_addresses() -> None:
    text = OPENAI.replace(
        "sk-$1${A}", 'k\n    base_url: "http://127.0.0.1:9/v1"\n  anthropic:\n    api_key: a'
    )
    openai, anthropic = dict(read(text).providers).values()
    assert openai.speaks == (("openai_chat", "http://127.0.0.1:9/v1"),)
    assert (anthropic.kind, anthropic.models) == ("anthropic", ())


WRONG = [
    (("  large: openai/gpt-4o\n", ""), "5: model_categories.large: 'large' category must be explicitly configured in config.yaml"),
    (("  small: openai/gpt-4o-mini\n", ""), "5: model_categories.small: 'small' category must be explicitly configured in config.yaml"),
    (("openai/gpt-4o\n", "gpt-4o\n"), "6: model_categories.large: Invalid model format for category 'large': gpt-4o. Expected format: 'provider/model'"),
    (("openai/gpt-4o\n", "/gpt-4o\n"), "6: model_categories.large: Invalid model format for category 'large': /gpt-4o. Expected format: 'provider/model'"),
    (("openai/gpt-4o\n", "azure/gpt-4o\n"), "6: model_categories.large: Provider 'azure' not configured"),
    (("openai/gpt-4o\n", "azur/gpt-4o\n"), "6: model_categories.large: Provider 'azur' not configured: there are openai, anthropic, azure, databricks"),
    (("openai/gpt-4o\n", "{provider: openai}\n"), "6: model_categories.large: Invalid model configuration for category 'large'. 'provider' and 'deployment' are required."),
    (("  large:", "  medium: openai/a\n  large:"), "6: model_categories.medium: Unknown model category: medium. Available categories: [large, small]"),
    (("  large:", "  big: openai/a\n  large:"), "6: model_categories.big: means the same as large: give one of them"),
    (("openai/gpt-4o\n", "\n"), "7: model_categories.large: has no value: give one or remove the key"),
    (("    api_key: sk-$1${A}\n", "    {}\n"), "4: providers.openai.api_key: is missing: 'api_key' is required for provider 'openai'"),
    (("api_key: sk-$1${A}", "api_key:"), "5: providers.openai.api_key: has no value: give one or remove the key"),
    (("api_key: sk-$1${A}", "api_key: k\n    base_urls: x"), '5: providers.openai.base_urls: unknown key. Did you mean "base_url"?'),
    (("api_key: sk-$1${A}", "api_key: k\n    base_url: example.com"), '5: providers.openai.base_url: must begin with "https://", or "http://" for a local address'),
    (("  openai:\n", "  openia: {}\n  openai:\n"), "3: providers.openia: unknown provider: configure one or more of openai, anthropic, azure, databricks"),
    (("model_categories:", "model_catgories: {}\nmodel_categories:"), '5: model_catgories: unknown key. Did you mean "model_categories"?'),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_each_mistake_is_named(change: tuple[str, str], message: str) -> None:
    before, after = change
    assert before in OPENAI
    with pytest.raises(ConfigurationError) as caught:
        read(OPENAI.replace(before, after, 1))
    assert f"config.yaml:{message}" in str(caught.value).splitlines()


MISSING = [
    ("    endpoint: your-instance.openai.azure.com\n", "providers.azure.endpoint"),
    ("    api_version: 2023-05-15\n", "providers.azure.api_version"),
    ("    token: t\n", "providers.databricks.token"),
    ("    host: adb-12345678901234.12.azuredatabricks.net\n", "providers.databricks.host"),
]


@pytest.mark.parametrize(("line", "key"), MISSING)
def test_each_missing_value_is_named(line: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(MIXED.replace(line, ""))
    name = key.rpartition(".")[2]
    assert f"{key}: is missing: '{name}' is required for provider" in str(caught.value)


def test_it_imports_without_its_secrets() -> None:
    imported = decode_azure(MIXED, "config.yaml", {})
    text = encode_yaml(imported.configuration, imported.references)
    assert imported.unset == ("AZURE_API_KEY", "DATABRICKS_TOKEN")
    assert "token: ${AZURE_API_KEY}" in text
    assert 'api_version: "2023-05-15"' in text
    assert expand("${AZURE_API_KEY}", {"AZURE_API_KEY": "k"}).value == "k"
