"""claude-code-router's file as a whole: text in, a configuration and a note on every key out (ccr.md 1)."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from trunkline.config.addresses import is_loopback
from trunkline.config.ccr.expand import expand_ccr, only_reference, spell
from trunkline.config.ccr.findings import Findings, Imported
from trunkline.config.ccr.google import read_google
from trunkline.config.ccr.plugins import read_environment, read_plugins, read_router
from trunkline.config.ccr.providers import ALIASES, VARIABLE, read_providers, renamed
from trunkline.config.ccr.proxy import read_proxy
from trunkline.config.ccr.router import read_routes
from trunkline.config.ccr.token_speed import read_token_speed
from trunkline.config.ccr.transformers import Loaded
from trunkline.config.ccr.unserved import note_unserved
from trunkline.config.json5_file import decode_json5
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, Prompt, Retry, RouteRule, Server, Timeouts
from trunkline.config.section import Reading, Section
from trunkline.config.tree import Entry, Node, Scalar, Sequence, line_of
from trunkline.config.tree import Mapping as MappingNode

PORT: Final = 3456
PATIENCE: Final = 300.0
"""Seconds of silence that CCR bears at each stage of a stream: Node's own limits."""
TIMEOUT: Final = 600.0
"""Seconds, CCR's API_TIMEOUT_MS when the file has none."""
MAX_TARGETS: Final = 20
REWRITE: Final = "REWRITE_SYSTEM_PROMPT"
STRIP: Final = "STRIP_ATTRIBUTION"
"""Ours: the line in the system prompt that says who called is left out."""


def decode_ccr(text: str, file: str, environ: Mapping[str, str], *, may_be_empty: bool = False) -> Imported:
    """The configuration in a CCR file, never rewritten. Raises ConfigurationError with every mistake.

    An empty text or null is as if the key were not there. ``may_be_empty``: a list without providers is
    no mistake; one of which none can be used is.
    """
    document = decode_json5(text, file)
    reading = Reading(file, environ, expand_ccr, spell)
    findings = Findings(reading)
    for line, key in document.repeated:
        findings.warn(line, key, "is written twice: the last one is used")
    root = Section(reading, _present(document.root))
    plugins = read_plugins(findings, root)
    loaded = Loaded(any=bool(root.items("transformers")), run=bool(plugins))
    entries = read_providers(findings, root, loaded, read_google(findings, root))
    may_be_empty = may_be_empty and not any(root.items(name) for name in ("Providers", "providers"))
    if not entries and not reading.problems and not may_be_empty and root.usable:
        root.problem("Providers", "no usable provider is configured: name one, with its api_base_url")
    names = {entry.written: entry.name for entry in entries}
    routes = read_routes(findings, root, names) if entries or not may_be_empty else ()
    configuration = Configuration(
        source=file,
        server=_server(findings, root),
        providers=tuple((entry.name, entry.settings) for entry in entries),
        models=renamed(entries),
        routes=routes,
        any_name=True,
        prompt=_prompt(findings, root),
        project_routers=True,
        timeouts=_timeouts(findings, root),
        retry=Retry(targets=_targets(routes)),
        upstream_proxy=read_proxy(findings, root),
        plugins=plugins,
        custom_router=read_router(findings, root),
        token_speed=read_token_speed(findings, root),
        environment=read_environment(findings, root) if plugins or root.get("CUSTOM_ROUTER_PATH") else (),
    )
    note_unserved(findings, root)
    if reading.problems:
        raise ConfigurationError(tuple(sorted(reading.problems, key=lambda problem: problem.line or 0)))
    return findings.imported(structs.replace(configuration, warnings=findings.warnings))


def _prompt(findings: Findings, root: Section) -> Prompt:
    file, keep = root.text(REWRITE), not root.flag(STRIP, False)
    if file is not None:
        findings.used(root.line_of(REWRITE), REWRITE, "prompt.file: words before the client's environment")
    if root.get(STRIP) is not None:
        findings.used(root.line_of(STRIP), STRIP, f"prompt.attribution: {str(keep).lower()}")
    return Prompt(file=file, attribution=keep)


def line_of_ccr(text: str, file: str, key: str) -> int | None:
    """The line in a CCR file of a key that is named as in Trunkline's own form (``providers.NAME.speaks``)."""
    root = decode_json5(text, file).root
    parts = key.split(".")
    listing = None if parts[0] != "providers" else _child(root, "Providers") or _child(root, "providers")
    for node in listing.items if isinstance(listing, Sequence) else ():
        name = _child(node, "name")
        if isinstance(name, Scalar) and key.startswith(f"providers.{name.text.strip()}."):
            return line_of(node, "api_base_url") or node.line
    return listing.line if listing is not None else None


def _child(node: Node, key: str) -> Node | None:
    entries = node.entries if isinstance(node, MappingNode) else ()
    folded = re.sub(r"[^a-z]", "", key.lower())
    wanted = ALIASES.get(folded, key)
    return next((entry.node for entry in entries if entry.key == key or entry.key.lower() == wanted), None)


def _present(node: Node) -> Node:
    """The tree without keys and items that are null or empty texts."""
    match node:
        case MappingNode():
            entries = [
                Entry(key=entry.key, line=entry.line, node=_present(entry.node))
                for entry in node.entries
                if not _nothing(entry.node)
            ]
            return MappingNode(line=node.line, entries=tuple(entries))
        case Sequence():
            items = tuple(_present(item) for item in node.items if not _nothing(item))
            return Sequence(line=node.line, items=items)
        case Scalar():
            return node


def _nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and (node.kind == "nothing" or not node.text.strip())


def _server(findings: Findings, root: Section) -> Server:
    port = root.integer("PORT", PORT, 0, 65_535)
    if root.get("PORT") is not None:
        findings.used(root.line_of("PORT"), "PORT", f"server.port: {port}")
    service_port = findings.reading.environ.get("SERVICE_PORT", "").strip()
    if service_port.isdecimal() and int(service_port) <= 65_535:
        port = int(service_port)
        findings.used(root.line_of("PORT"), "PORT", "the environment variable SERVICE_PORT comes before it")
    host = root.text("HOST") or "127.0.0.1"
    key, node = root.secret("APIKEY"), root.get("APIKEY")
    if node is not None and isinstance(node, Scalar):
        variable = only_reference(node.text)
        usable = variable if variable is not None and VARIABLE.fullmatch(variable) else None
        findings.refer("server.keys", usable, "TRUNKLINE_KEY")
        findings.used(node.line, "APIKEY", "server.keys: what clients must present")
    elif not is_loopback(host):
        message = "without APIKEY only this machine is served: listening on 127.0.0.1"
        findings.warn(root.line_of("HOST"), "HOST", message)
        host = "127.0.0.1"
    return Server(host=host, port=port, keys=() if key is None else (key,))


def _timeouts(findings: Findings, root: Section) -> Timeouts:
    """API_TIMEOUT_MS for whole answers, and for a stream's silences where it says more than Node bears."""
    seconds = root.number("API_TIMEOUT_MS", TIMEOUT * 1000, 1, 86_400_000) / 1000
    silence = PATIENCE if PATIENCE <= seconds <= TIMEOUT else seconds
    if root.get("API_TIMEOUT_MS") is not None:
        text = f"timeouts: {seconds:g} s for whole answers, {silence:g} s for a stream's silences"
        findings.used(root.line_of("API_TIMEOUT_MS"), "API_TIMEOUT_MS", text)
    return Timeouts(
        up_headers_stream=silence,
        up_headers_whole=seconds,
        up_first_event=silence,
        up_idle=silence,
        up_total_whole=seconds,
    )


def _targets(routes: tuple[tuple[str, RouteRule], ...]) -> int:
    """Every target of a chain is tried once."""
    return min(MAX_TARGETS, max([Retry().targets, *(len(rule.to) for _, rule in routes)]))
