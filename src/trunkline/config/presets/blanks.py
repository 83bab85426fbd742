"""Filling in what a preset leaves open: its blanks, the mappings that put answers elsewhere (ccr.md 6.6)."""

import re
from collections.abc import Mapping
from typing import Final, cast

from trunkline.config.presets.manifest import PresetError, Table, configuration_of

_BLANK: Final = re.compile(r"#\{\s*([\w.-]+)\s*\}|\{\{\s*([\w.-]+)\s*\}\}")
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d{1,3})\]")
_NO_WORD: Final = re.compile(r"\W+")


def inputs_of(manifest: Mapping[str, object]) -> dict[str, Table]:
    """The blanks that the preset describes, by id."""
    return {str(entry["id"]): entry for entry in _tables(manifest.get("schema")) if "id" in entry}


def is_password(entry: Mapping[str, object]) -> bool:
    """Whether a blank is for a credential: the type of those that name none."""
    return entry.get("type", "password") == "password"


def variable_for(blank: str) -> str:
    """The variable of the environment that stands for a password nobody gave."""
    return _NO_WORD.sub("_", blank).upper()


def applied(manifest: Mapping[str, object], given: Mapping[str, object]) -> Table:
    """The configuration that a preset means, with ``given`` in its blanks.

    A password that is not given becomes a reference to the environment. Raises PresetError naming every blank that
    has neither a value nor a default, and values that no blank asks for.
    """
    inputs = inputs_of(manifest)
    paths = {name: value for name, value in given.items() if "." in name or "[" in name}
    if unknown := [name for name in given if name not in inputs and name not in paths]:
        asked = ", ".join(inputs) or "nothing"
        raise PresetError(f"The preset does not ask for {', '.join(unknown)}. It asks for: {asked}.")
    answers = _Answers(inputs, given)
    configuration = configuration_of(manifest)
    if not isinstance(manifest.get("template"), dict):
        configuration = {key: value for key, value in configuration.items() if key not in inputs}
    result = cast("Table", answers.fill(configuration))
    for mapping in _tables(manifest.get("configMappings")):
        if answers.hold(mapping.get("when")):
            _put(result, str(mapping.get("target", "")), answers.fill(mapping.get("value")))
    for name, value in paths.items():
        if name not in inputs:
            _put(result, name, value)
    if answers.missing:
        names = ", ".join(dict.fromkeys(answers.missing))
        raise PresetError(f"The preset asks for {names}: give a value for each.")
    return result


class _Answers:
    """What stands in each blank."""

    def __init__(self, inputs: Mapping[str, Table], given: Mapping[str, object]) -> None:
        self._inputs = inputs
        self._given = given
        self.missing: list[str] = []

    def value(self, blank: str) -> object:
        entry = self._inputs.get(blank, {})
        value = self._given.get(blank)
        if value is None and not is_password(entry):
            value = entry.get("defaultValue")
        if value is not None:
            return value
        if is_password(entry):
            return "${" + variable_for(blank) + "}"
        if entry.get("required", True) is not False:
            self.missing.append(blank)
        return ""

    def fill(self, value: object) -> object:
        """``value`` with its blanks filled in; a text that is one blank becomes what was answered, text or not."""
        match value:
            case dict():
                return {key: self.fill(entry) for key, entry in cast("Table", value).items()}
            case list():
                return [self.fill(entry) for entry in cast("list[object]", value)]
            case str():
                alone = _BLANK.fullmatch(value)
                if alone is not None:
                    return self.value(alone[1] or alone[2])
                return _BLANK.sub(lambda found: str(self.value(found[1] or found[2])), value)
            case _:
                return value

    def hold(self, when: object) -> bool:
        """Whether all conditions hold. Without any, they do."""
        return all(self._holds(condition) for condition in _tables(_listed(when)))

    def _holds(self, condition: Table) -> bool:
        blank = str(condition.get("field", ""))
        answer = self._given.get(blank, self._inputs.get(blank, {}).get("defaultValue"))
        wanted = condition.get("value")
        among = _listed(wanted)
        operator = str(condition.get("operator", "eq"))
        match operator:
            case "eq" | "ne":
                return (answer == wanted) == (operator == "eq")
            case "in" | "nin":  # codespell:ignore nin
                return (answer in among) == (operator == "in")
            case "exists":
                return (answer is not None) == (wanted is not False)
            case "gt" | "lt" | "gte" | "lte":
                return _compares(operator, answer, wanted)
            case _:
                raise PresetError(f'A condition of the preset has the unknown operator "{operator[:40]}".')


def _compares(operator: str, answer: object, wanted: object) -> bool:
    """As numbers; what is none compares with nothing."""
    try:
        left, right = float(str(answer)), float(str(wanted))
    except ValueError:
        return False
    return {"gt": left > right, "lt": left < right, "gte": left >= right, "lte": left <= right}[operator]


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _tables(listed: object) -> list[Table]:
    items = cast("list[object]", listed) if isinstance(listed, list) else []
    return [cast("Table", entry) for entry in items if isinstance(entry, dict)]


def _put(configuration: Table, target: str, value: object) -> None:
    """Set ``target``, as ``Providers[0].api_key``; what is missing on the way is made."""
    steps: list[str | int] = [name or int(index) for name, index in _STEP.findall(target)]
    if not steps or _STEP.sub("", target).strip("."):
        raise PresetError(f'"{target[:80]}" is no place in a configuration.')
    place: object = configuration
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        place = _step(place, step, target, following, value)


def _step(
    place: object, step: str | int, target: str, following: str | int | None, value: object
) -> object:
    """Go one step down, or set the value at the last one."""
    if isinstance(step, str) and isinstance(place, dict):
        table = cast("Table", place)
        if following is None:
            table[step] = value
        return table.setdefault(step, [] if isinstance(following, int) else {})
    if isinstance(step, int) and isinstance(place, list) and step <= len(cast("list[object]", place)):
        items = cast("list[object]", place)
        if step == len(items):
            items.append([] if isinstance(following, int) else {})
        if following is None:
            items[step] = value
        return items[step]
    raise PresetError(f'"{target[:80]}" is no place in this configuration.')
