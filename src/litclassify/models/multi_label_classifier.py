"""The classifier of images that have several labels, each or none."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.losses import BinaryCrossEntropy
from litclassify.metrics import MultiLabelMetrics
from litclassify.models.criterion_check import check_labels_are_learnt
from litclassify.models.image_classifier import Batch, ImageClassifier, Prediction
from litclassify.networks import NetworkFactory


class MultiLabelClassifier(ImageClassifier):
    """An `ImageClassifier` that decides for each label on its own whether an image has it.

    Targets are multi-hot, (N, K). Checkpoints and early stopping go by `val_map` unless they are told otherwise.

    Args:
        network: Class or function that takes `num_classes` and gives the network: images in, logits (N, K) out.
        optimizer: As in `ImageClassifier`.
        class_names: Names of the K labels in the order of their indices. The command line takes them from the data.
        criterion: Loss of logits (N, K) and targets (N, K), float in [0, 1], averaged over the batch. Its argument
            `pos_weight` weighs the images that have a label, (K,).
        threshold: The probability above which an image has a label, in (0, 1).

    Raises:
        UserError: As in `ImageClassifier`, or a threshold or a criterion that does not go with several labels.
    """

    multi_label: ClassVar[bool] = True
    monitor: ClassVar[str] = "val_map"
    shown: ClassVar[tuple[str, ...]] = ("_loss", "_map")

    def __init__(
        self,
        network: NetworkFactory,
        optimizer: OptimizerCallable,
        class_names: Sequence[str],
        criterion: nn.Module = nn.BCEWithLogitsLoss(),  # noqa: B008 - stateless, and shown as it is by --print_config
        threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        if not 0 < threshold < 1:
            raise UserError(f"model.threshold must be between 0 and 1, got {threshold}.")
        if isinstance(criterion, nn.CrossEntropyLoss):
            raise UserError(
                "model.criterion: CrossEntropyLoss is for images with one class each. Take BCEWithLogitsLoss, or "
                "ImageClassifier as model."
            )
        self.threshold = threshold
        super().__init__(network, optimizer, class_names, criterion=criterion, **kwargs)
        if isinstance(self.criterion, BinaryCrossEntropy) and self.criterion.weight is not None:
            raise UserError(
                "model.criterion: BinaryCrossEntropy weighs an image by its class, and these have several labels or "
                "none. Take BCEWithLogitsLoss, which weighs labels."
            )
        check_labels_are_learnt(self.criterion, len(self.class_names))
        for name, default in (("rejection", None), ("calibration_temperature", 1.0)):
            if getattr(self, name) != default:
                raise UserError(f"model.{name} is for classifiers of images with one class each. Leave it out.")

    def _make_metrics(self, prefix: str) -> MultiLabelMetrics:
        # Scores of all training images would be held for a figure that nobody goes by.
        ranked = prefix != "train_"
        return MultiLabelMetrics(len(self.class_names), prefix, threshold=self.threshold, ranked=ranked)

    def predict_step(self, batch: Batch | Tensor, batch_idx: int) -> Prediction:
        """Give names of labels and probabilities for each image of a batch, which may lack targets."""
        images = batch if isinstance(batch, Tensor) else batch[0]
        logits = self._logits(images, self.test_time_augmentation).float()
        # What has overflown is not certainty: a softmax gives nan for it, too.
        probabilities = logits.where(logits < math.inf, math.nan).sigmoid()
        return {
            "index": probabilities.argmax(dim=1),
            "label": [
                [name for name, has_it in zip(self.class_names, row, strict=True) if has_it]
                for row in (probabilities > self.threshold).tolist()
            ],
            "probabilities": probabilities,
        }

    def _probabilities_of(self, targets: Tensor) -> Tensor:
        return targets.to(self.mean.dtype)

    def _counted(self, targets: Tensor) -> Tensor:
        """Give, for a mixed image, the labels it has at least half of."""
        return targets >= 0.5 if targets.is_floating_point() else targets.bool()  # noqa: PLR2004

    def _loss(self, images: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        if targets.shape != logits.shape:
            raise UserError(
                f"data: targets have the shape {tuple(targets.shape)}, but MultiLabelClassifier takes multi-hot labels "
                f"{tuple(logits.shape)}. For images with one class each, take ImageClassifier."
            )
        return super()._loss(images, logits, self._probabilities_of(targets))
