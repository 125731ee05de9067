"""Keys and classes of a config, as a person types them."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

# Levels of a config that nobody types on the command line.
SILENT_LEVELS = ("init_args", "dict_kwargs")


def as_typed(key: str) -> str:
    """Give `model.network.width` for `model.init_args.network.init_args.width`."""
    return ".".join(part for part in key.split(".") if part not in SILENT_LEVELS)


def short_name(class_path: str) -> str:
    """Give `AdamW` for `torch.optim.AdamW`."""
    return class_path.rpartition(".")[2]


def same_class(class_path: str, other: str) -> bool:
    """Compare class paths, of which one may be a short name."""
    return class_path == other or short_name(class_path) == other or short_name(other) == class_path


def flatten(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Give every value under its key as typed: `model.network.width`, the class itself under `model.network`."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            silent = name in SILENT_LEVELS or name == "class_path"
            yield from flatten(item, key if silent else ".".join(filter(None, (key, str(name)))))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for position, item in enumerate(value):
            yield from flatten(item, f"{key}.{position}")
    elif not isinstance(value, Mapping):
        yield key, _as_text(value)


def beside_class_path(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Give what stands beside a `class_path`, where only `init_args` may: the key of the class as typed, and a name."""
    if isinstance(value, Mapping) and "class_path" in value:
        yield from ((key, str(name)) for name in value if name not in ("class_path", *SILENT_LEVELS))
    places = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for place, item in places:
        yield from beside_class_path(item, as_typed(f"{key}.{place}".lstrip(".")))


def place_of_class(cls: type, config: Mapping[str, Any]) -> str:
    """Give the key under which a config names a class; the class's name where that is not one key."""
    keys = [key for key, value in flatten(config) if short_name(value) == cls.__name__]
    return keys[0] if len(keys) == 1 else cls.__name__


def _as_text(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("...\n").strip()
