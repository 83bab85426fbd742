"""Usage, health, models and logs as they are shown, in a real browser."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.chromium import site, visitor
from dashboard.clients import SESSION, ask
from trunkline.app.logs import FOLDER_VARIABLE

pytestmark = pytest.mark.server


def config(provider: str) -> str:
    return f"""\
providers:
  near: {{kind: custom, speaks: {{openai_chat: "{provider}"}}, models: [small, large]}}
models: {{sonnet: [near/large, near/small]}}
routes: {{default: near/small, longContext: {{to: near/large, above: 60000}}}}
retry: {{per_target: 0}}
breaker: {{open: 600, cap: 600}}
"""


def test_usage_adds_up_and_leads_to_the_requests(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "usage")
        expect(page.get_by_text("Nothing was used yet.")).to_be_visible()
        for text in ("Hi", "Hi again", "refuse this"):
            ask(gateway.running.port, "sonnet", text)
        page = someone.open(gateway.page, "usage")
        cards = page.locator(".cards")
        for told in ("Requests3", "1 failed", "Tokens read2,400", "Tokens written68", "75 %"):
            expect(cards).to_contain_text(told)
        expect(page.get_by_text("Prices are not known yet")).to_be_visible()
        line = page.get_by_role("table", name="Usage by model").get_by_role("row").filter(has_text="large")
        for told in ("3", "2,400", "75 %", "68"):
            expect(line).to_contain_text(told)
        chart = page.get_by_role("img")
        assert "3 requests, 1 of them failed" in str(chart.get_attribute("aria-label"))
        page.get_by_text("Data table").click()
        minutes = page.get_by_role("table", name="Tokens by minute")
        expect(minutes.get_by_role("row").nth(1)).to_be_visible()
        page.get_by_role("link", name="By session").click()
        page.get_by_role("link", name=SESSION).click()
        expect(page.get_by_role("rowheader")).to_have_count(3)
        expect(page.get_by_label("Session")).to_have_value(SESSION)


def test_health_is_told_in_words(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "health")
        for _ in range(20):
            ask(gateway.running.port, "near/small", "break this")
        line = page.get_by_role("table").get_by_role("row").filter(has_text="small")
        expect(line).to_contain_text("not asked")
        expect(line).to_contain_text("It failed too often.")
        expect(line).to_contain_text("500")
        other = page.get_by_role("table").get_by_role("row").filter(has_text="large")
        expect(other).to_contain_text("Asked as usual.")
        expect(page.get_by_text("1 model of 2 cannot be asked freely right now.")).to_be_visible()


def test_where_a_request_would_go(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "models")
        expect(page.get_by_text("above 60,000 tokens")).to_contain_text("near/large")
        known = page.get_by_role("table", name="Models")
        expect(known).to_contain_text("sonnet")
        page.get_by_label("Model", exact=True).fill("sonnet")
        page.get_by_role("button", name="Explain").click()
        answer = page.locator(".answer")
        expect(answer).to_contain_text("sonnet → near/large; when it fails: near/small.")
        expect(answer).to_contain_text('echo \'{"model":"sonnet"}\' | trunkline explain -')
        page.get_by_label("Or the whole body").fill("{")
        page.get_by_role("button", name="Explain").click()
        expect(page.get_by_role("alert")).to_contain_text("The body is no JSON")
        page.get_by_label("Model", exact=True).fill("")
        long = {
            "model": "claude-x-9",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "word " * 90_000}],
        }
        page.get_by_label("Or the whole body").fill(json.dumps(long))
        page.get_by_role("button", name="Explain").click()
        expect(answer).to_contain_text("near/large")
        expect(answer).to_contain_text("longContext")
        assert gateway.provider.asked == []


def test_logs_are_searched_followed_and_emptied(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "ccr-20260101000000.log"
    log.write_text('{"time":"2026-01-01T00:00:00Z","id":"one","model":"m"}\nplain <b>words</b>\n')
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page, "logs")
        lines = page.get_by_role("listitem").filter(has=page.locator("bdi"))
        expect(lines).to_have_count(2)
        expect(lines.first).to_contain_text("id=one model=m")
        expect(lines.last).to_contain_text("plain <b>words</b>")
        page.get_by_label("Find").fill("PLAIN")
        expect(lines).to_have_count(1)
        with log.open("a") as file:
            file.write("plain too\n")
        expect(lines).to_have_count(2)
        page.get_by_role("button", name="Empty this file").click()
        page.get_by_role("dialog").get_by_role("button", name="Empty it").click()
        expect(page.get_by_text("0 lines")).to_be_visible()
        assert log.read_text() == ""
