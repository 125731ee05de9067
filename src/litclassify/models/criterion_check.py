"""Whether a loss takes what a classifier gives it."""

import torch
from torch import Tensor, nn

from litclassify.errors import UserError


@torch.no_grad()
def check_criterion(criterion: nn.Module, num_classes: int) -> None:
    """Call a loss with logits (2, K) and targets (2,), on the device of its parameters.

    Raises:
        UserError: It fails, or gives something else than one number.
    """
    device = next((tensor.device for tensor in (*criterion.parameters(), *criterion.buffers())), None)
    logits, targets = torch.zeros(2, num_classes, device=device), torch.arange(2, device=device)
    given = f"model.criterion ({type(criterion).__name__})"
    try:
        loss = criterion(logits, targets)
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{given} does not take logits of shape (2, {num_classes}) and targets of shape (2,): {error}"
        ) from error
    if not isinstance(loss, Tensor) or loss.dim() > 0:
        shape = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise UserError(f"{given} gives {shape}, but must give one number: the mean over the batch.")
