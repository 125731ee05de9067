"""A configuration as a flat table of what was chosen."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from lightning.pytorch import Trainer

from litclassify.cli.config.classes import argument_defaults
from litclassify.cli.config.keys import short_name

# Those of the Trainer's forty arguments that change what is learnt.
TRAINER_KEYS = ("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val")
DEFAULTS = {
    "model": {"class_path": "litclassify.models.ImageClassifier"},
    "trainer": {key: inspect.signature(Trainer).parameters[key].default for key in TRAINER_KEYS},
}
# What runs are compared by, whatever the defaults are.
ALWAYS = (
    "seed_everything",
    "model.network",
    "model.optimizer",
    "model.optimizer.lr",
    "data",
    "data.batch_size",
    "trainer.max_epochs",
    "trainer.precision",
)


def flat_hyperparameters(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Give `{"model.network": "LeNet", "model.network.width": 8, …}` for model, data, seed and training length.

    Classes appear by their short names, their arguments one level below. Nulls and what equals the default of its
    class are left out, except for `ALWAYS`.
    """
    chosen = {name: config[name] for name in ("seed_everything", "model", "data") if name in config}
    trainer = config.get("trainer", {})
    chosen["trainer"] = {key: trainer.get(key) for key in TRAINER_KEYS}
    chosen["trainer"]["precision"] = trainer.get("precision") or "32-true"  # Lightning's reading of null.
    return dict(_flatten(chosen, "", DEFAULTS))


def _flatten(value: Any, key: str, default: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and "class_path" in value:
        class_path = value["class_path"]
        if key in ALWAYS or not isinstance(default, Mapping) or class_path != default.get("class_path"):
            yield key, short_name(class_path)
        yield from _items(value.get("init_args", {}), key, argument_defaults(class_path))
    elif isinstance(value, Mapping):
        yield from _items(value, key, default if isinstance(default, Mapping) else {})
    elif value is not None and (key in ALWAYS or value != default):
        yield key, value if isinstance(value, bool | int | float | str) else str(value)


def _items(values: Mapping[str, Any], key: str, defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        yield from _flatten(value, f"{key}.{name}" if key else name, defaults.get(name))
