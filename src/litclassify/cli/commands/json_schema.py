"""From a parser to a JSON Schema of its configs.

jsonargparse has a generator of its own; it leaves out short class names, the form without `class_path`, and appending
keys, and takes any text for a class. This one reads the same type hints.
"""

import argparse
import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from numbers import Number
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import torchvision
from jsonargparse._typehints import ActionTypeHint
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor, nn
from torchvision.models import list_models

from litclassify.cli.config.classes import Skip, arguments, arguments_of, spellings, subclasses
from litclassify.networks.factory import AnyNetworkFactory

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NUMBER: Schema = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[-+]?(\.?\d|\.?inf|\.?nan)"}]}
PLAIN: dict[Any, Schema] = {
    type(None): {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    # YAML 1.1 takes 1e-3 for text, and the parser takes it for a number.
    float: NUMBER,
    Number: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string"},
    timedelta: {"type": "string"},
    dict: {"type": "object"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array"},
    Tensor: {"type": ["array", "number"]},
}
# Types that no config names a subclass of, and where more of them are defined.
UNNAMED = (Tensor, nn.ModuleList)
UNNAMED_MODULES = ("builtins", "typing", "collections.abc", "torch")
DOTTED: Schema = {"type": "string", "pattern": r"^[^\s.]+(\.[^\s.]+)+$"}
# All classes of this package are known.
OWN = "litclassify."
FOREIGN: Schema = {"type": "string", "pattern": r"^(?!litclassify\.)[^\s.]+(\.[^\s.]+)+$"}


def config_schema(parser: LightningArgumentParser, title: str, definitions: Schema | None = None) -> Schema:
    """Give the JSON Schema of the configs of a parser.

    What is missing is not a mistake: another file or a flag may have it.

    Args:
        parser: Parser of a subcommand.
        title: The schema's title.
        definitions: Of classes that other schemas have described; what is new is added. Null starts with none.
    """
    builder = _Builder({} if definitions is None else definitions)
    properties = builder.properties(arguments_of(parser))
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "properties": {"$schema": {"type": "string"}, **properties},
        "patternProperties": {pattern: {} for pattern in map(_dotted_keys, properties, properties.values()) if pattern},
        "additionalProperties": False,
        "$defs": builder.definitions,
    }


def _dotted_keys(name: str, schema: Schema) -> str:
    """Give the pattern of keys such as `trainer.max_epochs`, which are short for a mapping; of a class, any key."""
    if "properties" in schema:
        return rf"^{name}\.({'|'.join(map(re.escape, schema['properties']))})(\..+)?$"
    has_keys = any("$ref" in choice for choice in schema.get("anyOf", [schema]))
    return rf"^{name}\.\w" if has_keys else ""


class _Builder:
    """Collects the definitions that a schema refers to."""

    def __init__(self, definitions: Schema) -> None:
        self.definitions = definitions

    # --- Arguments ---

    def properties(self, actions: Iterable[ActionTypeHint]) -> dict[str, Schema]:
        """Give the schema of each argument by name; dotted names make mappings."""
        found: dict[str, Schema] = {}
        for action in actions:
            *sections, name = action.dest.split(".")
            place = found
            for section in sections:
                # A section may lie in a file of its own.
                place = place.setdefault(section, _section())["properties"]
            place[name] = self.argument(action)
            if any(option.endswith("+") for option in action.option_strings):
                place[f"{name}+"] = _any_of([self._items(action._typehint), self.of_type(action._typehint)])
        return found

    def argument(self, action: ActionTypeHint) -> Schema:
        """Give the schema of one argument, with its description and default."""
        linked = (getattr(action, "sub_add_kwargs", None) or {}).get("linked_targets", ())
        schema = dict(self.of_type(action._typehint, frozenset(linked)))
        text = (action.help or "").replace("%%", "%")
        if text and text != argparse.SUPPRESS:
            schema["description"] = " ".join(text.split())
        if isinstance(action.default, bool | int | float | str):
            schema["default"] = action.default
        return schema

    # --- Types ---

    def of_type(self, hint: Any, skip: Skip = frozenset()) -> Schema:
        """Give the schema of the values that a type hint allows.

        Args:
            hint: The type hint.
            skip: Arguments of a class that the application supplies.
        """
        origin, args = get_origin(hint), get_args(hint)
        if hint in PLAIN:
            return PLAIN[hint]
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (Union, types.UnionType, Annotated):
            return _any_of([self.of_type(arg, skip) for arg in (args if origin is not Annotated else args[:1])])
        if origin is not None:
            return self._of_generic(hint, origin, args)
        return self._of_class(hint, skip) if inspect.isclass(hint) else {}

    def _of_generic(self, hint: Any, origin: Any, args: tuple[Any, ...]) -> Schema:
        if origin is type:
            return {"type": "string"}
        if origin is Callable:
            return self._of_callable(args)
        if origin is tuple and Ellipsis not in args:
            items = [self.of_type(arg) for arg in args]
            return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
        if issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of_type(args[1])}
        if issubclass(origin, Iterable):
            return {"type": "array", "items": self._items(hint)}
        return {}

    def _of_class(self, cls: type, skip: Skip) -> Schema:
        if issubclass(cls, Enum):
            return {"enum": [name for member in cls for name in (member.name, member.value)]}
        if getattr(cls, "_is_protocol", False):
            return self._of_factory(cls)
        return self.class_value(cls, skip)

    def _of_factory(self, protocol: type) -> Schema:
        """Give the schema of what is called with the protocol's arguments to build its result."""
        call = get_type_hints(protocol.__call__)
        result = call.pop("return", None)
        if protocol is AnyNetworkFactory:
            # Any module or function will do; torchvision's are worth suggesting.
            names = [f"torchvision.models.{name}" for name in list_models(module=torchvision.models)]
            return _any_of([{"enum": names}, FOREIGN, {**_any_class(FOREIGN), "required": ["class_path"]}])
        return self.class_value(result, frozenset(call)) if inspect.isclass(result) else {}

    def _of_callable(self, args: tuple[Any, ...]) -> Schema:
        """Give the schema of a class whose first arguments the application supplies."""
        *parameters, result = args or (Any,)
        count = len(parameters[0]) if parameters and isinstance(parameters[0], list) else 0
        results = get_args(result) if get_origin(result) in (Union, types.UnionType) else (result,)
        classes = [self.class_value(cls, frozenset({count})) for cls in results if inspect.isclass(cls)]
        return _any_of([*filter(None, classes), DOTTED])

    def _items(self, hint: Any) -> Schema:
        """Give the schema of an element, of every kind of list in a type hint."""
        choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        lists = [choice for choice in choices if _is_list(choice)]
        return _any_of([self.of_type(get_args(choice)[0]) if get_args(choice) else {} for choice in lists] or [{}])

    # --- Classes ---

    def class_value(self, base: type[Any], skip: Skip) -> Schema:
        """Give the schema of a class in a config: its name, or a mapping with or without `class_path`.

        Empty for one without classes to name, such as `torch.dtype`.
        """
        name = "-".join([f"{base.__module__}.{base.__qualname__}", *sorted(map(str, skip))])
        if name not in self.definitions:
            unnamed = issubclass(base, UNNAMED) or base.__module__ in UNNAMED_MODULES
            known = {} if unnamed else subclasses(base)
            if not known:
                return {}
            self.definitions[name] = {}  # Its arguments may want this class again.
            self.definitions[name].update(self._class_definition(base, known, skip))
        return {"$ref": f"#/$defs/{name}"}

    def _class_definition(self, base: type, known: Mapping[str, type], skip: Skip) -> Schema:
        short = {cls.__name__ for cls in known.values()}
        own = {name for path, cls in known.items() for name in spellings(path, cls) if name.startswith(OWN)}
        any_name = _any_of([{"enum": [*sorted(short), *sorted(own)]}, FOREIGN])
        described = {path: self._arguments_definition(path, cls, skip) for path, cls in known.items()}
        cases = [_case(names, described[path]) for path, names in _names(known).items()]
        return {
            "description": " ".join((inspect.getdoc(base) or base.__name__).partition("\n\n")[0].split()),
            "anyOf": [any_name, {**_any_class(any_name, cases), "else": self._without_class_path(described.values())}],
        }

    def _arguments_definition(self, path: str, cls: type, skip: Skip) -> str:
        name = "-".join([f"arguments of {path}".replace(" ", "_"), *sorted(map(str, skip))])
        if name not in self.definitions:
            self.definitions[name] = {"type": "object"}
            try:
                actions = list(arguments(cls, skip))
            except ValueError:  # A signature that jsonargparse cannot parse is left open.
                return name
            self.definitions[name].update(properties=self.properties(actions), additionalProperties=False)
        return name

    def _without_class_path(self, names: Iterable[str]) -> Schema:
        """Give the schema of the arguments alone, of whichever class an earlier file names."""
        choices: dict[str, list[Schema]] = {}
        for name in names:
            for key in self.definitions[name].get("properties", {}):
                choices.setdefault(key, []).append({"$ref": f"#/$defs/{name}/properties/{key}"})
        properties = {key: _any_of(refs) for key, refs in choices.items()}
        below: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**below, "properties": {**properties, "init_args": below}}


def _section() -> Schema:
    return {"type": ["object", "string"], "properties": {}, "additionalProperties": False}


def _any_class(names: Schema = DOTTED, cases: Sequence[Schema] = ()) -> Schema:
    """Give the schema of a mapping; where it has a `class_path`, that of `class_path` and `init_args`."""
    properties = {"class_path": names, "init_args": {"type": "object"}, "dict_kwargs": {"type": "object"}}
    then: Schema = {"properties": properties, "additionalProperties": False}
    if cases:
        then["allOf"] = list(cases)
    return {"type": "object", "if": {"required": ["class_path"]}, "then": then}


def _names(known: Mapping[str, type]) -> dict[str, list[str]]:
    """Give the ways to write each class, by import path; a short name that others share is that of our own."""
    own = {cls.__name__ for path, cls in known.items() if path.startswith(OWN)}
    return {
        path: [name for name in spellings(path, cls) if path.startswith(OWN) or name not in own]
        for path, cls in known.items()
    }


def _case(names: list[str], definition: str) -> Schema:
    """Give the rule for the arguments of one class."""
    return {
        "if": {"properties": {"class_path": {"enum": names}}},
        "then": {"properties": {"init_args": {"$ref": f"#/$defs/{definition}"}}},
    }


def _is_list(hint: Any) -> bool:
    origin = get_origin(hint) or hint
    return inspect.isclass(origin) and issubclass(origin, Iterable) and not issubclass(origin, Mapping | str)


def _any_of(schemas: Iterable[Schema]) -> Schema:
    """Combine schemas, without repetition."""
    flat = [choice for schema in schemas for choice in (schema["anyOf"] if set(schema) == {"anyOf"} else [schema])]
    unique = [schema for i, schema in enumerate(flat) if schema not in flat[:i]]
    if {} in unique:
        return {}
    return unique[0] if len(unique) == 1 else {"anyOf": unique}
