"""What a workspace lists: endpoints, model services in pages, and its discovery documents."""

import json
from urllib.parse import parse_qs

from standin import failures
from standin.flags import Flags
from standin.models import MODELS, Model
from standin.script import FIXTURES
from standin.wire import Received, Reply


def answer_listing(received: Received, path: str, flags: Flags) -> Reply:
    """The control plane below ``/api``."""
    if flags.listing == "forbidden":
        return failures.no_grant("*")
    if path == "/api/2.0/serving-endpoints":
        if flags.listing == "recorded":
            data = (FIXTURES / "serving-endpoints-list.json").read_bytes()
            return Reply(200, (("content-type", "application/json"),), (data,))
        return failures.as_json(200, {"endpoints": [*map(_listed, MODELS), *map(_custom, flags.endpoints)]})
    if path == "/api/2.1/unity-catalog/model-services":
        if flags.gateway != "on":
            return failures.gateway_absent()
        asked = int(parse_qs(received.query).get("page_size", ["100"])[0])
        if flags.slow_above is not None and asked > flags.slow_above:
            return failures.cancelled()
        if flags.null_pages:
            return failures.as_json(200, {"model_services": None})
        return failures.as_json(200, _services(received, min(flags.page, asked)))
    return failures.coded(404, "ENDPOINT_NOT_FOUND", f"No API found for 'GET {path}'")


def _services(received: Received, size: int) -> dict[str, object]:
    token = parse_qs(received.query).get("page_token", [""])[0]
    if not token:
        return {"model_services": [], "next_page_token": "0"}
    start = int(token)
    names = [{"name": f"model-services/{model.service}"} for model in MODELS]
    page: dict[str, object] = {"model_services": names[start : start + size]}
    if start + size < len(names):
        page["next_page_token"] = str(start + size)
    return page


def _listed(model: Model) -> dict[str, object]:
    kinds = {"claude": "claude", "gpt": "gpt", "gpt_oss": "gpt-oss", "llama": "llama"}
    types = ["mlflow/v1/chat/completions"]
    if model.family == "claude":
        types += ["anthropic/v1/messages", "cursor/v1/chat/completions"]
    entity = {
        "name": model.endpoint,
        "foundation_model": {
            "name": f"system.ai.{model.endpoint}",
            "display_name": model.name.replace("-", " ").title(),
            "model_class": kinds.get(model.family, model.family),
            "api_types": types,
        },
    }
    return {
        "name": model.endpoint,
        "task": "llm/v1/chat",
        "endpoint_type": "FOUNDATION_MODEL_API",
        "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
        "permission_level": "CAN_QUERY",
        "capabilities": {"function_calling": True},
        "config": {"served_entities": [entity]},
    }


def _custom(name: str) -> dict[str, object]:
    return {
        "name": name,
        "task": "llm/v1/chat",
        "state": {"ready": "READY"},
        "config": {"served_entities": []},
    }


def discovery_document(received: Received) -> Reply:
    """What a host says about itself without being asked who is asking."""
    host = f"http://{received.header('host')}"
    if received.path == "/.well-known/databricks-config":
        document = json.loads((FIXTURES / "constructed" / "databricks-config.json").read_text())
        return failures.as_json(200, {**document, "oidc_endpoint": f"{host}/oidc"})
    document = json.loads((FIXTURES / "constructed" / "oidc-discovery.json").read_text())
    return failures.as_json(200, {**document, "token_endpoint": f"{host}/oidc/v1/token"})
