"""The LightningCLI of this application: from its configuration to objects, and what happens around a run."""

import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.seed import reset_seed
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_info

from litclassify.callbacks import PredictionWriter, TimeLimit
from litclassify.callbacks.resuming.time_limit import stopped_by_time
from litclassify.cli.checkpoints.checkpoint import read_run_config
from litclassify.cli.checkpoints.checks import check_optimization
from litclassify.cli.checkpoints.io import DurableCheckpointIO
from litclassify.cli.checkpoints.places import check_places
from litclassify.cli.config.published import check_one_balance
from litclassify.cli.config.refusals import REFUSALS, refusal_of_class
from litclassify.cli.configured_cli import ConfiguredCLI
from litclassify.cli.messages import own_error
from litclassify.cli.parsing.environment_variables import variables_for_arguments
from litclassify.cli.run_choice import claim_folders, is_wanted, parent_of_runs, take_up
from litclassify.cli.runs.directory import run_dir_of
from litclassify.cli.runs.launch import mark_finished, run_dir_of_launch, save_record
from litclassify.cli.runs.record import make_record
from litclassify.cli.runs.summary import print_early_end, print_metrics, print_run_summary, report_interruption
from litclassify.cli.search.search_picture import SearchPicture
from litclassify.cli.search.searches import Searches
from litclassify.cli.trainer.callbacks import (
    bad_image_callbacks,
    check_callbacks,
    curve_callbacks,
    guard_callbacks,
    in_calling_order,
    monitor_callbacks,
    report_callbacks,
    resumption_callbacks,
    unless_configured,
)
from litclassify.cli.trainer.console import CALLBACKS_OF_TRAINING, console_callbacks
from litclassify.cli.trainer.errors import build_trainer, refusals_explained
from litclassify.cli.trainer.loggers import loggers_for
from litclassify.cli.trainer.out_of_memory import check_can_halve, memory_explained, memory_of_parts_explained
from litclassify.cli.trainer.precision import AUTO, automatic_precision
from litclassify.cli.trainer.predictions import origin_of_predictions, prediction_callbacks, print_outcome
from litclassify.cli.trainer.step_overhead import NoProfiler, skip_empty_hooks
from litclassify.errors import InterruptedBySignal, UserError


class ClassificationCLI(ConfiguredCLI):
    """Fit, validate, test and predict with an `ImageClassifier` and an image data module."""

    run_dir: Path | None = None

    # --- Objects ---

    def before_instantiate_classes(self) -> None:
        """Put a precision in place of `auto`, for all that reads or stores the configuration."""
        trainer = self.config[self.subcommand].trainer
        if trainer.precision == AUTO:
            trainer.precision, reason = automatic_precision(trainer.accelerator)
            rank_zero_info(f"trainer.precision auto is {trainer.precision}: {reason}.")

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; what a configured class refuses is the user's mistake."""
        check_one_balance(self.config[self.subcommand])
        check_places(self.config[self.subcommand].checkpoint)
        self.parser.add_instantiator(self._build, object)
        try:
            if self.subcommand == "fit":
                self.run_searches()
            with memory_of_parts_explained(self.config[self.subcommand]):
                super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            raise own_error(error) from error

    def build_parts(self) -> Namespace:
        """Build data, model and all else that the config names, for a training beside the run."""
        try:
            with memory_of_parts_explained(self.config[self.subcommand]):
                parts: Namespace = self.parser.instantiate_classes(self.config)[self.subcommand]
        except (ValueError, MisconfigurationException) as error:
            raise own_error(error) from error
        return parts

    @cached_property
    def searches(self) -> Searches:
        """Short trainings for values that the config asks to find."""
        config = self.config[self.subcommand]
        return Searches(config, self.build_parts, self.set_seed_again, resumes=self.checkpoint is not None)

    def set_seed_again(self) -> None:
        """Let the next training draw the random numbers of the one before, if they go by a seed."""
        if self.config[self.subcommand].seed_everything is not False:
            reset_seed()

    def run_searches(self) -> None:
        """Put what is found in place of the config's values: the run's config holds it."""
        if self.resumes_by_itself:
            assert self.checkpoint is not None
            # The checkpoint has the data only of a module that saves its hyperparameters.
            self.searches.take_stored({**self.checkpoint.config, **read_run_config(self.checkpoint.path)})
        else:
            self.searches.run()
        self.__dict__.pop("config_dump", None)  # What is stored is dumped anew: a search has built a model, too.

    def _build(self, cls: type, *args: Any, **arguments: Any) -> Any:
        """Build an object of a class that the config names."""
        try:
            with memory_of_parts_explained(self.config[self.subcommand]):
                return cls(*args, **arguments)
        except UserError:
            raise
        except REFUSALS as error:
            self._dump_config()
            raise refusal_of_class(cls, error, self.config_dump) from error

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer around the directory of the run."""
        settings: dict[str, Any] = {**self.config_init[self.subcommand].trainer.as_dict(), **kwargs}
        if settings["barebones"]:
            settings["log_every_n_steps"] = None  # Refused by a Trainer that logs nothing, and so is our default.
        else:
            settings["profiler"] = settings["profiler"] or NoProfiler()  # Barebones refuses every profiler.
            if not settings["fast_dev_run"]:
                self.run_dir = self.find_run_dir()
                if self.subcommand != "fit":
                    save_record(self.run_dir, self.subcommand, **self._record)
        settings["default_root_dir"] = self.run_dir
        settings["logger"] = loggers_for(self.subcommand, self.run_dir, settings["logger"])
        settings["callbacks"] = self._callbacks(settings)
        if any(isinstance(callback, TimeLimit) for callback in settings["callbacks"]):
            settings["max_time"] = None  # Lightning would say that it does without its own timer.
        # Without this the Trainer adds a checkpoint callback of its own.
        settings["enable_checkpointing"] = any(isinstance(c, ModelCheckpoint) for c in settings["callbacks"])
        trainer = build_trainer(self.trainer_class, settings)
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # Neither the user's nor a strategy's own.
            trainer.strategy.checkpoint_io = DurableCheckpointIO()
        return trainer

    def find_run_dir(self) -> Path:
        """Give the run of the checkpoint, unless a fit is to have a run elsewhere."""
        existing = None if self.checkpoint is None else run_dir_of(self.checkpoint.path)
        trains = self.subcommand == "fit"
        if trains and existing is not None and not self.resumes_by_itself:
            existing = existing if is_wanted(existing, self.config.fit, self.command_line) else None
        return run_dir_of_launch(existing, self.parent_of_runs(), trains=trains)

    def parent_of_runs(self) -> Path:
        """Give `<runs_dir>/<run_name>`."""
        return parent_of_runs(self.config[self.subcommand], self.command_line)

    @cached_property
    def _record(self) -> dict[str, str]:
        config = self.config[self.subcommand]
        if self.subcommand == "fit":  # Another run can be made of it, and so can those that go on.
            config = config.clone()
            config.ckpt_path = config.resume = None
        dumped = self._parser(self.subcommand).dump(config, skip_unset=False)
        return make_record(dumped, self.typed, config.seed_everything, variables_for_arguments())

    def _callbacks(self, settings: Mapping[str, Any]) -> list[Callback]:
        """Give the callbacks of the config, and those that a run has without being asked."""
        config = self.config_init[self.subcommand]
        configured = settings["callbacks"] or []
        configured = configured if isinstance(configured, list) else [configured]
        callbacks = in_calling_order(
            configured,
            monitor_callbacks(settings, self.run_dir, config.checkpoint, config.early_stopping),
            check_callbacks(self.subcommand, config.get("test_after_fit", False)),
            resumption_callbacks(self.subcommand, settings["max_time"], configured),
        )
        callbacks += unless_configured(
            [*guard_callbacks(self.subcommand), *self._standard_callbacks(settings)], callbacks
        )
        callbacks += console_callbacks(settings, callbacks, self.datamodule)
        skip_empty_hooks(callbacks)
        return callbacks

    def _standard_callbacks(self, settings: Mapping[str, Any]) -> list[Callback]:
        if self.run_dir is None:
            return []
        config = self.config[self.subcommand]
        if self.subcommand == "predict":
            assert self.checkpoint is not None
            origin = origin_of_predictions(self.checkpoint.path, self.config_dump)
            return prediction_callbacks(config, self.run_dir, self.model, self.datamodule, origin)
        tests = self.subcommand == "test" or config.get("test_after_fit", False)
        callbacks = bad_image_callbacks(self.datamodule, self.run_dir)
        callbacks += report_callbacks(
            self.subcommand,
            self.run_dir,
            tests=tests,
            multi_label=self.model.multi_label,
            verbose=config.get("verbose", True),
        )
        if self.subcommand == "fit" and settings["logger"]:
            callbacks += curve_callbacks(self.config_dump, self._record)
        callbacks += [SearchPicture(search.picture, self.run_dir / search.file_name) for search in self.searches.done]
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
        config = self.config[subcommand]
        if subcommand != "fit":
            warnings.filterwarnings("ignore", message=CALLBACKS_OF_TRAINING)
        try:
            with (
                memory_explained(config, trains=subcommand == "fit"),
                refusals_explained(config.trainer, resumed=self.checkpoint is not None),
            ):
                super()._run_subcommand(subcommand)
        except InterruptedBySignal as stop:
            report_interruption(stop, self.run_dir, self.typed)
            raise
        except SystemExit:
            if self.trainer.interrupted:  # With Ctrl-C, of which Lightning makes exit code 1.
                raise KeyboardInterrupt from None
            raise

    def before_fit(self) -> None:
        """Check that a run can be resumed as it is asked to, and that its batches can be made smaller.

        Raises:
            UserError: It cannot.
        """
        check_can_halve(self.trainer.world_size)
        if self.checkpoint is not None:
            check_optimization(self.checkpoint, self.config_dump["model"]["init_args"])
        if self.run_dir is not None:
            claim_folders(self.trainer, self.run_dir)
            take_up(self.trainer, self.run_dir, self.checkpoint, self._record)

    def after_fit(self) -> None:
        """Test the best checkpoint, if asked to, and say how to go on."""
        print_early_end(self.trainer, None if self.checkpoint is None else self.checkpoint.next_step)
        if self.config.fit.test_after_fit:
            best = getattr(self.trainer.checkpoint_callback, "best_model_path", "") or None
            if best is None:
                rank_zero_info("There is no best checkpoint: testing the weights that training ended with.")
            self.trainer.test(self.model, datamodule=self.datamodule, ckpt_path=best, verbose=False, weights_only=True)
        if self.run_dir is not None:
            if not stopped_by_time(self.trainer):
                mark_finished(self.run_dir)
            print_run_summary(self.trainer, self.run_dir, self.typed)

    def after_validate(self) -> None:
        """Print the metrics, unless `verbose` is false."""
        if self.config.validate.verbose:
            print_metrics(self.trainer, "Validation finished")

    def after_predict(self) -> None:
        """Say what was written.

        Raises:
            UserError: None of the images can be read.
        """
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined] # set by Lightning's connector
            if isinstance(callback, PredictionWriter) and callback.outcome is not None:
                print_outcome(callback.outcome)

    def after_test(self) -> None:
        """Print the metrics, unless `verbose` is false."""
        if self.config.test.verbose:
            print_metrics(self.trainer, "Test finished")
