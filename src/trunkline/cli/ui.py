"""``trunkline ui``: the dashboard in the browser, or how to get there from where there is one."""

import getpass
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import Final

import click

from trunkline.cli.listing import config_option
from trunkline.cli.service.find import Found, ensure, find
from trunkline.cli.service.probe import url

MINUTES: Final = 5
"""How long a ticket is good; see :data:`trunkline.dashboard.session.TICKET_LIFE`."""
SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
"""Variables of sessions that have a screen."""


@click.command("ui")
@config_option
@click.option("--no-open", "--print", "only_print", is_flag=True, help="Print the address, open nothing.")
def command(path: str | None, only_print: bool) -> None:
    """Open the dashboard in the browser; the gateway is started if it does not run.

    Over SSH, or without a screen, the address is printed, and how to reach it. Where a key is wanted, the address signs
    in once, within five minutes.

    \b
    Exit code: 0 fine, 1 the gateway did not start, 3 configuration, 6 the port is taken.
    """
    found, started = ensure(find(path))
    page = f"{url(*found.address)}/ui/"
    if started:
        click.echo(f"Started: Trunkline listens on {url(*found.address)}.", err=True)
    address = page + ticket_for(found)
    if only_print:
        click.echo(address)
    elif has_screen(os.environ) and opened(address):
        click.echo(f"The dashboard is at {page}: it opens in the browser.")
    else:
        click.echo(f"The dashboard is at {address}")
        for line in directions(found, signs_in=address != page, environ=os.environ):
            click.echo(line)


def ticket_for(found: Found) -> str:
    """What the address ends in to sign in; empty where no key is wanted."""
    from trunkline.dashboard.session import sessions_for

    sessions = sessions_for(found.server, time.time)
    return "" if sessions is None else f"#ticket={sessions.ticket()}"


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a browser opened here is seen by who types. A remote editor's terminal names one that is, in BROWSER."""
    if environ.get("BROWSER"):
        return True
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    return sys.platform in ("darwin", "win32") or any(environ.get(name) for name in SCREENS)


def opened(address: str) -> bool:
    """Whether a browser took it. Others on this machine may see its arguments: the ticket in them is for our user only."""
    import webbrowser  # only this command opens one

    try:
        return webbrowser.open(address)
    except (OSError, webbrowser.Error):
        return False


def directions(found: Found, *, signs_in: bool, environ: Mapping[str, str]) -> list[str]:
    """How to get to the address from another machine."""
    host, port = found.address
    lines: list[str] = []
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        target = f"[{host}]" if ":" in host else host
        lines.append(
            f"From your own machine, first: ssh -L {port}:{target}:{port} {ssh_target(environ)}; then open the address there."
        )
    else:
        lines.append("There is no screen here to open it on: open it in a browser on this machine.")
    if signs_in:
        lines.append(f"The address signs in once, within {MINUTES} minutes; trunkline ui makes a new one.")
    return lines


def ssh_target(environ: Mapping[str, str]) -> str:
    """This machine as SSH calls it: as the session that runs came to it (ssh(1): client, its port, server, its port)."""
    parts = environ.get("SSH_CONNECTION", "").split()
    name, port = (parts[2], parts[3]) if len(parts) == 4 else (socket.gethostname(), "22")
    return f"{getpass.getuser()}@{name}" + (f" -p {port}" if port != "22" else "")
