"""The gateway as a service of systemd: its unit file."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from trunkline.cli.service.places import Places
from trunkline.config.homes import user_home

NAME: Final = "trunkline.service"
SYSTEM_FOLDER: Final = Path("/etc/systemd/system")
WIND_UP: Final = 10
"""Seconds that the process gets after it has drained."""


class Unit(Struct, frozen=True, kw_only=True):
    """What the unit file says. ``system``: for the whole machine, else for one user."""

    home: Path
    places: Places
    config: str | None
    host: str
    port: int
    drain: float
    system: bool
    user: str

    @property
    def environment_file(self) -> Path:
        """Where the user puts the variables of the configuration; the unit file itself can be read by all."""
        return self.places.home / "service.env"

    def text(self) -> str:
        """The file. The gateway writes in its own folder only: everything else may be read-only."""
        where = ["--host", self.host, "--port", str(self.port)]
        named = [] if self.config is None else ["--config", self.config]
        command = [sys.executable, "-P", "-m", "trunkline", "start", "--foreground", *where, *named]
        lines = [
            "[Unit]",
            "Description=Trunkline gateway",
            "After=network-online.target",
            "Wants=network-online.target",
            "",
            "[Service]",
            "Type=simple",
            *([f"User={self.user}"] if self.system else []),
            f"Environment={quoted(f'HOME={self.home}')}",
            f"Environment={quoted(f'TRUNKLINE_HOME={self.places.home}')}",
            f"EnvironmentFile=-{escaped(str(self.environment_file))}",
            f"ExecStart={' '.join(map(quoted, command)).replace('$', '$$')}",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "Restart=on-failure",
            "RestartSec=5",
            "RestartPreventExitStatus=2 3 4",
            f"TimeoutStopSec={round(self.drain) + WIND_UP}",
            "NoNewPrivileges=yes",
        ]
        if self.system:
            # For a user's own services these need privileges that many systems do not give.
            lines += [
                "ProtectSystem=strict",
                "PrivateTmp=yes",
                f"ReadWritePaths={quoted(str(self.places.home))}",
            ]
        target = "multi-user.target" if self.system else "default.target"
        return "\n".join([*lines, "", "[Install]", f"WantedBy={target}", ""])


def unit_folder(environ: Mapping[str, str], *, system: bool) -> Path:
    """Where systemd looks for units that people write."""
    if system:
        return SYSTEM_FOLDER
    named = environ.get("XDG_CONFIG_HOME")
    return (Path(named) if named else user_home(environ) / ".config") / "systemd" / "user"


def escaped(text: str) -> str:
    """Without the meaning that systemd gives a percent sign (systemd.unit(5), specifiers)."""
    return text.replace("%", "%%")


def quoted(text: str) -> str:
    """One word of a unit file (systemd.syntax(7))."""
    text = escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def write_unit(unit: Unit, environ: Mapping[str, str]) -> tuple[Path, list[str]]:
    """Write the file; where it is, and the commands that put it to work. Raises OSError."""
    folder = unit_folder(environ, system=unit.system)
    folder.mkdir(parents=True, exist_ok=True)
    unit.places.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not unit.environment_file.exists():
        descriptor = os.open(unit.environment_file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, b"# Variables of the configuration, one a line: DATABRICKS_TOKEN=...\n")
        os.close(descriptor)
    file = folder / NAME
    file.write_text(unit.text())
    control = "systemctl" if unit.system else "systemctl --user"
    return file, [f"{control} daemon-reload", f"{control} enable --now {NAME}"]
