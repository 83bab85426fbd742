"""A real browser in front of a real gateway: Chromium of the system's own packages, driven by Playwright.

Playwright's synchronous API keeps a loop in the test's thread, so gateways run in threads of their own.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from app.whole import Whole, whole
from upstream.raw_server import OK, Peer, chunk, serving

PATIENCE: Final = 30_000
"""Milliseconds that anything may take on a machine that is busy."""
WIDE: Final = (1280, 800)
NARROW: Final = (390, 844)


@contextmanager
def started_browser() -> Iterator[Browser]:
    """One browser process. Where there is none, continuous integration fails and others skip."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        why = "There is no Chromium here: install the package chromium (Debian, Ubuntu)."
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-proxy-server", "--disable-background-networking"],
            timeout=120_000,
        )
        try:
            yield browser
        finally:
            browser.close()


class Provider:
    """A model on loopback that says "Fine.", or half of that until it may go on."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._may_go_on = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def play(self, peer: Peer) -> None:
        self._loop = asyncio.get_running_loop()
        self.asked.append(peer.body)
        if b"refuse this" in peer.body:
            body = b'{"error":{"message":"no requests of this kind","type":"invalid_request_error"}}'
            head = (
                b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            )
            await peer.send(head % len(body) + body)
            return
        if b"break this" in peer.body:
            await peer.send(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n")
            return
        await peer.send(OK + chunk(_delta("Fi")))
        if b"hold this" in peer.body:
            await self._may_go_on.wait()
        await peer.send(chunk(_delta("ne.", last=True)) + chunk(b"data: [DONE]\n\n") + chunk(b""))

    def release(self) -> None:
        """Let requests that are held come to their end."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._may_go_on.set)


def _delta(text: str, *, last: bool = False) -> bytes:
    """One event of an OpenAI Chat stream."""
    reason = b'"stop"' if last else b"null"
    usage = b',"usage":{"prompt_tokens":1200,"completion_tokens":34,"prompt_tokens_details":{"cached_tokens":900}}'
    return (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
        b'"delta":{"role":"assistant","content":"%s"},"finish_reason":%s}]%s}\n\n'
        % (text.encode(), reason, usage if last else b"")
    )


class Site:
    """A running gateway: where it is, what its provider was asked."""

    def __init__(self, running: Whole, provider: Provider, file: Path) -> None:
        self.running = running
        self.provider = provider
        self.file = file

    @property
    def page(self) -> str:
        return f"{self.running.url}/ui/"


@contextmanager
def site(
    config: Callable[[str], str], folder: Path, environ: Mapping[str, str] = os.environ
) -> Iterator[Site]:
    """The gateway on ``config``, made from its provider's address, in a thread with a loop of its own."""
    ready = threading.Event()
    found: list[Site] = []
    ends: list[Callable[[], None]] = []
    failures: list[BaseException] = []

    async def main() -> None:
        provider, ended = Provider(), asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(ended.set))
        async with (
            serving(provider.play) as server,
            whole(config(f"http://127.0.0.1:{server.port}/v1"), folder, environ) as running,
        ):
            found.append(Site(running, provider, folder / "trunkline.yaml"))
            ready.set()
            await ended.wait()

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as failure:  # noqa: BLE001 - it is raised where the test waits
            failures.append(failure)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="gateway")
    thread.start()
    ready.wait(120)
    try:
        if not found:
            raise failures[0]
        yield found[0]
    finally:
        for end in ends:
            end()
        thread.join(120)
    assert not thread.is_alive()
    assert failures == []


class Visitor:
    """Somebody with a page open. Whatever the console complains of is kept."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, address: str, view: str = "") -> Page:
        """A view, loaded anew."""
        self.page.goto("about:blank")
        self.page.goto(address + (f"#/{view}" if view else ""))
        return self.page


@contextmanager
def visitor(browser: Browser, size: tuple[int, int] = WIDE, theme: str = "light") -> Iterator[Visitor]:
    """A fresh profile. Nothing may be complained of in the end."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-US",
    )
    try:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        someone = Visitor(context)
        yield someone
        assert someone.complaints == []
    finally:
        context.close()
