"""``trunkline reload``: a running gateway takes its configuration as it is now, without ending."""

import os
import signal
import time
from typing import Final

import click

from trunkline.cli.exits import CONFIGURATION, Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.service.find import Found, find
from trunkline.cli.service.probe import Answered, KeyRefused, ask_to_reload, lets_administer, url

PATIENCE: Final = 70.0
"""Seconds for the whole reload: the gateway itself gives up a little earlier."""
STEP: Final = 0.05


@click.command("reload")
@config_option
@click.option("--port", type=click.IntRange(1, 65_535), help="The port of the gateway that is meant.")
@json_option
def command(path: str | None, port: int | None, as_json: bool) -> None:
    """Have the running gateway read its configuration anew, in the background or in a terminal.

    Requests under way end on the configuration that they began with, new ones get the new one; none is refused. A
    configuration with a mistake changes nothing. Host, port, number of workers and log files want a restart. So does
    SIGHUP to its process, but on Windows, which has no such signal.

    \b
    Exit code: 0 reloaded, 3 the configuration has mistakes, 6 no gateway runs.
    """
    found = find(path, port=port)
    try:
        answered = ask_to_reload(found.address, found.server, PATIENCE)
    except KeyRefused:
        answered = _by_signal(found)
    if answered.findings:
        raise Failure(_findings(answered), CONFIGURATION)
    if not answered.success:
        raise Failure(f"{url(*found.address)} did not reload: {_why(answered)}")
    if as_json:
        fields: dict[str, object] = {"url": url(*found.address), "source": answered.source}
        print_json("reload", {**fields, "restart": list(answered.restart)})
        return
    for text in answered.warnings:
        click.echo(f"trunkline: warning: {text}", err=True)
    click.echo(f"Reloaded: {url(*found.address)} runs on {answered.source or found.configuration.source}.")
    for text in answered.restart:
        click.echo(f"  {text} until trunkline restart")


def _by_signal(found: Found) -> Answered:
    """The file has other keys than those in force: SIGHUP wants none. Raises Failure."""
    if found.service is None:
        raise Failure(
            f"{url(*found.address)} runs with other keys than the file has now: send SIGHUP to its process."
        )
    os.kill(found.service.pid, signal.SIGHUP)
    until = time.monotonic() + PATIENCE
    while not lets_administer(found.address, found.server):
        if time.monotonic() > until:
            raise Failure("The gateway keeps its configuration; trunkline logs says why.")
        time.sleep(STEP)
    return Answered(success=True)


def _findings(answered: Answered) -> str:
    lines = [answered.message]
    for one in answered.findings:
        place = one.file if one.line is None else f"{one.file}:{one.line}"
        lines.append("configuration: " + ": ".join(part for part in (place, one.key, one.problem) if part))
    return "\n".join(lines)


def _why(answered: Answered) -> str:
    match answered.error:
        case {"message": str(message)}:
            return message
        case _:
            return answered.message or "it says nothing of a reload; trunkline restart renews it"
