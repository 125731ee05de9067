"""`--help` of a subcommand: what people change first; `--help=all` has the rest."""

import sys
from argparse import SUPPRESS
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningArgumentParser

from litclassify.cli.application import ClassificationCLI
from litclassify.cli.command_names import SUBCOMMANDS
from litclassify.cli.commands import FULL_HELP
from litclassify.cli.commands.overview import entries
from litclassify.cli.config.classes import arguments, subclasses
from litclassify.cli.dry_run import subcommand_parsers
from litclassify.data import ImageDataModule
from litclassify.models import ImageClassifier
from litclassify.networks import Network

# What people change first in each group.
CONFIG = {
    "--config": "Config file, such as configs/digits.yaml; repeatable, the later one wins.",
    "--print_config": "Print the complete config; --print_config=comments explains each value.",
    "--ckpt_path": "Checkpoint: a file, a run directory, RUN/last, or best or last.",
    "--seed_everything": "Seed of all random numbers.",
    "--allow_import": "Let configs name classes of this package of your own; repeatable.",
}
DATA = {
    "--data": "{names}.",
    "--data.root": "Folder with the data.",
    "--data.batch_size": "Images per batch and device.",
    "--data.path": "Images: a file, a folder, a glob in quotes, or a .txt file of paths.",
    "--data.image_size": "Height and width in pixels: N, or [H, W].",
    "--data.num_workers": "Processes that load images.",
    "--data.val_split": "Images for validation: a share, or a number.",
    "--data.train_transform": "Transforms of training images: trivial_augment, or a list of classes.",
}
MODEL = {
    "--model.network": "{names}, torchvision.models.NAME.",
    "--model.optimizer": "AdamW, SGD or another of torch.optim; then --model.optimizer.lr 0.003.",
    "--model.lr_scheduler": "WarmupCosine or another; null keeps the rate constant.",
    "--model.criterion": "Loss, such as torch.nn.CrossEntropyLoss.",
    "--model.channels_last": "true speeds up most convolutional networks.",
    "--model.init_from": "Checkpoint whose weights to start from, as for --ckpt_path.",
}
TRAINER = {
    "--trainer": "File with a trainer section, such as configs/trainer/gpu.yaml.",
    "--trainer.max_epochs": "Passes over the training images.",
    "--trainer.accelerator": "cpu, gpu or auto.",
    "--trainer.devices": "Number of devices, or a list of their indices.",
    "--trainer.strategy": "ddp for several GPUs.",
    "--trainer.precision": "bf16-mixed is faster on most GPUs; auto takes it where it is.",
    "--trainer.accumulate_grad_batches": "Batches to sum before each optimizer step.",
    "--trainer.gradient_clip_val": "Largest norm of the gradient.",
    "--trainer.limit_train_batches": "Batches per epoch: a number, or a share.",
    "--trainer.callbacks": "Further callbacks; --trainer.callbacks+=NAME adds one.",
    "--trainer.logger": "false, or loggers in place of TensorBoard and metrics.csv.",
    "--trainer.fast_dev_run": "true runs one batch of everything and writes nothing.",
}
RUNS = {
    "--runs_dir": "Directory that holds all runs.",
    "--run_name": "The run is RUNS_DIR/RUN_NAME/TIME_STAMP.",
    "--test_after_fit": "true tests the best checkpoint when training has ended.",
    "--output": "File for the predictions, .csv, .jsonl or .parquet.",
    "--top_k": "How many of the most probable classes a row lists.",
    "--probabilities": "true adds a column for every class.",
    "--sort_into": "Folder to sort the images into, by predicted class.",
    "--explain": "Folder for pictures of where each image shows its class.",
    "--explain_class": "The class that they explain; by default the predicted one.",
}
CHECKPOINT = {
    "--checkpoint.monitor": "Metric of the best; auto is that of the model.",
    "--checkpoint.mode": "Whether its max or min is best.",
    "--checkpoint.save_top_k": "How many of the best to keep.",
    "--checkpoint.every_n_train_steps": "Steps between checkpoints; by default one for each validation.",
    "--early_stopping": "null trains to the last epoch.",
    "--early_stopping.monitor": "Metric to watch, likewise.",
    "--early_stopping.patience": "Validations without a better value that end training.",
}
GROUPS = {
    "Config": CONFIG,
    "Data (--data.help CLASS lists all arguments of a class)": DATA,
    "Model (--model.network.help CLASS, --model.optimizer.help CLASS, ...)": MODEL,
    "Trainer": TRAINER,
    "Run": RUNS,
    "Checkpoints and early stopping": CHECKPOINT,
}
# Keys that have an effect in one subcommand alone.
FIT_ONLY = {
    "--test_after_fit",
    *MODEL,
    *CHECKPOINT,
    "--seed_everything",
    "--data.train_transform",
    "--trainer.max_epochs",
    "--trainer.accumulate_grad_batches",
    "--trainer.gradient_clip_val",
    "--trainer.limit_train_batches",
}
PREDICT_ONLY = {"--data.path", "--output", "--top_k", "--probabilities", "--sort_into", "--explain", "--explain_class"}

# Bases of the classes whose names a key lists.
NAMED = {"--data": LightningDataModule, "--model.network": Network}


def main(words: list[str]) -> None:
    """Print the help of a subcommand."""
    subcommand = next(word for word in words if word in SUBCOMMANDS)
    if FULL_HELP in words:
        ClassificationCLI([subcommand, "--help"])
    else:
        sys.stdout.write(subcommand_help(subcommand))


def subcommand_help(subcommand: str) -> str:
    """Give the keys of a subcommand that people change first, in groups, with their defaults."""
    defaults = _defaults(subcommand_parsers()[subcommand])
    lines = [f"usage: python main.py {subcommand} [--config FILE] [--KEY VALUE ...]", "", SUBCOMMANDS[subcommand]]
    for title, keys in GROUPS.items():
        texts = {key: _complete(key, text, defaults) for key, text in keys.items() if _has_effect(key, subcommand)}
        if texts:
            lines += ["", f"{title}:", *entries(texts)]
    lines += ["", f"{FULL_HELP} lists every argument. --KEY=VALUE does the same as --KEY VALUE."]
    return "\n".join(lines) + "\n"


def _has_effect(key: str, subcommand: str) -> bool:
    return not (key in FIT_ONLY and subcommand != "fit") and not (key in PREDICT_ONLY and subcommand != "predict")


def _defaults(parser: LightningArgumentParser) -> dict[str, Any]:
    """Give the default of each key, also of the keys of data, model and callbacks."""
    found = {option: action.default for action in parser._actions for option in action.option_strings}
    for section in ("checkpoint", "early_stopping"):
        found |= {f"--{section}.{name}": value for name, value in vars(found[f"--{section}"].init_args).items()}
    for section, cls in (("data", ImageDataModule), ("model", ImageClassifier)):
        found |= {f"--{section}.{action.dest}": action.default for action in arguments(cls, frozenset())}
    return found


def _complete(key: str, text: str, defaults: Mapping[str, Any]) -> str:
    """Fill in the names of classes, and the default if it is a plain value."""
    if key in NAMED:
        return text.format(names=", ".join(sorted(cls.__name__ for cls in subclasses(NAMED[key]).values())))
    default = defaults.get(key)
    if not isinstance(default, bool | int | float | str) or default in ("", SUPPRESS):
        return text
    return f"{text.removesuffix('.')} ({str(default).lower() if isinstance(default, bool) else default})."
