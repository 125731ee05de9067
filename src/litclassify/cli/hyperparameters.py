"""A configuration as a flat table."""

from collections.abc import Iterator, Mapping
from typing import Any

# Of the Trainer's forty arguments, those that change what is learnt.
TRAINER_KEYS = ("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val")


def flat_hyperparameters(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Give `{"model.network": "LeNet", "model.network.width": 16, …}` for model, data, seed and training length.

    Classes appear by their short names, their arguments one level below; nulls are left out.
    """
    chosen = {name: config[name] for name in ("seed_everything", "model", "data") if name in config}
    chosen["trainer"] = {key: config.get("trainer", {}).get(key) for key in TRAINER_KEYS}
    return dict(_flatten(chosen, prefix=""))


def _flatten(value: Any, prefix: str) -> Iterator[tuple[str, bool | int | float | str]]:
    if isinstance(value, Mapping) and "class_path" in value:
        yield prefix, str(value["class_path"]).rsplit(".", 1)[-1]
        yield from _flatten(value.get("init_args", {}), prefix)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flatten(item, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, bool | int | float | str):
        yield prefix, value
    elif value is not None:
        yield prefix, str(value)
