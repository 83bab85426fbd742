"""``trunkline status``: how the running gateway is."""

import time

import click
import msgspec

from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.service.find import Found, find
from trunkline.cli.service.probe import ask, url


@click.command("status")
@config_option
@click.option("--host", help="Where it listens, if not as configured.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Its port, if not as configured.")
@json_option
def command(path: str | None, host: str | None, port: int | None, as_json: bool) -> None:
    """Ask the running gateway how it is. Exit code 6 when it is not running."""
    found = find(path, host, port)
    health = ask(found.address, found.server)
    if as_json:
        address = {"host": found.address[0], "port": found.port}
        print_json("status", {"running": True, **address, **_process(found), "health": health})
        return
    click.echo(f"Trunkline {health.get('version', '?')} is running at {url(*found.address)}.")
    if health.get("rehearsal"):
        click.echo("Rehearsal: answers are recordings, no provider is asked.")
    for key, value in _process(found).items():
        click.echo(f"  {key}: {value}")
    for key, value in health.items():
        if key not in ("status", "service", "version", "rehearsal"):
            shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            click.echo(f"  {key}: {shown}")


def _process(found: Found) -> dict[str, object]:
    """The background process; nothing of one that was started otherwise."""
    service = found.service
    if service is None:
        return {}
    return {
        "pid": service.pid,
        "uptime_seconds": round(time.time() - service.since),
        "pid_file": str(found.places.pid_file),
        "logs": str(found.places.logs),
    }
