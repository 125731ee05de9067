"""The images that are drawn from those to train on, and held out of training."""

import hashlib
import os
from collections.abc import Mapping, Sequence

from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from litclassify.data.splitting.folds import Fold, check_fold, hold_out_fold
from litclassify.data.splitting.splits import hold_out
from litclassify.errors import UserError

EVALUATED = {
    TrainerFn.FITTING: ("val", "test"),
    TrainerFn.VALIDATING: ("val",),
    TrainerFn.TESTING: ("test",),
    TrainerFn.PREDICTING: ("test",),
}
"""The parts of which a command says how good a model is."""


class HeldOut:
    """What a data module draws, and what is known of it.

    Args:
        fold: `val_fold` of the data module: what validates in place of `val_split`.

    Raises:
        UserError: There is no such fold.
    """

    def __init__(self, fold: Fold | None) -> None:
        if fold is not None:
            check_fold(fold)
        self.fold = fold
        self.has_drawn_fold = False
        self.counts: dict[str, int] = {}
        """Images of each part that was to be drawn, under "train", "val" and "test"."""
        self.digests: dict[str, str] = {}
        """Digests of the parts that were drawn, under "val" and "test"."""

    @property
    def splits(self) -> list[str]:
        """Which of "val" and "test" were drawn."""
        return [name for name in ("val", "test") if self.counts.get(name)]

    def val_share(self, val_split: int | float | None, default: int | float) -> int | float | None:
        """What to draw for validation: `val_split`, else `default`, and nothing beside a fold."""
        if self.fold is None:
            return default if val_split is None else val_split
        if val_split is not None:
            raise UserError(
                f"data.val_fold={list(self.fold)} takes the place of data.val_split={val_split}: "
                "leave one of them out.",
                "data.val_fold",
            )
        return None

    def draw(
        self,
        targets: Sequence[int] | Tensor,
        *,
        val_split: int | float | None,
        test_split: int | float | None,
        seed: int,
        class_names: Sequence[str],
        groups: Tensor | None,
        names: Sequence[str] | None,
    ) -> dict[str, list[int]]:
        """Give sorted indices under "train", "val" and "test", as `hold_out` and `hold_out_fold` do.

        Images are known by `names` in later runs; by their indices, if None.
        """
        parts = hold_out(targets, val_split=val_split, test_split=test_split, seed=seed, groups=groups)
        if self.fold is not None:
            self.has_drawn_fold = True
            parts = hold_out_fold(parts, targets, self.fold, seed, class_names, groups)
        given = {"val": val_split, "test": test_split}
        self.counts = {name: len(part) for name, part in parts.items() if part or given.get(name) is not None}
        self.digests = {
            split: digest([str(i) if names is None else names[i] for i in parts[split]]) for split in self.splits
        }
        return parts


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
