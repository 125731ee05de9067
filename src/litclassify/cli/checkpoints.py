"""From what a person gives as `--ckpt_path` to a checkpoint file and the configuration inside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from litclassify.cli.config_files import read_config
from litclassify.cli.config_keys import flatten
from litclassify.cli.configurable_classes import all_argument_names
from litclassify.cli.published import PUBLISHED
from litclassify.cli.runs import CHECKPOINTS, LAST, config_name, newest_run, run_dir_of
from litclassify.errors import UserError
from litclassify.safe_loading import load_safely

CKPT_PATH_HELP = (
    "Checkpoint: a file, the directory of a run (its best checkpoint), <run>/last, or best or last (of the newest run "
    "under runs_dir). fit continues the run that it belongs to."
)


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
    return Checkpoint(path, present, published, content.get("callbacks"))


def read_run_config(checkpoint: Path) -> dict[str, Any]:
    """Give the settings of the run that a checkpoint belongs to, as `fit` saved them; empty for a file elsewhere.

    What places the run and what started it is left out: the run goes on where it is.
    """
    run = run_dir_of(checkpoint)
    file = None if run is None else run / config_name("fit")
    if file is None or not file.is_file():
        return {}
    return {name: value for name, value in read_config(file).items() if name not in ("config", "ckpt_path")}


def check_optimization(checkpoint: Checkpoint, given: Mapping[str, Any]) -> None:
    """Compare optimizer and schedule of a run with those that shall continue it.

    A run goes on with the state of both, in which torch keeps the learning rate and all other arguments.

    Args:
        checkpoint: Where the run stopped.
        given: The configuration of the model, by argument.

    Raises:
        UserError: A class or one of its arguments differs.
    """
    stored = checkpoint.config.get("model", {}).get("init_args", {})
    for name in ("optimizer", "lr_scheduler"):
        before, now = (dict(flatten(config.get(name), f"model.{name}")) for config in (stored, given))
        differing = next((key for key in before if key in now and before[key] != now[key]), None)
        if differing is not None:
            raise UserError(
                f"{differing} is {now[differing]}, but the run of '{checkpoint.path}' has {before[differing]}, and "
                "goes on with the state of its optimizer and schedule. Leave it out, or start from the weights alone: "
                "fit --model.init_from CHECKPOINT."
            )


def weights_do_not_fit(reason: str) -> UserError:
    """Say that the checkpoint's weights are those of another network.

    Args:
        reason: What torch says: a heading, and a line for each kind of difference.
    """
    first = reason.strip().splitlines()[1].strip()[:200]
    return UserError(
        f"--ckpt_path: its weights do not fit model.network: {first}\nLeave out what changes the network, or start "
        "from the weights that fit: fit --model.init_from CHECKPOINT."
    )


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
