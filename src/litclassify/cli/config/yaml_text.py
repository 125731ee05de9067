"""YAML from anybody: little text can mean more than fits in memory, or lie too deep to be read."""

from typing import Any

import yaml

# PyYAML's parser in C is ten times as fast, and some builds lack it; the one in Python knows better where a mistake is.
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH = 50
MAX_VALUES = 100_000
# With what PyYAML refuses a value, such as `!!int x`, beside its own exceptions.
MISFITS = (AttributeError, TypeError, ValueError)


def load_yaml(text: str, loader: Any = yaml.SafeLoader) -> Any:
    """Read YAML; no tag makes an object of a class.

    Args:
        text: Of one document.
        loader: `yaml.SafeLoader`, or `FAST`.

    Raises:
        yaml.YAMLError: It is no YAML, a value does not fit its tag, or `check_size` refuses it.
    """
    check_size(text, loader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except MISFITS as error:
        reason = f": {error}" if isinstance(error, ValueError) else ""
        raise yaml.MarkedYAMLError(problem=f"a value does not fit its type{reason}") from error


def check_size(text: str, loader: Any = FAST) -> None:
    """Count values as if aliases were written out, without writing them out.

    Raises:
        yaml.YAMLError: They are more than 100,000, lie more than 50 levels deep, or hold themselves; or the text is
            no YAML.
    """
    counts = [0]  # Of the collections that are open, from the outermost.
    anchors: list[str | None] = [None]
    anchored: dict[str, int] = {}
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionEndEvent):
            count, anchor = counts.pop() + 1, anchors.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in anchors:
                raise _refusal(event, f"*{event.anchor} stands for what it is in")
            count, anchor = anchored.get(event.anchor or "", 1), None
        elif isinstance(event, yaml.CollectionStartEvent):
            counts.append(0)
            anchors.append(event.anchor)
            if len(counts) > MAX_DEPTH:
                raise _refusal(event, f"it is nested more than {MAX_DEPTH} levels deep")
            continue
        else:
            count, anchor = 1, getattr(event, "anchor", None)
        counts[-1] += count
        if anchor is not None:
            anchored[anchor] = count
        if counts[-1] > MAX_VALUES:
            raise _refusal(event, f"it holds more than {MAX_VALUES:,} values, those that aliases stand for included")


def _refusal(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type] # the C parser's
