"""Requests as they happen, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.chromium import site, visitor
from dashboard.clients import SESSION, ask, asking

pytestmark = pytest.mark.server


def config(provider: str) -> str:
    return f"""\
providers:
  near: {{kind: custom, speaks: {{openai_chat: "{provider}"}}, models: [small, large]}}
models: {{sonnet: near/large}}
routes: {{default: near/small}}
"""


def row(page: Page, text: str):
    return page.get_by_role("row").filter(has_text=text)


def test_a_request_is_seen_while_it_lives_and_when_it_is_over(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page)
        expect(page.get_by_text("No request yet.")).to_be_visible()
        expect(page.get_by_text("trunkline launch claude")).to_be_visible()
        with asking(gateway.running.port, "sonnet", "hold this") as came:
            expect(row(page, "sonnet")).to_contain_text("live")
            expect(row(page, "sonnet")).to_contain_text(SESSION)
            gateway.provider.release()
            expect(row(page, "sonnet")).to_contain_text("ok 200")
            expect(row(page, "sonnet")).to_contain_text("near/large")
            expect(row(page, "sonnet")).to_contain_text("75 % cached")
        assert came[0][0] == 200
        expect(page.get_by_role("button", name="Cancel the request")).to_have_count(0)


def test_a_live_request_can_be_cancelled(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page)
        with asking(gateway.running.port, "near/small", "hold this") as came:
            page.get_by_role("button", name="Cancel the request").click()
            expect(page.get_by_text("The request is cancelled")).to_be_visible()
            expect(row(page, "near/small")).not_to_contain_text("live")
        assert b"event: error" in came[0][1]
        assert b"message_stop" not in came[0][1]


def test_everything_about_a_request_is_beside_it(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        ask(gateway.running.port, "sonnet", "Hi")
        page = someone.open(gateway.page)
        row(page, "sonnet").get_by_role("link").click()
        detail = page.get_by_role("region", name="Details of a request")
        for told in ("1 attempt", "near/large", "top_k", "= read", "1,200", "900", "ok 200"):
            expect(detail.get_by_text(told, exact=False).first).to_be_visible()
        detail.get_by_role("button", name="Copy as JSON").click()
        expect(detail.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText().then(JSON.parse)")
        assert (copied["asked"], copied["model"], copied["status"]) == ("sonnet", "large", 200)
        detail.get_by_role("button", name="Copy log command").click()
        assert copied["id"] in page.evaluate("navigator.clipboard.readText()")
        page.keyboard.press("Escape")
        expect(detail).to_be_hidden()


def test_filters_are_in_the_address(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        for model in ("sonnet", "near/small", "near/unheard"):
            ask(gateway.running.port, model, "refuse this" if model.endswith("unheard") else "Hi")
        page = someone.open(gateway.page)
        rows = page.get_by_role("rowheader")
        expect(rows).to_have_count(3)
        page.get_by_label("Model").select_option("large")
        expect(rows).to_have_count(1)
        expect(page).to_have_url(re.compile("model=large"))
        page.reload()
        expect(page.get_by_label("Model")).to_have_value("large")
        expect(rows).to_have_count(1)
        page.get_by_role("button", name="Clear", exact=True).click()
        page.get_by_label("Outcome").select_option("failed")
        expect(rows).to_have_count(1)
        expect(row(page, "unheard")).to_contain_text("error")
        page.get_by_label("Find").fill("no such thing")
        expect(page.get_by_text("No request fits these filters.")).to_be_visible()
        page.get_by_role("button", name="Clear the filters").click()
        expect(rows).to_have_count(3)


def test_a_paused_list_stands_still(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page)
        expect(page.get_by_text("No request yet.")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        ask(gateway.running.port, "sonnet", "Hi")
        expect(page.get_by_text("waiting")).to_be_visible()
        expect(row(page, "sonnet")).to_have_count(0)
        page.get_by_role("button", name="Go on").click()
        expect(row(page, "sonnet")).to_have_count(1)


HOSTILE = "<img src=x onerror=window.hurt=1>"
TURNED = "\ns\u202egnp\u2066.exe"


def test_T76_what_clients_send_is_only_ever_text(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        session = {"x-claude-code-session-id": "<script>window.hurt=1</script>"}
        ask(gateway.running.port, HOSTILE, "Hi", session)
        ask(gateway.running.port, f"near/{HOSTILE}{TURNED}", "refuse this", {"user-agent": f"{HOSTILE}/1"})
        page = someone.open(gateway.page)
        expect(page.get_by_role("rowheader")).to_have_count(2)
        expect(page.locator("tbody").get_by_text(HOSTILE).first).to_be_visible()
        row(page, f"near/{HOSTILE}").get_by_role("link").click()
        expect(page.get_by_role("region", name="Details of a request")).to_contain_text("1 attempt")
        page.get_by_role("button", name="Copy explain command").click()
        assert "'" in page.evaluate("navigator.clipboard.readText()")
        for view in ("usage", "health", "models"):
            someone.open(gateway.page, view)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("table", name="Models")).to_be_visible()
        assert page.evaluate("window.hurt") is None
        assert page.locator("main img").count() == 0
        shown = page.locator("body").inner_text()
        assert "\u202e" not in shown


BURST = """\
window.paints = 0;
window.EventSource = class extends EventTarget {
  constructor() { super(); window.source = this; this.readyState = 1; setTimeout(() => this.dispatchEvent(new Event("open"))); }
  close() {}
};
window.send = (amount, from) => {
  for (let index = from; index < from + amount; index += 1) {
    const row = {id: `r${index}`, at: new Date(1e12 + index).toISOString(), agent: "a", client: null, session: null,
      protocol: "p", operation: "o", asked: "m", provider: "near", model: "small", route: "default", stream: true, status: null,
      outcome: null, attempts: 1, seconds: null, first_byte: null, usage: null, losses: 0, error: null, state: "live"};
    window.source.dispatchEvent(new MessageEvent("start", {data: JSON.stringify(row)}));
    const over = {...row, state: "ended", outcome: "ok", status: 200, seconds: 1};
    window.source.dispatchEvent(new MessageEvent("end", {data: JSON.stringify(over)}));
  }
};
"""
COUNT_PAINTS = """\
() => new Promise((resolve) => {
  const body = document.querySelector("tbody");
  let paints = 0, sent = 0;
  const began = performance.now();
  new MutationObserver(() => { paints += 1; }).observe(body, {childList: true});
  const timer = setInterval(() => {
    window.send(25, sent);
    sent += 25;
    if (sent < 1000) return;
    clearInterval(timer);
    setTimeout(() => resolve({paints, milliseconds: performance.now() - began, rows: body.children.length}), 300);
  }, 50);
})
"""


def test_five_hundred_events_a_second_are_ten_paints(browser: Browser, tmp_path: Path) -> None:
    """Only a feed that is made up goes so fast. Each event begins or ends a request: 1,000 a second here."""
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        someone.page.add_init_script(BURST)
        page = someone.open(gateway.page)
        expect(page.get_by_text("No request yet.")).to_be_visible()
        seen = page.evaluate(COUNT_PAINTS)
        assert seen["rows"] == 200
        assert seen["paints"] <= seen["milliseconds"] / 99 + 4
        expect(page.get_by_text("0 live · 200 requests shown")).to_be_visible()


def test_a_lost_connection_is_told_and_ends(browser: Browser, tmp_path: Path) -> None:
    with site(config, tmp_path) as gateway, visitor(browser) as someone:
        page = someone.open(gateway.page)
        expect(page.get_by_text("No request yet.")).to_be_visible()
        page.route("**/api/**", lambda route: route.abort())
        page.reload()
        expect(page.get_by_text("The connection to the gateway is lost.")).to_be_visible()
        page.unroute("**/api/**")
        expect(page.get_by_text("The connection to the gateway is lost.")).to_be_hidden()
        expect(page.get_by_text("No request yet.")).to_be_visible()
        someone.complaints.clear()  # the browser's own words on what was aborted
