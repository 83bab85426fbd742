"""The user's Python: a class or a function in a file, or in an installed module."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from trunkline.config.code_places import file_of
from trunkline.upstream.plugins.link import HookFailed
from trunkline.upstream.plugins.plugin import HOOKS

ROUTER: Final = "route"
"""What the function of a router is called."""


def make_plugin(place: str, options: object) -> object:
    """An instance of the class that ``place`` names. Raises HookFailed.

    ``place``: ``file.py``, ``file.py:Class`` or ``module:Class``; a file without a name has one class with hooks.
    """
    module, wanted = _module(place)
    made = getattr(module, wanted, None) if wanted else _only_class(module, place)
    if not inspect.isclass(made):
        raise HookFailed(f"{_shown(place)} has no class {wanted}")
    try:
        maker = cast("Callable[..., object]", made)
        return maker(options) if inspect.signature(maker).parameters else maker()
    except Exception as error:  # the user's code
        raise HookFailed(f"{made.__name__} could not be made: {type(error).__name__}: {error}") from error


def find_router(place: str) -> Callable[..., object]:
    """The function that ``place`` names, ``route`` where it names none. Raises HookFailed."""
    module, wanted = _module(place)
    found: object = getattr(module, wanted or ROUTER, None)
    if not callable(found):
        raise HookFailed(f"{_shown(place)} has no function {wanted or ROUTER}(req, config)")
    return found


def _module(place: str) -> tuple[ModuleType, str]:
    file = file_of(place)
    try:
        if file is None:
            module, _, wanted = place.partition(":")
            return importlib.import_module(module), wanted
        return _from_file(file), "" if place == file else place[len(file) + 1 :]
    except Exception as error:  # the user's code
        raise HookFailed(f"{_shown(place)} cannot be loaded: {type(error).__name__}: {error}") from error


def _from_file(file: str) -> ModuleType:
    name = f"trunkline_user_{Path(file).stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up
    spec.loader.exec_module(module)
    return module


def _only_class(module: ModuleType, place: str) -> object:
    found = [
        made
        for made in vars(module).values()
        if inspect.isclass(made)
        and made.__module__ == module.__name__
        and any(callable(getattr(made, hook, None)) for hook in HOOKS)
    ]
    if len(found) != 1:
        how_many = "no class" if not found else f"{len(found)} classes"
        raise HookFailed(f"{_shown(place)} has {how_many} with hooks: name the one, file.py:Class")
    return found[0]


def _shown(place: str) -> str:
    return Path(place).name
