"""Whether a loss takes what a classifier gives it."""

import torch
from torch import Tensor, nn

from litclassify.errors import UserError


@torch.no_grad()
def check_criterion(criterion: nn.Module, num_classes: int, *, soft_targets: bool = False) -> None:
    """Call a loss with logits (2, K) and targets, on the device of its parameters.

    Args:
        criterion: The loss.
        num_classes: K.
        soft_targets: Whether targets are probabilities (2, K), and not classes (2,).

    Raises:
        UserError: It fails, or gives something else than one number.
    """
    device = next((tensor.device for tensor in (*criterion.parameters(), *criterion.buffers())), None)
    logits, targets = torch.zeros(2, num_classes, device=device), torch.arange(2, device=device)
    if soft_targets:
        targets = nn.functional.one_hot(targets, num_classes).float()
    given = f"model.criterion ({type(criterion).__name__})"
    try:
        loss = criterion(logits, targets)
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{given} does not take logits of shape (2, {num_classes}) and targets of shape "
            f"{tuple(targets.shape)}: {error}"
        ) from error
    if not isinstance(loss, Tensor) or loss.dim() > 0:
        shape = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise UserError(f"{given} gives {shape}, but must give one number: the mean over the batch.")
    if loss > 0 and torch.isclose(criterion(logits.repeat(2, 1), torch.cat([targets] * 2)), 2 * loss):
        raise UserError(f"{given} gives the sum over the batch, but must give the mean: set its reduction to mean.")


@torch.no_grad()
def check_labels_are_learnt(criterion: nn.Module, num_classes: int) -> None:
    """Call a loss with logits (2, K) that agree with labels, and with such that do not, for labels 0 and 1.

    Raises:
        UserError: It is no lower where they agree: it is for other labels, such as -1 and 1.
    """
    device = next((tensor.device for tensor in (*criterion.parameters(), *criterion.buffers())), None)
    for label in (0.0, 1.0):
        targets = torch.full((2, num_classes), label, device=device)
        agreeing = 4 * (2 * targets - 1)
        if not criterion(agreeing, targets) < criterion(-agreeing, targets):
            raise UserError(
                f"model.criterion ({type(criterion).__name__}) is no lower where logits agree with labels of "
                f"{label:g}: it is for other targets. Take torch.nn.BCEWithLogitsLoss."
            )
