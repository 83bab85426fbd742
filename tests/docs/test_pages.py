"""What the pages say is so: every example loads, every key is documented, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from trunkline.config.load import load_file
from trunkline.config.schema import ProviderSettings, Retry, Search, Server, Timeouts

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
ENVIRONMENT = dict.fromkeys(
    (
        "TRUNKLINE_KEY", "TRUNKLINE_ADMIN_KEY", "DATABRICKS_TOKEN", "AZURE_OPENAI_API_KEY", "DATABRICKS_CLIENT_ID",
        "DATABRICKS_CLIENT_SECRET", "GEMINI_API_KEY", "ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET",
    ),
    "a",
)  # fmt: skip


def blocks(language: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for page in PAGES:
        texts = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        found += [(f"{page.relative_to(ROOT)}:{number}", text) for number, text in enumerate(texts)]
    return found


@pytest.mark.parametrize(("where", "text"), blocks("yaml"), ids=[where for where, _ in blocks("yaml")])
def test_every_configuration_example_loads(where: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert load_file(file, ENVIRONMENT).providers, where


@pytest.mark.parametrize(
    "section", [Server, Timeouts, Retry, ProviderSettings, Search], ids=lambda s: s.__name__
)
def test_every_key_is_documented(section: type[Server]) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    spelled = {
        "credential": "token",
        "login": "auth",
        "client_token": "auth",
        "spare": "keys",
        "tokenizers": "tokenizer",
    }
    missing = [field for field in section.__struct_fields__ if f"{spelled.get(field, field)}:" not in page]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
