"""``trunkline activate`` and ``env``: the settings of Claude Code for a shell to evaluate."""

import os

import click

from trunkline.cli.agents.claude import CLAUDE
from trunkline.cli.agents.prepare import scene_for
from trunkline.cli.agents.shells import SHELLS, Shell, exports, usual_shell
from trunkline.cli.listing import config_option
from trunkline.cli.service.find import find


@click.command("activate")
@config_option
@click.option("--shell", type=click.Choice(SHELLS), help="The shell; your own when not given.")
def command(path: str | None, shell: Shell | None) -> None:
    """Print what points Claude Code at the gateway, for your shell to evaluate. Nothing is started.

    \b
    Examples: eval "$(trunkline activate)"
              trunkline activate --shell fish | source
              trunkline activate --shell pwsh | Out-String | Invoke-Expression
    """
    wiring = CLAUDE.wire(scene_for(CLAUDE, find(path, working=False), None, os.environ, asked=False))
    click.echo(exports(wiring, CLAUDE.program, shell or usual_shell(os.environ)))
