"""Routers of one project or one session, as claude-code-router finds them (ccr.md 2.6)."""

from collections.abc import Mapping

from trunkline.config.ccr.expand import expand_ccr
from trunkline.config.ccr.findings import Findings
from trunkline.config.ccr.router import read_routes
from trunkline.config.json5_file import decode_json5
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import RouteRule
from trunkline.config.section import Reading, Section


def decode_router(
    text: str, file: str, environ: Mapping[str, str], names: Mapping[str, str]
) -> tuple[tuple[str, RouteRule], ...]:
    """The routes of a file of which only ``Router`` counts. Raises ConfigurationError with every mistake.

    ``names``: providers as written -> as called here.
    """
    reading = Reading(file, environ, expand_ccr)
    routes = read_routes(Findings(reading), Section(reading, decode_json5(text, file).root), names)
    if reading.problems:
        raise ConfigurationError(tuple(reading.problems))
    return routes
