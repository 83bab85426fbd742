"""The application for one worker process, made from what the parent left in the environment."""

import os
from typing import Final

from msgspec import structs

from trunkline.app.composition import make_application
from trunkline.app.logs import configure_logging
from trunkline.app.memory import settle
from trunkline.app.providers import make_providers
from trunkline.config.load import load
from trunkline.server.application import Application
from trunkline.server.leaving import end_with_supervisor

WORKER: Final = "trunkline.app.worker:worker"
"""What uvicorn imports and calls in each worker."""
CONFIG_VARIABLE: Final = "TRUNKLINE_CONFIG"
HOST_VARIABLE: Final = "TRUNKLINE_WORKER_HOST"
PORT_VARIABLE: Final = "TRUNKLINE_WORKER_PORT"


def worker() -> Application:
    """A new application for this process. Raises ConfigurationError."""
    configure_logging()
    configuration = load(None, os.environ)
    server = structs.replace(
        configuration.server,
        host=os.environ.get(HOST_VARIABLE, configuration.server.host),
        port=int(os.environ.get(PORT_VARIABLE, configuration.server.port)),
    )
    configuration = structs.replace(configuration, server=server)
    end_with_supervisor()
    app = make_application(configuration, make_providers(configuration))
    settle()
    return app
