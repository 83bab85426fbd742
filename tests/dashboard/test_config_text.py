"""Editing the configuration's text over HTTP: comments stay, secrets stay where they are, nothing is half done."""

import stat
from pathlib import Path

import pytest

from app.whole import Whole
from dashboard.browser import ADMIN_KEY, CANARIES, CLIENT_KEY, PROVIDER_KEY, Browser, with_browser

pytestmark = pytest.mark.server

YAML = f"""\
# ours, token: {PROVIDER_KEY}
server:
  admin_key: "{ADMIN_KEY}"   # for the two of us
  keys: ["{CLIENT_KEY}"]
providers:
  far:
    kind: custom
    speaks: {{openai_chat: "http://127.0.0.1:9/v1"}}
    token: {PROVIDER_KEY}
    models: [m]

routes: {{default: far/m}}   # all of it
"""
CCR = f"""{{
  // the team's
  "PORT": 0,
  "Providers": [
    {{"name": "far", "api_base_url": "http://127.0.0.1:9/v1/chat/completions", "api_key": "{PROVIDER_KEY}", "models": ["m"]}},
  ],
  "Router": {{"default": "far,m"}},
}}
"""


def text_of(browser: Browser) -> tuple[str, str]:
    read = browser("GET", "/api/config/text").json
    return str(read["text"]), str(read["version"])


def send(browser: Browser, text: str, version: str, *, check: bool = False) -> dict[str, object]:
    answer = browser("POST", "/api/config/text", {"text": text, "version": version, "check": check})
    assert answer.status == 200, answer.body
    return answer.json


def test_a_text_is_checked_compared_and_saved(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.yaml"

    def use(browser: Browser, _: Whole) -> None:
        browser.sign_in()
        read = browser("GET", "/api/config/text").json
        assert (read["path"], read["kind"], read["language"], read["writable"]) == (
            str(file),
            "trunkline",
            "yaml",
            True,
        )
        text, version = text_of(browser)
        assert "# for the two of us" in text
        assert text.count("****") == 4
        changed = text.replace("[m]", "[m, n]  # more")
        told = send(browser, changed, version, check=True)
        assert (told["findings"], told["saved"]) == ([], False)
        assert "-    models: [m]\n+    models: [m, n]  # more\n" in str(told["diff"])
        assert file.read_text() == YAML
        assert [one for one in tmp_path.iterdir() if one != file] == []
        assert send(browser, changed, version)["saved"] is True
        assert file.read_text() == YAML.replace("[m]", "[m, n]  # more")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        stale = browser("POST", "/api/config/text", {"text": text, "version": version})
        assert (stale.status, "read it again" in stale.message) == (409, True)
        assert file.read_text() == YAML.replace("[m]", "[m, n]  # more")
        newer, version = text_of(browser)
        replaced = newer.replace('token: "****"', "token: ${FAR_TOKEN:-none}")
        difference = str(send(browser, replaced, version, check=True)["diff"])
        assert '-    token: "****"' in difference

    with_browser(YAML, tmp_path, use)


def test_a_save_by_form_goes_by_the_version_too(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.yaml"

    def use(browser: Browser, _: Whole) -> None:
        browser.sign_in()
        _, version = text_of(browser)
        form = browser("GET", "/api/config").json
        theirs = YAML.replace("[m]", "[m, theirs]")
        file.write_text(theirs)
        mine = {**form, "fallback": ["far/m"]}
        for stale in (version, ""):
            refused = browser("POST", f"/api/config?version={stale}", mine)
            assert (refused.status, "read it again" in refused.message) == (409, True)
        assert file.read_text() == theirs
        assert [one for one in tmp_path.iterdir() if one != file] == []
        _, version = text_of(browser)
        mine = {**browser("GET", "/api/config").json, "fallback": ["far/m"]}
        assert browser("POST", f"/api/config?version={version}", mine).status == 200
        saved = file.read_text()
        assert "theirs" in saved
        assert "fallback" in saved
        assert browser("POST", "/api/config", form).status == 200  # as claude-code-router's own page does
        assert "theirs" not in file.read_text()

    with_browser(YAML, tmp_path, use)


def test_what_is_wrong_is_said_with_its_line_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.yaml"
    wrong = [
        (("routes: {default: far/m}", "routes: {default: near/m}"), 12, "routes.default"),
        (("kind: custom", "kind: nobody"), 7, "providers.far.kind"),
        (("models: [m]", "modles: [m]"), 10, "providers.far.modles"),
        (("models: [m]", "models: [m"), None, ""),
        (('token: "****"', "token: '****x'"), None, "providers.far.token"),
    ]

    def use(browser: Browser, _: Whole) -> None:
        browser.sign_in()
        text, version = text_of(browser)
        for (old, new), line, key in wrong:
            assert old in text
            for check in (True, False):
                told = send(browser, text.replace(old, new), version, check=check)
                assert told["saved"] is False
                assert isinstance(told["findings"], list)
                first = told["findings"][0]
                assert first["key"] == key, told
                assert line is None or first["line"] == line, told
                assert first["problem"]
        assert file.read_text() == YAML
        assert [one for one in tmp_path.iterdir() if one != file] == []
        for nothing in ({}, {"text": 1, "version": ""}, []):
            assert browser("POST", "/api/config/text", nothing).status == 400

    with_browser(YAML, tmp_path, use)


def test_claude_code_routers_file_stays_json5(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.yaml"

    def use(browser: Browser, _: Whole) -> None:
        read = browser("GET", "/api/config/text").json
        assert (read["kind"], read["language"]) == ("ccr", "json")
        text, version = text_of(browser)
        assert "// the team's" in text
        assert send(browser, text.replace('["m"]', '["m", "n",]'), version)["saved"] is True
        assert file.read_text() == CCR.replace('["m"]', '["m", "n",]')

    with_browser(CCR, tmp_path, use)


def test_a_file_that_cannot_be_read_now_is_said_so(tmp_path: Path) -> None:
    def use(browser: Browser, _: Whole) -> None:
        browser.sign_in()
        (tmp_path / "trunkline.yaml").write_text(f"a: [ {PROVIDER_KEY}")
        refused = browser("GET", "/api/config/text")
        assert (refused.status, "cannot be read" in refused.message) == (409, True)

    with_browser(YAML, tmp_path, use)


def test_variables_are_shown_and_not_edited(tmp_path: Path) -> None:
    import asyncio
    import json

    from trunkline.app.admin.config_text import ConfigText
    from trunkline.config.load import load
    from trunkline.core.errors import GatewayError
    from trunkline.server.admin import AdminCall

    file = tmp_path / ".env"
    file.write_text(f"OPENAI_API_KEY={PROVIDER_KEY}\n")
    routes = ConfigText(load(str(file), {}))

    async def main() -> None:
        read = json.loads((await routes.read(AdminCall(path="/api/config/text", method="GET"))).body)
        assert (read["kind"], read["writable"]) == ("environment", False)
        assert not [canary for canary in CANARIES if canary in read["text"]]
        body = json.dumps({"text": "", "version": ""}).encode()
        with pytest.raises(GatewayError, match="runs on no file that is edited here"):
            await routes.save(AdminCall(path="/api/config/text", method="POST", body=body))

    asyncio.run(main())
