"""The LightningCLI of this application: what it adds to the stock one, in the order in which it happens."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only

import litclassify.networks
import litclassify.optim  # noqa: F401 - importing a class makes its short name known
from litclassify import data
from litclassify.callbacks import (
    ConfiguredPatience,
    CurveLayout,
    HyperparameterLogger,
    MetricsFile,
    MonitoredMetrics,
    PredictionWriter,
    RunTexts,
    SampleImages,
    TestSetCheck,
)
from litclassify.cli.arguments import DEFAULT_SEED, TRAINER_DEFAULTS, add_own_arguments, add_shared_arguments
from litclassify.cli.checkpoints import check_classes, check_optimization, weights_do_not_fit
from litclassify.cli.command_line import CommandLine
from litclassify.cli.commands import find_command
from litclassify.cli.config_keys import short_name
from litclassify.cli.console import console_callbacks, quiet_lightning
from litclassify.cli.environment import describe_environment
from litclassify.cli.environment_variables import flags_from_environment
from litclassify.cli.hyperparameters import flat_hyperparameters
from litclassify.cli.known_names import PUBLISHED
from litclassify.cli.launch import launch, run_dir_of_launch
from litclassify.cli.loggers import fit_loggers, tensorboard_logger
from litclassify.cli.messages import exit_with_message, own_words
from litclassify.cli.parser import ArgumentParser, prepare_jsonargparse, top_level_names
from litclassify.cli.parser_errors import ParsingError
from litclassify.cli.precision import AUTO, automatic_precision
from litclassify.cli.run_summary import print_early_end, print_metrics, print_run_summary
from litclassify.cli.runs import CHECKPOINTS, run_dir_of
from litclassify.cli.step_overhead import NoProfiler, skip_empty_hooks
from litclassify.cli.trainer_errors import build_trainer, trainer_refusals_explained
from litclassify.cli.trust import check_recorded_paths, trusted_imports
from litclassify.errors import UserError
from litclassify.models import ImageClassifier

__all__ = ["ClassificationCLI", "data", "run"]

# A key of a config, as messages name it.
KEY = re.compile(r"\b(?:data|model|trainer|checkpoint|early_stopping)(?:\.\w+)+")


def run(args: list[str]) -> None:
    """Run a command line; a user's mistake ends with exit code 2 and a few lines.

    Args:
        args: The words after the program's name.
    """
    try:
        with quiet_lightning(), launch(), trusted_imports(args) as words:
            (find_command(words) or partial(ClassificationCLI, typed=args))(words)
    except UserError as error:
        exit_with_message(error)


class ClassificationCLI(LightningCLI):
    """Fit, validate, test and predict with an `ImageClassifier` and an image data module.

    Args:
        args: The words after the program's name, without `--allow_import`.
        typed: All of them, to repeat in other commands; null takes `args`.
    """

    command_line: CommandLine
    run_dir: Path | None = None

    def __init__(self, args: list[str], typed: list[str] | None = None) -> None:
        self.typed = args if typed is None else typed
        prepare_jsonargparse()
        super().__init__(
            ImageClassifier,
            LightningDataModule,
            args=args,
            parser_class=ArgumentParser,
            parser_kwargs={"parser_mode": "omegaconf+"},
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_callback=None,
            seed_everything_default=DEFAULT_SEED,
            trainer_defaults=TRAINER_DEFAULTS,
        )

    # --- Arguments ---

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Name the subcommands, each with the arguments of its Trainer method that have no place in a config."""
        # Checkpoints always load without unpickling, and predictions go to a file.
        skipped = {"weights_only", "return_predictions"}
        return {name: skip | skipped for name, skip in LightningCLI.subcommands().items()}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add this application's arguments, and the links from data to model."""
        add_shared_arguments(parser)
        for name in PUBLISHED:
            parser.link_arguments(
                "data", f"model.init_args.{name}", compute_fn=self._published(name), apply_on="instantiate"
            )

    def setup_parser(
        self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]
    ) -> None:
        """Add the arguments of single subcommands."""
        super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
        add_own_arguments(self._subcommand_parsers)

    def _published(self, name: str) -> Callable[[LightningDataModule], Any]:
        """Give what the model takes under `name`: the checkpoint's value where there is one, else the data's."""

        def value(data: LightningDataModule) -> Any:
            stored = {} if self.checkpoint is None else self.checkpoint.published
            if name == "class_names":
                return self._class_names(data, stored.get(name))
            return stored[name] if name in stored and name != "image_shape" else getattr(data, name, None)

        return value

    def _class_names(self, data: LightningDataModule, trained_on: list[str] | None) -> list[str]:
        """Give the checkpoint's classes, which must be those of the data where the data has a say."""
        if trained_on is not None and self._predicts_on_files(data):
            return trained_on
        own: list[str] | None = getattr(data, "class_names", None)
        if own is not None and trained_on is not None:
            check_classes(trained_on, own)
        names = trained_on or own
        if names is None:
            raise UserError(f"data: {type(data).__name__} has no class_names, a list with the name of each class.")
        return names

    def _predicts_on_files(self, data: LightningDataModule) -> bool:
        """Whether the data's own images, and so its classes, play no part."""
        return self.subcommand == "predict" and getattr(data, "path", None) is not None

    # --- Parsing ---

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the command line, with the checkpoint's own configuration below all that the user gives."""
        assert isinstance(args, list)
        self.command_line = CommandLine(args, self._flags_from_environment(args))
        self.checkpoint = self.command_line.checkpoint
        if self.checkpoint is not None:
            check_recorded_paths(self.checkpoint.callbacks)
        try:
            self.config = parser.parse_args(self.command_line.words_with_checkpoint())
        except ParsingError as error:
            raise UserError(self.command_line.located(str(error), error.key)) from error

    def _flags_from_environment(self, words: list[str]) -> list[str]:
        names = {name: top_level_names(parser) for name, parser in self._subcommand_parsers.items()}
        if not words or words[0] not in names:
            return []
        return flags_from_environment(accepted=names[words[0]], known=set().union(*names.values()))

    def _parse_ckpt_path(self) -> None:
        """Do nothing: in the stock class a checkpoint's hyperparameters overrule what the user typed."""

    def _set_seed(self) -> None:
        try:
            super()._set_seed()
        except ValueError as error:
            raise UserError(f"seed_everything: {error}.") from error

    # --- Objects ---

    def before_instantiate_classes(self) -> None:
        """Put a precision in place of `auto`, for all that reads or stores the configuration."""
        trainer = self.config[self.subcommand].trainer
        if trainer.precision == AUTO:
            trainer.precision, reason = automatic_precision(trainer.accelerator)
            rank_zero_info(f"trainer.precision auto is {trainer.precision}: {reason}.")

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; what a configured class refuses is the user's mistake."""
        try:
            super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            text = own_words(error)
            key = KEY.search(text)
            raise UserError(self.command_line.located(text, key[0]) if key else text) from error

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer around the directory of the run."""
        settings: dict[str, Any] = {**self._get(self.config_init, "trainer").as_dict(), **kwargs}
        if settings["barebones"]:
            settings["log_every_n_steps"] = None  # Refused by a Trainer that logs nothing, and so is our default.
        elif not settings["fast_dev_run"]:
            self.run_dir = self._find_run_dir(settings["default_root_dir"])
            self._save_config(self.run_dir)
        settings["default_root_dir"] = self.run_dir
        settings["logger"] = self._loggers(settings["logger"])
        configured = settings["callbacks"] or []
        callbacks = [*configured] if isinstance(configured, list) else [configured]
        callbacks = [*self._checks(), *callbacks, *self._monitors(settings)]
        # Without this the Trainer adds a checkpoint callback of its own.
        settings["enable_checkpointing"] = any(isinstance(c, ModelCheckpoint) for c in callbacks)
        callbacks += [c for c in self._standard_callbacks(settings) if type(c) not in map(type, callbacks)]
        callbacks += console_callbacks(settings, callbacks)
        skip_empty_hooks(callbacks)
        if not settings["barebones"]:  # That refuses every profiler.
            settings["profiler"] = settings["profiler"] or NoProfiler()
        return build_trainer(self.trainer_class, {**settings, "callbacks": callbacks})

    def _find_run_dir(self, root: str | None) -> Path:
        """Give the run of the checkpoint, unless a fit is to have a run of its own."""
        config = self.config[self.subcommand]
        existing = None if self.checkpoint is None else run_dir_of(self.checkpoint.path)
        if self.subcommand == "fit" and self.command_line.names_a_run:
            existing = None
        name = config.run_name or self._default_run_name()
        return run_dir_of_launch(existing, Path(root or "") / config.runs_dir / name)

    def _default_run_name(self) -> str:
        config: Namespace = self.config[self.subcommand]
        files = self.command_line.config_files
        return files[0].stem if files else short_name(config.data.class_path).lower()

    @rank_zero_only
    def _save_config(self, run_dir: Path) -> None:
        path = run_dir / f"config.{self.subcommand}.yaml"
        self._parser(self.subcommand).save(self.config[self.subcommand], path, skip_none=False, overwrite=True)
        (run_dir / f"environment.{self.subcommand}.json").write_text(self._environment() + "\n", encoding="utf-8")

    def _environment(self) -> str:
        seed = self.config[self.subcommand].seed_everything
        return json.dumps(describe_environment(self.typed, seed), indent=2)

    def _loggers(self, configured: Logger | list[Logger] | bool | None) -> Logger | list[Logger] | bool:
        """Give TensorBoard and CSV in the run unless the config names others."""
        if configured not in (None, True):
            return configured
        if self.run_dir is None or self.subcommand in ("validate", "predict"):
            # Neither has a place on the curves of training.
            return False
        return fit_loggers(self.run_dir) if self.subcommand == "fit" else tensorboard_logger(self.run_dir)

    def _checks(self) -> list[Callback]:
        """Give what ends a mistaken run early; it goes before the callbacks that would fail over the mistake."""
        if self.subcommand != "fit":
            return []
        return [MonitoredMetrics(), *([TestSetCheck()] if self.config.fit.test_after_fit else [])]

    def _monitors(self, settings: dict[str, Any]) -> list[Callback]:
        """Give the callbacks of `checkpoint` and `early_stopping`, where they are not null."""
        checkpoint = self._get(self.config_init, "checkpoint")
        # A barebones Trainer logs no metric to go by.
        early_stopping = None if settings["barebones"] else self._get(self.config_init, "early_stopping")
        if settings["enable_checkpointing"] is False or self.run_dir is None:
            checkpoint = None
        elif checkpoint is not None and checkpoint.dirpath is None:
            checkpoint.dirpath = str(self.run_dir / CHECKPOINTS)
        callbacks = [callback for callback in (checkpoint, early_stopping) if callback is not None]
        if early_stopping is not None and self.subcommand == "fit":
            callbacks.append(ConfiguredPatience(early_stopping))
        return callbacks

    def _standard_callbacks(self, settings: dict[str, Any]) -> list[Callback]:
        """Give what a run has without being asked; a callback of the same class in the config takes its place."""
        if self.run_dir is None:
            return []
        if self.subcommand == "predict":
            output = self.config[self.subcommand].output
            path = self.run_dir / "predictions.csv" if output is None else Path(output)
            return [PredictionWriter(path, self.model.class_names)]
        callbacks: list[Callback] = [MetricsFile(self.run_dir / "metrics.json")]
        if self.subcommand == "fit" and settings["logger"]:
            self._dump_config()
            hyperparameters = HyperparameterLogger(
                flat_hyperparameters(self.config_dump), ("val_loss", "val_acc", "test_loss", "test_acc")
            )
            texts = RunTexts(
                {"config": yaml.safe_dump(self.config_dump, sort_keys=False), "environment": self._environment()}
            )
            callbacks += [SampleImages(), CurveLayout(), LearningRateMonitor(), hyperparameters, texts]
        return callbacks

    # --- Running ---

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        arguments = super()._prepare_subcommand_kwargs(subcommand)
        arguments["weights_only"] = True
        if subcommand == "predict":
            arguments["return_predictions"] = False
        if subcommand in ("validate", "test"):
            arguments["verbose"] = False  # The Trainer would print 16 digits; after_validate and after_test print 4.
        return arguments

    def _run_subcommand(self, subcommand: str) -> None:
        """Run it; what Lightning says of an argument of the Trainer is about the user's mistake."""
        try:
            with trainer_refusals_explained(self.config[subcommand].trainer):
                super()._run_subcommand(subcommand)
        except RuntimeError as error:
            if self.checkpoint is None or "Error(s) in loading state_dict" not in str(error):
                raise
            raise weights_do_not_fit(str(error)) from error

    def before_fit(self) -> None:
        """Check that a run can be resumed as it is asked to."""
        if self.checkpoint is not None:
            self._dump_config()
            check_optimization(self.checkpoint, self.config_dump["model"]["init_args"])

    def after_fit(self) -> None:
        """Test the best checkpoint, if asked to, and say how to go on."""
        print_early_end(self.trainer)
        if self.config.fit.test_after_fit:
            best = getattr(self.trainer.checkpoint_callback, "best_model_path", "") or None
            if best is None:
                rank_zero_info("There is no best checkpoint: testing the weights that training ended with.")
            self.trainer.test(self.model, datamodule=self.datamodule, ckpt_path=best, verbose=False, weights_only=True)
        if self.run_dir is not None:
            print_run_summary(self.trainer, self.run_dir, self.typed)

    def after_validate(self) -> None:
        """Print the metrics, unless `verbose` is false."""
        if self.config.validate.verbose:
            print_metrics(self.trainer, "Validation finished")

    def after_test(self) -> None:
        """Print the metrics, unless `verbose` is false."""
        if self.config.test.verbose:
            print_metrics(self.trainer, "Test finished")
