"""What was found in another program's file: how each key is used, and what is not."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from trunkline.config.schema import Configuration
from trunkline.config.section import Reading


class Note(Struct, frozen=True, kw_only=True):
    """One key of the file and what became of it. Never holds a secret."""

    line: int
    key: str
    kind: Literal["used", "warning"]
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


class Findings:
    """Collects the notes while a file is read; mistakes go to the reading itself."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.notes: list[Note] = []
        self.references: dict[str, str] = {}
        """Where Trunkline's own form has a credential -> the environment variable it is written as there."""
        self.unset: list[str] = []
        """Those of the variables that the file does not use: its credential stands there itself."""

    def used(self, line: int, key: str, text: str) -> None:
        """This key is in force, as ``text`` says."""
        self.notes.append(Note(line=line, key=key, kind="used", text=text))

    def warn(self, line: int, key: str, text: str) -> None:
        """This key is not in force, or not as its owner may think."""
        self.notes.append(Note(line=line, key=key, kind="warning", text=text))

    def problem(self, line: int, key: str, text: str) -> None:
        """The file cannot be used because of this key."""
        self.reading.problem(line, key, text)

    def refer(self, place: str, variable: str | None, suggestion: str) -> None:
        """The credential at ``place`` is the environment's ``variable``; None: it stands in the file."""
        if variable is not None:
            self.references[place] = variable
            return
        name, number = suggestion, 1
        while name in self.references.values() or name in self.reading.environ:
            number += 1
            name = f"{suggestion}_{number}"
        self.references[place] = name
        self.unset.append(name)

    def imported(self, configuration: Configuration) -> "Imported":
        """``configuration``, which was read from the file, with all that was found beside it."""
        return Imported(
            configuration=configuration,
            notes=tuple(sorted(self.notes, key=lambda note: note.line)),
            references=self.references,
            spelled=self.reading.spelled,
            unset=tuple(self.unset),
            literal_secrets=tuple(self.reading.literal_secrets),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, each with its place."""
        return tuple(
            f"{self.reading.file}:{note.line}: {note}" for note in self.notes if note.kind == "warning"
        )


class Imported(Struct, frozen=True, kw_only=True):
    """Another program's configuration as read. ``references``: where Trunkline's own form has a credential -> its
    variable there; ``unset``: those of the variables that the file does not use, as the credential stands in it."""

    configuration: Configuration
    notes: tuple[Note, ...]
    references: Mapping[str, str]
    spelled: Mapping[str, str] = {}
    """Values with something out of the environment in them -> how Trunkline's own form writes them."""
    unset: tuple[str, ...]
    literal_secrets: tuple[str, ...]
