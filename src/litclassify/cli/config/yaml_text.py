"""YAML from anybody: little text can mean more than fits in memory, lie too deep to be read, or say a thing twice."""

from typing import Any

import yaml

# PyYAML's parser in C is ten times as fast, and some builds lack it; the one in Python knows better where a mistake is.
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH = 50
MAX_VALUES = 100_000
# What this stands before is taken in, and may be so from several places.
MERGE = "<<"
# With what PyYAML refuses a value, such as `!!int x`, beside its own exceptions.
MISFITS = (AttributeError, TypeError, ValueError)


def load_yaml(text: str, loader: Any = yaml.SafeLoader) -> Any:
    """Read YAML; no tag makes an object of a class.

    Args:
        text: Of one document.
        loader: `yaml.SafeLoader`, or `FAST`.

    Raises:
        yaml.YAMLError: It is not YAML, a value does not fit its tag, or `check_text` refuses it.
    """
    check_text(text, loader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except MISFITS as error:
        reason = f": {error}" if isinstance(error, ValueError) else ""
        raise yaml.MarkedYAMLError(problem=f"a value does not fit its type{reason}") from error


class Keys:
    """The keys of a collection that is being read.

    Args:
        is_mapping: Whether it has any.
    """

    def __init__(self, is_mapping: bool = False) -> None:
        self._is_mapping = self._comes_next = is_mapping
        self._lines: dict[str, int] = {}

    def take(self, event: yaml.Event) -> None:
        """Take what comes next, of a mapping keys and values in turn.

        Raises:
            yaml.YAMLError: A key has come before.
        """
        if not self._is_mapping:
            return
        if self._comes_next and isinstance(event, yaml.ScalarEvent) and event.value != MERGE:
            key, line = event.value, event.start_mark.line + 1  # type: ignore[union-attr] # the C parser's
            if key in self._lines:
                raise _refusal(event, f"{key!r} stands in line {self._lines[key]} already")
            self._lines[key] = line
        self._comes_next = not self._comes_next


def check_text(text: str, loader: Any = FAST) -> None:
    """Look for keys that come twice, and count values as if aliases were written out, without writing them out.

    Raises:
        yaml.YAMLError: A key stands twice in a mapping, of which the first value would be lost; values are more than
            100,000, lie more than 50 levels deep, or hold themselves; or the text is not YAML.
    """
    counts = [0]  # How many values each open collection has so far, from the outermost in.
    anchors: list[str | None] = [None]
    anchored: dict[str, int] = {}
    keys = [Keys()]
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionEndEvent):
            count, anchor = counts.pop() + 1, anchors.pop()
            keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in anchors:
                raise _refusal(event, f"*{event.anchor} stands for what it is in")
            count, anchor = anchored.get(event.anchor or "", 1), None
            keys[-1].take(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            keys[-1].take(event)
            counts.append(0)
            anchors.append(event.anchor)
            keys.append(Keys(isinstance(event, yaml.MappingStartEvent)))
            if len(counts) > MAX_DEPTH:
                raise _refusal(event, f"it is nested more than {MAX_DEPTH} levels deep")
            continue
        else:
            count, anchor = 1, getattr(event, "anchor", None)
            keys[-1].take(event)
        counts[-1] += count
        if anchor is not None:
            anchored[anchor] = count
        if counts[-1] > MAX_VALUES:
            raise _refusal(event, f"it holds more than {MAX_VALUES:,} values, those that aliases stand for included")


def _refusal(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type] # the C parser's
