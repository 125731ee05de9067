"""What differs between configurations."""

from collections.abc import Mapping, Sequence

from litclassify.cli.config.files import Config
from litclassify.cli.config.keys import flatten, same_class

ABSENT = "-"


def differences(configs: Sequence[Config]) -> list[list[str]]:
    """Give a row for each key that differs: the key as typed on the command line, and its value in each."""
    return differing_rows([dict(flatten(config)) for config in configs])


def differing_rows(flat: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Give the same for what `flatten` gives of each config."""
    keys = _by_section([key for values in flat for key in values])
    rows = [[key, *(values.get(key, ABSENT) for values in flat)] for key in keys]
    return [row for row in rows if not all(_equal(row[1], value) for value in row[2:])]


def _by_section(keys: Sequence[str]) -> list[str]:
    """Give each key once, a class with its arguments, sections in the order in which they come."""
    unique = list(dict.fromkeys(keys))
    sections = {key.rpartition(".")[0] for key in unique}
    groups: dict[str, list[str]] = {}
    for key in unique:
        groups.setdefault(key if key in sections else key.rpartition(".")[0], []).append(key)
    return [key for group in groups.values() for key in group]


def _equal(a: str, b: str) -> bool:
    """Compare values, of which one may be a class's short name and the other its import path."""
    return a == b or (a[-1].isalpha() and same_class(a, b))
