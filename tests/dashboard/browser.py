"""A gateway with the dashboard in this process, and a client that says what a browser says."""

import asyncio
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from app.whole import Whole, whole

T = TypeVar("T")
ADMIN_KEY = "sk-CANARY-admin-0c4e8a61d2"
CLIENT_KEY = "sk-CANARY-client-77b1c09e5f"
PROVIDER_KEY = "sk-CANARY-provider-913dd2a7"
CANARIES = (ADMIN_KEY, CLIENT_KEY, PROVIDER_KEY)


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def message(self) -> str:
        error = self.json["error"]
        assert isinstance(error, dict)
        return str(error["message"])


class Browser:
    """Keeps cookies as a browser does; ``said`` is everything it ever heard."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        self.said = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __call__(
        self, method: str, path: str, value: object = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """A request of the page itself: same origin, with its cookie. ``headers`` come on top."""
        own = (
            {"origin": self.origin, "sec-fetch-site": "same-origin"}
            if method not in ("GET", "HEAD")
            else {}
        )
        cookie = {"cookie": self.cookie} if self.cookie else {}
        return self.send(method, path, value, {**own, **cookie, **headers})

    def send(self, method: str, path: str, value: object = None, headers: Mapping[str, str] = {}) -> Answer:
        """A request with these headers and no others."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = None if value is None else json.dumps(value).encode()
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        found = {name.lower(): text for name, text in answer.getheaders()}
        if "content-encoding" not in found:
            self.said += data.decode() + str(found)
        if "set-cookie" in found:
            pair = found["set-cookie"].partition(";")[0]
            self.cookie = "" if pair.endswith("=") else pair
        return Answer(answer.status, found, data)

    def sign_in(self) -> None:
        assert self("POST", "/api/session", {"key": ADMIN_KEY}).status == 204


class Feed:
    """The events of the feed, one after the other."""

    def __init__(self, browser: Browser) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=60)
        headers = {"cookie": browser.cookie} if browser.cookie else {}
        self._connection.request("GET", "/api/feed", headers=headers)
        self._answer = self._connection.getresponse()
        self._browser = browser
        assert self._answer.status == 200, self._answer.read()
        assert self._answer.headers["content-type"] == "text/event-stream"

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()

    def __iter__(self) -> Iterator[tuple[str, dict[str, object]]]:
        event = ""
        while line := self._answer.readline().decode():
            self._browser.said += line
            field, _, value = line.strip().partition(": ")
            if not field:
                yield "here", {}
            elif field == "event":
                event = value
            elif field == "data":
                yield event, json.loads(value)

    def until(self, event: str, **fields: object) -> dict[str, object]:
        """The next event of that name with these fields."""
        deadline = time.monotonic() + 60
        for name, row in self:
            if name == event and fields.items() <= row.items():
                return row
            assert time.monotonic() < deadline, f"no {event} {fields}"
        raise AssertionError(f"the feed ended before {event} {fields}")


def with_browser(config: str, folder: Path, use: Callable[[Browser, Whole], T]) -> T:
    """``use`` in a thread, in front of the gateway on ``config``. No canary is in anything it was told."""

    async def main() -> T:
        async with whole(config, folder, os.environ) as running:
            browser = Browser(running.port)
            result = await asyncio.to_thread(use, browser, running)
            for canary in CANARIES:
                assert canary not in browser.said
            return result

    return asyncio.run(main())
