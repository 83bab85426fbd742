"""``trunkline launch``: a coding agent, wired to the gateway."""

import os
import shlex

import click

from trunkline.cli.agents.agent import Agent, Wiring
from trunkline.cli.agents.prepare import become, find_program, scene_for, write_files
from trunkline.cli.agents.shells import SHELLS, Shell, exports, masked, usual_shell
from trunkline.cli.agents.table import AGENTS
from trunkline.cli.exits import Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.service.find import Found, answers, ensure, find
from trunkline.cli.service.probe import url


class WithAgentWords(click.Command):
    """A command whose user may have forgotten the ``--`` before the agent's own options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options of ours and the agent's words. An unknown option is told with where it belongs."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = f"No such option {error.option_name}. What is for the agent comes after --."
            raise click.UsageError(message, ctx) from None


@click.command("launch", cls=WithAgentWords)
@click.argument("name", metavar="AGENT", type=click.Choice(list(AGENTS)))
@click.argument("arguments", metavar="[-- ARGS]...", nargs=-1, type=click.UNPROCESSED)
@click.option("--model", help="The model to ask for: any name that the gateway takes.")
@config_option
@click.option("--port", type=click.IntRange(1, 65_535), help="The gateway's port, if not as configured.")
@click.option(
    "--print-env", is_flag=True, help="Print the settings for a shell to evaluate; start nothing."
)
@click.option(
    "--shell", type=click.Choice(SHELLS), help="The shell of --print-env; your own when not given."
)
@click.option("--dry-run", is_flag=True, help="Say what would be set, written and run; do none of it.")
@json_option
def command(
    name: str,
    arguments: tuple[str, ...],
    model: str | None,
    path: str | None,
    port: int | None,
    print_env: bool,
    shell: Shell | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Start AGENT wired to the gateway, which is started in the background if none runs.

    Only the agent's own environment is changed, and none of its files. What follows -- is passed to it
    untouched; its exit code is the exit code.

    \b
    Examples: trunkline launch claude
              trunkline launch codex --model sonnet -- exec "fix the tests"
              eval "$(trunkline launch aider --print-env)"
    """
    agent = AGENTS[name]
    found = find(path, port=port, working=False)
    if as_json and not dry_run:
        raise click.UsageError("--json is for --dry-run.")
    if dry_run or print_env:
        wiring = agent.wire(scene_for(agent, found, model, os.environ, asked=answers(found)))
        _warn(wiring)
        if dry_run:
            _describe(agent, found, wiring, arguments, as_json=as_json)
        else:
            write_files(wiring)
            click.echo(exports(wiring, agent.program, shell or usual_shell(os.environ)))
        return 0
    return start_agent(agent, found, model, arguments)


def start_agent(agent: Agent, found: Found, model: str | None, arguments: tuple[str, ...]) -> int:
    """Become the agent, with a gateway that runs. Raises Failure, StartRefused, OSError."""
    program = find_program(agent, os.environ)
    found, started = ensure(found)
    if started:
        where = url(*found.address)
        click.echo(f"trunkline: started the gateway at {where}; it stays: trunkline stop", err=True)
    wiring = agent.wire(scene_for(agent, found, model, os.environ))
    _warn(wiring)
    return become(program, wiring, arguments, os.environ)


def _warn(wiring: Wiring) -> None:
    for note in wiring.notes:
        click.echo(f"trunkline: warning: {note}", err=True)


def _describe(
    agent: Agent, found: Found, wiring: Wiring, arguments: tuple[str, ...], *, as_json: bool
) -> None:
    """Everything a start would do, with the key masked."""
    try:
        program = find_program(agent, os.environ)
    except Failure as missing:
        program = agent.program
        click.echo(f"trunkline: {missing.message}", err=True)
    running = answers(found)
    command = [program, *wiring.arguments, *arguments]
    shown = {name: masked(value) for name, value in wiring.values.items()}
    if as_json:
        fields: dict[str, object] = {
            "agent": agent.name,
            "gateway": url(*found.address),
            "running": running,
            "set": shown,
            "unset": list(wiring.removed),
            "write": {str(path): data.decode() for path, data in wiring.files.items()},
            "link": {str(link): str(target) for link, target in wiring.links.items()},
            "run": command,
        }
        print_json("launch", fields)
        return
    click.echo(f"gateway  {url(*found.address)} ({'runs' if running else 'would be started'})")
    for name, value in shown.items():
        click.echo(f"set      {name}={value}")
    for name in wiring.removed:
        click.echo(f"unset    {name}")
    for path, data in wiring.files.items():
        click.echo(f"write    {path}\n{data.decode().rstrip()}")
    for link, target in wiring.links.items():
        click.echo(f"link     {link} -> {target}")
    click.echo(f"run      {shlex.join(command)}")
