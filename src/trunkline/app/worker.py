"""The application of one worker process among several."""

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import structs

from trunkline.app.logs import configure_logging
from trunkline.app.memory import settle
from trunkline.app.providers import make_providers
from trunkline.app.reloading import file_source, make_application
from trunkline.config.load import load, load_as_before, read_text
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration
from trunkline.providers.provider import Provider
from trunkline.server.leaving import end_with_supervisor
from trunkline.server.succession import Succession

log: Final = logging.getLogger(__name__)

CONFIG_VARIABLE: Final = "TRUNKLINE_CONFIG"


class WorkerStart:
    """What the supervisor gives each worker process, which calls it for its application.

    Workers read the configuration themselves, from ``path`` as :func:`load` does; ``configuration`` is what the gateway
    began with, on the address that it listens on. One that starts while the file has a mistake begins with what the file
    said when the supervisor last found it right.
    """

    def __init__(self, configuration: Configuration, path: str | None, *, working: bool) -> None:
        self._host = configuration.server.host
        self._port = configuration.server.port
        self._path = path
        self._working = working
        self._file = ""
        self._text: str | None = None
        self._remember(configuration)

    def _remember(self, said: Configuration) -> None:
        self._file, self._text = said.source, None
        if Path(said.source).is_file():
            with suppress(ConfigurationError):
                self._text = read_text(Path(said.source))

    def follow(self) -> None:
        """In the supervisor, once the workers were told to reload: what is right now is what later ones fall back on."""
        with suppress(ConfigurationError):  # each worker says why not
            said, _ = self._read()
            self._remember(said)

    def __call__(self) -> Succession:
        """A new application for this process; ends it when there is no configuration that can be used."""
        configure_logging()
        try:
            said, providers = self._read_or_recall()
        except ConfigurationError as error:
            log.error("a new worker cannot start: %s", error)
            sys.exit(1)
        end_with_supervisor()
        server = structs.replace(said.server, host=self._host, port=self._port)
        source = file_source(said, self._path, working=self._working)
        app = make_application(structs.replace(said, server=server), providers, source, supervised=True)
        settle()
        return app

    def _read(self) -> tuple[Configuration, Mapping[str, Provider]]:
        said = load(self._path, os.environ, working=self._working)
        return said, make_providers(said)

    def _read_or_recall(self) -> tuple[Configuration, Mapping[str, Provider]]:
        """What the file says, or said before. Raises ConfigurationError."""
        try:
            return self._read()
        except ConfigurationError as error:
            if self._text is None:
                raise
            log.error("a new worker starts on the configuration as it was before: %s", error)
        named = self._path is not None or CONFIG_VARIABLE in os.environ
        said = load_as_before(self._text, self._file, os.environ, named=named)
        return said, make_providers(said)
