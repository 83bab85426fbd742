"""``trunkline code``: Claude Code through the gateway, as in claude-code-router."""

import click

from trunkline.cli.agents.claude import CLAUDE
from trunkline.cli.launch import start_agent
from trunkline.cli.service.find import find


class Untouched(click.Command):
    """A command whose words are all somebody else's: ``--help`` and ``--`` too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take them as they are."""
        ctx.args = list(args)
        return []


@click.command("code", cls=Untouched, add_help_option=False)
@click.pass_context
def command(context: click.Context) -> int:
    """Start Claude Code wired to the gateway; every word after ``code`` is passed to it untouched."""
    return start_agent(CLAUDE, find(None, working=False), None, tuple(context.args))
