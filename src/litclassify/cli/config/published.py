"""What the data publishes to the model, unless a checkpoint has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.model_helpers import is_overridden

from litclassify.errors import UserError
from litclassify.suggestions import some_of

# Arguments of the model that the command line links to the data, so nobody writes them.
PUBLISHED = ("class_names", "mean", "std", "image_shape", "class_counts")
# Whose loader each subcommand reads.
SPLITS_READ = {"fit": "train", "validate": "val", "test": "test", "predict": "predict"}


def published_value(
    name: str, data: LightningDataModule, stored: Mapping[str, Any], predicts: bool, weighs_classes: bool = False
) -> Any:
    """Give what the model takes under one of `PUBLISHED`.

    Args:
        name: The argument.
        data: The data module.
        stored: What the data of a checkpoint published; empty without one.
        predicts: Whether the model shall predict, on files where the data has a `path`: then its classes play no part.
        weighs_classes: Whether the model has `class_weights`: without, nobody counts images.

    Raises:
        UserError: The data names no classes, or not those of the checkpoint, or counts no images.
    """
    if name == "class_counts":
        return (stored.get(name) or _class_counts(data)) if weighs_classes else None
    if name == "image_shape" or name not in stored:
        own = getattr(data, name, None)
        if name == "class_names" and own is None:
            raise UserError(f"data: {type(data).__name__} has no class_names, a list with the name of each class.")
        return own
    on_files = predicts and getattr(data, "path", None) is not None
    if name == "class_names" and not on_files and (own := getattr(data, name, None)) is not None:
        check_classes(stored[name], own)
    return stored[name]


def check_one_balance(config: Namespace) -> None:
    """Refuse a configuration that makes up for unequal classes in the loss and in the sampling.

    Raises:
        UserError: It does.
    """
    class_balance = config.get("data.init_args.class_balance")
    if class_balance and config.get("model.init_args.class_weights") is not None:
        raise UserError(
            f"model.class_weights and data.class_balance={class_balance} both make up for rare classes, which would "
            "count twice: leave one of them out."
        )


def _class_counts(data: LightningDataModule) -> list[int]:
    counts: list[int] | None = getattr(data, "class_counts", None)
    if counts is None:
        raise UserError(
            f"model.class_weights: {type(data).__name__} has no class_counts, a list with the number of training "
            "images of each class. Add it, or give the loss its weights: model.criterion.weight."
        )
    return counts


def check_classes(trained_on: Sequence[str], data: Sequence[str]) -> None:
    """Compare the classes of a checkpoint with those of the data.

    Raises:
        UserError: They differ in names, number or order.
    """
    if list(trained_on) == list(data):
        return
    lines = ["The classes of the data are not those that the checkpoint was trained on."]
    lines += [
        f"checkpoint ({len(trained_on)}): {some_of(trained_on)}",
        f"data ({len(data)}): {some_of(data)}",
    ]
    lines.append("Give data with the same classes, or start from the weights alone: fit --model.init_from CHECKPOINT.")
    raise UserError("\n".join(lines))


def check_loader(data: LightningDataModule, subcommand: str) -> None:
    """Check that a data module, which may be the user's own, has the loader that a subcommand reads.

    Raises:
        UserError: It does not define it.
    """
    name = f"{SPLITS_READ[subcommand]}_dataloader"
    if not is_overridden(name, data):
        remedy = "To predict the test images, let it return self.test_dataloader()." if subcommand == "predict" else ""
        raise UserError(f"data: {type(data).__name__} has no {name}, which {subcommand} reads. {remedy}".rstrip())


def check_targets(data: LightningDataModule, model: type) -> None:
    """Compare how many labels an image has with what the model takes; neither has to say so.

    Raises:
        UserError: One is for one class per image, and the other for several labels.
    """
    given, taken = getattr(data, "multi_label", None), getattr(model, "multi_label", None)
    if given and taken is False:
        raise UserError(
            f"model: {model.__name__} takes one class per image, but data gives several labels: take "
            "MultiLabelClassifier, or leave out data.label_separator.",
            "model",
        )
    if given is False and taken:
        raise UserError(
            f"model: {model.__name__} takes several labels per image, but data gives one class: take ImageClassifier, "
            "or ImageTable with data.label_separator.",
            "model",
        )
