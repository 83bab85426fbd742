"""Environment variables, and arguments where an agent needs them, as commands of a shell."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from trunkline.cli.agents.agent import Wiring
from trunkline.config.secret import Secret

Shell = Literal["bash", "zsh", "fish", "pwsh"]
SHELLS: Final[tuple[Shell, ...]] = ("bash", "zsh", "fish", "pwsh")
MASK: Final = "****"


def usual_shell(environ: Mapping[str, str]) -> Shell:
    """The user's shell, as far as the environment tells; a POSIX shell otherwise."""
    name = environ.get("SHELL", "").rpartition("/")[2]
    known: dict[str, Shell] = {shell: shell for shell in SHELLS}
    return known.get(name, "bash")


def exports(wiring: Wiring, program: str, shell: Shell) -> str:
    """What to have the shell evaluate so that ``program`` finds the gateway. Holds the key in clear."""
    lines = [_unset(name, shell) for name in wiring.removed]
    lines += [_set(name, revealed(value), shell) for name, value in wiring.values.items()]
    if wiring.arguments:
        lines.append(_function(program, wiring.arguments, shell))
    return "\n".join(lines)


def revealed(value: str | Secret) -> str:
    """A value as the agent gets it."""
    return value.reveal() if isinstance(value, Secret) else value


def masked(value: str | Secret) -> str:
    """A value as it may be shown."""
    return MASK if isinstance(value, Secret) else value


def _set(name: str, value: str, shell: Shell) -> str:
    match shell:
        case "fish":
            return f"set -gx {name} {_fish(value)}"
        case "pwsh":
            return f"$env:{name} = {_pwsh(value)}"
        case _:
            return f"export {name}={shlex.quote(value)}"


def _unset(name: str, shell: Shell) -> str:
    match shell:
        case "fish":
            return f"set -e {name}"
        case "pwsh":
            return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
        case _:
            return f"unset {name}"


def _function(program: str, arguments: Sequence[str], shell: Shell) -> str:
    """The program with arguments before the user's own: it takes nothing else from the environment."""
    match shell:
        case "fish":
            words = " ".join(_fish(argument) for argument in arguments)
            return f"function {program}; command {program} {words} $argv; end"
        case "pwsh":
            words = " ".join(_pwsh(argument) for argument in arguments)
            found = f"(Get-Command {program} -CommandType Application | Select-Object -First 1)"
            return f"function {program} {{ & {found} {words} @args }}"
        case _:
            return f'{program}() {{ command {program} {shlex.join(arguments)} "$@"; }}'


def _fish(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _pwsh(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@,+-]+")
