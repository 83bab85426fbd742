"""Vertex and Bedrock: where the models are and whose credentials are used, from a file's keys or the environment."""

import re
from collections.abc import Mapping
from typing import Final

from trunkline.config.schema import ProviderSettings, ServiceAccount
from trunkline.config.secret import Secret
from trunkline.config.section import Section

VERTEX: Final = frozenset({"vertex", "google-vertex", "vertexai", "vertex_ai"})
BEDROCK: Final = frozenset({"bedrock", "amazon-bedrock", "aws-bedrock"})
"""The kinds by all their names; a test compares them with the catalog."""

OWN_PROJECT: Final = ("GOOGLE_VERTEX_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")
"""Variables that are set for Vertex and nothing else: one of them starts it."""
PROJECT: Final = (*OWN_PROJECT, "GOOGLE_CLOUD_PROJECT")
LOCATION: Final = ("GOOGLE_VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION")
REGION: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
VERTEX_TOKEN: Final = ("VERTEX_ACCESS_TOKEN",)
BEDROCK_KEY: Final = ("AWS_BEARER_TOKEN_BEDROCK",)
EVERYWHERE: Final = "global"

KEYS: Final = {
    "project": VERTEX,
    "credentials_file": VERTEX,
    "region": VERTEX | BEDROCK,
    "profile": BEDROCK,
}
_REGION: Final = re.compile(r"[a-z]+(?:-?[a-z0-9]+)*")


def decode_cloud(section: Section, kind: str) -> dict[str, str | None]:
    """The provider's cloud keys by name, filled up from the environment; wrong ones are noted."""
    found: dict[str, str | None] = dict.fromkeys(KEYS)
    for key, kinds in KEYS.items():
        if kind == "databricks" and key == "profile":
            continue  # it has its own
        found[key] = section.text(key)
        if found[key] is not None and kind.lower() not in kinds:
            section.problem(key, f"is only for {' and '.join(sorted(kinds & {'vertex', 'bedrock'}))}")
    region = found["region"]
    if region is not None and not _REGION.fullmatch(region):
        section.problem("region", "is no region: write it as us-east-1, europe-west4 or global")
    environ = section.reading.environ
    if kind.lower() in VERTEX:
        found["project"] = found["project"] or first(environ, PROJECT)
        found["region"] = region or first(environ, LOCATION) or EVERYWHERE
    elif kind.lower() in BEDROCK:
        found["region"] = region or first(environ, REGION)
    return found


def decode_account(section: Section, kind: str) -> ServiceAccount | None:
    """A Vertex provider's ``service_account``; mistakes are noted."""
    if section.get("service_account") is None:
        return None
    if kind.lower() not in VERTEX:
        section.problem("service_account", "is only for vertex")
    if section.get("credentials_file") is not None:
        section.problem("service_account", "says who signs in, as credentials_file does: give one of them")
    below = section.section("service_account")
    email, node = below.text("client_email"), below.get("private_key")
    key = None if node is None else below.reading.value(node, below.key("private_key"))
    for name in ("client_email", "private_key"):
        if below.usable and below.get(name) is None:
            below.problem(name, "is missing: it stands in the account's key file")
    below.finish()
    if email is None or key is None:
        return None
    return ServiceAccount(client_email=email, private_key=pem(key))


def pem(key: str) -> Secret:
    """A private key whose line breaks may be written as in a JSON file."""
    return Secret(key.replace("\\n", "\n"))


def cloud_providers(environ: Mapping[str, str]) -> dict[str, ProviderSettings]:
    """The clouds that the environment alone describes."""
    found: dict[str, ProviderSettings] = {}
    if first(environ, OWN_PROJECT) is not None:
        token = first(environ, VERTEX_TOKEN)
        found["vertex"] = ProviderSettings(
            kind="vertex",
            project=first(environ, OWN_PROJECT),
            region=first(environ, LOCATION) or EVERYWHERE,
            credential=None if token is None else Secret(token),
        )
    key, region = first(environ, BEDROCK_KEY), first(environ, REGION)
    if key is not None and region is not None:
        found["bedrock"] = ProviderSettings(kind="bedrock", region=region, credential=Secret(key))
    return found


def missing_for_clouds(environ: Mapping[str, str]) -> list[str]:
    """The other half of variables that only work together."""
    return [REGION[0]] if first(environ, BEDROCK_KEY) and first(environ, REGION) is None else []


def first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The value of the first of these variables that is set."""
    return next((value for name in names if (value := environ.get(name, "").strip())), None)
