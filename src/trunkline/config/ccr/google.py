"""Providers on Vertex AI in a claude-code-router file: its transformers ``vertex-*`` (ccr.md 3.4)."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from trunkline.config.addresses import is_private
from trunkline.config.ccr.findings import Findings
from trunkline.config.clouds import EVERYWHERE
from trunkline.config.section import Section

KEYS: Final = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_APPLICATION_CREDENTIALS")
REGIONS: Final = {
    "vertex-claude": "us-east5",
    "vertex-gemini": "us-central1",
    "vertex-openai": "us-central1",
}
"""Where CCR asks when nothing says so."""
_HOST: Final = re.compile(r"(?:([a-z0-9-]+)-)?aiplatform\.googleapis\.com")


class _KeyFile(Struct):
    project_id: str | None = None


class Google(Struct, frozen=True, kw_only=True):
    """What the file, or else the environment, says of Google Cloud."""

    project: str | None = None
    location: str | None = None
    file: str | None = None
    """The key file that the configuration names; one that only the environment names is found without our help."""


class VertexPlace(Struct, frozen=True, kw_only=True):
    """Where a provider on Vertex AI is, in the terms of Trunkline's own file."""

    project: str | None
    region: str
    url: str | None
    credentials_file: str | None


def read_google(findings: Findings, root: Section) -> Google:
    """The keys that CCR puts into its environment, each noted; the file's come first."""
    values: dict[str, str | None] = {}
    for key in KEYS:
        values[key] = root.text(key)
        if values[key] is not None:
            findings.used(root.line_of(key), key, "for the providers on Vertex AI")
    environ = findings.reading.environ
    project, location, file = (values[key] or environ.get(key, "").strip() or None for key in KEYS)
    if project is None and file is not None:
        project = _project_of(file)
    return Google(project=project, location=location, file=values[KEYS[2]])


def vertex_place(url: str, transformer: str, google: Google) -> VertexPlace:
    """The project at its location. The URL only counts where it is not Google's own address, which the location
    makes; for Claude, whose URL CCR does not look at, it must be one of this machine or network."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    match = _HOST.fullmatch(host)
    region = google.location
    if region is None and match is not None and transformer != "vertex-claude":
        region = match[1] or EVERYWHERE
    own = match is None and (transformer != "vertex-claude" or is_private(host))
    base = f"{parts.scheme}://{parts.netloc}{parts.path.partition('/v1')[0].rstrip('/')}"
    return VertexPlace(
        project=google.project,
        region=region or REGIONS[transformer],
        url=base if own else None,
        credentials_file=google.file,
    )


def _project_of(file: str) -> str | None:
    """The project that a key file names; None for a file that is not there or says nothing."""
    try:
        return msgspec.json.decode(Path(file).expanduser().read_bytes(), type=_KeyFile).project_id
    except (OSError, msgspec.DecodeError):
        return None
