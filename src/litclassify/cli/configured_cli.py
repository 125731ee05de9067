"""From words to a checked configuration: what this application changes in the arguments of the stock LightningCLI."""

import os
from functools import partial
from typing import Any, ClassVar

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

import litclassify.data
import litclassify.losses  # noqa: F401 - of both: importing a class makes its short name known
from litclassify.cli.arguments import (
    DEFAULT_SEED,
    TRAINER_DEFAULTS,
    add_own_arguments,
    add_shared_arguments,
    arguments_of_one,
    check_modes,
    name_monitors,
)
from litclassify.cli.checkpoints.checkpoint import read_run_config
from litclassify.cli.checkpoints.checks import check_recorded_paths
from litclassify.cli.checkpoints.path import resolve_checkpoint, stands_for_checkpoint
from litclassify.cli.command_line import CommandLine
from litclassify.cli.config.classes import import_named
from litclassify.cli.config.integers import check_integers
from litclassify.cli.config.published import PUBLISHED, check_loader, check_targets, published_value
from litclassify.cli.messages import own_error
from litclassify.cli.parsing.environment_variables import flags_from_environment, variables_for_arguments
from litclassify.cli.parsing.parser import ArgumentParser, top_level_names
from litclassify.cli.run_choice import unfinished_run
from litclassify.cli.trainer.out_of_memory import memory_explained
from litclassify.errors import UserError
from litclassify.models import ImageClassifier


class ConfiguredCLI(LightningCLI):
    """A LightningCLI for an `ImageClassifier` and an image data module, whose config is complete and checked.

    Args:
        args: The words after the program's name, without `--allow_import`.
        typed: All of them, to repeat in other commands; null takes `args`.
    """

    command: ClassVar[str | None] = None
    """What is typed for it in place of a subcommand; None for the subcommand."""
    command_line: CommandLine
    subcommand: str
    resumes_by_itself = False

    def __init__(self, args: list[str], typed: list[str] | None = None) -> None:
        self.args = args
        self.typed = args if typed is None else typed
        try:
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
        except UserError as error:
            raise self.command_line.located(own_error(error)) from error

    # --- Arguments ---

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override] # static in Lightning, which calls it alike
        """Name the subcommands, each with the arguments of its Trainer method that have no place in a config.

        That is the one which is called: to build the parsers of the others, too, takes most of the time until a config
        is parsed. All are there where any could be meant, as by a variable of the environment.
        """
        # Checkpoints always load without unpickling, and predictions go to a file.
        skipped = {"weights_only", "return_predictions"}
        found = {name: skip | skipped for name, skip in LightningCLI.subcommands().items()}
        called = next(iter(self.args), None)
        return found if called not in found or variables_for_arguments() else {called: found[called]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add this application's arguments, and the links from data to model."""
        add_shared_arguments(parser)
        for name in PUBLISHED:
            published = partial(self._published, name)
            published.__name__ = name  # type: ignore[attr-defined] # for `--help=all`
            parser.link_arguments("data", f"model.init_args.{name}", compute_fn=published, apply_on="instantiate")

    def setup_parser(
        self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]
    ) -> None:
        """Add the arguments of single subcommands."""
        super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
        add_own_arguments(self._subcommand_parsers)

    def _published(self, name: str, data: LightningDataModule) -> Any:
        """Give what the model takes under `name`: the checkpoint's value where there is one, else the data's."""
        check_loader(data, self.subcommand)
        check_targets(data, import_named(self.config[self.subcommand].model.class_path))
        stored = {} if self.checkpoint is None else self.checkpoint.published
        weighs_classes = self.config[self.subcommand].get("model.init_args.class_weights") is not None
        predicts = self.subcommand == "predict"
        with memory_explained(self.config[self.subcommand], trains=self.subcommand == "fit"):
            return published_value(name, data, stored, predicts=predicts, weighs_classes=weighs_classes)

    # --- Parsing ---

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the command line, with the checkpoint's own configuration below all that the user gives."""
        assert isinstance(args, list)
        self.command_line = self._command_line(args)
        if self.command_line.subcommand == ["fit"] and self.command_line.last_value("resume") == "auto":
            self._look_for_unfinished_run(parser)
        self.checkpoint = self.command_line.checkpoint
        if self.checkpoint is not None:
            check_recorded_paths(self.checkpoint.callbacks)
        self.config = parser.parse_args(self.command_line.words_with_checkpoint())
        config = self.config[self.config.subcommand]
        check_integers(config.as_dict())
        self._find_initial_weights(config)
        name_monitors(config, getattr(import_named(config.model.class_path), "monitor", ImageClassifier.monitor))
        if self.config.subcommand == "fit":
            check_modes(config)

    def _find_initial_weights(self, config: Namespace) -> None:
        """Put a file in place of what stands for one in `model.init_from`."""
        arguments = config.model.get("init_args", {})
        given = os.path.expanduser(arguments.get("init_from") or "")
        if not given or not stands_for_checkpoint(given):
            return  # The model says what is wrong with a file.
        if self.resumes_by_itself:
            assert self.checkpoint is not None
            # The newest run of today may be the one that goes on.
            arguments["init_from"] = read_run_config(self.checkpoint.path)["model"]["init_args"]["init_from"]
        else:
            arguments["init_from"] = str(resolve_checkpoint(given, self.command_line.runs_dir, "model.init_from"))

    def _look_for_unfinished_run(self, parser: LightningArgumentParser) -> None:
        """Resume the newest run of this name that is unfinished, as if its checkpoint had been typed."""
        if self.command_line.asks_for_help:
            return
        given = self.command_line.ckpt_path
        if given is not None:
            raise UserError(f"--resume auto looks for a run itself: leave out --ckpt_path '{given}', or --resume.")
        config = parser.parse_args(self.command_line.words)
        run = unfinished_run(config.fit, self.command_line)
        if run is not None:
            self.resumes_by_itself = True
            self.command_line = self.command_line.resuming(f"{run}/last")

    def _command_line(self, words: list[str]) -> CommandLine:
        """Read the words, with environment variables; keys of recipes that other subcommands have are passed over."""
        names = {name: top_level_names(parser) for name, parser in self._subcommand_parsers.items()}
        if not words or words[0] not in names:
            return CommandLine(words, command=self.command)
        accepted, known = names[words[0]], set().union(*names.values())
        variables = flags_from_environment(accepted=accepted, known=known)
        return CommandLine(words, variables, arguments_of_one() - accepted, self.command)

    def _parse_ckpt_path(self) -> None:
        """Do nothing: in the stock class a checkpoint's hyperparameters overrule what the user typed."""

    def _set_seed(self) -> None:
        try:
            super()._set_seed()
        except ValueError as error:
            raise UserError(f"seed_everything: {error}.") from error
