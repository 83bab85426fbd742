"""``uvicorn server:app``: how users of claude-code-azure start their proxy. docs/migrate.md says more."""

from trunkline.cli.proxies import uvicorn_application

app = uvicorn_application()
