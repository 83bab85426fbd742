"""The application for one worker process, made from what the parent left in the environment."""

import logging
import os
import sys
from typing import Final

from msgspec import structs

from trunkline.app.logs import configure_logging
from trunkline.app.memory import settle
from trunkline.app.providers import make_providers
from trunkline.app.reloading import file_source, make_application
from trunkline.config.load import load
from trunkline.config.problems import ConfigurationError
from trunkline.server.leaving import end_with_supervisor
from trunkline.server.succession import Succession

log: Final = logging.getLogger(__name__)

WORKER: Final = "trunkline.app.worker:worker"
"""What uvicorn imports and calls in each worker."""
CONFIG_VARIABLE: Final = "TRUNKLINE_CONFIG"
HOST_VARIABLE: Final = "TRUNKLINE_WORKER_HOST"
PORT_VARIABLE: Final = "TRUNKLINE_WORKER_PORT"


def worker() -> Succession:
    """A new application for this process; ends it when the configuration cannot be used any more."""
    configure_logging()
    try:
        return _make()
    except ConfigurationError as error:
        log.error("a new worker cannot start: %s", error)
        sys.exit(1)


def _make() -> Succession:
    said = load(None, os.environ)
    server = structs.replace(
        said.server,
        host=os.environ.get(HOST_VARIABLE, said.server.host),
        port=int(os.environ.get(PORT_VARIABLE, said.server.port)),
    )
    configuration = structs.replace(said, server=server)
    end_with_supervisor()
    app = make_application(
        configuration, make_providers(configuration), file_source(said, None), supervised=True
    )
    settle()
    return app
