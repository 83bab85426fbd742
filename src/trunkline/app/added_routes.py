"""The routes that plugins add: ``endPoint`` of a transformer is a POST route, as in claude-code-router (ccr.md 3.5)."""

import logging
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from msgspec.structs import replace

from trunkline.relay.inbound import Added
from trunkline.server.routes import Match, Route, match
from trunkline.upstream.plugins.link import HookFailed

log: Final = logging.getLogger(__name__)

VARIABLE: Final = re.compile(r"::|:([A-Za-z_][A-Za-z0-9_]*)|\*")
"""The parts of a path that are not what they say, in the spelling of CCR's own server."""


class AddedRoutes:
    """Finds a plugin's route. A path that is a route of the gateway's own stays the gateway's, which is told.

    Raises HookFailed for two plugins that want one path: CCR does not start on that either.
    """

    def __init__(self, wanted: Mapping[str, str | None]) -> None:
        self._exact: dict[bytes, Match] = {}
        self._patterns: list[tuple[re.Pattern[str], Match]] = []
        takers: dict[str, str] = {}
        for plugin, path in wanted.items():
            if path is None:
                continue
            if path in takers:
                raise HookFailed(
                    f'"{takers[path]}" and "{plugin}" both have the endPoint {path}: remove one'
                )
            takers[path] = plugin
            self._add(plugin, path)

    def _add(self, plugin: str, path: str) -> None:
        if match(path.encode()) is not None:
            log.warning(
                "the plugin %s: its endPoint %s stays the gateway's own; name it in endpoints to have it there",
                plugin,
                path,
            )
            return
        route = Route(path=path, methods=("POST",), role="client", what="generate")
        found = Match(route, added=Added(plugin=plugin, path=path))
        try:
            pattern = _pattern(path)
        except ValueError as error:
            log.error("the plugin %s: its endPoint %s is not served: %s", plugin, path, error)
            return
        if pattern is None:
            self._exact[path.encode()] = found
        else:
            self._patterns.append((pattern, found))
        log.info("the plugin %s serves POST %s", plugin, path)

    def find(self, raw_path: bytes) -> Match | None:
        """The route of a path as it stands in the request line."""
        found = self._exact.get(raw_path)
        if found is not None or not self._patterns:
            return found
        path = unquote(raw_path.decode("latin-1"), errors="replace")
        for pattern, candidate in self._patterns:
            fits = pattern.fullmatch(path)
            if fits is not None and candidate.added is not None:
                values = fits.groupdict()
                return replace(candidate, added=replace(candidate.added, path=path, values=values))
        return None


def _pattern(path: str) -> re.Pattern[str] | None:
    """What fits a path with variable parts, None for one without. Raises ValueError for what is no path."""
    if not path.startswith("/"):
        raise ValueError('a path begins with "/"')
    if VARIABLE.search(path) is None:
        return None
    found, end = "", 0
    for part in VARIABLE.finditer(path):
        name = part[1]
        variable = ":" if part[0] == "::" else ".*" if name is None else f"(?P<{name}>[^/]+)"
        found += re.escape(path[end : part.start()]) + variable
        end = part.end()
    try:
        return re.compile(found + re.escape(path[end:]))
    except re.error as error:
        raise ValueError(str(error)) from None
