"""Where a key stands in a config file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from litclassify.cli.config.keys import SILENT_LEVELS, as_typed
from litclassify.cli.config.yaml_text import check_text


def find_line(file: Path, key: str) -> int | None:
    """Give the line, counted from 1, at which a key stands in a YAML file.

    Args:
        file: The config file.
        key: The key as typed on the command line: `model.network.width`, without `init_args`.

    Returns:
        The line of the first place where it stands; None if it is not there, or the file is not YAML.
    """
    try:
        text = file.read_text(encoding="utf-8")
        check_text(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return next(_lines(root, as_typed(key).split(".")), None)


def _lines(node: yaml.Node | None, parts: Sequence[str]) -> Iterator[int]:
    if isinstance(node, yaml.SequenceNode):
        yield from _lines_of_items(node.value, parts)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        levels = str(key.value).removesuffix("+").split(".")
        if key.value in SILENT_LEVELS:
            yield from _lines(value, parts)
        elif list(parts) == levels:
            yield key.start_mark.line + 1
        elif list(parts[: len(levels)]) == levels:
            rest = parts[len(levels) :]
            # An item of a list that is appended to another has another number.
            if not (str(key.value).endswith("+") and rest[0].isdecimal()):
                yield from _lines(value, rest)


def _lines_of_items(items: Sequence[yaml.Node], parts: Sequence[str]) -> Iterator[int]:
    """Look in the item of a number, or in all where none is given."""
    if not parts[0].isdecimal():
        for item in items:
            yield from _lines(item, parts)
    elif int(parts[0]) < len(items):
        item = items[int(parts[0])]
        yield from _lines(item, parts[1:]) if len(parts) > 1 else [item.start_mark.line + 1]
