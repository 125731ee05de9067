"""`python main.py config check FILE [FILE ...]`."""

import shlex
import sys
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, Trainer

from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.config.classes import import_named
from litclassify.cli.config.files import config_file, read_config
from litclassify.cli.dry_run import DryRun
from litclassify.errors import UserError
from litclassify.models import ImageClassifier
from litclassify.optim import scheduler_config, span_of

DESCRIPTION = (
    "Say whether fit takes these files, read in order. Data module, model, optimizer, schedule and callbacks are "
    "built; no data is read, no weights are downloaded, and no device is asked for."
)
# Number of made-up classes; the true ones may be the names of folders, and their images files in them.
STAND_INS = {"class_names": ["first", "second"], "class_counts": [1, 1]}
NUM_STEPS = 1000
# What names the weights that torchvision's own builders download.
BUILDER_WEIGHTS = ("weights",)


def main(words: list[str]) -> None:
    """Check config files together, as `fit --config FILE --config FILE` reads them, and print `ok`.

    Raises:
        UserError: They do not parse, or a class refuses its arguments.
    """
    bare = [word.removeprefix("--config=") for word in words if word != "--config"]
    if bare != words:
        raise UserError(f"Files are named without --config: config check {shlex.join(bare)}")
    parser = CommandParser("config check", DESCRIPTION)
    parser.add_argument("files", nargs="+", metavar="FILE", help="Config file, or the directory of a run.")
    files = [config_file(given) for given in parser.parse_args(words).files]
    for file in files:
        read_config(file)
    Rehearsal(["fit", *(word for file in files for word in ("--config", str(file)))])
    sys.stdout.write("ok\n")


class Rehearsal(DryRun):
    """A command line that ends when all but the trainer is built, without data and downloads.

    Args:
        args: The words after the program's name.
    """

    model: ImageClassifier

    def _published(self, name: str, data: LightningDataModule) -> Any:
        """Give the model two classes, and otherwise what the data knows from its arguments."""
        return STAND_INS[name] if name in STAND_INS else super()._published(name, data)

    def before_instantiate_classes(self) -> None:
        """Leave out what the network's first weights would be read or downloaded from."""
        network = self.config[self.subcommand].model.init_args.network
        if isinstance(network, Namespace):
            default = BUILDER_WEIGHTS if network.class_path.startswith("torchvision.models.") else ()
            for name in getattr(import_named(network.class_path), "initial_weights", default):
                network.init_args[name] = None

    def run_searches(self) -> None:
        """Train nothing; check that a search could."""
        self.searches.check()

    def instantiate_trainer(self, **_: Any) -> Trainer:
        """Build optimizer and schedule; no trainer, which asks for devices that this machine may not have."""
        asked = self.model.optimization
        optimizer = asked.optimizer(self.model.parameters())
        if asked.lr_scheduler is not None:
            interval, length = span_of(asked.lr_scheduler, asked.lr_interval, lambda _: NUM_STEPS)
            scheduler_config(asked.lr_scheduler, optimizer, interval, **length)
        return None  # type: ignore[return-value] # Nothing runs.
