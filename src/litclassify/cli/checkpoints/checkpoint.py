"""A checkpoint file and the configuration inside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from litclassify.callbacks.resuming.training_state import KEY as TRAINING_STATE
from litclassify.cli.config.classes import all_argument_names
from litclassify.cli.config.files import read_config
from litclassify.cli.config.published import PUBLISHED
from litclassify.cli.runs.directory import config_name, run_dir_of
from litclassify.errors import UserError
from litclassify.files.safe_loading import load_safely

# What earlier versions wrote into the config of a run though it says how that one was begun.
FROM_COMMAND_LINE = ("config", "ckpt_path", "resume")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file and the configuration it was trained with."""

    path: Path
    config: dict[str, Any]
    """The sections `model` and `data`, and the `trainer`'s precision, as a config file has them."""
    published: dict[str, Any]
    """What the training data published to the model: class names, mean, std, image shape."""
    callbacks: Any
    """States of the callbacks, as the file has them."""
    can_go_on: bool
    """Whether it holds the state of a training, and not weights alone."""
    next_step: int | None
    """The step that a training goes on with, as logs count them; None if it does not go on exactly."""
    is_within_epoch: bool
    """Whether that step is in the middle of an epoch."""


def load(path: Path) -> dict[str, Any]:
    """Load a checkpoint without unpickling anything but tensors and plain values.

    Raises:
        UserError: The file is not a checkpoint, is damaged, or holds objects that could run code.
    """
    checkpoint = load_safely(path, f"'{path}' is not a checkpoint that can be loaded safely", mmap=True)
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(f"'{path}' is not a Lightning checkpoint: it has no 'state_dict'.")
    return checkpoint


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the configuration of a checkpoint file."""
    content = load(path)
    model = dict(content.get("hyper_parameters", {}))
    data = dict(content.get("datamodule_hyper_parameters", {}))
    published = {name: model.pop(name) for name in PUBLISHED if name in model}
    sections = {"model": _class_config(model), "data": _class_config(data)}
    if "precision" in content:
        sections["trainer"] = {"precision": content["precision"]}
    present = {name: _without_stale_arguments(config, name) for name, config in sections.items() if config}
    can_go_on = "optimizer_states" in content
    steps = _next_step(content), _is_within_epoch(content)
    return Checkpoint(path, present, published, content.get("callbacks"), can_go_on, *steps)


def _next_step(content: Mapping[str, Any]) -> int | None:
    if TRAINING_STATE not in content:
        return None
    step: int = content["loops"]["fit_loop"]["epoch_loop.state_dict"]["_batches_that_stepped"]
    return step


def _is_within_epoch(content: Mapping[str, Any]) -> bool:
    position = content.get(TRAINING_STATE, {}).get("position", {})
    return bool(position.get("batch", 0) > 0)


def read_run_config(checkpoint: Path) -> dict[str, Any]:
    """Give the settings of the run that a checkpoint belongs to, as `fit` saved them; empty for a file elsewhere.

    What files it came from is left out.
    """
    run = run_dir_of(checkpoint)
    file = None if run is None else run / config_name("fit")
    if file is None or not file.is_file():
        return {}
    return {name: value for name, value in read_config(file).items() if name not in FROM_COMMAND_LINE}


def _without_stale_arguments(config: Any, key: str) -> Any:
    """Leave out of a stored configuration the arguments that its classes do not take any more, and say so."""
    if isinstance(config, list):
        return [_without_stale_arguments(item, key) for item in config]
    if not isinstance(config, dict):
        return config
    init_args = dict(config.get("init_args") or {})
    taken = all_argument_names(str(config.get("class_path", "")))
    for name in [name for name in init_args if taken and name not in taken]:
        del init_args[name]
        rank_zero_warn(
            f"The checkpoint's {key}.{name} is left out: {config['class_path']} has no such argument any more."
        )
    kept = {name: _without_stale_arguments(value, f"{key}.{name}") for name, value in init_args.items()}
    return {**config, "init_args": kept} if "init_args" in config else config


def _class_config(hyperparameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Turn stored hyperparameters into `class_path` and `init_args`; None if no command line stored them."""
    if "_class_path" not in hyperparameters:
        return None
    init_args = {name: value for name, value in hyperparameters.items() if not name.startswith("_")}
    return {"class_path": hyperparameters["_class_path"], "init_args": init_args}
