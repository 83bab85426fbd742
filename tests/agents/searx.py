"""A SearXNG stand-in in a thread of its own, for gateways that run as a process."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

RESULTS = [
    {
        "url": "https://rails.example/how",
        "title": "How trains run",
        "content": "Trains run on rails of steel.",
    },
    {"url": "https://wheels.example/", "title": "Wheels", "content": "Flanged wheels keep to the rail."},
]


@contextmanager
def searxng(queries: list[str]) -> Iterator[str]:
    """Its address; ``queries`` grows with what was searched."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            fields = parse_qs(parts.query)
            known = parts.path == "/search" and fields.get("format") == ["json"]
            queries.extend(fields.get("q", []) if known else [])
            body = json.dumps({"results": RESULTS if known else []}).encode()
            self.send_response(200 if known else 403)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
