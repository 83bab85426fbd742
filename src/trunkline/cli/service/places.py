"""Where the background service keeps its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from trunkline.config.homes import homes, usual_ccr_file
from trunkline.config.schema import Configuration

CCR_PID_FILE: Final = ".claude-code-router.pid"


class Places(Struct, frozen=True):
    """The files of one service. ``home`` need not exist yet."""

    home: Path

    @property
    def pid_file(self) -> Path:
        """Nothing but the process id, where scripts of claude-code-router's users look for it."""
        return self.home / (CCR_PID_FILE if self.home.name == ".claude-code-router" else "trunkline.pid")

    @property
    def record(self) -> Path:
        """What :class:`trunkline.cli.service.record.Service` says about the running process."""
        return self.home / "service.json"

    @property
    def lock(self) -> Path:
        """Held while somebody starts or stops the service."""
        return self.home / "service.lock"

    @property
    def logs(self) -> Path:
        """The folder of the log files, ``ccr-*.log`` as in claude-code-router."""
        return self.home / "logs"

    @property
    def control(self) -> Path:
        """The socket over which a running service hands its listening sockets to its successor."""
        return self.home / "service.sock"

    @property
    def agents(self) -> Path:
        """The folder of the configuration files that are written for agents."""
        return self.home / "agents"


def all_places(environ: Mapping[str, str]) -> tuple[Places, ...]:
    """Where a service may have been started: only ``TRUNKLINE_HOME`` when that is set."""
    return tuple(Places(home) for home in homes(environ))


def places_for(configuration: Configuration, environ: Mapping[str, str]) -> Places:
    """Where a service on this configuration belongs: beside claude-code-router's own file, if it is that."""
    found = all_places(environ)
    return found[-1] if configuration.source == str(usual_ccr_file(environ)) else found[0]
