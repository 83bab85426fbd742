"""What people write for "the workspace", normalised (databricks.md 1.1, 1.5)."""

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from trunkline.providers.address import check_url
from trunkline.providers.problems import SettingsError

_AZURE_SHORT: Final = re.compile(r"adb-\d+\.\d{1,2}")
_DEDICATED: Final = re.compile(
    r"(?P<org>\d+)(?:\.\d{1,2})?\.ai-gateway\."
    r"(?:azuredatabricks\.net|cloud\.databricks\.com|gcp\.databricks\.com|databricks\.azure\.(?:us|cn))"
)
_ACCOUNT: Final = re.compile(r"accounts(?:-dod)?\.[\w.-]*(?:databricks|azuredatabricks)\.[\w.]+")
_ACCOUNT_NAME: Final = re.compile(r"[\w-]+\.databricks\.com")
_SHORN_ZONES: Final = (".databricks.azure.us", ".databricks.azure.cn", ".cloud.databricks.us")
"""Government and China clouds: no ``system.ai`` models."""
_INVOCATIONS: Final = re.compile(
    r"/serving-endpoints/(?P<endpoint>[\w-]+)(?:/served-models/[\w-]+)?/invocations"
)
_PINS: Final = (
    (re.compile(r"/serving-endpoints/anthropic(?:/v1(?:/messages)?)?"), "serving_messages"),
    (re.compile(r"/serving-endpoints/chat/completions"), "serving_chat"),
    (re.compile(r"/serving-endpoints/responses"), "serving_responses"),
    (re.compile(r"/serving-endpoints/gemini(?:/v1beta(?:/models)?)?"), "serving_gemini"),
    (re.compile(r"/serving-endpoints"), "serving"),
    (re.compile(r"/ai-gateway/anthropic(?:/v1(?:/messages)?)?"), "gateway_messages"),
    (re.compile(r"/ai-gateway/mlflow/v1(?:/chat/completions)?"), "gateway_chat"),
    (
        re.compile(r"/ai-gateway/(?:codex|openai)/v1(?:/responses)?|/ai-gateway/mlflow/v1/responses"),
        "gateway_responses",
    ),
    (re.compile(r"/ai-gateway/gemini(?:/v1beta(?:/models)?)?"), "gateway_gemini"),
    (re.compile(r"/ai-gateway"), "gateway"),
)
_FORMS: Final = (
    "adb-1234567890123456.7.azuredatabricks.net (Azure), dbc-a1b2c3d4-e5f6.cloud.databricks.com (AWS)"
    " or 1234567890123456.7.gcp.databricks.com (GCP)"
)


class Host(Struct, frozen=True, kw_only=True):
    """A workspace's address and what its spelling said beside it."""

    base: str
    """``https://host``, without a trailing slash."""
    org_id: str | None = None
    dedicated: bool = False
    """A gateway host of its own: gateway routes at the root, and nothing else there."""
    system_ai: bool = True
    """The cloud has Databricks' own models as Unity Catalog services."""
    pin: str | None = None
    """The surface the address named, or ``serving`` / ``gateway`` for all of that kind."""
    endpoint: str | None = None
    """The endpoint of an ``.../{name}/invocations`` address."""
    endpoint_url: str | None = None
    """That address in full."""


class _Split(NamedTuple):
    base: str
    name: str
    path: str
    org_id: str | None


def read_host(where: str, text: str) -> Host:
    """The workspace that ``text`` names. Raises SettingsError, saying what to write, for anything else.

    ``where`` is how messages call the setting.
    """
    split = _split(where, text)
    _refuse_account(where, split.name)
    dedicated = _DEDICATED.fullmatch(split.name)
    if dedicated:
        return Host(base=split.base, org_id=split.org_id or dedicated["org"], dedicated=True)
    system_ai = not split.name.endswith(_SHORN_ZONES)
    path = split.path.rstrip("/")
    invocations = _INVOCATIONS.fullmatch(path)
    if invocations:
        return Host(
            base=split.base,
            org_id=split.org_id,
            system_ai=system_ai,
            pin="serving_invocations",
            endpoint=invocations["endpoint"],
            endpoint_url=split.base + path,
        )
    pin = next((name for pattern, name in _PINS if pattern.fullmatch(path)), None)
    return Host(base=split.base, org_id=split.org_id, system_ai=system_ai, pin=pin)


def _split(where: str, text: str) -> _Split:
    given = text.strip()
    if not given:
        raise SettingsError(f"{where}: the host is empty; write {_FORMS}")
    if "://" not in given:
        given = f"https://{_complete(where, given)}"
    scheme, _, rest = given.partition("://")
    check_url(where, given)
    parts = urlsplit(f"{scheme.lower()}://{rest}")
    name = (parts.hostname or "").lower()
    if _AZURE_SHORT.fullmatch(name):
        name += ".azuredatabricks.net"
    port = parts.port
    default = 443 if parts.scheme == "https" else 80
    shown = f"[{name}]" if ":" in name else name
    base = f"{parts.scheme}://{shown}" + (f":{port}" if port and port != default else "")
    org_id = parse_qs(parts.query).get("o", [None])[0] or _fragment_org(parts.fragment)
    return _Split(base, name, parts.path, org_id)


def _fragment_org(fragment: str) -> str | None:
    return parse_qs(fragment.partition("?")[2]).get("o", [None])[0]


def _complete(where: str, given: str) -> str:
    """A name without a scheme, with the suffix that only Azure's short form can mean."""
    name = re.split(r"[/?#:]", given, maxsplit=1)[0]
    if "." in name or given.startswith("[") or ":" in given:
        return given
    raise SettingsError(f"{where}: {name!r} could be on any cloud; write the whole host: {_FORMS}")


def _refuse_account(where: str, name: str) -> None:
    if _ACCOUNT.fullmatch(name) or _ACCOUNT_NAME.fullmatch(name):
        raise SettingsError(
            f"{where}: {name} is an account address, and models are served by workspaces; open the workspace"
            f" in a browser and take its host: {_FORMS}"
        )
