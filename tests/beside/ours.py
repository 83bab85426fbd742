"""Trunkline on a row: the whole gateway in this process, without a socket; hosts keep their names."""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from unittest.mock import patch

from beside.provider import Provider
from beside.rows import CONFIGS, Row, settle
from beside.seen import Given, Seen, sent_of
from standin.service import Service
from standin.upstream import InProcess
from trunkline.app.composition import Gateway
from trunkline.app.providers import make_providers
from trunkline.app.upstreams import Upstreams
from trunkline.config.load import load_file

WHY = (b"x-trunkline-route", b"x-trunkline-losses")


def run_ours(row: Row, environ: Mapping[str, str]) -> Seen:
    """What Trunkline asks the provider for this row, and what its client gets."""
    return asyncio.run(_run(row, CONFIGS / row.config, environ))


def run_at_home(row: Row, environ: Mapping[str, str], folder: Path) -> Seen:
    """The same for a configuration that loads files from its user's home, which is made below ``folder``."""
    home = folder / "at-home" / row.config
    file = home / ".claude-code-router" / "config.json"
    if not home.exists():
        settle(home, row.config)
    with patch.dict(os.environ, HOME=str(home)):  # where presets are looked for
        return asyncio.run(_run(row, file, {**environ, "HOME": str(home)}))


async def _run(row: Row, file: Path, environ: Mapping[str, str]) -> Seen:
    configuration = load_file(file, environ)
    provider = Provider(row.answers)
    upstream = InProcess(defaultdict(lambda: cast(Service, provider)))
    keys = [key.reveal() for key in configuration.server.keys]
    with patch.object(Upstreams, "open", upstream.open):
        gateway = Gateway(configuration, make_providers(configuration))
        await gateway.startup()
        try:
            given, why = await _ask(gateway, row, keys)
        finally:
            await gateway.shutdown()
    return Seen([sent_of(request) for request in provider.requests], given, why)


async def _ask(gateway: Gateway, row: Row, keys: list[str]) -> tuple[Given, dict[str, str]]:
    body = json.dumps(row.body()).encode()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": row.path,
        "raw_path": row.path.encode(),
        "query_string": b"beta=true",
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 3456),
        "headers": [
            (b"host", b"127.0.0.1:3456"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"anthropic-version", b"2023-06-01"),
            *((b"authorization", f"Bearer {key}".encode()) for key in keys),
        ],
    }
    asked, status, got = [body], 0, b""
    head: dict[str, str] = {}
    over = asyncio.Event()

    async def receive() -> dict[str, object]:
        if asked:
            return {"type": "http.request", "body": asked.pop(), "more_body": False}
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, object]) -> None:
        nonlocal status, got
        if message["type"] == "http.response.start":
            status = cast(int, message["status"])
            for name, value in cast(list[tuple[bytes, bytes]], message["headers"]):
                if name.lower() in WHY:
                    head[name.decode().lower()] = value.decode()
        else:
            got += cast(bytes, message.get("body", b""))

    await gateway.application().answer(scope, receive, send)
    over.set()
    return Given(status, got.decode()), head
