"""Where embeddings and legacy completions are asked."""

import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.providers.registry import make_provider

BASE = "https://adb-1.2.azuredatabricks.net"


@pytest.mark.parametrize(
    ("kind", "url", "version", "expected"),
    [
        ("openai", None, None, "https://api.openai.com/v1/embeddings"),
        ("openai", "https://eu.example.com", None, "https://eu.example.com/v1/embeddings"),
        ("ollama", None, None, "http://127.0.0.1:11434/v1/embeddings"),
        ("azure", "https://r.openai.azure.com", None, "https://r.openai.azure.com/openai/v1/embeddings"),
        (
            "azure",
            "https://r.openai.azure.com",
            "2024-10-21",
            "https://r.openai.azure.com/openai/deployments/m/embeddings?api-version=2024-10-21",
        ),
        ("groq", None, None, None),
        ("anthropic", None, None, None),
    ],
)
def test_embeddings_beside_chat(
    kind: str, url: str | None, version: str | None, expected: str | None
) -> None:
    made = make_provider("p", ProviderSettings(kind=kind, url=url, api_version=version))
    surface = made.carried("openai_embeddings", "m")
    assert (surface and surface.url) == expected
    assert all(one.protocol != "openai_embeddings" for one in made.surfaces("m"))


@pytest.mark.parametrize(
    ("host", "protocol", "deployment", "expected"),
    [
        ("adb-1.2", "openai_embeddings", "databricks-gte-large-en",
         ("databricks-gte-large-en", f"{BASE}/serving-endpoints/embeddings")),
        ("adb-1.2", "openai_completions", "my-endpoint",
         ("my-endpoint", f"{BASE}/serving-endpoints/completions")),
        ("adb-1.2", "openai_embeddings", "system.ai.gte-large-en",
         ("system.ai.gte-large-en", f"{BASE}/ai-gateway/mlflow/v1/embeddings")),
        ("adb-1.2", "openai_completions", "main.ml.base", None),
        ("1234567890123456.7.ai-gateway.azuredatabricks.net", "openai_embeddings", "databricks-gte-large-en",
         ("system.ai.gte-large-en",
          "https://1234567890123456.7.ai-gateway.azuredatabricks.net/mlflow/v1/embeddings")),
        (f"{BASE}/serving-endpoints/my-bge/invocations", "openai_embeddings", "anything",
         ("my-bge", f"{BASE}/serving-endpoints/my-bge/invocations")),
    ],
)  # fmt: skip
def test_databricks(host: str, protocol: str, deployment: str, expected: tuple[str, str] | None) -> None:
    provider = make_provider("dbx", ProviderSettings(kind="databricks", host=host))
    surface = provider.carried(protocol, deployment)
    assert (surface and (surface.deployment, surface.url)) == expected
    if surface is not None:
        body = b'{"model":"m","input":"x","encoding_format":"float"}'
        assert provider.edit(surface, body) == (body, ())
        assert dict(provider.headers(surface, "t", ()))["authorization"] == "Bearer t"
