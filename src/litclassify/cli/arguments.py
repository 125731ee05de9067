"""What this application adds to the arguments of LightningCLI, and the defaults that it changes."""

from collections.abc import Mapping
from typing import Literal

from jsonargparse import Namespace
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser

from litclassify.callbacks.predicting.prediction_writer import DEFAULT_TOP_K
from litclassify.cli.checkpoints.path import CKPT_PATH_HELP
from litclassify.cli.config.metric_names import best_mode
from litclassify.cli.parsing.parser import top_level_names
from litclassify.cli.trainer.precision import let_precision_be_automatic
from litclassify.cli.trust.flag import HELP
from litclassify.errors import UserError

DEFAULT_SEED = 0
TRAINER_DEFAULTS = {"max_epochs": 10, "log_every_n_steps": 10}
# For the metric that the model goes by.
AUTO_MONITOR = "auto"
MONITOR = {"monitor": AUTO_MONITOR, "mode": "max"}
CHECKPOINT_DEFAULTS = {
    **MONITOR,
    "save_top_k": 5,
    "save_last": True,
    "filename": "epoch{epoch:03d}-{monitor}",
    "auto_insert_metric_name": False,
}
EARLY_STOPPING_DEFAULTS = {**MONITOR, "patience": 10}
# What goes by a metric: as a person types it, and where it stands.
MONITORING = {
    "checkpoint": "checkpoint",
    "early_stopping": "early_stopping",
    "model.lr_scheduler": "model.init_args.lr_scheduler",
}


def add_shared_arguments(parser: LightningArgumentParser) -> None:
    """Add the arguments that every subcommand has."""
    parser.epilog = HELP
    parser.add_lightning_class_args(ModelCheckpoint, "checkpoint", subclass_mode=True, required=False)
    parser.add_lightning_class_args(EarlyStopping, "early_stopping", subclass_mode=True, required=False)
    parser.set_defaults(
        {
            "model": {"class_path": "litclassify.models.ImageClassifier"},
            "checkpoint": {"class_path": "litclassify.callbacks.ResumableCheckpoint", "init_args": CHECKPOINT_DEFAULTS},
            "early_stopping": {"class_path": "EarlyStopping", "init_args": EARLY_STOPPING_DEFAULTS},
        }
    )
    parser.add_argument("--runs_dir", type=str, default="runs", help="Directory that holds all runs.")
    parser.add_argument(
        "--run_name",
        type=str | None,
        default=None,
        help="The run is <runs_dir>/<run_name>/<time stamp>. Null takes that of the first config file, or of its run.",
    )


def name_monitors(config: Namespace, metric: str) -> None:
    """Put a metric in place of `auto`, and the monitored one in place of `{monitor}` in names of checkpoints.

    Args:
        config: Configuration of a subcommand.
        metric: What the model goes by.
    """
    for callback in filter(None, (config.checkpoint, config.early_stopping)):
        arguments = callback.get("init_args", {})
        if arguments.get("monitor") == AUTO_MONITOR:
            arguments["monitor"] = metric
        if arguments.get("filename"):
            monitor = arguments.get("monitor") or metric
            value = f"{monitor.replace('/', '_')}{{{monitor}:.4f}}"
            arguments["filename"] = arguments["filename"].replace("{monitor}", value)


def check_modes(config: Namespace) -> None:
    """Refuse to take the worst value of a metric for the best: a mode goes with its metric.

    Args:
        config: Configuration of `fit`.

    Raises:
        UserError: One does not.
    """
    for name, key in MONITORING.items():
        arguments = (config.get(key) or {}).get("init_args", {})
        monitor, mode = arguments.get("monitor"), arguments.get("mode")
        best = best_mode(monitor) if monitor else None
        if mode in ("min", "max") and best not in (None, mode):
            better = "less" if best == "min" else "more"
            raise UserError(
                f"{name}.monitor is '{monitor}', of which {better} is better, but {name}.mode is {mode}: "
                f"add --{name}.mode {best}.",
                f"{name}.mode",
            )


def add_own_arguments(parsers: Mapping[str, LightningArgumentParser]) -> None:
    """Add the arguments of single subcommands, and say what is different about those of Lightning.

    Args:
        parsers: The parser of each subcommand that is there.
    """
    for subcommand, parser in parsers.items():
        let_precision_be_automatic(parser)
        parser._option_string_actions["--ckpt_path"].help = CKPT_PATH_HELP
        if subcommand == "fit":
            _add_arguments_of_fit(parser)
        if subcommand == "predict":
            _add_arguments_of_predict(parser)


def arguments_of_one() -> set[str]:
    """Give the names of the arguments that a single subcommand has."""
    parser = LightningArgumentParser()
    _add_arguments_of_fit(parser)
    _add_arguments_of_predict(parser)
    return top_level_names(parser)


def _add_arguments_of_fit(parser: LightningArgumentParser) -> None:
    parser.add_argument(
        "--test_after_fit",
        type=bool,
        default=False,
        help="Test the best checkpoint when training has ended.",
    )
    parser.add_argument(
        "--resume",
        type=Literal["auto"] | None,
        default=None,
        help="auto continues the newest run of this name that has not finished, or starts one.",
    )
    parser.add_argument(
        "--find_batch_size",
        type=bool,
        default=False,
        help="Search for the fastest data.batch_size that fits, and train with what is found; before find_lr.",
    )
    parser.add_argument(
        "--find_lr",
        type=bool,
        default=False,
        help="Search for the learning rate of model.optimizer, and train with what is found.",
    )
    parser.add_argument(
        "--halve_batch_on_oom",
        type=bool,
        default=False,
        help="Where memory runs out, go on with half the batch_size and twice trainer.accumulate_grad_batches.",
    )
    parser.add_argument(
        "--repeat",
        type=int | None,
        default=None,
        help="Number of runs, at least 2, with seeds from seed_everything up, and a table of all.",
    )
    parser.add_argument(
        "--folds",
        type=int | None,
        default=None,
        help="Cross-validation: number of runs, at least 2; each validates on another fold of the training images.",
    )


def _add_arguments_of_predict(parser: LightningArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=str | None,
        default=None,
        help="File for the predictions, .csv, .jsonl or .parquet. Null writes predictions.csv into the run.",
    )
    parser.add_argument(
        "--top_k", type=int, default=DEFAULT_TOP_K, help="How many of the most probable classes each row lists."
    )
    parser.add_argument(
        "--probabilities", type=bool, default=False, help="Add a column with the probability of every class."
    )
    parser.add_argument(
        "--sort_into",
        type=str | None,
        default=None,
        help="Folder for the images, in a folder for each predicted class: hard links, or copies where there are none.",
    )
    parser.add_argument(
        "--explain",
        type=str | None,
        default=None,
        help="Folder for pictures of where each image shows its predicted class (Grad-CAM).",
    )
    parser.add_argument(
        "--explain_class",
        type=str | None,
        default=None,
        help="The class that these pictures explain. Null takes the predicted one.",
    )
