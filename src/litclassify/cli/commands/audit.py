"""`python main.py audit --data ImageFolder --data.root FOLDER`."""

import shlex
import sys
from functools import partial
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningArgumentParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from litclassify.audit.audit import Audit, run_checks
from litclassify.audit.finding import KINDS, Finding
from litclassify.audit.inventory import Inventory, take_inventory
from litclassify.audit.measures import Measures
from litclassify.audit.reading import read_all
from litclassify.audit.report import CSV, EXCLUDE, HTML, write_report
from litclassify.cli.auditing.label_judges import LabelJudge
from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.dry_run import ParsersOnly
from litclassify.cli.messages import own_error
from litclassify.cli.parsing.parser import ArgumentParser
from litclassify.cli.runs.launchers import is_one_of_several
from litclassify.data import ImageDataModule, ImageFolder
from litclassify.data.decoding.reading import usable_cpus
from litclassify.errors import UserError
from litclassify.tables import print_table
from litclassify.terminal import printable

MIN_IMAGES = 20
# All pairs that it leaves in CIFAR-10 show the same (docs/audit.md).
MIN_LIKENESS = 0.9
EXAMPLES = 3
# With --strict.
STRICT = ("refused", "unreadable", "leak", "val_test_leak")
# So that no recipe is needed; nothing is built of it.
ANY_MODEL = {
    "class_path": "litclassify.models.ImageClassifier",
    "init_args": {
        "network": {"class_path": "LeNet"},
        "optimizer": {"class_path": "SGD", "init_args": {"lr": 0.1}},
    },
}


def main(words: list[str]) -> None:
    """Read a data set and print what is wrong with it.

    Raises:
        SystemExit: With code 1 under `--strict`, for leakage and unreadable files.
        UserError: The command line or the data module refuses what is given.
    """
    arguments, rest = _parser().parse_known_args(words)
    _check(arguments.likeness)
    if arguments.ckpt_path is not None:
        rest += ["--ckpt_path", arguments.ckpt_path]
    application = DataOnly(["fit", *rest])
    data = application.build_data()
    try:
        if arguments.output is not None:
            _make_folder(arguments.output, data)
        inventory = take_inventory(data)
    except UserError as error:
        raise application.command_line.located(error) from error
    judge = LabelJudge(arguments, inventory, application.checkpoint)
    measures = _read(inventory)
    audit = run_checks(
        inventory,
        measures,
        min_images=arguments.min_images,
        min_likeness=arguments.likeness,
        find_labels=partial(judge.find, measures),
    )
    print_summary(audit)
    if judge.passes_over:
        sys.stdout.write("\nLabels were not judged: with data.label_separator an image may have several.\n")
    if arguments.output is not None:
        write_report(audit, arguments.output, inventory.root or type(data).__name__)
        print_places(audit, arguments.output)
    if arguments.strict and not audit.findings.keys().isdisjoint(STRICT):
        raise SystemExit(1)


def _parser() -> CommandParser:
    parser = CommandParser("audit", f"{COMMANDS['audit']} Further arguments are those of fit: --config, --data.")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"Folder to write {HTML}, {CSV} and {EXCLUDE} into.")
    parser.add_argument("--strict", action="store_true", help="Exit code 1 if there are leaks or unreadable files.")
    parser.add_argument("--min_images", type=int, default=MIN_IMAGES, metavar="K", help="Images a class should have.")
    parser.add_argument(
        "--likeness",
        type=float,
        default=MIN_LIKENESS,
        help="Correlation of thumbnails from which images are near duplicates, above 0.5 and up to 1.",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="Predictions of networks that were not trained on these images, or the directory of fit --folds.",
    )
    parser.add_argument(
        "--ckpt_path",
        metavar="CHECKPOINT",
        help="Look for label errors by what the network of a checkpoint sees; without data, audit what it was trained "
        "on.",
    )
    parser.add_argument("--no_label_errors", action="store_true", help="Do not look for label errors.")
    return parser


class DataOnly(ParsersOnly):
    """A command line of `fit` of which the data module alone is built; it needs no model.

    Args:
        args: The words after the program's name.
    """

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Do without a model."""
        super().add_arguments_to_parser(parser)
        parser.set_defaults({"model": ANY_MODEL})

    def build_data(self) -> ImageDataModule:
        """Build the data module.

        Raises:
            UserError: It refuses its arguments, or tells nothing of its images.
        """
        parser = ArgumentParser()
        parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True)
        parser.add_instantiator(self._build, object)
        self.subcommand = "fit"
        try:
            data = parser.instantiate_classes(Namespace(data=self.config.fit.data)).data  # type: ignore[no-untyped-call]
        except ValueError as error:
            raise self.command_line.located(own_error(error)) from error
        if not isinstance(data, ImageDataModule):
            raise UserError(f"data: audit reads data modules derived from ImageDataModule, got {type(data).__name__}.")
        return data


def _check(likeness: float) -> None:
    if not 0.5 < likeness <= 1:  # noqa: PLR2004
        raise UserError(f"--likeness must be above 0.5 and at most 1, got {likeness}.")
    if is_one_of_several():
        raise UserError("audit is one process, which starts others itself: call it without torchrun or srun.")


def _make_folder(folder: Path, data: ImageDataModule) -> None:
    if isinstance(data, ImageFolder):
        data.check_is_no_class("--output", str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output '{folder}' cannot be made: {error.strerror}.") from error


def _read(inventory: Inventory) -> list[Measures]:
    columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(inventory.samples))
        return read_all(inventory, usable_cpus(), lambda count: progress.advance(task, count))


def print_summary(audit: Audit) -> None:
    """Print the counts of images, the counts of findings, and a few examples of each kind."""
    names = sorted({name for classes in audit.counts.values() for name in classes})
    rows = [[name, *(str(classes[name]) for classes in audit.counts.values())] for name in names]
    print_table(["class", *audit.counts], rows, numbers=list(audit.counts))
    sys.stdout.write(f"\n{len(audit.inventory.samples)} images, {len(names)} classes\n")
    if not audit.findings:
        sys.stdout.write("Nothing was found.\n")
        return
    kinds = [[KINDS[name].severity, str(len(found)), KINDS[name].title] for name, found in audit.findings.items()]
    sys.stdout.write("\n")
    print_table(["severity", "findings", "kind"], kinds, numbers=["findings"])
    for name, found in audit.findings.items():
        sys.stdout.write(f"\n{KINDS[name].title}: {KINDS[name].meaning}\n")
        for one in found[:EXAMPLES]:
            sys.stdout.write(f"  {_line(one)}\n")
        if len(found) > EXAMPLES:
            sys.stdout.write(f"  … {len(found) - EXAMPLES} more\n")


def print_places(audit: Audit, folder: Path) -> None:
    """Say where the report is, and how to train without what it lists."""
    sys.stdout.write(f"\nThe report is '{folder / HTML}'.")
    if audit.inventory.can_exclude and audit.excluded:
        exclude = shlex.quote(str(folder / EXCLUDE))
        sys.stdout.write(f" To train without {len(audit.excluded)} images: --data.exclude {exclude}")
    sys.stdout.write("\n")


def _line(finding: Finding) -> str:
    place = finding.path or " ".join(filter(None, (finding.split, finding.class_name)))
    parts = [place, finding.detail, f"({finding.other})" if finding.other else ""]
    return printable(" ".join(filter(None, parts)))
