"""Changing the configuration in a real browser, by form and as text: the file is what counts."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.chromium import site, visitor
from dashboard.clients import ask

pytestmark = pytest.mark.server

KEY = "sk-CANARY-provider-5511aa77ee"


def own(provider: str) -> str:
    return f"""\
# ours
providers:
  near:            # on this machine
    kind: custom
    speaks: {{openai_chat: "{provider}"}}
    key: "{KEY}"   # mine
    models: [small]
routes:
  default: near/small   # for now
"""


def ccr(provider: str) -> str:
    config = {
        "LOG": False,
        "Providers": [
            {
                "name": "near",
                "api_base_url": f"{provider}/chat/completions",
                "api_key": KEY,
                "models": ["small", "large"],
                "transformer": {"use": ["cleancache"]},
            }
        ],
        "Router": {"default": "near,small"},
    }
    return json.dumps(config, indent=2)


def confirm(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Save").click()


def test_the_form_changes_the_file_and_nothing_else_in_it(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        before = gateway.file.read_text()
        page = someone.open(gateway.page, "configuration")
        page.get_by_text("near", exact=True).click()
        expect(page.get_by_label("Key", exact=True)).to_have_value("****")
        page.get_by_label("Models", exact=True).fill("small\nlarge")
        page.get_by_label("think").fill("near/large")
        page.get_by_role("button", name="Save", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("providers.near.models")
        expect(dialog).to_contain_text("routes.think")
        assert gateway.file.read_text() == before
        confirm(page)
        expect(page.get_by_text("until you apply it").first).to_be_visible()
        after = gateway.file.read_text()
        for kept in ("# ours", "# on this machine", f'key: "{KEY}"   # mine', "# for now"):
            assert kept in after
        assert "large" in after
        assert "think: near/large" in after
        assert KEY not in page.content()


def test_a_provider_is_added_and_deleted(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration")
        page.get_by_role("button", name="Add a provider").click()
        card = page.get_by_role("group").filter(has_text="New provider")
        name = card.get_by_label("Name")
        expect(name).to_be_focused()
        page.keyboard.type("far")
        card = page.get_by_role("group").filter(has=page.get_by_text("far", exact=True))
        card.get_by_label("Address", exact=True).fill("http://127.0.0.1:9/v1")
        card.get_by_label("Key", exact=True).fill("$HOME")
        card.get_by_label("Models", exact=True).fill("distant")
        page.get_by_role("button", name="Save", exact=True).click()
        confirm(page)
        expect(page.get_by_text("until you apply it").first).to_be_visible()
        assert "far:" in gateway.file.read_text()
        assert "$HOME" in gateway.file.read_text()
        page.get_by_role("button", name="Delete this provider").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("far", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Save", exact=True).click()
        confirm(page)
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_text("These changes are not saved yet.")).to_be_hidden()
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
        assert "far:" not in gateway.file.read_text()
        assert KEY in gateway.file.read_text()


def test_what_is_refused_is_told_and_the_values_stay(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        before = gateway.file.read_text()
        page = someone.open(gateway.page, "configuration")
        page.get_by_label("default", exact=True).fill("gone/small")
        page.get_by_role("button", name="Save", exact=True).click()
        confirm(page)
        expect(page.get_by_role("alert")).to_contain_text("gone")
        expect(page.get_by_label("default", exact=True)).to_have_value("gone/small")
        assert gateway.file.read_text() == before
        page.get_by_role("link", name="Text").click()
        page.get_by_role("link", name="Form").click()
        expect(page.get_by_label("default", exact=True)).to_have_value("gone/small")
        expect(page.get_by_text("These changes are not saved yet.")).to_be_visible()
        page.get_by_role("button", name="Undo all changes").click()
        expect(page.get_by_label("default", exact=True)).to_have_value("near/small")
        someone.complaints = [one for one in someone.complaints if "400" not in one]


def test_the_form_does_not_write_over_somebody_elses_changes(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration")
        page.get_by_label("think").fill("near/small")
        theirs = gateway.file.read_text() + "fallback: [near/small]\n"
        gateway.file.write_text(theirs)
        page.get_by_role("button", name="Save", exact=True).click()
        confirm(page)
        expect(page.get_by_role("alert")).to_contain_text("changed by somebody else")
        expect(page.get_by_label("think")).to_have_value("near/small")
        assert gateway.file.read_text() == theirs
        someone.complaints = [one for one in someone.complaints if "409" not in one]


def test_claude_code_routers_file_has_the_same_form(browser: Browser, tmp_path: Path) -> None:
    with site(ccr, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration")
        page.get_by_text("near", exact=True).click()
        expect(page.get_by_label("Key", exact=True)).to_have_value("****")
        page.get_by_label("Add a transform").select_option("tooluse")
        page.get_by_label("longContext", exact=True).fill("near,large")
        page.get_by_label("longContext above").fill("70000")
        page.get_by_label("Log level").select_option("warn")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text("Router.longContextThreshold")
        confirm(page)
        expect(page.get_by_text("until you apply it").first).to_be_visible()
        saved = json.loads(gateway.file.read_text())
        (provider,) = saved["Providers"]
        assert provider["api_key"] == KEY
        assert provider["transformer"] == {"use": ["cleancache", "tooluse"]}
        assert saved["Router"] == {
            "default": "near,small",
            "longContext": "near,large",
            "longContextThreshold": 70000,
        }
        assert (saved["LOG"], saved["LOG_LEVEL"]) == (False, "warn")


def test_the_text_is_checked_compared_and_saved(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        before = gateway.file.read_text()
        page = someone.open(gateway.page, "configuration/text")
        editor = page.get_by_role("textbox")
        expect(editor).to_have_value(re.compile("# ours"))
        masked = editor.input_value()
        assert KEY not in masked
        editor.fill(masked.replace("models: [small]", "modles: [small]"))
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("1 finding: not saved")).to_be_visible()
        line = masked[: masked.index("models:")].count("\n") + 1
        page.get_by_role("button", name=f"Line {line}").click()
        chosen = "(area) => area.value.slice(area.selectionStart, area.selectionEnd)"
        assert "modles" in editor.evaluate(chosen)
        assert gateway.file.read_text() == before
        editor.fill(masked.replace("models: [small]", "models: [small, large]"))
        page.keyboard.press("Control+s")
        change = page.get_by_role("region", name="What changes")
        expect(change).to_contain_text("+    models: [small, large]")
        assert gateway.file.read_text() == before
        page.get_by_role("button", name="Write this").click()
        expect(page.get_by_text("until you apply it").first).to_be_visible()
        assert gateway.file.read_text() == before.replace("models: [small]", "models: [small, large]")


def test_the_text_does_not_write_over_somebody_elses_changes(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration/text")
        editor = page.get_by_role("textbox")
        expect(editor).to_have_value(re.compile("# ours"))
        mine = editor.input_value() + "fallback: [near/small]\n"
        editor.fill(mine)
        theirs = gateway.file.read_text() + "# theirs\n"
        gateway.file.write_text(theirs)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("changed by somebody else")
        expect(editor).to_have_value(mine)
        assert gateway.file.read_text() == theirs
        page.get_by_role("button", name="Undo all changes").click()
        expect(editor).to_have_value(re.compile("# theirs"))
        someone.complaints = [one for one in someone.complaints if "409" not in one]


def test_what_is_saved_can_be_put_in_force_at_once(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration")
        page.get_by_text("near", exact=True).click()
        page.get_by_label("Models", exact=True).fill("small\nlarge")
        page.get_by_label("default", exact=True).fill("near/large")
        page.get_by_role("button", name="Save and apply").click()
        confirm(page)
        expect(page.get_by_text("The configuration is in force.")).to_be_visible()
        ask(gateway.running.port, "haiku", "Hi")
        assert json.loads(gateway.provider.asked[-1])["model"] == "large"


def test_what_takes_a_restart_is_told(browser: Browser, tmp_path: Path) -> None:
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration")
        page.get_by_label("Port").fill("4001")
        page.get_by_role("button", name="Save", exact=True).click()
        confirm(page)
        expect(page.get_by_text("until you apply it").first).to_be_visible()
        page.get_by_role("button", name="Apply it now").click()
        expect(page.get_by_role("dialog")).to_contain_text("server.port is 4001")
        page.get_by_role("dialog").get_by_role("button", name="Restart").click()
        expect(page.get_by_text("was not started by trunkline start")).to_be_visible()
        someone.complaints = [one for one in someone.complaints if "501" not in one]


MANIFEST = {
    "name": "team",
    "version": "1.2.0",
    "description": "What the team uses",
    "Providers": [
        {
            "name": "far",
            "api_base_url": "https://far.example/v1/chat/completions",
            "api_key": "${FAR_KEY}",
            "models": ["m"],
        }
    ],
    "Router": {"default": "far,#{model}"},
    "schema": [{"id": "model", "type": "input", "label": "Which model", "defaultValue": "m"}],
}


def test_presets_are_installed_filled_in_and_deleted(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(MANIFEST))
    with site(own, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "presets")
        expect(page.get_by_text("No preset is installed.")).to_be_visible()
        page.get_by_label("Manifest or archive").set_input_files(manifest)
        page.get_by_role("button", name="Install").click()
        expect(page.get_by_text("It calls")).to_contain_text("far.example")
        page.get_by_role("link", name="team").click()
        expect(page.get_by_role("heading", name="team")).to_be_visible()
        page.get_by_label("Which model").fill("other")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("has its values")).to_be_visible()
        page.get_by_role("button", name="Delete team").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No preset is installed.")).to_be_visible()


def test_a_configuration_without_a_form_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    """A file of variables is part of the environment: it is shown, and edited where it is."""

    def variables(provider: str) -> str:
        return f"PROXY_BACKEND=AZURE_DATABRICKS\nDATABRICKS_HOST={provider}\nDATABRICKS_TOKEN={KEY}\n"

    with site(variables, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "configuration")
        expect(page.get_by_text("There is no configuration file to edit yet.")).to_be_visible()
        expect(page.get_by_text("providers:")).to_be_visible()
        page.get_by_role("link", name="See what is in force").click()
        editor = page.get_by_role("textbox")
        expect(editor).not_to_be_editable()
        expect(editor).to_have_value(re.compile("azure|databricks"))
        expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
        assert KEY not in page.content() + editor.input_value()
