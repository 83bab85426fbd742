"""The configurations of this folder, and an environment that has every variable they name."""

from pathlib import Path

import pytest

CONFIGS = Path(__file__).parent / "configs"
ENVIRON = {
    "DATABRICKS_TOKEN": "canary-env-dapi",
    "OPENAI_API_KEY": "canary-env-openai",
    "DEEPSEEK_API_KEY": "canary-env-deepseek",
    "OPENROUTER_API_KEY": "canary-env-openrouter",
    "GATEWAY_KEY": "canary-env-client",
    "GEMINI_API_KEY": "canary-env-gemini",
    "GROQ_API_KEY": "canary-env-groq",
    "ANTHROPIC_API_KEY": "canary-env-anthropic",
    "HOME": "/home/someone",
}


@pytest.fixture
def configs() -> Path:
    return CONFIGS


@pytest.fixture
def environ() -> dict[str, str]:
    return dict(ENVIRON)
