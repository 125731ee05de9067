"""What a checkpoint knows of the images that were held out of training."""

import hashlib
import os
from collections.abc import Mapping, Sequence

from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn

EVALUATED = {
    TrainerFn.FITTING: ("val", "test"),
    TrainerFn.VALIDATING: ("val",),
    TrainerFn.TESTING: ("test",),
    TrainerFn.PREDICTING: ("test",),
}
"""The parts of which a command says how good a model is."""


def digest(names: Sequence[str]) -> str:
    """Give what is the same for the same images in any order, and small enough for a checkpoint."""
    return hashlib.sha256(os.fsencode("\0".join(sorted(names)))).hexdigest()


def warn_of_others(drawn: Mapping[str, str], trained: Mapping[str, str], command: TrainerFn | None) -> None:
    """Warn of parts on which a model may have been trained.

    Args:
        drawn: Digest of each part that has been drawn from training images, under "val" and "test".
        trained: The same, of the training that a checkpoint is of.
        command: What is done with it.
    """
    for split in EVALUATED[command] if command else ():
        if split in drawn and drawn[split] != trained.get(split):
            rank_zero_warn(
                f"The {split} images are not those that were held out when this model was trained, and it may have "
                f"seen some of them: images have come or gone, or data.seed, data.{split}_split or data.val_fold has "
                "changed."
            )
