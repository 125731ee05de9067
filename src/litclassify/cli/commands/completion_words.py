"""From a JSON Schema of configs to the options of a command line and their values."""

from collections.abc import Iterator, Mapping
from typing import Any

from litclassify.cli.commands.json_schema import Schema

Values = dict[str, list[str]]
"""Options, each with the values that are known; none for a number, a text or a file."""

# data, data.train_transform, model.network.width: nothing deeper is written as a flag.
MAX_DEPTH = 3
ALWAYS: Values = {
    "--config": [],
    "--print_config": [],
    "--print_config=comments": [],
    "--help=all": [],
    "--allow_import": [],
}
CHECKPOINTS: Values = {"--ckpt_path": ["best", "last"]}
CONSTANTS: Mapping[str, list[str]] = {"boolean": ["true", "false"], "null": ["null"]}


def option_values(schema: Schema) -> Values:
    """Give every option that a schema allows."""
    found = dict(_Reader(schema).options(schema["properties"], "--", depth=1))
    # A lone null would be filled in where a file name or a number is meant.
    return {**found, **ALWAYS, **{name: [] for name, choices in found.items() if choices == ["null"]}, **CHECKPOINTS}


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def options(self, properties: Mapping[str, Schema], prefix: str, depth: int) -> Iterator[tuple[str, list[str]]]:
        """Give the options below a key, each with its values."""
        for name, schema in properties.items():
            if name.startswith("$") or name == "init_args":
                continue
            option = f"{prefix}{name}"
            choices = list(self.choices(schema))
            yield option, list(dict.fromkeys(value for choice in choices for value in _values(choice)))
            below = {key: value for choice in choices for key, value in _properties(choice).items()}
            if any("class_path" in choice.get("then", {}).get("properties", {}) for choice in choices):
                yield f"{option}.help", list(dict.fromkeys(value for c in choices for value in c.get("enum", [])))
            if depth < MAX_DEPTH:
                yield from self.options(below, f"{option}.", depth + 1)

    def choices(self, schema: Schema) -> Iterator[Schema]:
        """Give the alternatives of a schema, its references resolved."""
        if "$ref" in schema:
            yield from self.choices(self._resolve(schema["$ref"]))
        elif "anyOf" in schema:
            for choice in schema["anyOf"]:
                yield from self.choices(choice)
        else:
            yield schema

    def _resolve(self, reference: str) -> Schema:
        found: Any = self.schema
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert isinstance(found, dict)
        return found


def _values(choice: Schema) -> list[str]:
    if "enum" in choice:
        return [str(value) for value in choice["enum"]]
    kinds = choice.get("type", [])
    return [word for kind in ([kinds] if isinstance(kinds, str) else kinds) for word in CONSTANTS.get(kind, [])]


def _properties(choice: Schema) -> dict[str, Schema]:
    """Give the keys below a section, or below a class without `class_path`."""
    return {**choice.get("properties", {}), **choice.get("else", {}).get("properties", {})}
