"""Strict stand-ins for Bedrock and Vertex on loopback: what they would refuse, they refuse."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

from upstream.raw_server import Peer, chunk
from upstream.sigv4 import verifies

FIXTURES = Path(__file__).parents[1] / "fixtures"
KEY = "ABSKbedrock"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "ya29.token"
EVENTS = b"application/vnd.amazon.eventstream"
CLAUDE_FIELDS = {
    "anthropic_version", "anthropic_beta", "max_tokens", "messages", "system", "temperature", "top_p", "top_k", "tools",
    "tool_choice", "stop_sequences", "thinking", "output_config",
}  # fmt: skip


@dataclass
class Asked:
    """A request that was taken."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, object]


@dataclass
class Answered:
    """What to answer with: a recorded stream or whole body, or an error."""

    body: bytes
    kind: bytes = b"application/json"
    status: int = 200
    headers: bytes = b""


def recorded(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


@dataclass
class Cloud:
    """One of the two; ``judge`` names what is wrong with a request, ``answer`` says what comes back."""

    judge: Callable[[Asked, str, bytes], str | None]
    answer: Callable[[Asked], Answered]
    asked: list[Asked] = field(default_factory=list)

    async def play(self, peer: Peer) -> None:
        lines = peer.head.decode().split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        asked = Asked(method, path, headers, json.loads(peer.body) if peer.body else {})
        fault = self.judge(asked, f"http://{headers['host']}{path}", peer.body)
        self.asked.append(asked)
        said = (
            Answered(json.dumps({"message": fault}).encode(), status=400) if fault else self.answer(asked)
        )
        start = b"HTTP/1.1 %d Said\r\ncontent-type: %s\r\n%s" % (said.status, said.kind, said.headers)
        if said.kind == b"application/json":
            await peer.send(start + b"content-length: %d\r\n\r\n" % len(said.body) + said.body)
            return
        await peer.send(start + b"transfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(said.body), 97):
            await peer.send(chunk(said.body[at : at + 97]))
        await peer.send(chunk(b""))


def bedrock_fault(asked: Asked, url: str, body: bytes) -> str | None:
    """Why Bedrock would refuse this request."""
    sent = asked.headers.get("authorization", "")
    if sent.startswith("AWS4-HMAC-SHA256"):
        if not verifies(asked.method, url, asked.headers, body, SECRET):
            return "The request signature we calculated does not match the signature you provided."
    elif sent != f"Bearer {KEY}":
        return "The security token included in the request is invalid."
    if asked.method == "GET":
        return (
            None if asked.path == "/inference-profiles?maxResults=1000" else f"no such list: {asked.path}"
        )
    found = re.fullmatch(
        r"/model/([^/]+)/(invoke|invoke-with-response-stream|converse|converse-stream)", asked.path
    )
    if found is None or ":" in found[1]:
        return f"no such operation: {asked.path}"
    if "anthropic-version" in asked.headers or "anthropic-beta" in asked.headers:
        return "versions and betas belong into the body"
    return (
        _claude_fault(asked.body)
        if found[2].startswith("invoke")
        else _converse_fault(found[1], asked.body)
    )


def _claude_fault(body: dict[str, object]) -> str | None:
    extra = sorted(set(body) - CLAUDE_FIELDS)
    if extra:
        return f"{extra[0]}: Extra inputs are not permitted"
    return (
        None
        if body.get("anthropic_version") == "bedrock-2023-05-31"
        else "anthropic_version: Field required"
    )


@cache
def _shape() -> Shape:
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    return model.operation_model("Converse").input_shape


def _converse_fault(model: str, body: dict[str, object]) -> str | None:
    report = ParamValidator().validate({"modelId": unquote(model), **body}, _shape())
    return str(report.generate_report()) if report.has_errors() else None


def vertex_fault(asked: Asked, url: str, body: bytes) -> str | None:
    """Why Vertex would refuse this request."""
    del url, body
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return "Request had invalid authentication credentials."
    place = "/projects/my-project/locations/us-east5"
    claude = re.fullmatch(
        rf"/v1{place}/publishers/anthropic/models/[\w.@-]+:(?:rawPredict|streamRawPredict)", asked.path
    )
    gemini = re.fullmatch(
        rf"/v1beta1{place}/publishers/google/models/[\w.-]+:(?:generateContent|streamGenerateContent\?alt=sse|countTokens)",
        asked.path,
    )
    if (
        claude is None
        and gemini is None
        and asked.path != f"/v1beta1{place}/endpoints/openapi/chat/completions"
    ):
        return f"no such method: {asked.path}"
    if claude is not None:
        if "model" in asked.body:
            return "model: Extra inputs are not permitted"
        if asked.body.get("anthropic_version") != "vertex-2023-10-16":
            return "anthropic_version: Field required"
    if gemini is not None and "contents" not in asked.body:
        return "contents is not specified"
    return None
