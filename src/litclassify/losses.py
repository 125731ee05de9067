"""Losses that torch does not have: of logits (N, K), and targets that are classes (N,) or probabilities (N, K)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from litclassify.errors import UserError


class BinaryCrossEntropy(nn.Module):
    """Each class for itself, against all others: mean over batch, by class weights, and classes.

    Source: Wightman et al., "ResNet strikes back", https://arxiv.org/abs/2110.00476

    Args:
        label_smoothing: Share of a target that is spread evenly over all classes, in [0, 1).
        weight: Weight of the images of each class, (K,). Null weighs all alike.
    """

    weight: Tensor | None

    def __init__(self, label_smoothing: float = 0.0, weight: Tensor | None = None) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise UserError(f"model.criterion.label_smoothing must be in [0, 1), got {label_smoothing}.")
        self.label_smoothing = label_smoothing
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the loss, a scalar."""
        num_classes = logits.shape[1]
        if not targets.is_floating_point():
            targets = one_hot(targets, num_classes)
        targets = targets.to(logits.dtype)
        wanted = targets * (1 - self.label_smoothing) + self.label_smoothing / num_classes
        if self.weight is None:
            return binary_cross_entropy_with_logits(logits, wanted)
        losses = binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=1)
        return _weighted_mean(losses, (targets * self.weight).sum(dim=1))


class FocalLoss(nn.Module):
    """Cross entropy that weighs an image the less the surer it is classified: mean over the batch, by class weights.

    Source: Lin et al., "Focal Loss for Dense Object Detection", https://arxiv.org/abs/1708.02002, for softmax.

    Args:
        gamma: Exponent of `1 - p`, where p is the probability of the right class; 0 gives the cross entropy.
        weight: Weight of each class, (K,). Null weighs all alike.
    """

    weight: Tensor | None

    def __init__(self, gamma: float = 2.0, weight: Tensor | None = None) -> None:
        super().__init__()
        if gamma < 0:
            raise UserError(f"model.criterion.gamma must be at least 0, got {gamma}.")
        self.gamma = gamma
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the loss, a scalar.

        Raises:
            ValueError: The targets are probabilities, for which there is no right class.
        """
        if targets.is_floating_point():
            raise ValueError("it takes classes, and no probabilities as batch_mixing gives them, nor several labels")
        losses = cross_entropy(logits, targets, reduction="none")
        # It is 0 for a sure image, where a power below 1 has no finite derivative.
        unsureness = (-torch.expm1(-losses)).clamp(min=torch.finfo(losses.dtype).tiny)
        losses = unsureness**self.gamma * losses
        if self.weight is None:
            return losses.mean()
        return _weighted_mean(losses, self.weight[targets])


# Means over the weights of the targets, where these are classes; with probabilities, only BinaryCrossEntropy is.
DIVIDED_BY_WEIGHTS = (nn.CrossEntropyLoss, nn.NLLLoss, BinaryCrossEntropy, FocalLoss)


def divisor_of(criterion: nn.Module, targets: Tensor) -> Tensor | int:
    """Give what a loss divides the sum over a batch by: its images, or what their classes weigh together.

    By it, the losses of batches make the loss of all their images.

    Args:
        criterion: Any loss that is a mean over the batch.
        targets: Classes (N,), or probabilities (N, K).

    Returns:
        N, or the sum of weights, a scalar, float32.
    """
    weight = getattr(criterion, "weight", None)
    if not isinstance(weight, Tensor):
        return len(targets)
    if isinstance(criterion, BinaryCrossEntropy) and targets.is_floating_point():
        return (targets.float() * weight.float()).sum()
    if isinstance(criterion, DIVIDED_BY_WEIGHTS) and not targets.is_floating_point():
        return weight.float()[targets].sum()
    return len(targets)  # torch divides by the images, whatever their probabilities weigh.


def _weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (weights * losses).sum() / weights.sum()
