"""Stochastic weight averaging."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from litclassify.callbacks.averaging.weight_average import WeightAverage
from litclassify.errors import UserError


class SWA(WeightAverage):
    """Evaluates and saves the mean of the weights after each epoch, from a late epoch on.

    The statistics of batch normalisation are computed anew for each mean, by a pass over the training images without
    gradients. The learning rate is yours: the mean needs one that does not end at 0, such as a constant one.

    Lightning's `StochasticWeightAveraging` validates the weights, and neither its best checkpoint nor one of a run that
    early stopping ends holds the mean.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
    https://arxiv.org/abs/1803.05407

    Args:
        start: When the mean begins, as a share of the run, in [0, 1).
    """

    takes: ClassVar[str] = "an end of an epoch"

    def __init__(self, start: float = 0.75) -> None:
        super().__init__(start)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the first step of the mean.

        Raises:
            UserError: No epoch ends from there to the end of the run.
        """
        super().on_train_start(trainer, pl_module)
        steps, batches = trainer.estimated_stepping_batches, trainer.num_training_batches
        if math.inf in (steps, batches) or steps == -1:
            return
        steps_per_epoch = math.ceil(batches / trainer.accumulate_grad_batches)
        if steps // steps_per_epoch * steps_per_epoch <= self._first_step:
            raise UserError(
                f"SWA.start={self.start}: of {steps:g} steps, none after the first {self._first_step} ends an epoch of "
                f"{steps_per_epoch}. Set trainer.max_epochs in place of trainer.max_steps, or take EMA."
            )

    def share(self, trainer: Trainer) -> float:
        """Give the weights the same share as each before them."""
        return 1 / (self.updates + 1)

    def is_due(self, trainer: Trainer) -> bool:
        """Take the weights at the end of an epoch, before it is validated."""
        return trainer.is_last_batch

    def update(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take them, and give the mean statistics of its own."""
        super().update(trainer, pl_module)
        self._exchange()
        # Compiled for this pass, it would break into pieces where normalisations read how many batches they have seen.
        eagerly = torch.compiler.set_stance("force_eager")
        with trainer.precision_plugin.forward_context(), torch.no_grad(), eagerly:
            _measure_anew(pl_module, _training_images(trainer))
        for norm in _training_norms(pl_module):
            _average_over_processes(trainer, norm)
        self._exchange()


def _training_norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Give the normalisations that go by their batch: those that are frozen keep their statistics."""
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
    ]


def _measure_anew(network: nn.Module, batches: Iterator[Any]) -> None:
    """Give normalisations the mean statistics of all batches, as torch's `update_bn`, but for frozen ones."""
    momenta = {norm: norm.momentum for norm in _training_norms(network)}
    if not momenta:
        return
    for norm in momenta:
        norm.reset_running_stats()
        norm.momentum = None  # The plain mean of all batches.
    for images, *_ in batches:
        network(images)
    for norm, momentum in momenta.items():
        norm.momentum = momentum


def _training_images(trainer: Trainer) -> Iterator[Any]:
    """Give the batches of an epoch, images first, on the device."""
    assert trainer.train_dataloader is not None
    for batch in islice(trainer.train_dataloader, int(trainer.num_training_batches)):
        yield trainer.strategy.batch_to_device(batch)


def _average_over_processes(trainer: Trainer, norm: nn.modules.batchnorm._BatchNorm) -> None:
    """Give the statistics of all images: their variance is the mean one of a process, and that of the means."""
    if norm.running_mean is None or norm.running_var is None:
        return
    mean = trainer.strategy.reduce(norm.running_mean.clone(), reduce_op="mean")
    spread = norm.running_var + (norm.running_mean - mean) ** 2
    norm.running_var.copy_(trainer.strategy.reduce(spread, reduce_op="mean"))
    norm.running_mean.copy_(mean)
