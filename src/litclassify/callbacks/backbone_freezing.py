"""Training the head alone at first, then the network below it."""

from collections.abc import Iterable, Iterator

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy, ParallelStrategy
from lightning.pytorch.utilities import rank_zero_info
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from litclassify.errors import UserError
from litclassify.models import ImageClassifier, is_fast_dev_run, num_epochs
from litclassify.networks import head_of, stages_of
from litclassify.optim import start_momentum


def num_frozen_stages(epoch: int, num_stages: int, freeze_epochs: int | None, unfreeze_every: int | None) -> int:
    """Give how many stages are frozen, counted from the input.

    Args:
        epoch: From 0.
        num_stages: Stages below the head.
        freeze_epochs: For how many epochs all are; None for ever.
        unfreeze_every: Epochs from one to the next that is unfrozen, from the head down; None for all at once.
    """
    if freeze_epochs is None or epoch < freeze_epochs:
        return num_stages
    if unfreeze_every is None:
        return 0
    return max(0, num_stages - 1 - (epoch - freeze_epochs) // unfreeze_every)


class BackboneFreezing(Callback):
    """Train the head alone for some epochs, then all of the network, at once or stage by stage.

    What is frozen gets no gradient, and neither weight decay nor momentum; its batch normalisation keeps its running
    statistics and goes by them, as in evaluation. What is frozen in which epoch depends on the epoch alone.

    Args:
        freeze_epochs: For how many epochs the head is trained alone. Null: in all of them.
        unfreeze_every_n_epochs: After how many further epochs the next stage is trained, too, from the head down; the
            first is at once after `freeze_epochs`. A stage is a layer or a block. Null unfreezes all at the same time.
    """

    def __init__(self, freeze_epochs: int | None = 1, unfreeze_every_n_epochs: int | None = None) -> None:
        if freeze_epochs is not None and freeze_epochs < 0:
            raise UserError(f"BackboneFreezing.freeze_epochs must be at least 0, got {freeze_epochs}.")
        if unfreeze_every_n_epochs is not None and unfreeze_every_n_epochs < 1:
            raise UserError(
                f"BackboneFreezing.unfreeze_every_n_epochs must be at least 1, got {unfreeze_every_n_epochs}."
            )
        if freeze_epochs is None and unfreeze_every_n_epochs is not None:
            raise UserError(
                f"BackboneFreezing.unfreeze_every_n_epochs is {unfreeze_every_n_epochs}, but freeze_epochs is null, "
                "which never unfreezes: set one of them otherwise."
            )
        if freeze_epochs == 0 and unfreeze_every_n_epochs is None:
            raise UserError("BackboneFreezing.freeze_epochs is 0, which freezes nothing: leave the callback out.")
        self.freeze_epochs = freeze_epochs
        self.unfreeze_every = unfreeze_every_n_epochs
        self.stages: list[list[str]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find the stages, and freeze before the network is summarised and shared out to processes."""
        if stage != "fit":
            return
        _check_strategy(trainer)
        self.stages = self._stages_to_freeze(pl_module)
        _freeze(_network_of(pl_module), *self._trained_and_frozen(trainer.current_epoch))

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare with the length of the run, which is known once its data are."""
        if not is_fast_dev_run(trainer):
            self._check_length(num_epochs(trainer))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Freeze as in the epoch in which training starts: it is resumed after `setup`, maybe in the middle of one."""
        self._apply(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Freeze as in this epoch."""
        self._apply(trainer, pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the network as it was."""
        if stage == "fit":
            network = _network_of(pl_module)
            _train(_batch_norms(network, _freeze(network, trained=_names(self.stages), frozen=set())))

    def _stages_to_freeze(self, pl_module: LightningModule) -> list[list[str]]:
        """Give the names of the parameters of each stage, without the head and what the network froze by itself."""
        assert isinstance(pl_module, ImageClassifier)
        network = pl_module.network
        head = head_of(network, len(pl_module.class_names), "BackboneFreezing")
        trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
        if self.unfreeze_every is None:
            stages = [trained]
        else:
            stages = stages_of(network, "BackboneFreezing.unfreeze_every_n_epochs")
        below = ([name for name in stage if name in trained and name not in head] for stage in stages)
        return [stage for stage in below if stage]

    def _check_length(self, length: int | None) -> None:
        """Refuse to unfreeze after the end of the run, and say which stages it does not reach."""
        if self.freeze_epochs is None or length is None:
            return
        if self.freeze_epochs >= length:
            raise UserError(
                f"BackboneFreezing.freeze_epochs is {self.freeze_epochs}, but training ends after epoch {length}: "
                "nothing would be unfrozen. Set freeze_epochs to null if that is meant."
            )
        left = num_frozen_stages(length - 1, len(self.stages), self.freeze_epochs, self.unfreeze_every)
        if left:
            rank_zero_info(
                f"BackboneFreezing: the first {left} of {len(self.stages)} stages stay frozen in all of the "
                f"{length} epochs."
            )

    def _trained_and_frozen(self, epoch: int) -> tuple[set[str], set[str]]:
        """Give the names of the parameters below the head that an epoch trains, and of those that it does not."""
        count = num_frozen_stages(epoch, len(self.stages), self.freeze_epochs, self.unfreeze_every)
        return _names(self.stages[count:]), _names(self.stages[:count])

    def _apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        network = _network_of(pl_module)
        trained, frozen = self._trained_and_frozen(trainer.current_epoch)
        changed = _freeze(network, trained, frozen)
        _train(_batch_norms(network, changed & trained))
        _train(_batch_norms(network, frozen), mode=False)
        if not changed:
            return
        if network._compiled_call_impl is not None:
            # torch keeps 8 versions of a compiled network, and runs what needs another without compiling it: those of
            # four choices of stages, each in training and in validation (`recompile_limit` in the documentation of
            # `torch.compile`). And torch 2.8 takes one of before, which has no gradients for what is unfrozen:
            # https://github.com/pytorch/pytorch/issues/139476
            torch.compiler.reset()
        for optimizer in trainer.optimizers:
            start_momentum(optimizer)
        if isinstance(trainer.strategy, DDPStrategy):
            # DistributedDataParallel reduces the gradients of those parameters alone that needed one when it was built.
            trainer.strategy.model = pl_module
            trainer.strategy.configure_ddp()


def _check_strategy(trainer: Trainer) -> None:
    """Refuse what shards parameters: it lays those that are trained and those that are not into one tensor."""
    strategy = trainer.strategy
    if isinstance(strategy, ParallelStrategy) and not isinstance(strategy, DDPStrategy):
        raise UserError(
            f"BackboneFreezing works with one device or trainer.strategy ddp, got {type(strategy).__name__}."
        )


def _freeze(network: nn.Module, trained: set[str], frozen: set[str]) -> set[str]:
    """Train some parameters, freeze others, and leave the rest as it is; give the names of those that change."""
    parameters = dict(network.named_parameters())
    changed = {name for name in trained | frozen if parameters[name].requires_grad == (name in frozen)}
    for name in changed:
        parameters[name].requires_grad_(name in trained)
    return changed


def _batch_norms(network: nn.Module, names: set[str]) -> Iterator[nn.Module]:
    """Give each batch normalisation with such parameters; one without any goes by those that come before it."""
    latest = ""
    for path, module in network.named_modules():
        latest = next((name for name, _ in module.named_parameters(path, recurse=False)), latest)
        if isinstance(module, _BatchNorm) and latest in names:
            yield module


def _train(modules: Iterable[nn.Module], mode: bool = True) -> None:
    for module in modules:
        module.train(mode)


def _network_of(pl_module: LightningModule) -> nn.Module:
    assert isinstance(pl_module, ImageClassifier)
    return pl_module.network


def _names(stages: Iterable[Iterable[str]]) -> set[str]:
    return {name for stage in stages for name in stage}
