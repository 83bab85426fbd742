"""Drawing the modules of a status line, plain or as a row of arrows."""

import re
from collections.abc import Sequence
from typing import Final

from trunkline.cli.status_line.words import Table, Words, text

NAMES: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
TRUE_COLOURS: Final = dict(
    zip(
        (*NAMES, *(f"bright_{name}" for name in NAMES)),
        (
            (0, 0, 0), (205, 49, 49), (13, 188, 121), (229, 229, 16), (36, 114, 200), (188, 63, 188), (17, 168, 205),
            (229, 229, 229), (102, 102, 102), (241, 76, 76), (35, 209, 139), (245, 245, 67), (59, 142, 234),
            (214, 112, 214), (41, 184, 219), (255, 255, 255),
        ),
        strict=True,
    )
)  # fmt: skip
"""What a terminal shows for its sixteen colours, near enough to put text on them."""
USUAL_BACKGROUND: Final = "bright_blue"
ARROW: Final = "\ue0b0"
RESET: Final = "\x1b[0m"
_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")

Colour = tuple[int, int, int]


def filled(module: Table, words: Words) -> str:
    """A module's text with its icon; empty when the text is."""
    said = _VARIABLE.sub(lambda match: words.get(match[1], ""), text(module.get("text"))).strip()
    icon = text(module.get("icon"))
    return f"{icon} {said}" if said and icon else said


def colour(named: object) -> Colour | None:
    """A colour by name (``bright_blue``) or in hexadecimal (``#rgb``, ``#rrggbb``), for text or, with ``bg_``, behind it."""
    name = text(named).lower().removeprefix("bg_")
    if name in TRUE_COLOURS:
        return TRUE_COLOURS[name]
    digits = name.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) != 6 or not name.startswith("#"):
        return None
    try:
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    except ValueError:
        return None


def plain(modules: Sequence[tuple[Table, str]]) -> str:
    """Modules side by side, each in its colour."""
    return " ".join(_painted(said, colour(module.get("color"))) for module, said in modules)


def powerline(modules: Sequence[tuple[Table, str]]) -> str:
    """Modules on backgrounds, with an arrow from each to the next."""
    parts: list[str] = []
    backs = [colour(module.get("background")) or TRUE_COLOURS[USUAL_BACKGROUND] for module, _ in modules]
    for place, (module, said) in enumerate(modules):
        front = colour(module.get("color")) or TRUE_COLOURS["white"]
        parts.append(f"{_code(48, backs[place])}{_code(38, front)} {said} {RESET}")
        after = _code(48, backs[place + 1]) if place + 1 < len(backs) else ""
        parts.append(f"{after}{_code(38, backs[place])}{ARROW}{RESET}")
    return "".join(parts)


def _painted(said: str, front: Colour | None) -> str:
    return said if front is None else f"{_code(38, front)}{said}{RESET}"


def _code(kind: int, value: Colour) -> str:
    red, green, blue = value
    return f"\x1b[{kind};2;{red};{green};{blue}m"
