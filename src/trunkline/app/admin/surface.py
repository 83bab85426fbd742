"""All of administration as one table: route and method, and who answers."""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from trunkline.app.admin.config_routes import ConfigRoutes
from trunkline.app.admin.config_text import ConfigText
from trunkline.app.admin.dashboard_routes import DashboardRoutes
from trunkline.app.admin.log_routes import LogRoutes
from trunkline.app.admin.model_routes import ModelRoutes
from trunkline.app.admin.preset_routes import PresetRoutes
from trunkline.app.admin.reload_route import ReloadRoute
from trunkline.app.admin.service_routes import ServiceRoutes
from trunkline.app.board import Seen
from trunkline.app.logs import FOLDER_VARIABLE
from trunkline.app.service import service_pid
from trunkline.server.admin import AdminAnswer, AdminCall, Administration
from trunkline.server.succession import Outcome


def make_administration(
    seen: Seen,
    environ: Mapping[str, str] = os.environ,
    plugins: Mapping[str, str | None] | None = None,
    reload: Callable[[], Awaitable[Outcome]] | None = None,
) -> Administration:
    """What answers the routes whose role is ``admin``. ``plugins``: those that are loaded, and the routes they add;
    ``reload`` has the configuration read anew."""
    configuration = seen.configuration
    config, text = ConfigRoutes(configuration), ConfigText(configuration)
    folder = environ.get(FOLDER_VARIABLE)
    logs = LogRoutes(Path(folder) if folder else None)
    presets = PresetRoutes(environ)
    service = ServiceRoutes(configuration, service_pid(environ), plugins or {})
    dashboard, models = DashboardRoutes(seen), ModelRoutes(seen)
    table: dict[tuple[str, str], Administration] = {
        ("/api/config", "GET"): config.read,
        ("/api/config", "POST"): config.save,
        ("/api/transformers", "GET"): service.transformers,
        ("/api/restart", "POST"): service.restart,
        ("/api/reload", "POST"): ReloadRoute(reload).reload,
        ("/api/logs", "GET"): logs.read,
        ("/api/logs", "DELETE"): logs.clear,
        ("/api/logs/files", "GET"): logs.files,
        ("/api/update/check", "GET"): service.update,
        ("/api/update/perform", "POST"): service.update,
        ("/api/presets", "GET"): presets.every,
        ("/api/presets/market", "GET"): presets.elsewhere,
        ("/api/presets/install", "POST"): presets.install,
        ("/api/presets/install/github", "POST"): presets.elsewhere,
        ("/api/presets/*", "GET"): presets.show,
        ("/api/presets/*", "DELETE"): presets.remove,
        ("/api/presets/*/apply", "POST"): presets.apply,
        ("/api/config/text", "GET"): text.read,
        ("/api/config/text", "POST"): text.save,
        ("/api/status", "GET"): dashboard.status,
        ("/api/requests", "GET"): dashboard.requests,
        ("/api/requests/*", "GET"): dashboard.request,
        ("/api/requests/*", "DELETE"): dashboard.cancel,
        ("/api/feed", "GET"): dashboard.feed,
        ("/api/totals", "GET"): dashboard.totals,
        ("/api/targets", "GET"): dashboard.targets,
        ("/api/models", "GET"): models.models,
        ("/api/explain", "POST"): models.explain,
        ("/providers", "GET"): service.providers,
        ("/providers", "POST"): service.change_providers,
        ("/providers/*", "GET"): service.provider,
        ("/providers/*", "PUT"): service.change_providers,
        ("/providers/*", "DELETE"): service.change_providers,
        ("/providers/*", "PATCH"): service.change_providers,
    }

    async def administer(call: AdminCall) -> AdminAnswer:
        return await table[call.path, call.method](call)

    return administer
