"""The name of a preset in a config, spelled out: what is printed and saved holds every transform with its arguments."""

from typing import Any, get_args

from jsonargparse import ArgumentParser, Namespace
from torchvision.transforms import v2

from litclassify.cli.config.classes import apply_types, argument_defaults, import_named
from litclassify.data.arguments import as_height_width
from litclassify.data.augmentation.presets import Preset, Step, preset_steps
from litclassify.data.datamodule import ImageDataModule


def spell_out_presets(parser: ArgumentParser, config: Namespace, subcommand: str | None) -> Namespace:
    """Put lists of transforms in the place of names.

    Args:
        parser: The parser of the whole command line.
        config: What it has parsed.
        subcommand: Below which its keys are; None for a parser without.
    """
    key = f"{subcommand}.data" if subcommand else "data"
    given = config.get(f"{key}.init_args.train_transform")
    image_size = config.get(f"{key}.init_args.image_size")
    listed = given if isinstance(given, list) else [given]
    if image_size is None or not any(_is_preset(item) for item in listed):
        return config
    size, cls = as_height_width(image_size), import_named(config[f"{key}.class_path"])
    if not issubclass(cls, ImageDataModule):
        return config
    config[f"{key}.init_args.train_transform"] = [
        transform
        for item in listed
        for transform in (map(_as_config, preset_steps(item, size, cls.views(size))) if _is_preset(item) else [item])
    ]
    return apply_types(parser, config)


def _is_preset(value: Any) -> bool:
    return isinstance(value, str) and value in get_args(Preset)


def _as_config(step: Step) -> dict[str, Any]:
    name = step.transform.__name__
    class_path = f"{'torchvision.transforms.v2' if hasattr(v2, name) else step.transform.__module__}.{name}"
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in step.arguments.items()}
    return {"class_path": class_path, "init_args": {**argument_defaults(class_path), **given}}
