"""The user's plugins and router as far as a configuration tells, without loading any of it."""

import shutil
from pathlib import Path
from typing import Final

from trunkline.config.code_places import is_script, is_there, resolved
from trunkline.config.load import line_in
from trunkline.config.problems import Problem
from trunkline.config.schema import Configuration

NODE: Final = "node"


def has_user_code(configuration: Configuration) -> bool:
    """Whether there is any."""
    return bool(configuration.plugins) or configuration.custom_router is not None


def plugin_problems(configuration: Configuration) -> list[Problem]:
    """Files that are not there, and scripts without Node to run them."""
    places = [(f"plugins[{index}]", plugin.path) for index, plugin in enumerate(configuration.plugins)]
    if configuration.custom_router is not None:
        places.append(("custom_router", configuration.custom_router.path))
    problems: list[Problem] = []
    for key, path in places:
        place, shown = resolved(path, configuration.source), Path(path).name
        if not is_there(place):
            problems.append(code_problem(configuration, key, f'"{shown}" is not there: {path}'))
        elif is_script(place) and shutil.which(NODE) is None:
            message = (
                f'"{shown}" is JavaScript and needs Node.js: install it, so that "node" is on the PATH'
            )
            problems.append(code_problem(configuration, key, message))
    return problems


def code_problem(configuration: Configuration, key: str, message: str) -> Problem:
    """What is wrong with the user's code at ``key``."""
    source = configuration.source
    return Problem(file=source, line=line_in(source, key.partition("[")[0]), key=key, message=message)
