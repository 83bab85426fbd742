"""The dashboard's page names every route that the dashboard has."""

from pathlib import Path

from trunkline.server.routes import ROUTES

DOCS = Path(__file__).parents[2] / "docs"


def test_every_route_of_administration_is_documented() -> None:
    pages = (DOCS / "dashboard.md").read_text() + (DOCS / "claude-code-router.md").read_text()
    wanted = [route.path for route in ROUTES if route.role == "admin" or route.what == "session"]
    spelled = [path.replace("requests/*", "requests/ID").replace("/*", "/NAME") for path in wanted]
    assert [path for path in spelled if path not in pages] == []
