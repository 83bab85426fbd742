"""Typed reading of a configuration tree: every mistake is noted with its place, nothing is skipped."""

from collections.abc import Callable, Iterable, Mapping

from trunkline.config.expand import Expanded, expand
from trunkline.config.nearest import did_you_mean
from trunkline.config.problems import Problem
from trunkline.config.secret import Secret
from trunkline.config.tree import Entry, Node, Scalar, Sequence, describe, plain
from trunkline.config.tree import Mapping as MappingNode


class Reading:
    """One file being read: where it is, the environment, and what was found wrong so far."""

    def __init__(
        self,
        file: str,
        environ: Mapping[str, str],
        expander: Callable[[str, Mapping[str, str]], Expanded] = expand,
        speller: Callable[[str, Mapping[str, str]], str] = lambda text, environ: text,
    ) -> None:
        self.file = file
        self.environ = environ
        self._expand = expander
        self._spell = speller
        self.problems: list[Problem] = []
        self.literal_secrets: list[str] = []
        """Paths of credentials that stand in the file itself."""
        self.spelled: dict[str, str] = {}
        """Texts that :meth:`plain` got out of the environment -> how Trunkline's own form writes them."""

    def problem(self, line: int, key: str, message: str) -> None:
        """Note a mistake, once, and go on."""
        problem = Problem(file=self.file, line=line, key=key, message=message)
        if problem not in self.problems:
            self.problems.append(problem)

    def value(self, node: Node, key: str, want: str = "text") -> str | None:
        """The expanded text of a leaf, never empty; None after noting what is wrong."""
        if not isinstance(node, Scalar):
            self.problem(node.line, key, f"must be {want}, not {describe(node)}")
            return None
        if node.kind == "nothing" or not node.text.strip():
            self.problem(node.line, key, "has no value: give one or remove the key")
            return None
        expanded = self._expand(node.text, self.environ)
        if expanded.value is None:
            self.problem(node.line, key, expanded.missing)
        return expanded.value

    def text(self, node: Node, key: str) -> str | None:
        """Text without control characters and blanks around it."""
        if isinstance(node, Scalar) and node.kind in ("number", "flag"):
            self.problem(node.line, key, f"must be text, not {describe(node)}: put it in quotes")
            return None
        value = self.value(node, key)
        if value is not None and not value.strip().isprintable():
            self.problem(node.line, key, "holds a line break or a control character")
            return None
        return None if value is None else value.strip()

    def plain(self, node: Node, key: str) -> object:
        """Anything, as plain values with every text expanded; a text that lacks its variable is noted and empty."""
        match node:
            case MappingNode():
                return {entry.key: self.plain(entry.node, f"{key}.{entry.key}") for entry in node.entries}
            case Sequence():
                return [self.plain(item, f"{key}[{index}]") for index, item in enumerate(node.items)]
            case Scalar(kind="text") if node.text:
                expanded = self._expand(node.text, self.environ)
                if expanded.value is None:
                    self.problem(node.line, key, expanded.missing)
                elif not expanded.literal:
                    self.spelled[expanded.value] = self._spell(node.text, self.environ)
                return expanded.value or ""
            case Scalar():
                return plain(node)

    def secret(self, node: Node, key: str) -> Secret | None:
        """A credential, wrapped at once."""
        value = self.text(node, key)
        if value is None:
            return None
        if not value.isascii() or " " in value:
            self.problem(node.line, key, "holds a blank or a letter that a credential cannot have")
            return None
        if isinstance(node, Scalar) and self._expand(node.text, self.environ).literal:
            self.literal_secrets.append(key)
        return Secret(value)


class Section:
    """The keys of one mapping. Ask for each, then call :meth:`finish`: the rest is unknown."""

    def __init__(self, reading: Reading, node: Node | None, path: str = "") -> None:
        self.reading = reading
        self.path = path
        self.line = node.line if node else 1
        self.usable = True
        """False: something else than a section stands here, and that is noted."""
        self._known: set[str] = set()
        self._entries: dict[str, Entry] = {}
        match node:
            case MappingNode():
                self._entries = {entry.key: entry for entry in node.entries}
            case None | Scalar(kind="nothing"):
                pass
            case _:
                message = f"must be a section with keys, not {describe(node)}"
                reading.problem(node.line, path, message)
                self.usable = False

    def key(self, name: str) -> str:
        """The dotted path of a key here."""
        return f"{self.path}.{name}" if self.path else name

    def entries(self) -> tuple[Entry, ...]:
        """All keys, for sections whose keys are names that users choose."""
        self._known.update(self._entries)
        return tuple(self._entries.values())

    def get(self, name: str) -> Node | None:
        """The node of a known key, None when absent."""
        self._known.add(name)
        entry = self._entries.get(name)
        return None if entry is None else entry.node

    def line_of(self, name: str) -> int:
        """The line of a key, or of the section when it is absent."""
        entry = self._entries.get(name)
        return self.line if entry is None else entry.line

    def problem(self, name: str, message: str) -> None:
        """Note a mistake at one of this section's keys."""
        self.reading.problem(self.line_of(name), self.key(name), message)

    def section(self, name: str) -> "Section":
        """A section below; empty when absent."""
        return Section(self.reading, self.get(name), self.key(name))

    def text(self, name: str) -> str | None:
        """Text, None when absent or wrong."""
        node = self.get(name)
        return None if node is None else self.reading.text(node, self.key(name))

    def secret(self, name: str) -> Secret | None:
        """A credential, None when absent or wrong."""
        node = self.get(name)
        return None if node is None else self.reading.secret(node, self.key(name))

    def items(self, name: str) -> tuple[Node, ...]:
        """A list's items, none when absent or wrong."""
        node = self.get(name)
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            message = f"must be a list, not {describe(node)}: write [a, b]"
            self.reading.problem(node.line, self.key(name), message)
            return ()
        return node.items

    def is_empty_list(self, name: str) -> bool:
        """A list is there, with nothing in it."""
        node = self.get(name)
        return isinstance(node, Sequence) and not node.items

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = [
            self.reading.text(item, f"{self.key(name)}[{i}]") for i, item in enumerate(self.items(name))
        ]
        return tuple(text for text in found if text is not None)

    def secrets(self, name: str) -> tuple[Secret, ...]:
        """A list of credentials."""
        found = [
            self.reading.secret(item, f"{self.key(name)}[{i}]") for i, item in enumerate(self.items(name))
        ]
        return tuple(secret for secret in found if secret is not None)

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        node = self.get(name)
        if node is None:
            return default
        value = self.reading.value(node, self.key(name), "true or false")
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            self.problem(name, "must be true or false")
        return value.lower() == "true"

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number within bounds."""
        node = self.get(name)
        value = None if node is None else self.reading.value(node, self.key(name), "a number")
        if value is None:
            return default
        try:
            number = float(value.replace("_", ""))
        except ValueError:
            self.problem(name, "must be a number")
            return default
        if not low <= number <= high:
            self.problem(name, f"must be between {low:g} and {high:.15g}")
            return default
        return number

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        before = len(self.reading.problems)
        number = self.number(name, default, low, high)
        if len(self.reading.problems) == before and number != int(number):
            self.problem(name, "must be a whole number")
            return default
        return int(number)

    def choice(self, name: str, options: Iterable[str]) -> str | None:
        """One of some words."""
        value = self.text(name)
        known = tuple(options)
        if value is None or value in known:
            return value
        self.problem(name, f"must be one of {', '.join(known)}.{did_you_mean(value, known)}")
        return None

    def finish(self) -> None:
        """Note every key that nobody asked for, with the nearest valid one."""
        for entry in self._entries.values():
            if entry.key not in self._known:
                hint = did_you_mean(entry.key, self._known)
                self.reading.problem(entry.line, self.key(entry.key), f"unknown key.{hint}")
