"""``trunkline status``: how the running gateway is."""

import http.client

import click
import msgspec

from trunkline.cli.exits import NOT_RUNNING, Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import load_configuration
from trunkline.config.schema import Server

PATIENCE = 3.0
"""Seconds to wait for an answer."""


@click.command("status")
@config_option
@click.option("--host", help="Where it listens, if not as configured.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Its port, if not as configured.")
@json_option
def command(path: str | None, host: str | None, port: int | None, as_json: bool) -> None:
    """Ask the running gateway how it is. Exit code 6 when it is not running."""
    server = load_configuration(path).server
    address = (host or reachable(server.host), port or server.port)
    health = ask(address, server)
    if as_json:
        print_json("status", {"running": True, "host": address[0], "port": address[1], "health": health})
        return
    click.echo(f"Trunkline {health.get('version', '?')} is running at {url(*address)}.")
    if health.get("rehearsal"):
        click.echo("Rehearsal: answers are recordings, no provider is asked.")
    for key, value in health.items():
        if key not in ("status", "service", "version", "rehearsal"):
            shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            click.echo(f"  {key}: {shown}")


def reachable(host: str) -> str:
    """An address to call for one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - names, not binds


def url(host: str, port: int) -> str:
    """The gateway's base URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def ask(address: tuple[str, int], server: Server) -> dict[str, object]:
    """The detailed health of the gateway there. Raises Failure when nobody or somebody else answers."""
    headers = {"authorization": f"Bearer {server.keys[0].reveal()}"} if server.keys else {}
    where = url(*address)
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        connection.request("GET", "/health/detailed", headers=headers)
        answer = connection.getresponse()
        status, body = answer.status, answer.read(1_000_000)
        if status in (401, 403):
            raise Failure(f"{where} refuses the key in server.keys: it runs on another configuration.")
        health = msgspec.json.decode(body, type=dict[str, object])
    except (OSError, http.client.HTTPException):
        raise Failure(
            f"Not running: nothing answers at {where}. Start it: trunkline serve", NOT_RUNNING
        ) from None
    except msgspec.DecodeError:
        raise Failure(f"What answers at {where} is not Trunkline.", NOT_RUNNING) from None
    finally:
        connection.close()
    if health.get("service") != "trunkline":
        raise Failure(f"What answers at {where} is not Trunkline.", NOT_RUNNING)
    return health
