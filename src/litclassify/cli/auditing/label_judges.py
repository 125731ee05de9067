"""By what an audit judges labels."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from litclassify.audit.features import Features
from litclassify.audit.finding import Finding
from litclassify.audit.inventory import Inventory
from litclassify.audit.labels import (
    Probabilities,
    confident_learning,
    cross_validated_probabilities,
    find_as_many_as_calibrated,
    find_label_errors,
    leave_out_unlikely,
    rough_features,
)
from litclassify.audit.measures import Measures
from litclassify.audit.predictions import KnownProbabilities
from litclassify.cli.auditing.fold_predictions import add_folds, is_series
from litclassify.cli.auditing.network_features import network_features
from litclassify.cli.checkpoints.checkpoint import Checkpoint
from litclassify.errors import UserError

# A rough classifier doubts many labels; of those in CIFAR-10 that it doubts this much, half are wrong where 2% of
# the labels were exchanged (docs/audit.md).
ROUGH_PLAUSIBILITY = 1e-3


class LabelJudge:
    """Finds suspected label errors by predictions, by the features of a network, or by gradients and colours.

    Args:
        arguments: `predictions` and `no_label_errors` of the command.
        inventory: The images.
        checkpoint: Whose network gives the features; None for gradients and colours.

    Raises:
        UserError: What it needs is not installed, cannot be read, or does not go with the images.
    """

    def __init__(self, arguments: argparse.Namespace, inventory: Inventory, checkpoint: Checkpoint | None) -> None:
        self.predictions: Sequence[Path] = arguments.predictions or ()
        self.inventory = inventory
        self.checkpoint = checkpoint
        has_one_each = inventory.label_separator is None
        self.judges = not arguments.no_label_errors and has_one_each
        self.passes_over = not arguments.no_label_errors and not has_one_each
        """Whether labels are left unjudged since an image may have several."""
        if self.predictions and arguments.no_label_errors:
            raise UserError("--predictions judges labels, and --no_label_errors does not: leave one of them out.")
        if self.predictions and not self.judges:
            raise UserError(
                "--predictions judges images with one label each, and these may have several: leave it out."
            )
        self.class_names = sorted({sample.class_name for sample in inventory.samples})
        self.known: Probabilities | None = None
        if self.judges:  # To refuse after all images are read would be late.
            confident_learning()
            self._check_checkpoint()
            if self.predictions and inventory.samples:
                self.known = self._read_predictions()

    def _check_checkpoint(self) -> None:
        if self.checkpoint is None:
            return
        if self.predictions:
            raise UserError("--predictions and --ckpt_path both judge labels: leave one of them out.")
        if self.inventory.root is None:
            raise UserError(
                "--ckpt_path judges the labels of image files, and these images are in memory: leave it out and name "
                "the data, or add --no_label_errors."
            )

    def _read_predictions(self) -> Probabilities:
        known = KnownProbabilities(self.inventory, self.class_names)
        for given in self.predictions:
            (add_folds if is_series(given) else KnownProbabilities.read)(known, given)
        return known.values

    def find(self, measures: Sequence[Measures]) -> list[Finding]:
        """Give the suspected label errors.

        Args:
            measures: Of each image.
        """
        samples, names = self.inventory.samples, self.class_names
        if not self.judges or not samples:
            return []
        if self.known is not None:
            return find_label_errors(samples, names, self.known)
        if self.checkpoint is not None:
            features = self._network_features(self.checkpoint.path, measures)
            return find_as_many_as_calibrated(samples, names, cross_validated_probabilities(samples, names, features))
        rough = cross_validated_probabilities(samples, names, rough_features(measures))
        leave_out_unlikely(samples, names, rough)
        return find_label_errors(samples, names, rough, ROUGH_PLAUSIBILITY)

    def _network_features(self, checkpoint: Path, measures: Sequence[Measures]) -> Features:
        readable = [i for i, one in enumerate(measures) if not one.error]
        paths = [self.inventory.file(self.inventory.samples[i].path) for i in readable]
        found = network_features(checkpoint, paths) if paths else np.empty((0, 1), np.float32)
        features = np.full((len(measures), found.shape[1]), np.nan, np.float32)
        features[readable] = found
        return features
