"""Who gets in, with what hands and what eyes, in a real browser."""

import re
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboard.browser import ADMIN_KEY
from dashboard.chromium import NARROW, WIDE, Site, site, visitor
from dashboard.clients import ask, asking
from trunkline.app.logs import FOLDER_VARIABLE
from trunkline.config.load import load
from trunkline.dashboard.session import sessions_for

pytestmark = pytest.mark.server

READY = {
    "requests": "1 live · 3 requests shown",
    "usage": "Tokens by minute",
    "health": "What that means",
    "models": "Clients also ask for",
    "configuration": "Save and apply",
    "configuration/text": "Tab leaves the editor",
    "logs": "2 lines",
    "presets": "Install from a file",
}
"""What each view says once it has its data."""


def config(provider: str) -> str:
    return f"""\
providers:
  near: {{kind: custom, speaks: {{openai_chat: "{provider}"}}, models: [small, large]}}
models: {{sonnet: near/large}}
routes: {{default: near/small, longContext: {{to: near/large, above: 60000}}}}
timeouts: {{up_idle: 3000}}
"""


def locked(provider: str) -> str:
    return f'server: {{admin_key: "{ADMIN_KEY}"}}\n{config(provider)}'


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory):
    """A gateway with something to see in every view."""
    folder = tmp_path_factory.mktemp("busy")
    (folder / "ccr-20260101000000.log").write_text('{"time":"2026-01-01T00:00:00Z","model":"m"}\nplain\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        patch.setenv("TRUNKLINE_HOME", str(folder))
        with site(config, folder) as gateway:
            ask(gateway.running.port, "sonnet", "Hi")
            ask(gateway.running.port, "near/none", "refuse this")
            with asking(gateway.running.port, "near/small", "hold this"):
                yield gateway
                gateway.provider.release()


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or worse, WCAG 2.2 AA and best practice."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical", "moderate")
        for node in one["nodes"]
    ]


def ready(page: Page, view: str) -> None:
    expect(page.get_by_text(READY[view]).first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, busy: Site, theme: str) -> None:
    with visitor(browser, theme=theme) as someone:
        for view in READY:
            page = someone.open(busy.page, view)
            ready(page, view)
            if view == "configuration":
                page.get_by_text("near", exact=True).first.click()
            if view == "requests":
                page.get_by_role("rowheader").nth(1).get_by_role("link").click()
                expect(page.get_by_text("Copy as JSON")).to_be_visible()
            assert serious(page) == [], view


SMALL = """\
() => [...document.querySelectorAll("button, select, input, summary, nav a, textarea")]
  .filter((one) => one.checkVisibility() && one.getClientRects().length)
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && (box.width < 24 || box.height < 24) && !box.bottom < 0)
  .map(([text]) => text)
"""


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_targets_are_large_enough_and_nothing_sticks_out(
    browser: Browser, busy: Site, size: tuple[int, int]
) -> None:
    """WCAG 2.5.8: 24 pixels; a checkbox counts with its label."""
    with visitor(browser, size) as someone:
        for view in READY:
            page = someone.open(busy.page, view)
            ready(page, view)
            small = [one for one in page.evaluate(SMALL) if 'type="checkbox"' not in one]
            assert small == [], view
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, view


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id")


def outlined(page: Page) -> bool:
    return page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the element with this text has the focus, which is visible on every stop."""
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement !== document.body") is True
        assert outlined(page)
        if focused(page) == text:
            return
    pytest.fail(f"Tab never came to {text!r}")


def test_everything_can_be_done_by_keyboard(browser: Browser, busy: Site) -> None:
    with visitor(browser) as someone:
        page = someone.open(busy.page)
        ready(page, "requests")
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.evaluate("document.activeElement.blur()")
        link = page.get_by_role("rowheader").last.get_by_role("link")
        link.focus()
        page.keyboard.press("Enter")
        detail = page.get_by_role("region", name="Details of a request")
        expect(detail).to_be_focused()
        page.keyboard.press("Escape")
        expect(detail).to_be_hidden()
        expect(link).to_be_focused()
        page.get_by_role("link", name="Trunkline").focus()
        for title in ("Usage", "Health", "Models & routing", "Configuration", "Logs", "Presets"):
            tab_to(page, title)
            page.keyboard.press("Enter")
            heading = page.get_by_role("heading", level=1)
            expect(heading).to_have_text(title)
            expect(heading).to_be_focused()
            page.get_by_role("link", name="Trunkline").focus()


def test_the_theme_is_kept(browser: Browser, busy: Site) -> None:
    with visitor(browser) as someone:
        page = someone.open(busy.page)
        light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        page.get_by_label("Theme").select_option("dark")
        dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert dark != light
        page.reload()
        expect(page.get_by_label("Theme")).to_have_value("dark")
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark


def test_the_key_opens_and_signing_out_closes(browser: Browser, tmp_path: Path) -> None:
    with site(locked, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page)
        key = page.get_by_label("Admin key")
        expect(key).to_be_focused()
        assert serious(page) == []
        key.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        someone.complaints = [one for one in someone.complaints if "401" not in one]
        key.fill(ADMIN_KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("No request yet.")).to_be_visible()
        page.reload()
        expect(page.get_by_text("No request yet.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Admin key")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Admin key")).to_be_visible()


def test_a_ticket_opens_once_and_leaves_the_address(browser: Browser, tmp_path: Path) -> None:
    with site(locked, tmp_path) as gateway:
        sessions = sessions_for(load(str(gateway.file), {}).server, time.time)
        assert sessions is not None
        address = f"{gateway.page}#ticket={sessions.ticket()}"
        with visitor(browser) as someone:
            page = someone.open(address)
            expect(page.get_by_text("No request yet.")).to_be_visible()
            expect(page).to_have_url(re.compile(r"/ui/$"))
            assert "ticket" not in page.evaluate("document.referrer + location.href + history.length")
        with visitor(browser) as someone:
            page = someone.open(address)
            expect(page.get_by_text("This link is used up or too old.")).to_be_visible()
            expect(page).to_have_url(re.compile(r"/ui/$"))
            someone.complaints = [one for one in someone.complaints if "401" not in one]
