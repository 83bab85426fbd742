"""Changing one route in the text of a configuration, with everything else of the text as it was."""

import re
from collections.abc import Mapping
from typing import Final, cast

from trunkline.config.tree import Node, line_of, plain

_TO: Final = re.compile(r"(to\"?\s*:\s*)([^,}]*[^,}\s])")


class Unclear(Exception):
    """The text is laid out in a way that is better changed by its author; ``line`` is where."""

    def __init__(self, line: int | None) -> None:
        super().__init__()
        self.line = line


class Form:
    """How one kind of file writes its routes."""

    def __init__(self, section: str, *, quoted: bool) -> None:
        self.section = section
        self.quoted = quoted

    def value(self, target: str) -> str:
        """A target as it stands in the text."""
        return f'"{target}"' if self.quoted or re.search(r"[^\w./-]", target) else target

    def new_section(self, text: str, route: str, target: str) -> str:
        """The text with the section, which it did not have."""
        if not self.quoted:
            return f"{text.rstrip()}\n\n{self.section}:\n  {route}: {self.value(target)}\n"
        return text.replace("{", f'{{\n  "{self.section}": {{"{route}": {self.value(target)}}},', 1)


OWN: Final = Form("routes", quoted=False)
CCR: Final = Form("Router", quoted=True)


def with_route(text: str, tree: Node, form: Form, route: str, target: str) -> str:
    """The text with ``route`` leading to ``target``. Raises Unclear."""
    before = cast("dict[str, object]", plain(tree))
    section = before.get(form.section)
    if section is not None and not isinstance(section, dict):
        raise Unclear(line_of(tree, form.section))
    if not section:
        return text if section is not None else form.new_section(text, route, target)
    known = cast("dict[str, object]", section)
    where = line_of(tree, f"{form.section}.{route}" if route in known else form.section)
    if where is None:
        raise Unclear(None)
    lines = text.splitlines(keepends=True)
    place = where - 1
    if route in known:
        lines[place] = _replaced(lines[place], route, form.value(target), known[route], where)
    else:
        lines[place] = _added(lines[place], lines[place + 1 :], form, route, target)
    return "".join(lines)


def wanted(before: Node, form: Form, route: str, target: str) -> object:
    """What the changed text has to mean, no more and no less."""
    after = dict(cast("dict[str, object]", plain(before)))
    section = dict(cast("Mapping[str, object]", after.get(form.section) or {}))
    known = section.get(route)
    if isinstance(known, dict):
        section[route] = {**cast("dict[str, object]", known), "to": target}
    else:
        section[route] = target
    return {**after, form.section: section}


def _replaced(line: str, route: str, value: str, known: object, where: int) -> str:
    """One line with another target."""
    kinds = r"\{[^{}]*\}|\[[^\[\]]*\]|\"[^\"]*\"|'[^']*'|[^\s,#}\]{\[\"'][^,#}\]\n]*?"
    found = re.search(rf"(?<![\w-])[\"']?{route}[\"']?\s*:\s*({kinds})(?=\s*(?:[,#}}\]\r\n]|//|$))", line)
    if found is None:
        raise Unclear(where)
    if isinstance(known, dict):
        inner = _TO.sub(lambda match: match[1] + value, found[1], count=1)
        if inner == found[1]:
            raise Unclear(where)
        value = inner
    return line[: found.start(1)] + value + line[found.end(1) :]


def _added(line: str, following: list[str], form: Form, route: str, target: str) -> str:
    """The line of the section's key with one more route in or after it."""
    name = f'"{route}"' if form.quoted else route
    head = re.match(rf"(.*?[\"']?{form.section}[\"']?\s*:\s*)(\{{)?", line)
    assert head is not None, "the section's key is on its line"
    if head[2]:
        return f"{line[: head.end()]}{name}: {form.value(target)}, {line[head.end() :]}"
    first = next((after for after in following if after.strip() and not after.lstrip().startswith("#")), "")
    indent = first[: len(first) - len(first.lstrip())]
    return f"{line.rstrip()}\n{indent}{name}: {form.value(target)}\n"
