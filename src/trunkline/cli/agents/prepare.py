"""From an agent and a gateway to a wiring, and from a wiring to a running agent."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

import click

from trunkline.cli.agents.agent import ANY_KEY, Agent, Scene, Wiring, is_claude
from trunkline.cli.agents.shells import revealed
from trunkline.cli.exits import FAILED, Failure
from trunkline.cli.service.find import Found
from trunkline.cli.service.probe import ask_models, url
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import Configuration
from trunkline.config.secret import Secret
from trunkline.config.targets import split_target
from trunkline.routing.names import claude_family

ROUTED: Final = "sonnet"


def scene_for(
    agent: Agent, found: Found, model: str | None, environ: Mapping[str, str], *, asked: bool = True
) -> Scene:
    """What the agent is wired to. ``asked``: the gateway runs and says which models it has. Raises Failure."""
    models = ask_models(found.address, found.server) if asked else ()
    if model is not None and asked and not is_served(model, found.configuration, models):
        hint = did_you_mean(model, models)
        click.echo(f'trunkline: warning: the gateway lists no model "{model}".{hint}', err=True)
    keys = found.configuration.server.keys
    return Scene(
        url=url(*found.address),
        key=keys[0] if keys else Secret(ANY_KEY),
        model=model or usual_model(agent.own_model, found.configuration, models),
        models=models,
        environ=environ,
        folder=found.places.agents / agent.name,
    )


def usual_model(own: str | None, configuration: Configuration, models: Sequence[str]) -> str | None:
    """What an agent is to ask for that nobody told; None: what it asks for by itself is served.

    Otherwise a Claude name, which the routes decide about, or else the first model of the list.
    """
    if own is not None and is_served(own, configuration, models):
        return None
    if is_served(ROUTED, configuration, models):
        return ROUTED
    return next(iter(models), None)


def is_served(name: str, configuration: Configuration, models: Sequence[str]) -> bool:
    """Whether the gateway would find somebody for a name, as far as can be told without asking."""
    if claude_family(name):
        return "default" in dict(configuration.routes) or any(map(is_claude, models))
    parts = split_target(name)
    if parts is not None and parts[0].casefold() in (
        known.casefold() for known, _ in configuration.providers
    ):
        return True
    patterns = [entry.pattern for entry in configuration.models]
    return configuration.any_name or name in models or any(fnmatchcase(name, glob) for glob in patterns)


def find_program(agent: Agent, environ: Mapping[str, str]) -> str:
    """Where the agent is installed. Raises Failure that says how to install it."""
    variables = (f"TRUNKLINE_{agent.name.upper()}_PATH", *agent.path_variables)
    variable = next((name for name in variables if environ.get(name)), None)
    named = agent.program if variable is None else environ[variable]
    found = shutil.which(named, path=environ.get("PATH"))
    if found is None:
        where = f"{variable} names {named}, which is no program" if variable else f"{named} is not on PATH"
        raise Failure(f"{agent.title} is not installed: {where}. Install it with: {agent.install}", FAILED)
    return found


def write_files(wiring: Wiring) -> None:
    """Make the files and links of ours that the agent is given. Raises OSError."""
    for path in wiring.stale:
        path.unlink(missing_ok=True)
    for path, data in wiring.files.items():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_bytes(data)
        temporary.replace(path)
    for link, target in wiring.links.items():
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            link.unlink(missing_ok=True)
            link.symlink_to(target, target_is_directory=target.is_dir())


def environment(wiring: Wiring, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the agent."""
    kept = {name: value for name, value in environ.items() if name not in wiring.removed}
    return {**kept, **{name: revealed(value) for name, value in wiring.values.items()}}


def become(program: str, wiring: Wiring, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the agent in our place: terminal, input, signals and exit code are its own. Raises OSError.

    Returns the exit code where a process cannot be replaced, as on Windows.
    """
    write_files(wiring)
    command = [program, *wiring.arguments, *arguments]
    child = environment(wiring, environ)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if os.name != "nt":
        os.execve(program, command, child)  # noqa: S606 - no shell: arguments arrive as they are
    return subprocess.run(command, env=child, check=False).returncode  # noqa: S603 - what the user asked for
