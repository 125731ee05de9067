"""From what a person gives as `--ckpt_path` to a checkpoint file and the configuration inside it."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from litclassify.cli.runs import CHECKPOINTS, LAST, newest_run
from litclassify.errors import UserError

# Arguments of the model that the data publishes: the command line links them, so nobody writes them.
PUBLISHED = ("class_names", "mean", "std", "image_shape")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file and the configuration it was trained with."""

    path: Path
    config: dict[str, Any]
    """The sections `model` and `data`, and the `trainer`'s precision, as a config file has them."""
    published: dict[str, Any]
    """What the training data published to the model: class names, mean, std, image shape."""


def resolve_checkpoint(given: str, runs_dir: Path) -> Path:
    """Give the file meant by a file, a run directory, `<run>/last`, `best` or `last`.

    Args:
        given: What the user typed. A run directory means its best checkpoint; `best` and `last` mean those of the
            newest run.
        runs_dir: Where runs lie.

    Raises:
        UserError: There is no such checkpoint.
    """
    path = Path(given)
    if path.is_file():
        return path
    if given in ("best", "last"):
        run = newest_run(runs_dir)
        if run is None:
            raise UserError(f"--ckpt_path {given}: no run under '{runs_dir}' has a checkpoint. Train one with fit.")
        return _best(run) if given == "best" else _last(run)
    if path.name == "last" and path.parent.is_dir():
        return _last(path.parent)
    if path.is_dir():
        return _best(path)
    raise UserError(f"--ckpt_path '{given}' does not exist. Give a checkpoint file or the directory of a run.")


def _last(run: Path) -> Path:
    path = run / CHECKPOINTS / LAST
    if not path.is_file():
        raise UserError(f"--ckpt_path: the run '{run}' has no checkpoint '{path.relative_to(run)}'.")
    return path


def _best(run: Path) -> Path:
    """Read the best checkpoint's name from the newest one: it holds the state of the checkpoint callback."""
    files = sorted((run / CHECKPOINTS).glob("*.ckpt"), key=lambda file: file.stat().st_mtime_ns)
    if not files:
        raise UserError(f"--ckpt_path: '{run}' holds no '{CHECKPOINTS}/*.ckpt'. Give a run directory or a file.")
    for name, state in load(files[-1]).get("callbacks", {}).items():
        # The recorded path is that of the training machine; a run may have been moved since.
        best = run / CHECKPOINTS / Path(state.get("best_model_path", "")).name
        if name.startswith("ModelCheckpoint") and best.is_file():
            return best
    return files[-1]


def load(path: Path) -> dict[str, Any]:
    """Load a checkpoint without unpickling anything but tensors and plain values.

    Raises:
        UserError: The file is not a checkpoint, is damaged, or holds objects that could run code.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise UserError(f"'{path}' is not a checkpoint that can be loaded safely: {reason}") from error
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
    return Checkpoint(path, {name: config for name, config in sections.items() if config}, published)


def _class_config(hyperparameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Turn stored hyperparameters into `class_path` and `init_args`; None if no command line stored them."""
    if "_class_path" not in hyperparameters:
        return None
    init_args = {name: value for name, value in hyperparameters.items() if not name.startswith("_")}
    return {"class_path": hyperparameters["_class_path"], "init_args": init_args}
