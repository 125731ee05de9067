"""`--help`: what people change first; `--help=all` has the rest."""

import sys
from collections.abc import Iterator, Mapping
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from litclassify.cli.commands import COMMANDS, FULL_HELP

SUBCOMMANDS = {
    "fit": "Train a classifier, from a recipe or from flags.",
    "validate": "Evaluate a checkpoint on the validation images.",
    "test": "Evaluate a checkpoint on the test images.",
    "predict": "Classify the test images, or files of your own.",
}
INTRODUCTION = """\
Train, evaluate and apply image classifiers.

usage: python main.py COMMAND [--help] ...
"""
EXAMPLES = """
python main.py fit --config configs/digits.yaml
python main.py test --ckpt_path best
python main.py fit --help
"""

# Of each group, what people change first. A key of a class has no default here: the class has it.
CONFIG = {
    "--config": "Config file, such as configs/digits.yaml; repeatable, the later one wins.",
    "--print_config": "Print the complete config; --print_config=comments explains each value.",
    "--ckpt_path": "Checkpoint: a file, a run directory, RUN/last, or best or last.",
    "--seed_everything": "Seed of all random numbers.",
    "--allow_import": "Let configs name classes of this package of your own; repeatable.",
}
DATA = {
    "--data": "{names} or your own.",
    "--data.root": "Folder with the data.",
    "--data.batch_size": "Images per batch and device.",
    "--data.image_size": "Height and width in pixels: N, or [H, W].",
    "--data.num_workers": "Processes that load images; auto chooses.",
    "--data.val_split": "Images for validation: a share, or a number.",
    "--data.train_transform": "Transforms of training images, classes of torchvision.transforms.v2.",
}
MODEL = {
    "--model.network": "{names}, torchvision.models.NAME.",
    "--model.optimizer": "AdamW, SGD or another of torch.optim; then --model.optimizer.lr 0.003.",
    "--model.lr_scheduler": "WarmupCosine, OneCycleLR or any other; null keeps the rate constant.",
    "--model.lr_interval": "Whether the schedule advances after each step or each epoch.",
    "--model.criterion": "Loss, such as torch.nn.CrossEntropyLoss.",
    "--model.init_from": "Checkpoint whose weights to start from.",
}
TRAINER = {
    "--trainer": "File with a trainer section, such as configs/trainer/gpu.yaml.",
    "--trainer.max_epochs": "Passes over the training images.",
    "--trainer.accelerator": "cpu, gpu or auto.",
    "--trainer.devices": "Number of devices, or a list of their indices.",
    "--trainer.strategy": "ddp for several GPUs.",
    "--trainer.precision": "bf16-mixed is faster on most GPUs.",
    "--trainer.accumulate_grad_batches": "Batches to sum before each optimizer step.",
    "--trainer.gradient_clip_val": "Largest norm of the gradient.",
    "--trainer.limit_train_batches": "Batches per epoch: a number, or a share.",
    "--trainer.check_val_every_n_epoch": "Epochs between validations.",
    "--trainer.callbacks": "Further callbacks; --trainer.callbacks+=NAME adds one.",
    "--trainer.logger": "false, or loggers in place of TensorBoard and metrics.csv.",
    "--trainer.fast_dev_run": "true runs one batch of everything and writes nothing.",
}
RUNS = {
    "--runs_dir": "Directory that holds all runs.",
    "--run_name": "The run is RUNS_DIR/RUN_NAME/TIME_STAMP.",
    "--resume": "auto continues the newest unfinished run of this name.",
    "--test_after_fit": "true tests the best checkpoint when training has ended.",
    "--output": "File for the predictions, .csv or .jsonl.",
}
CHECKPOINT = {
    "--checkpoint.monitor": "Metric that says which checkpoint is best.",
    "--checkpoint.mode": "Whether its max or min is best.",
    "--checkpoint.save_top_k": "How many of the best to keep.",
    "--checkpoint.every_n_train_steps": "Steps between checkpoints; by default one for each validation.",
    "--early_stopping": "null trains to the last epoch.",
    "--early_stopping.monitor": "Metric to watch, with --early_stopping.mode max or min.",
    "--early_stopping.patience": "Validations without a better value before training stops.",
}
GROUPS = {
    "Config": CONFIG,
    "Data (--data.help CLASS lists all arguments of a class)": DATA,
    "Model (--model.network.help CLASS, --model.optimizer.help CLASS, ...)": MODEL,
    "Trainer": TRAINER,
    "Run": RUNS,
    "Checkpoints and early stopping": CHECKPOINT,
}
FIT_ONLY = (*MODEL, *CHECKPOINT)


def main(words: list[str]) -> None:
    """Print the help that a command line asks for."""
    subcommand = next((word for word in words if word in SUBCOMMANDS), None)
    if subcommand is None:
        sys.stdout.write(overview())
    elif FULL_HELP in words:
        from litclassify.cli.application import ClassificationCLI  # noqa: PLC0415 - it imports this package

        ClassificationCLI([subcommand, "--help"])
    else:
        sys.stdout.write(subcommand_help(subcommand))


def overview() -> str:
    """Give one line for each subcommand and command."""
    lines = [INTRODUCTION, *_entries({**SUBCOMMANDS, **COMMANDS})]
    return "\n".join([*lines, *(f"  {line}".rstrip() for line in EXAMPLES.splitlines())]) + "\n"


def subcommand_help(subcommand: str) -> str:
    """Give the keys of a subcommand that people change first, in groups, with their defaults."""
    from litclassify.cli.commands.parsers import subcommand_parsers  # noqa: PLC0415 - it loads torch

    parser = subcommand_parsers()[subcommand]
    defaults = {option: action.default for action in parser._actions for option in action.option_strings}
    groups = {title: _offered(keys, subcommand, defaults) for title, keys in GROUPS.items()}
    lines = [f"usage: python main.py {subcommand} [--config FILE] [--KEY VALUE ...]", "", SUBCOMMANDS[subcommand]]
    for title, keys in groups.items():
        if keys:
            lines += ["", f"{title}:", *_entries(keys)]
    lines += ["", f"{FULL_HELP} lists every argument. --KEY=VALUE does the same as --KEY VALUE."]
    return "\n".join(lines) + "\n"


def _offered(keys: Mapping[str, str], subcommand: str, defaults: Mapping[str, Any]) -> dict[str, str]:
    """Give the keys that a subcommand has, with class names and defaults filled in."""
    offered = {}
    for key, text in keys.items():
        is_of_class = key not in defaults and key.split(".")[0] in defaults
        if (key in defaults or is_of_class or key == "--allow_import") and not _is_out_of_place(key, subcommand):
            offered[key] = _with_default(text.format(names=_class_names(key)), defaults.get(key))
    return offered


def _is_out_of_place(key: str, subcommand: str) -> bool:
    return subcommand != "fit" and key in FIT_ONLY


def _with_default(text: str, default: Any) -> str:
    if not isinstance(default, bool | int | float | str) or default in ("", "==SUPPRESS=="):
        return text
    return f"{text[:-1]} ({str(default).lower() if isinstance(default, bool) else default})."


def _class_names(key: str) -> str:
    """Give the names of our classes for a key; empty for one that does not list them."""
    from lightning.pytorch import LightningDataModule  # noqa: PLC0415 - it loads torch

    from litclassify.cli.commands.class_arguments import subclasses  # noqa: PLC0415
    from litclassify.networks import Network  # noqa: PLC0415

    base = {"--data": LightningDataModule, "--model.network": Network}.get(key)
    return ", ".join(sorted(cls.__name__ for cls in subclasses(base).values())) if base else ""


def _entries(entries: Mapping[str, str]) -> Iterator[str]:
    """Give names and texts in two columns, the texts wrapped to the terminal."""
    column = min(max(map(len, entries)), 34) + 4
    width = max(get_terminal_size().columns, 60)
    for name, text in entries.items():
        first, *rest = wrap(text, width - column)
        yield f"  {name:<{column - 2}}{first}" if len(name) < column - 2 else f"  {name}\n{' ' * column}{first}"
        yield from (" " * column + line for line in rest)
